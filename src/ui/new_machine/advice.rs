//! What this computer thinks of the new machine, before it hurts.

use egui::{RichText, Ui};

use super::NewMachineDialog;
use crate::language::{fill, told, tr};
use crate::model::{
    ByteSize, CheckLevel, ComputerReport, FileKind, FirmwareKind, KvmVerdict, Source,
};
use crate::ui::kit::{self, Tone};
use crate::ui::theme::palette;
use crate::ui::view::View;

/// One piece of advice: what is wrong, and what to do about it.
struct Advice {
    text: String,
    fix: Option<String>,
}

impl NewMachineDialog {
    pub(super) fn advice_ui(&self, ui: &mut Ui, view: &View) {
        let Some(computer) = &view.computer else {
            return;
        };
        for advice in self.advice(computer) {
            kit::callout(ui, Tone::Warning, &advice.text, |ui| {
                if let Some(fix) = &advice.fix {
                    let fix = RichText::new(fix.as_str()).size(13.0);
                    ui.add(egui::Label::new(fix.color(palette(ui).dim)).wrap());
                }
            });
        }
    }

    fn advice(&self, computer: &ComputerReport) -> Vec<Advice> {
        let memory: ByteSize = self.memory.parse().unwrap_or_default();
        let mut advice = Vec::new();
        let mut say = |text: String, fix: Option<String>| advice.push(Advice { text, fix });
        if memory > computer.memory_free {
            say(
                fill(
                    "This computer has {free} of memory free. The machine may not start, or slow everything down",
                    &[("free", &computer.memory_free)],
                ),
                None,
            );
        }
        if self.cpus > computer.cpus {
            say(
                fill(
                    "This computer has {cpus} processors; more make the machine slower",
                    &[("cpus", &computer.cpus)],
                ),
                None,
            );
        }
        if let Some(text) = self.disk_advice(computer) {
            say(text, None);
        }
        let firmware = computer.checks.iter().find(|check| check.id == "firmware");
        if let Some(check) = firmware
            && check.level != CheckLevel::Good
            && self.firmware != FirmwareKind::Bios
        {
            let fix = check.fix.as_deref().map(|fix| told(fix).into_owned());
            say(told(&check.finding).into_owned(), fix);
        }
        if computer.kvm != KvmVerdict::Works {
            say(
                tr("KVM does not work here: machines run emulated, some ten times slower")
                    .to_owned(),
                None,
            );
        }
        advice
    }

    /// Whether the disk may grow beyond the room there is.
    fn disk_advice(&self, computer: &ComputerReport) -> Option<String> {
        let free = computer.disk_free;
        let size = match (self.source(), self.found().map(|found| &found.kind)) {
            (Source::Iso(_) | Source::Empty, _) => self.disk.parse().ok()?,
            (Source::Copy(_), Some(FileKind::Disk { size, .. })) => *size,
            (Source::Copy(_), Some(FileKind::Foreign { size, .. })) => (*size)?,
            _ => return None,
        };
        (size > free).then(|| {
            fill(
                "The disk can grow to {size}, and {free} are free where the library lies",
                &[("size", &size), ("free", &free)],
            )
        })
    }
}
