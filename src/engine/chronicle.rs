//! What is written into the app's log: requests, changes of state, failures. Nothing from inside a guest.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::clock::now;
use super::message::{Command, Event, LabCommand};
use crate::library::Journal;
use crate::model::{Failure, JobReport, JobState, MachineId, MachineReport, State};

/// The app's log and what it knows already, so that it writes only what changed.
#[derive(Default)]
pub struct Chronicle {
    journal: Journal,
    states: BTreeMap<MachineId, State>,
}

impl Chronicle {
    /// Goes on with the log at `path`.
    pub fn open(path: Option<&Path>) -> Self {
        let mut chronicle = Self {
            journal: path.map(Journal::open).unwrap_or_default(),
            states: BTreeMap::new(),
        };
        chronicle.note(&format!("Orangery {} begins", env!("CARGO_PKG_VERSION")));
        chronicle
    }

    /// Writes one line.
    pub fn note(&mut self, text: &str) {
        self.journal.note(now(), text);
    }

    /// The newest lines, oldest first.
    pub fn lines(&self) -> Vec<String> {
        self.journal.lines().map(str::to_owned).collect()
    }

    /// A request; `name` finds what a machine is called.
    pub fn command(&mut self, command: &Command, name: impl Fn(MachineId) -> Option<String>) {
        let Some(what) = asked(command) else { return };
        let name = command.machine().and_then(name);
        match name {
            Some(name) => self.note(&format!("Asked for {name}: {what}")),
            None => self.note(&format!("Asked: {what}")),
        }
    }

    /// What was left by work whose owner was killed.
    pub fn swept(&mut self, gone: &[PathBuf]) {
        for path in gone {
            self.note(&format!("Removed unfinished work: {}", path.display()));
        }
    }

    pub fn failure(&mut self, failure: &Failure) {
        self.note(&format!("Failed: {failure}"));
    }

    /// News that everyone is told.
    pub fn event(&mut self, event: &Event) {
        match event {
            Event::Machine(report) => self.machine(report),
            Event::Gone(id) => {
                self.states.remove(id);
            }
            Event::Job(job) => self.job(job),
            Event::Notice(failure) => self.failure(failure),
            Event::HandedOver => self.note("The library goes to another process"),
            Event::Computer(report) => {
                let word = report.accelerator.choice.word();
                self.note(&format!("This computer was examined: accelerator {word}"));
            }
            Event::Machines(reports) => {
                for report in reports {
                    self.machine(report);
                }
            }
            Event::Whole
            | Event::Load(_)
            | Event::Sample { .. }
            | Event::Trash(_)
            | Event::Timeline { .. }
            | Event::Settings(_)
            | Event::Whereabouts(_)
            | Event::Thumbnail { .. }
            | Event::Picture { .. }
            | Event::Answer { .. }
            | Event::Labs(_)
            | Event::Raise => {}
        }
    }

    fn machine(&mut self, report: &MachineReport) {
        let before = self.states.insert(report.id, report.state);
        let news = match before {
            Some(before) => before != report.state,
            None => report.state != State::Off,
        };
        if !news {
            return;
        }
        let process = report
            .pid
            .map(|pid| format!(" (QEMU is process {pid})"))
            .unwrap_or_default();
        let state = report.state.label().to_lowercase();
        self.note(&format!("{} is {state}{process}", report.name));
        if let Some(trouble) = &report.trouble {
            self.failure(trouble);
        }
    }

    fn job(&mut self, job: &JobReport) {
        match &job.state {
            JobState::Running => {}
            JobState::Done => self.note(&format!("Done: {}", job.title)),
            JobState::Cancelled => self.note(&format!("Cancelled: {}", job.title)),
            JobState::Failed(failure) => self.failure(failure),
        }
    }
}

