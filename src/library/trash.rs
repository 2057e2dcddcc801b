//! The trash: what it holds, what still rests on it, and removing it for good.
//!
//! Being in the trash is a mark in the machine's file. Removing unlinks only files that Orangery
//! made, known by their places; everything else stays and is named. Links are never followed.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::PoisonError;

use rustix::fs::{self, RenameFlags};
use uuid::Uuid;

use super::newcomer::GONE_PREFIX;
use super::{Entry, Library, LibraryError, files, save};
use crate::model::{ByteSize, LayerId, MachineId, TrashReport, TrashedMachine};
use crate::step;

/// What emptying the trash did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Emptied {
    pub removed: Vec<MachineId>,
    pub freed: ByteSize,
    /// Machines that stay, and the names of those that rest on them.
    pub kept: BTreeMap<MachineId, Vec<String>>,
    /// Files in removed machines' folders that Orangery did not make; they stay.
    pub strangers: Vec<PathBuf>,
    /// Why machines that should be gone are still there.
    pub failed: Vec<String>,
}

/// Who names which layers and snapshots.
#[derive(Debug, Default)]
pub(super) struct References {
    /// By layer or snapshot: the folders whose records name it, with the machines' names.
    by_item: BTreeMap<Uuid, BTreeMap<Folder, String>>,
    /// Folders whose record could not even be searched: they may name anything.
    unknown: BTreeSet<Folder>,
}

/// A folder's name in `machines/`; a machine's own is its id.
type Folder = String;

/// Whose record is being read.
struct Holder<'a> {
    folder: &'a str,
    /// As it is shown.
    name: &'a str,
}

impl References {
    fn name(&mut self, item: Uuid, holder: &Holder<'_>) {
        self.by_item
            .entry(item)
            .or_default()
            .insert(holder.folder.to_owned(), holder.name.to_owned());
    }

    /// Everything that is named, as if it were layers; the folder whose record could not be searched, if there is one.
    pub(super) fn all(&self) -> Result<BTreeSet<LayerId>, Folder> {
        match self.unknown.first() {
            Some(folder) => Err(folder.clone()),
            None => Ok(self.by_item.keys().copied().map(LayerId).collect()),
        }
    }

    /// Names of those who name `item` and are not in `without`.
    pub(super) fn holders(&self, item: Uuid, without: &BTreeSet<MachineId>) -> Vec<String> {
        let without: BTreeSet<Folder> = without.iter().map(ToString::to_string).collect();
        let named = self.by_item.get(&item).into_iter().flatten();
        let unknown = self.unknown.iter().map(|folder| (folder, folder));
        named
            .chain(unknown)
            .filter(|(folder, _)| !without.contains(*folder))
            .map(|(_, name)| name.clone())
            .collect()
    }
}

impl Library {
    /// The machines in the trash, in the order of their ids.
    pub fn trash(&self) -> Result<TrashReport, LibraryError> {
        let entries = self.scan()?;
        let references = self.references(&entries, None);
        let machines = entries
            .iter()
            .filter_map(|entry| match entry {
                Entry::Machine(loaded) => Some((loaded, loaded.machine.trashed?)),
                Entry::Broken(_) => None,
            })
            .map(|(loaded, since)| {
                let id = loaded.machine.id;
                TrashedMachine {
                    id,
                    name: loaded.machine.name.clone(),
                    since,
                    size: self.size_of(id),
                    kept_for: self.kept_for(id, &references, &BTreeSet::from([id])),
                }
            })
            .collect();
        Ok(TrashReport { machines })
    }

    /// What a machine takes on disk, with its saved memory.
    pub fn size_of(&self, id: MachineId) -> ByteSize {
        let memory: u64 = self
            .snapshot_ids(id)
            .into_iter()
            .map(|snapshot| files::allocated(&self.memory_dir(snapshot)).0)
            .sum();
        ByteSize(files::allocated(&self.machine_dir(id)).0 + memory)
    }

