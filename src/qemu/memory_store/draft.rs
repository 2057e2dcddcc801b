//! A memory being taken: copied while the guest runs, completed while it is stopped, packed afterwards.
//!
//! All of it happens in the folder `<folder>.partial`; the name goes when the memory is whole. What
//! lies in it besides the memory's own files: `pages.raw`, pages at their own offsets; `draft.json`,
//! which names the base from the beginning, so that nobody removes it; `taken.json`, the index
//! without what only packing knows. From `taken.json` on the memory can be packed, also after a crash.

use std::fs::{DirBuilder, File};
use std::io::{self, Write};
use std::ops::ControlFlow;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Serialize;
use uuid::Uuid;

use super::blocks::Packing;
use super::chain::{Base, Chain, Places, read_table};
use super::scan::{Known, PAGE, PageHash, Pass};
use super::table::Table;
use super::{
    Content, INDEX, MAX_RAM, MemoryError, PACKED, Pages, Progress, Rest, STATE, STATE_PACKED,
    Saved, TABLE, VERSION, Writer, at, create, damaged, partial_folder, read, read_index, stream,
    write_beside,
};
use crate::model::ByteSize;
use crate::qemu::ram::GuestRam;
use crate::step;

const RAW: &str = "pages.raw";
const DRAFT: &str = "draft.json";
const TAKEN: &str = "taken.json";
/// Everything that may lie in a draft's folder; what says that the others are complete goes first.
const OURS: [&str; 8] = [INDEX, TAKEN, DRAFT, RAW, TABLE, PACKED, STATE, STATE_PACKED];

/// What must stay free on the file system beside the memory, bytes.
const SPARE: u64 = 64 << 20;

/// A memory being taken of a guest that still runs. Dropped, it leaves nothing on disk.
#[derive(Debug)]
pub struct Draft {
    /// What it will be called.
    folder: PathBuf,
    partial: PathBuf,
    ram_size: ByteSize,
    raw: File,
    hash: PageHash,
    base: Option<Base>,
    /// What is known of each page: `raw` has it, or it is zero or as in the base.
    hashes: Vec<u128>,
    is_taken: bool,
}

/// What a draft says from its beginning.
#[derive(Serialize)]
struct Begun<'a> {
    base: Option<&'a Rest>,
}

impl Draft {
    /// Begins a memory that will lie in `folder`, as a delta if there is a base. An older draft of that name goes.
    pub fn begin(
        folder: &Path,
        ram_size: ByteSize,
        base: Option<Base>,
    ) -> Result<Self, MemoryError> {
        if !ram_size.0.is_multiple_of(PAGE as u64) || ram_size.0 > MAX_RAM {
            return Err(damaged("the machine's memory has an odd size"));
        }
        let partial = partial_folder(folder);
        check_space(&partial, 0)?;
        remove_partial(&partial)?;
        DirBuilder::new()
            .mode(0o700)
            .create(&partial)
            .map_err(at(&partial))?;
        let prepare = || {
            let rest = base.as_ref().map(|base| &base.rest);
            let text = serde_json::to_vec(&Begun { base: rest })?;
            create(&partial.join(DRAFT))?.write_all(&text)?;
            let raw = create(&partial.join(RAW))?;
            raw.set_len(ram_size.0)?;
            Ok(raw)
        };
        let raw: io::Result<File> = prepare();
        let raw = raw
            .inspect_err(|_| drop(remove_partial(&partial)))
            .map_err(at(&partial))?;
        let hash = base.as_ref().map_or_else(
            || PageHash::new(Uuid::new_v4().as_u128() as u64),
            |base| base.hash,
        );
        let pages = usize::try_from(ram_size.0 / PAGE as u64).unwrap_or(usize::MAX);
        let hashes = base
            .as_ref()
            .map_or_else(|| vec![hash.zero; pages], |base| base.hashes.clone());
        Ok(Self {
            folder: folder.to_owned(),
            partial,
            ram_size,
            raw,
            hash,
            base,
            hashes,
            is_taken: false,
        })
    }

    /// Copies the memory file of a running guest, again and again while that shortens what is left for the stop.
    ///
    /// A delta that would hold most of the memory becomes a full memory.
    pub fn copy_live(&mut self, ram: &GuestRam, progress: Progress<'_>) -> Result<(), MemoryError> {
        let used = ram.used().map_err(at(&self.partial))?;
        self.check_space_for(used)?;
        let is_delta = self.base.is_some();
        let (pass, hashes) = self.pass(ram)?;
        let last = pass.run(hashes, progress)?;
        if !is_delta || last <= used / 2 {
            return pass.follow(hashes, last, progress);
        }
        self.base = None;
        self.hashes.fill(self.hash.zero);
        self.check_space_for(used)?;
        let (pass, hashes) = self.pass(ram)?;
        let last = pass.run(hashes, progress)?;
        pass.follow(hashes, last, progress)
    }

