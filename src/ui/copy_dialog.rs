//! The dialog for machines that are made of another one: clones, and several forks at once.

use egui::{Key, Modifiers, Ui};

use super::icon::Icon;
use super::kit::{self, Field};
use super::view::View;
use super::{Ask, actions};
use crate::engine::message::Command;
use crate::language::{fill, later, told, tr};
use crate::model::{
    Action, Cloning, DeviceKind, FirmwareKind, Fork, MachineId, MachineReport, SnapshotId,
    check_name, numbered_names,
};

/// What is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sort {
    LinkedClone,
    FullClone,
    Forks,
    Tries,
}

/// What has been chosen so far.
pub struct CopyDialog {
    machine: MachineId,
    at: Option<SnapshotId>,
    sort: Sort,
    name: String,
    count: u32,
    online: bool,
    keep_variables: bool,
    keep_tpm: bool,
    focused: bool,
}

impl CopyDialog {
    /// Of the present of `machine`, or of a snapshot.
    pub fn clone_of(machine: MachineId, at: Option<SnapshotId>) -> Self {
        Self {
            machine,
            at,
            sort: Sort::LinkedClone,
            name: String::new(),
            count: 2,
            online: false,
            keep_variables: true,
            keep_tpm: false,
            focused: false,
        }
    }

    /// The dialog; returns whether it stays open.
    pub fn ui(&mut self, ui: &Ui, view: &View, asks: &mut Vec<Ask>) -> bool {
        let Some(report) = view.machine(self.machine) else {
            return false;
        };
        let title = fill("Machines made of {name}", &[("name", &report.name)]);
        let verdict = actions::verdict(report, self.action(), view.handed_over);
        let complaint = self.complaint(view);
        let ready = verdict.is_ok() && complaint.is_none();
        let ((yes, no), dismissed) = kit::modal(ui, "copy", 520.0, &title, |ui| {
            ui.spacing_mut().item_spacing.y = 12.0;
            let sorts = [
                (Sort::LinkedClone, tr("Linked clone")),
                (Sort::FullClone, tr("Full clone")),
                (Sort::Forks, tr("Forks")),
                (Sort::Tries, tr("Tries")),
            ];
            kit::segmented(ui, &mut self.sort, &sorts);
            kit::hint(ui, tr(self.explain()));
            self.fields_ui(ui, view, report, complaint.as_deref());
            if let Err(why) = &verdict {
                kit::complaint(ui, why);
            }
            kit::footer(ui, |ui| {
                let (icon, word) = match self.sort {
                    Sort::LinkedClone | Sort::FullClone => (Icon::Copy, tr("Make the clone")),
                    Sort::Forks => (Icon::GitFork, tr("Make the forks")),
                    Sort::Tries => (Icon::FlaskConical, tr("Make the tries")),
                };
                let yes = kit::primary(ui, ready, Some(icon), word).clicked();
                (yes, kit::secondary(ui, true, None, tr("Cancel")).clicked())
            })
        });
        let entered = ui.input_mut(|input| input.consume_key(Modifiers::NONE, Key::Enter));
        if no || dismissed {
            return false;
        }
        let done = (yes || entered) && ready;
        if done {
            asks.push(Ask::Engine(self.command()));
        }
        !done
    }

    fn action(&self) -> Action {
        match self.sort {
            Sort::LinkedClone | Sort::FullClone => Action::Clone,
            Sort::Forks => Action::Fork,
            Sort::Tries => Action::Try,
        }
    }

    fn explain(&self) -> &'static str {
        match self.sort {
            Sort::LinkedClone => later(
                "Made at once and takes hardly any room: its disks rest on this machine's, which stay as long as it needs them.",
            ),
            Sort::FullClone => later(
                "Its disks are copies, so it needs nothing of this machine. The machine may run meanwhile.",
            ),
            Sort::Forks => later(
                "They go on from the very moment, each by itself, and share memory and disks until they write.",
            ),
            Sort::Tries => later(
                "The same, but nothing is kept: each is gone when it ends, unless you keep it.",
            ),
        }
    }

    fn complaint(&self, view: &View) -> Option<String> {
        let name = self.name.trim();
        if name.is_empty() {
            return None; // It gets one.
        }
        let taken = view.names();
        let error = check_name(name, taken).err()?;
        Some(told(&error.to_string()).into_owned())
    }

    fn fields_ui(
        &mut self,
        ui: &mut Ui,
        view: &View,
        report: &MachineReport,
        complaint: Option<&str>,
    ) {
        let taken: Vec<String> = view.names().into_iter().map(str::to_owned).collect();
        let hint = numbered_names(&report.name, 1, &taken).join("");
        let spec = Field {
            label: tr("Name"),
            hint: &hint,
            complaint,
        };
        let field = kit::text_field(ui, &spec, &mut self.name);
        if !std::mem::replace(&mut self.focused, true) {
            field.request_focus();
        }
        match self.sort {
            Sort::Forks | Sort::Tries => {
                kit::number_field(ui, tr("How many"), &mut self.count, 1..=Fork::MOST);
                kit::check(ui, &mut self.online, tr("Leave their network cables in"));
                kit::hint(
                    ui,
                    tr(
                        "Both have the same host keys, machine id, open sessions and passwords. Seen from outside they are one computer, so a copy begins with its network cables out.",
                    ),
                );
            }
            Sort::LinkedClone | Sort::FullClone => self.identity_ui(ui, report),
        }
    }

    /// What a clone gets beside its disks. Ids and network addresses are always new.
    fn identity_ui(&mut self, ui: &mut Ui, report: &MachineReport) {
        let Some(machine) = &report.machine else {
            return;
        };
        kit::hint(ui, tr("It gets an id and network addresses of its own."));
        if machine.firmware.kind != FirmwareKind::Bios {
            kit::check(
                ui,
                &mut self.keep_variables,
                tr("Copy the firmware's variables"),
            );
        }
        if machine.has(|kind| matches!(kind, DeviceKind::Tpm)) {
            kit::check(ui, &mut self.keep_tpm, tr("Copy what the TPM keeps"));
            if !self.keep_tpm {
                kit::hint(
                    ui,
                    tr(
                        "With a new TPM an encrypted disk asks for its recovery key, and the clone is another computer for whoever trusts the TPM.",
                    ),
                );
            }
        }
    }

    fn command(&self) -> Command {
        let machine = self.machine;
        let (at, name) = (self.at, self.name.trim().to_owned());
        match self.sort {
            Sort::LinkedClone | Sort::FullClone => Command::Clone {
                machine,
                cloning: Cloning {
                    at,
                    name,
                    full: self.sort == Sort::FullClone,
                    keep_variables: self.keep_variables,
                    keep_tpm: self.keep_tpm,
                },
            },
            Sort::Forks | Sort::Tries => Command::Fork {
                machine,
                fork: Fork {
                    at,
                    count: self.count,
                    name,
                    disposable: self.sort == Sort::Tries,
                    online: self.online,
                },
            },
        }
    }
}