    /// Removes machines that are in the trash and that no other machine rests on.
    ///
    /// Machines that are not in the trash are left alone.
    pub fn empty_trash(&self, ids: &[MachineId]) -> Result<Emptied, LibraryError> {
        self.must_own()?;
        let entries = self.scan()?;
        let in_trash = |id: &MachineId| {
            entries.iter().any(|entry| match entry {
                Entry::Machine(loaded) => {
                    loaded.machine.id == *id && loaded.machine.trashed.is_some()
                }
                Entry::Broken(_) => false,
            })
        };
        let mut going: BTreeSet<MachineId> = ids.iter().copied().filter(in_trash).collect();
        let mut emptied = Emptied::default();
        let references = self.references(&entries, None);
        // One that stays keeps those that it rests on, so ask again until nothing changes.
        loop {
            let stays: Vec<(MachineId, Vec<String>)> = going
                .iter()
                .map(|id| (*id, self.kept_for(*id, &references, &going)))
                .filter(|(_, holders)| !holders.is_empty())
                .collect();
            if stays.is_empty() {
                break;
            }
            for (id, holders) in stays {
                going.remove(&id);
                emptied.kept.insert(id, holders);
            }
        }
        for id in going {
            if let Err(error) = self.remove_machine(id, &mut emptied) {
                emptied.failed.push(error.to_string());
            }
        }
        Ok(emptied)
    }

    fn remove_machine(&self, id: MachineId, emptied: &mut Emptied) -> Result<(), LibraryError> {
        let saving = self.saving.lock().unwrap_or_else(PoisonError::into_inner);
        if self.machine(id)?.trashed.is_none() {
            return Ok(()); // It was restored meanwhile.
        }
        let size = self.size_of(id);
        let snapshots = self.snapshot_ids(id);
        let folder = self.machine_dir(id);
        let gone = self.machines_dir().join(format!("{GONE_PREFIX}{id}"));
        // From this rename on the machine does not exist; a crash leaves a leftover.
        let flags = RenameFlags::NOREPLACE;
        fs::renameat_with(fs::CWD, &folder, fs::CWD, &gone, flags).map_err(|error| {
            LibraryError::Write {
                path: folder.clone(),
                source: error.into(),
            }
        })?;
        drop(saving);
        files::sync_folder(&self.machines_dir())?;
        step::at("machine's folder renamed");
        emptied.strangers.extend(remove_tree(&gone));
        step::at("machine's folder removed");
        for snapshot in snapshots {
            emptied.strangers.extend(self.remove_memory(snapshot));
        }
        files::sync_folder(&self.machines_dir())?;
        emptied.freed = ByteSize(emptied.freed.0 + size.0);
        emptied.removed.push(id);
        Ok(())
    }

    /// Names of the machines that rest on layers or snapshots of `id`.
    fn kept_for(
        &self,
        id: MachineId,
        references: &References,
        without: &BTreeSet<MachineId>,
    ) -> Vec<String> {
        let snapshots = self.snapshot_ids(id).into_iter().map(|snapshot| snapshot.0);
        let items = self.layer_ids(id).into_iter().map(|layer| layer.0);
        let names: BTreeSet<String> = items
            .chain(snapshots)
            .flat_map(|item| references.holders(item, without))
            .collect();
        names.into_iter().collect()
    }

    /// The layers that lie in a machine's folder.
    fn layer_ids(&self, id: MachineId) -> Vec<LayerId> {
        let Ok(entries) = std::fs::read_dir(self.machine_dir(id).join("disks")) else {
            return Vec::new();
        };
        entries
            .flatten()
            .filter_map(|entry| {
                let name = entry.file_name();
                let stem = name.to_str()?.split('.').next()?;
                stem.parse().ok().map(LayerId)
            })
            .collect()
    }

    /// What all records name. Of `but`, only its snapshots count.
    pub(super) fn references(&self, entries: &[Entry], but: Option<MachineId>) -> References {
        let mut found = References::default();
        for entry in entries {
            let folder = entry.folder();
            let folder_name = folder.file_name().unwrap_or_default().to_string_lossy();
            let mut records = vec![folder.join("machine.ron")];
            let name = match entry {
                Entry::Machine(loaded) => {
                    if but == Some(loaded.machine.id) {
                        records.clear();
                    }
                    loaded.machine.name.as_str()
                }
                Entry::Broken(_) => {
                    // What it named when it could still be read counts too.
                    let old = save::previous(&records[0]);
                    records.extend(old.into_iter().filter(|path| is_there(path)));
                    &folder_name
                }
            };
            let holder = Holder {
                folder: &folder_name,
                name,
            };
            // The text is searched, not the value: devices of unknown kinds name layers too.
            match search(&records) {
                Some(items) if files::check_folder(folder).is_ok() => {
                    items.into_iter().for_each(|item| found.name(item, &holder));
                    snapshot_references(folder, &holder, &mut found);
                }
                // One that was removed meanwhile names nothing.
                Some(_) | None if !is_there(folder) => {}
                Some(_) | None => drop(found.unknown.insert(folder_name.clone().into_owned())),
            }
        }
        found
    }
}