    /// A look at the memory, and the hashes of the one before.
    fn pass<'a>(
        &'a mut self,
        ram: &'a GuestRam,
    ) -> Result<(Pass<'a>, &'a mut [u128]), MemoryError> {
        let found = ram.size().map_err(at(&self.partial))?;
        if found != self.ram_size.0 {
            return Err(damaged(
                "the memory file has another size than the machine's memory",
            ));
        }
        let pass = Pass {
            ram,
            raw: &self.raw,
            path: &self.partial,
            hash: self.hash,
            known: Known::of(self.base.as_ref().map(|base| base.hashes.as_slice())),
        };
        Ok((pass, &mut self.hashes))
    }

    /// Refuses before writing when the disk can't take it: the raw pages, and packed ones beside them.
    fn check_space_for(&self, used: u64) -> Result<(), MemoryError> {
        let share = if self.base.is_some() { used / 2 } else { used };
        check_space(&self.partial, share + share / 2)
    }

    /// Takes the rest from a machine whose guest was stopped: the devices' state, then the pages that changed since they
    /// were copied. Nothing waits for the disk.
    ///
    /// Afterwards QEMU holds its disks no longer: quit it, or `cont` to go on. After an error, too, `cont` brings the
    /// machine back, and nothing is left on disk.
    pub fn stop(self, writer: &Writer<'_>, progress: Progress<'_>) -> Result<Taken, MemoryError> {
        let apart = writer.apart();
        if apart.is_none() {
            check_space(&self.partial, self.ram_size.0)?;
        }
        let write = |state: &File, progress: Progress<'_>| writer.write(state, progress);
        self.stop_with(write, apart, progress)
    }

    /// The same with the devices' state from elsewhere than QEMU's monitor. Without `ram` it holds the memory, too.
    pub fn stop_with(
        mut self,
        write_state: impl FnOnce(&File, Progress<'_>) -> Result<(), MemoryError> + Send,
        ram: Option<&GuestRam>,
        progress: Progress<'_>,
    ) -> Result<Taken, MemoryError> {
        let path = self.partial.join(STATE);
        let state = create(&path).map_err(at(&path))?;
        let table = match ram {
            Some(ram) => {
                let (pass, hashes) = self.pass(ram)?;
                let write = || write_state(&state, &mut |_, _| ControlFlow::Continue(()));
                write_beside(write, || pass.run(hashes, progress))?;
                let base = self.base.as_ref().map(|base| base.hashes.as_slice());
                Some(Table::new(&self.hashes, self.hash, base))
            }
            None => {
                write_state(&state, progress)?;
                self.base = None;
                None
            }
        };
        let encoded = table.as_ref().map(Table::encode);
        if let Some(bytes) = &encoded {
            let path = self.partial.join(TABLE);
            write_new(&path, bytes).map_err(at(&path))?;
        }
        let mut saved = Saved {
            version: VERSION,
            ram_size: self.ram_size,
            base: self.base.as_ref().map(|base| base.rest.clone()),
            pages: None,
            state: stream::content(&path)?,
            packed: encoded.as_deref().map(|table| Pages {
                table: Content::of(table),
                seed: self.hash.seed,
                number: self.base.as_ref().map_or(0, |base| base.number),
                state: 0,
            }),
            seal: String::new(),
        };
        let path = self.partial.join(TAKEN);
        saved.write(&path).map_err(at(&path))?;
        self.is_taken = true;
        step::at("memory taken");
        Ok(Taken {
            folder: std::mem::take(&mut self.folder),
            partial: std::mem::take(&mut self.partial),
            saved,
            table,
            base: self.base.take().map(|base| base.chain),
        })
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        if !self.is_taken {
            remove_partial(&self.partial).ok(); // Swept later.
        }
    }
}

fn write_new(path: &Path, bytes: &[u8]) -> io::Result<()> {
    create(path)?.write_all(bytes)
}

/// Refuses when the file system that `folder` stands on can't take `bytes`.
fn check_space(folder: &Path, bytes: u64) -> Result<(), MemoryError> {
    let parent = folder.parent().unwrap_or(folder);
    let stat = rustix::fs::statvfs(parent).map_err(|errno| at(parent)(errno.into()))?;
    let free = stat.f_bavail.saturating_mul(stat.f_frsize);
    let need = bytes.saturating_add(SPARE);
    if free < need {
        return Err(MemoryError::NoSpace {
            need: ByteSize(need),
            free: ByteSize(free),
        });
    }
    Ok(())
}

fn gone(result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}

fn remove(folder: &Path, names: &[&str]) -> Result<(), MemoryError> {
    for name in names {
        gone(std::fs::remove_file(folder.join(name))).map_err(at(folder))?;
    }
    Ok(())
}

/// Removes a draft: exactly our files, then the empty folder.
fn remove_partial(partial: &Path) -> Result<(), MemoryError> {
    remove(partial, &OURS)?;
    gone(std::fs::remove_dir(partial)).map_err(at(partial))
}