/// What a request asks for; `None` for those that come by themselves or often.
fn asked(command: &Command) -> Option<String> {
    let text = match command {
        Command::Act { action, .. } => action.name(),
        Command::Create { spec, start } => {
            let start = if *start { " and start it" } else { "" };
            return Some(format!("create {}{start}", spec.name));
        }
        Command::Change { changes, .. } => return Some(format!("{} changes", changes.len())),
        Command::Insert { .. } => "change a medium",
        Command::DropPending { .. } => "drop what waits for the next start",
        Command::AddDisk { .. } => "add a disk",
        Command::DeleteDisk { .. } => "delete a disk",
        Command::PressKeys { .. } => "press keys",
        Command::TypeText { .. } => "type text",
        Command::OfferClipboard { .. } => "give the clipboard to the guest",
        Command::TakeClipboard { .. } => "take the guest's clipboard",
        Command::SendFiles { files, .. } => return Some(format!("send {} files", files.len())),
        Command::Screenshot { .. } => "take a picture",
        Command::TakeSnapshot { .. } => "take a snapshot",
        Command::Rewind { snapshot, keep, .. } => {
            let kept = if_not(*keep, "; the present is not kept");
            return Some(format!("go back to the snapshot {snapshot}{kept}"));
        }
        Command::Fork { fork, .. } if fork.disposable => "try",
        Command::Fork { .. } => "fork",
        Command::Clone { cloning, .. } if cloning.full => "make a full clone",
        Command::Clone { .. } => "make a linked clone",
        Command::SetTemplate { name: Some(_), .. } => "make a template of a snapshot",
        Command::SetTemplate { name: None, .. } => "make a template a snapshot again",
        Command::EditSnapshot { .. } => "rename a snapshot",
        Command::DeleteSnapshots { snapshots, .. } => {
            return Some(format!("delete {} snapshots", snapshots.len()));
        }
        Command::Flatten { .. } => "flatten the disks",
        Command::VerifySnapshots { .. } => "verify snapshots",
        Command::Compare { .. } => "compare two points",
        // Not which: names inside disks are the guest's.
        Command::TakeFile { .. } => "copy a file out of a disk",
        Command::DiskFromSnapshot { .. } => "make a disk of a snapshot's",
        Command::SetCheckpoints { .. } => "change when checkpoints are taken",
        Command::EmptyTrash => "empty the trash",
        Command::CancelJob(_) => "cancel a job",
        Command::StopLooking { .. } => "stop looking into disks",
        Command::Examine => "examine this computer",
        Command::SaveSettings(_) => "save the settings",
        Command::HandOver => "hand the library over",
        Command::OpenConsoles { heads, .. } => return Some(shown(heads)),
        Command::ConsoleShown { shown: None, .. } => "a screen's own window closed",
        Command::Recognise { .. }
        | Command::Watch(_)
        | Command::OpenDisplay { .. }
        | Command::OpenSerial { .. }
        | Command::ConsoleShown { shown: Some(_), .. }
        | Command::Stats { .. }
        | Command::CommandLine { .. }
        | Command::ShowTimeline { .. }
        | Command::ListDisks { .. }
        | Command::ListFiles { .. }
        | Command::ShowTrash
        | Command::ReadLog
        | Command::ReadQemuLog { .. }
        | Command::Report { .. }
        | Command::Note(_)
        | Command::InSight(_)
        | Command::Raise => return None,
        Command::Lab(command) => return asked_of_lab(command),
    };
    Some(text.to_owned())
}

fn shown(heads: &[u32]) -> String {
    let screens: Vec<_> = heads.iter().map(|head| (head + 1).to_string()).collect();
    let screens = screens.join(", ");
    format!("show screens {screens} in windows of their own")
}

fn if_not(so: bool, words: &'static str) -> &'static str {
    if so { "" } else { words }
}

fn asked_of_lab(command: &LabCommand) -> Option<String> {
    let text = match command {
        LabCommand::List => return None,
        LabCommand::Create { name, .. } => return Some(format!("make the lab {name}")),
        LabCommand::Rename { .. } => "rename a lab",
        LabCommand::SetMachines { .. } => "change a lab's machines",
        LabCommand::Delete { .. } => "delete a lab",
        LabCommand::Act { action, .. } => {
            return Some(format!("{} with all of a lab", action.name()));
        }
        LabCommand::Snapshot { .. } => "keep a moment of a lab",
        LabCommand::Rewind { set, .. } => return Some(format!("go back to the moment {set}")),
        LabCommand::EditSet { .. } => "rename a moment of a lab",
        LabCommand::DeleteSet { .. } => "delete a moment of a lab",
    };
    Some(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Action;

    fn report(state: State, trouble: Option<Failure>) -> Event {
        Event::Machine(Box::new(MachineReport {
            trouble,
            ..MachineReport::new(MachineId(uuid::Uuid::nil()), "Debian", state)
        }))
    }

    #[test]
    fn the_log_tells_requests_changes_of_state_and_deaths_but_no_guest_content() {
        let mut chronicle = Chronicle::open(None);
        let machine = MachineId(uuid::Uuid::nil());
        let name = |_| Some("Debian".to_owned());
        let start = Command::Act {
            machine,
            action: Action::Start,
        };
        chronicle.command(&start, name);
        let typing = crate::model::Typing::new("hunter2".to_owned());
        chronicle.command(&Command::TypeText { machine, typing }, name);
        chronicle.event(&report(State::Off, None));
        chronicle.event(&report(State::Running, None));
        chronicle.event(&report(State::Running, None));
        let death = Failure::new("Debian crashed", "QEMU ended by a signal");
        chronicle.event(&report(State::Crashed, Some(death)));
        let told: Vec<String> = chronicle
            .lines()
            .iter()
            .skip(1)
            .map(|line| line["1970-01-01 00:00:00 ".len()..].to_owned())
            .collect();
        assert_eq!(
            told,
            [
                "Asked for Debian: Start",
                "Asked for Debian: type text",
                "Debian is running",
                "Debian is crashed",
                "Failed: Debian crashed: QEMU ended by a signal",
            ]
        );
    }
}