pub(super) fn is_there(path: &Path) -> bool {
    std::fs::symlink_metadata(path).is_ok()
}

fn snapshot_references(folder: &Path, holder: &Holder<'_>, found: &mut References) {
    let Ok(entries) = std::fs::read_dir(folder.join("snapshots")) else {
        return;
    };
    for entry in entries.flatten() {
        if let Ok(id) = entry.file_name().to_string_lossy().parse::<Uuid>() {
            found.name(id, holder);
        }
        let record = entry.path().join("snapshot.ron");
        if !is_there(&record) {
            continue;
        }
        match search(&[record]) {
            Some(items) => items.into_iter().for_each(|item| found.name(item, holder)),
            None if !is_there(folder) => {}
            None => drop(found.unknown.insert(holder.folder.to_owned())),
        }
    }
}

/// Every id in the text of `files`; `None` if one of them can't be read.
pub(super) fn search(files: &[PathBuf]) -> Option<BTreeSet<Uuid>> {
    let mut found = BTreeSet::new();
    for path in files {
        let text = files::read_record(path).ok()?;
        let words = text.split(|c: char| !(c.is_ascii_hexdigit() || c == '-'));
        found.extend(
            words
                .filter(|word| word.len() == 36)
                .filter_map(|word| word.parse::<Uuid>().ok()),
        );
    }
    Some(found)
}

/// Whether Orangery makes files of this name at this place in a machine's or a memory's folder.
fn is_ours(relative: &[&str]) -> bool {
    let record = |name: &str, stem: &str| {
        name == stem
            || name.strip_prefix(stem).is_some_and(|rest| {
                let digits = |text: &str| text.parse::<u32>().is_ok();
                rest.strip_prefix(".broken-").is_some_and(digits)
                    || rest.strip_prefix('.').is_some_and(digits)
            })
            || save::is_temp(name)
    };
    let id = |text: &str| text.parse::<Uuid>().is_ok();
    match relative {
        [name] if super::memories::FILES.contains(name) => true,
        [name] => record(name, "machine.ron") || *name == super::PICTURE,
        ["disks", name] => name
            .split_once('.')
            .is_some_and(|(stem, end)| id(stem) && matches!(end, "qcow2" | "qcow2.partial")),
        ["snapshots", folder, name] => {
            id(folder) && (record(name, "snapshot.ron") || *name == super::PICTURE)
        }
        ["intents", name] => {
            let stem = name.split('.').next().unwrap_or_default();
            (id(stem) && record(name, &format!("{stem}.ron"))) || save::is_temp(name)
        }
        ["log", name] => name.ends_with(".log") || name.ends_with(".log.1"),
        ["tpm", state, name] => id(state) && super::tpm::is_ours(name),
        _ => false,
    }
}

/// Removes our files below `root` and the folders that are empty then; gives what stayed.
pub(super) fn remove_tree(root: &Path) -> Vec<PathBuf> {
    remove_tree_at(root, &[])
}

/// The same for a folder that stands at `place` in a machine's.
pub(super) fn remove_tree_at(root: &Path, place: &[&str]) -> Vec<PathBuf> {
    let mut stayed = Vec::new();
    let mut place = place.iter().map(|part| (*part).to_owned()).collect();
    if files::check_folder(root).is_ok() {
        remove_below(root, &mut place, &mut stayed);
        std::fs::remove_dir(root).ok();
    }
    stayed
}

fn remove_below(folder: &Path, place: &mut Vec<String>, stayed: &mut Vec<PathBuf>) {
    let Ok(entries) = std::fs::read_dir(folder) else {
        stayed.push(folder.to_owned());
        return;
    };
    for entry in entries.flatten() {
        let path = entry.path();
        let (Ok(kind), Ok(name)) = (entry.file_type(), entry.file_name().into_string()) else {
            stayed.push(path);
            continue;
        };
        place.push(name);
        if kind.is_dir() && place.len() < 4 {
            remove_below(&path, place, stayed);
            // Fails if something stayed in it.
            std::fs::remove_dir(&path).ok();
        } else {
            let parts: Vec<&str> = place.iter().map(String::as_str).collect();
            if !(kind.is_file() && is_ours(&parts) && std::fs::remove_file(&path).is_ok()) {
                stayed.push(path);
            }
        }
        place.pop();
    }
}