/// A memory that was taken: complete on disk, to be packed while the guest runs on. Dropped, it stays on disk and can be
/// opened again.
#[derive(Debug)]
pub struct Taken {
    folder: PathBuf,
    partial: PathBuf,
    /// As it will be, but for what packing adds.
    saved: Saved,
    table: Option<Table>,
    base: Option<Arc<Chain>>,
}

impl Taken {
    /// Opens what was taken for `folder` and not packed, after a crash. Everything is read and checked.
    ///
    /// # Errors
    /// [`MemoryError::Damaged`] when not all of it reached the disk: then only [`remove_draft`] is left.
    pub fn reopen(
        folder: &Path,
        places: Places<'_>,
        progress: Progress<'_>,
    ) -> Result<Self, MemoryError> {
        let partial = partial_folder(folder);
        if let Ok(saved) = read(&partial) {
            // It was packed, and only the last step is missing.
            return Ok(Self {
                folder: folder.to_owned(),
                partial,
                saved,
                table: None,
                base: None,
            });
        }
        let saved = read_index(&partial.join(TAKEN))?;
        if stream::content(&partial.join(STATE))? != saved.state {
            return Err(damaged("the devices' state is not what was written"));
        }
        let table = match &saved.packed {
            None => None,
            Some(pages) => {
                let path = partial.join(TABLE);
                Some(read_table(&path, &pages.table, saved.ram_size)?)
            }
        };
        let base = match &saved.base {
            Some(base) => Some(Arc::new(Chain::of(&places(base.id), places)?)),
            None => None,
        };
        let taken = Self {
            folder: folder.to_owned(),
            partial,
            saved,
            table,
            base,
        };
        taken.with_pages(|packing| packing.check(progress))?;
        Ok(taken)
    }

    /// Does something with the raw pages, if there are any.
    fn with_pages<R>(
        &self,
        work: impl FnOnce(&Packing<'_>) -> Result<R, MemoryError>,
    ) -> Result<Option<R>, MemoryError> {
        let (Some(table), Some(pages)) = (&self.table, &self.saved.packed) else {
            return Ok(None);
        };
        let raw_path = &self.partial.join(RAW);
        let packing = Packing {
            raw: &File::open(raw_path).map_err(at(raw_path))?,
            raw_path,
            pages: &table.own_pages(),
            hashes: &table.hashes,
            hash: PageHash::new(pages.seed),
            base: self.base.as_deref(),
        };
        work(&packing).map(Some)
    }

    /// Packs the memory, makes sure that it survives a power cut, and gives it its name. Its threads are as nice as the
    /// calling one.
    ///
    /// After an error, or cancelled, it is as it was and can be packed again.
    pub fn pack(&self, progress: Progress<'_>) -> Result<Saved, MemoryError> {
        let partial = &self.partial;
        let saved = match read(partial) {
            Ok(saved) => saved,
            Err(_) => self
                .write_packed(progress)
                .inspect_err(|_| drop(remove(partial, &[INDEX, PACKED, STATE_PACKED])))?,
        };
        let unneeded: &[&str] = if saved.packed.is_some() {
            &[TAKEN, DRAFT, RAW, STATE]
        } else {
            &[TAKEN, DRAFT, RAW]
        };
        step::at("memory packed");
        remove(partial, unneeded)?;
        step::at("raw memory removed");
        std::fs::rename(partial, &self.folder).map_err(at(&self.folder))?;
        step::at("memory named");
        let parent = self.folder.parent().unwrap_or(&self.folder);
        sync(parent)?;
        Ok(saved)
    }

    fn write_packed(&self, progress: Progress<'_>) -> Result<Saved, MemoryError> {
        let partial = &self.partial;
        remove(partial, &[INDEX, PACKED, STATE_PACKED])?;
        let mut saved = self.saved.clone();
        let path = partial.join(PACKED);
        saved.pages = self.with_pages(|packing| {
            let file = create(&path).map_err(at(&path))?;
            let content = packing.write(&file, &path, progress)?;
            file.sync_all().map_err(at(&path))?;
            Ok(content)
        })?;
        if let Some(pages) = &mut saved.packed {
            pages.state = stream::pack(&partial.join(STATE), &partial.join(STATE_PACKED))?;
            sync(&partial.join(TABLE))?;
        } else {
            sync(&partial.join(STATE))?;
        }
        let path = partial.join(INDEX);
        let index = saved.write(&path);
        index
            .and_then(|index| index.sync_all())
            .map_err(at(&path))?;
        sync(partial)?;
        Ok(saved)
    }
}

/// Removes what was taken for `folder` and will not be packed.
pub fn remove_draft(folder: &Path) -> Result<(), MemoryError> {
    remove_partial(&partial_folder(folder))
}

fn sync(path: &Path) -> Result<(), MemoryError> {
    let file = File::open(path).map_err(at(path))?;
    file.sync_all().map_err(at(path))
}
