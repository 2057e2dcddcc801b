//! What was edited and not yet applied: a copy of the machine, and texts that are no values yet.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::Section;
use crate::language::{fill, told, tr};
use crate::model::{
    Change, Complaint, Device, DeviceKind, Machine, Part, apply, changes_between, check_name,
    complaints,
};
use crate::ui::FilePick;

/// A text that was typed into a field of a value.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Typed {
    pub(super) text: String,
    /// Why it is no such value; the draft keeps the last good one.
    pub(super) complaint: Option<String>,
}

/// The edits of one machine.
#[derive(Clone, Debug)]
pub(in crate::ui::machine_page) struct HardwareForm {
    /// The machine's record, as the edits know it.
    pub(super) base: Machine,
    pub(super) draft: Machine,
    /// By section and field: `memory`, `mac/nic0`.
    typed: BTreeMap<(Section, String), Typed>,
    /// What is wrong with the draft, found at the start of each frame.
    found: Vec<Complaint>,
    name_complaint: Option<String>,
    /// A command of this page will change the record.
    expects: bool,
    /// Someone else changed the record while it was edited here.
    pub(super) moved: bool,
    /// The field that a file is being chosen for, and the file.
    pub(super) pick: Option<(String, FilePick)>,
    pub(super) picked: Option<(String, PathBuf)>,
}

impl HardwareForm {
    pub(super) fn new(machine: &Machine) -> Self {
        Self {
            base: machine.clone(),
            draft: machine.clone(),
            typed: BTreeMap::new(),
            found: Vec::new(),
            name_complaint: None,
            expects: false,
            moved: false,
            pick: None,
            picked: None,
        }
    }

    /// What applying would change.
    pub(super) fn changes(&self) -> Vec<Change> {
        changes_between(&self.base, &self.draft)
    }

    /// Whether there is anything to revert.
    pub(super) fn edited(&self) -> bool {
        self.base != self.draft || self.typed.values().any(|typed| typed.complaint.is_some())
    }

    /// Makes an edit.
    pub(super) fn edit(&mut self, change: Change) {
        if let Change::Remove(id) = &change {
            let ending = format!("/{id}");
            self.typed.retain(|(_, field), _| !field.ends_with(&ending));
        }
        apply(&mut self.draft, change);
    }

    /// Changes what a device is like.
    pub(super) fn set(&mut self, id: &str, kind: DeviceKind) {
        let id = id.to_owned();
        self.edit(Change::Set { id, kind });
    }

    /// Follows the record: what was edited here is kept and made again on what it is now.
    pub(super) fn follow(&mut self, machine: &Machine) {
        if self.base == *machine {
            return;
        }
        let edits = self.changes();
        self.draft = machine.clone();
        for edit in edits {
            redo(&mut self.draft, machine, edit);
        }
        self.base = machine.clone();
        self.moved = !self.expects && self.base != self.draft;
        self.expects = false;
        self.typed.retain(|_, typed| typed.complaint.is_some());
    }

    /// The record will change because this page asks for it.
    pub(super) fn expect(&mut self) {
        self.expects = true;
    }

    pub(super) fn revert(&mut self) {
        self.draft = self.base.clone();
        self.typed.clear();
        self.moved = false;
    }

    /// Looks for what is wrong; `taken` are the names of other machines.
    pub(super) fn check<'a>(&mut self, taken: impl IntoIterator<Item = &'a str>) {
        self.found = complaints(&self.draft);
        self.name_complaint = check_name(&self.draft.name, taken)
            .err()
            .map(|error| error.to_string());
    }

    pub(super) fn complaint(&self, part: &Part) -> Option<String> {
        let found = self.found.iter().find(|found| found.part == *part)?;
        Some(told(&found.text).into_owned())
    }

    pub(super) fn device_complaint(&self, id: &str) -> Option<String> {
        self.complaint(&Part::Device(id.to_owned()))
    }

    pub(super) fn name_complaint(&self) -> Option<String> {
        let complaint = self.name_complaint.as_deref()?;
        Some(told(complaint).into_owned())
    }

    /// Everything that is wrong, with where it is said.
    pub(super) fn troubles(&self) -> Vec<(Section, String)> {
        let named = self.name_complaint().map(|text| (Section::Machine, text));
        let typed = self.typed.iter().filter_map(|((section, _), typed)| {
            let text = typed.complaint.clone()?;
            Some((*section, text))
        });
        let found = self.found.iter().map(|complaint| {
            let section = Section::of(&complaint.part, &self.draft);
            (section, told(&complaint.text).into_owned())
        });
        named.into_iter().chain(typed).chain(found).collect()
    }

    /// The text in a field, which shows `value` while nothing else is typed.
    pub(super) fn text(&self, section: Section, field: &str, value: &str) -> Typed {
        let key = (section, field.to_owned());
        self.typed.get(&key).cloned().unwrap_or_else(|| Typed {
            text: value.to_owned(),
            complaint: None,
        })
    }

    pub(super) fn keep_text(&mut self, section: Section, field: &str, typed: Typed) {
        self.typed.insert((section, field.to_owned()), typed);
    }

    /// The field shows its value again.
    pub(super) fn forget_text(&mut self, section: Section, field: &str) {
        self.typed.remove(&(section, field.to_owned()));
    }

    /// A file was chosen.
    pub(in crate::ui::machine_page) fn take_file(&mut self, path: &Path) {
        if let Some((field, _)) = self.pick.take() {
            self.picked = Some((field, path.to_path_buf()));
        }
    }

    /// The file that was chosen for `field`, once.
    pub(super) fn file_for(&mut self, field: &str) -> Option<PathBuf> {
        match self.picked.take() {
            Some((wanted, path)) if wanted == field => Some(path),
            other => {
                self.picked = other;
                None
            }
        }
    }

    /// A device that can be added now, or why it can't.
    pub(super) fn room_for(&self, kind: DeviceKind) -> Result<Device, String> {
        let why = crate::model::no_room(&kind, self.draft.board());
        self.draft
            .new_device(kind)
            .ok_or_else(|| told(&why).into_owned())
    }
}

