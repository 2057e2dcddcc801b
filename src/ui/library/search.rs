//! What the search looks through: everything that a row or a page shows of a machine.

use std::collections::BTreeMap;

use crate::language::{self, Language, tr};
use crate::model::{DeviceKind, MachineId, MachineReport, Origin};

/// From how many characters on a word is compared with ids: shorter ones would match many.
const ID_WORD: usize = 4;

/// The words of a search; a machine has to have all of them.
pub fn words(search: &str) -> Vec<String> {
    search
        .split_whitespace()
        .map(str::to_lowercase)
        .take(16) // More than fit in the field.
        .collect()
}

/// The searched texts of machines, made once for each report.
#[derive(Default)]
pub struct Texts {
    language: Option<Language>,
    known: BTreeMap<MachineId, (u64, String)>,
}

impl Texts {
    /// Whether the machine has all `words`.
    pub fn matches(&mut self, report: &MachineReport, words: &[String]) -> bool {
        if words.is_empty() {
            return true;
        }
        let spoken = language::spoken();
        if self.language != Some(spoken) {
            self.language = Some(spoken);
            self.known.clear();
        }
        let entry = self.known.entry(report.id).or_default();
        if entry.1.is_empty() || entry.0 != report.generation {
            *entry = (report.generation, text_of(report));
        }
        words.iter().all(|word| {
            entry.1.contains(word.as_str()) || (word.len() >= ID_WORD && is_id(report.id, word))
        })
    }

    /// Forgets machines that are gone.
    pub fn keep(&mut self, is_there: impl Fn(MachineId) -> bool) {
        self.known.retain(|id, _| is_there(*id));
    }
}

fn is_id(id: MachineId, word: &str) -> bool {
    id.to_string().starts_with(word) || id.0.simple().to_string().starts_with(word)
}

/// In small letters, a line for each thing, so that no word matches across two.
fn text_of(report: &MachineReport) -> String {
    let state = report.state;
    let mut lines = vec![
        report.name.to_lowercase(),
        tr(state.label()).to_lowercase(),
        state.label().to_lowercase(),
        state.word().to_owned(),
    ];
    if let Some(machine) = &report.machine {
        lines.extend(machine.tags.iter().map(|tag| tag.to_lowercase()));
        lines.push(machine.notes.to_lowercase());
        lines.push(match &machine.origin {
            Origin::Iso(path) | Origin::Disk(path) => path
                .file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .to_lowercase(),
            Origin::TestCard => tr("Test card").to_lowercase(),
            Origin::Empty => String::new(),
        });
        for device in &machine.devices {
            match &device.kind {
                DeviceKind::Nic(nic) => lines.push(nic.mac.to_string().to_lowercase()),
                DeviceKind::Cdrom(drive) => {
                    let name = drive.medium.as_ref().and_then(|path| path.file_name());
                    lines.push(name.unwrap_or_default().to_string_lossy().to_lowercase());
                }
                _ => {} // Not shown by a name of its own.
            }
        }
    }
    lines.join("\n")
}