/// Makes an edit of an older record on a newer one.
fn redo(draft: &mut Machine, record: &Machine, edit: Change) {
    let edit = match edit {
        // This very edit was applied.
        Change::Add(device) if record.device(&device.id) == Some(&device) => return,
        Change::Add(device) => match fresh_device(draft, record, device) {
            Some(device) => Change::Add(device),
            None => return,
        },
        Change::Boot(mut order) => {
            order.0.retain(|id| draft.device(id).is_some());
            let unknown = draft.boot.0.iter().filter(|id| !order.0.contains(id));
            let unknown: Vec<String> = unknown.cloned().collect();
            order.0.extend(unknown);
            Change::Boot(order)
        }
        other => other,
    };
    apply(draft, edit);
}

/// `device` with an id and an address that are free by now; `None` for a disk that went elsewhere.
fn fresh_device(draft: &Machine, record: &Machine, device: Device) -> Option<Device> {
    if let DeviceKind::Disk(disk) = &device.kind {
        let there = record
            .detached
            .iter()
            .any(|other| other.source == disk.source);
        if !there {
            return None;
        }
    }
    let taken = draft.device(&device.id).is_some()
        || draft.devices.iter().any(|other| {
            other.address == device.address && device.address != crate::model::Address::Board
        });
    if taken {
        draft.new_device(device.kind)
    } else {
        Some(device)
    }
}

/// Why a path can't be a file of the user's.
pub(super) fn path_complaint(text: &str) -> Option<String> {
    let text = text.trim();
    (!text.is_empty() && !text.starts_with('/'))
        .then(|| tr("Write the whole path, starting with “/”").to_owned())
}

/// Reads a whole number.
pub(super) fn number(text: &str) -> Result<u32, String> {
    let shown: String = text.trim().chars().take(40).collect();
    shown
        .parse()
        .ok()
        .ok_or_else(|| fill("“{text}” is not a number", &[("text", &shown)]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{
        ByteSize, Disk, DiskSource, LayerId, LayerRef, Mac, MachineId, Nic, Origin,
    };
    use uuid::Uuid;

    fn machine() -> Machine {
        let id = MachineId(Uuid::from_u128(1));
        Machine::new(id, "Debian", "pc-q35-10.0", Origin::Empty)
    }

    fn add(machine: &mut Machine, kind: DeviceKind) {
        let device = machine.new_device(kind).unwrap();
        apply(machine, Change::Add(device));
    }

    fn nic(last: u8) -> DeviceKind {
        DeviceKind::Nic(Nic::new(Mac::local([0, 0, last])))
    }

    #[test]
    fn edits_survive_another_clients_changes() {
        let mut form = HardwareForm::new(&machine());
        form.edit(Change::Memory(ByteSize::gib(2)));
        add(&mut form.draft, nic(1));
        let mut record = machine();
        add(&mut record, nic(2));
        record.name = "Build box".to_owned();
        form.follow(&record);
        assert!(form.moved);
        assert_eq!(form.draft.name, "Build box");
        assert_eq!(form.draft.memory, ByteSize::gib(2));
        let cards = form.draft.devices.iter().map(|device| device.id.as_str());
        assert_eq!(cards.collect::<Vec<_>>(), ["nic0", "nic1"]);
        assert_eq!(complaints(&form.draft), []);
    }

    #[test]
    fn what_was_applied_is_no_edit_any_more() {
        let mut form = HardwareForm::new(&machine());
        form.edit(Change::Memory(ByteSize::gib(2)));
        let mut record = machine();
        apply(&mut record, Change::Memory(ByteSize::gib(2)));
        form.follow(&record);
        assert!(!form.edited() && !form.moved);
    }

    #[test]
    fn a_device_that_was_applied_is_not_added_again() {
        let mut form = HardwareForm::new(&machine());
        add(&mut form.draft, nic(1));
        let record = form.draft.clone();
        form.edit(Change::Memory(ByteSize::gib(2))); // While the engine worked.
        form.follow(&record);
        assert_eq!(form.draft.devices, record.devices);
        assert_eq!(form.changes(), [Change::Memory(ByteSize::gib(2))]);
    }

    #[test]
    fn a_detached_disk_that_was_deleted_elsewhere_is_not_attached_again() {
        let layer = LayerRef {
            machine: MachineId(Uuid::from_u128(1)),
            layer: LayerId(Uuid::from_u128(7)),
        };
        let disk = Disk::new(DiskSource::Layers(vec![layer]), ByteSize::gib(1));
        let mut record = machine();
        record.detached.push(disk.clone());
        let mut form = HardwareForm::new(&record);
        add(&mut form.draft, DeviceKind::Disk(disk));
        form.follow(&machine());
        assert_eq!(form.draft, machine());
    }
}
