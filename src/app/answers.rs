//! What becomes of the engine's answers: a page to show, a toast, an undo.

use std::path::PathBuf;

use super::App;
use super::files::{Keepsake, Shot};
use crate::engine::Cancelled;
use crate::engine::message::{Command, Event, LabCommand, RequestId};
use crate::language::{fill, tr};
use crate::model::{
    Action, Answer, Difference, DiskPlace, Failure, Fork, LabId, MachineId, NewMachine, SnapshotId,
};
use crate::ui::browsing::{Browsing, Point};
use crate::ui::toasts::{Offer, Toast};
use crate::ui::view::Comparison;

/// Answers that are still due. A person asks for a few; an engine that never answers must not
/// make the window grow.
const MAX_PENDING: usize = 4096;

/// What a request was for, to make sense of its answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// A failure is shown; success shows by itself.
    Tell,
    /// A failure is not worth a message: it is tried again.
    Quiet,
    CommandLine(MachineId),
    /// Its dialog waits.
    Type(MachineId),
    QemuLog(MachineId),
    /// Moved to the trash, from where it can be taken back.
    Delete(MachineId),
    /// What was to be made, to be asked for again if it fails.
    Create {
        spec: Box<NewMachine>,
        start: bool,
    },
    /// One request of several that are told about together.
    Batch {
        batch: u64,
        machine: MachineId,
    },
    /// What a file is that a machine may be made from.
    Recognise(PathBuf),
    /// Keeps a moment, with a name or without.
    Snapshot {
        machine: MachineId,
        named: bool,
    },
    /// Went back to a snapshot; the present was kept or not.
    Rewind(MachineId, SnapshotId, bool),
    /// Compared snapshots with what was written.
    Verify(MachineId),
    Flatten(MachineId),
    Timeline(MachineId),
    /// Two points, or one and the present.
    Compare((MachineId, SnapshotId, Option<SnapshotId>)),
    /// Looked what disks a point has.
    Disks(Point),
    /// Looked into a folder inside a disk of a point.
    Folder(Point, DiskPlace),
    /// Copied a file from inside a disk to there.
    TakeFile(PathBuf),
    /// Gave a machine a copy of a snapshot's disk.
    NewDisk(MachineId),
    /// Made a snapshot of a machine a template of this name.
    Template(MachineId, String),
    /// Made machines of another one; whether the page of a single one opens.
    Fork(MachineId, bool),
    /// Puts the moment of a copy, which has this name, into the timeline of a machine.
    KeepMoment(MachineId, String),
    /// Keeps a copy or throws it away, before the window closes.
    Part(MachineId),
    /// Changed what lies in the trash.
    Trash,
    /// Gave our clipboard to a guest.
    OfferClipboard,
    /// Fetched a guest's.
    TakeClipboard(MachineId),
    /// Something with several machines.
    Lab(LabCommand),
    /// Took machines out of a lab.
    TakeOut {
        lab: LabId,
        /// With the places where they were.
        gone: Vec<(usize, MachineId)>,
    },
}

impl Purpose {
    fn of_act(machine: MachineId, action: Action) -> Self {
        match action {
            Action::Delete => Self::Delete(machine),
            Action::Snapshot => Self::snapshot(machine, ""),
            Action::Restore | Action::DeleteForever => Self::Trash,
            // What is tried is done in the copy: whoever stayed here would do it to the machine itself.
            Action::Fork | Action::Try => Self::Fork(machine, action == Action::Try),
            _ => Self::Tell,
        }
    }

    fn snapshot(machine: MachineId, name: &str) -> Self {
        let named = !name.is_empty();
        Self::Snapshot { machine, named }
    }

    fn of_fork(machine: MachineId, fork: &Fork) -> Self {
        // Nobody looks at a moment that has passed, or at a template.
        Self::Fork(machine, fork.disposable || fork.at.is_some())
    }

    fn of_template(machine: MachineId, name: Option<&String>) -> Self {
        name.map_or(Self::Tell, |name| Self::Template(machine, name.clone()))
    }

    pub(super) fn of(command: &Command) -> Self {
        match command {
            Command::Act { machine, action } => Self::of_act(*machine, *action),
            Command::CommandLine { machine } => Self::CommandLine(*machine),
            Command::TypeText { machine, .. } => Self::Type(*machine),
            Command::ReadQemuLog { machine } => Self::QemuLog(*machine),
            Command::EmptyTrash => Self::Trash,
            Command::OpenDisplay { .. }
            | Command::OpenSerial { .. }
            | Command::InSight(_)
            | Command::ConsoleShown { .. }
            | Command::Stats { .. }
            | Command::Watch(_)
            | Command::ReadLog
            | Command::Note(_)
            | Command::ShowTrash => Self::Quiet,
            Command::ListDisks { machine, point } => Self::Disks((*machine, *point)),
            Command::ListFiles {
                machine,
                point,
                place,
            } => Self::Folder((*machine, *point), place.clone()),
            Command::TakeSnapshot { machine, name, .. } => Self::snapshot(*machine, name),
            Command::Rewind {
                machine,
                snapshot,
                keep,
                ..
            } => Self::Rewind(*machine, *snapshot, *keep),
            Command::SetTemplate { machine, name, .. } => {
                Self::of_template(*machine, name.as_ref())
            }
            Command::Fork { machine, fork } => Self::of_fork(*machine, fork),
            Command::VerifySnapshots { machine, .. } => Self::Verify(*machine),
            Command::Flatten { machine } => Self::Flatten(*machine),
            Command::Compare { machine, from, to } => Self::Compare((*machine, *from, *to)),
            Command::TakeFile { target, .. } => Self::TakeFile(target.clone()),
            Command::DiskFromSnapshot { into, .. } => Self::NewDisk(*into),
            Command::ShowTimeline { machine } => Self::Timeline(*machine),
            Command::OfferClipboard { .. } => Self::OfferClipboard,
            Command::TakeClipboard { machine } => Self::TakeClipboard(*machine),
            Command::Recognise { path } => Self::Recognise(path.clone()),
            Command::Create { spec, start } => Self::Create {
                spec: Box::new(spec.clone()),
                start: *start,
            },
            Command::Change { .. }
            | Command::EditSnapshot { .. }
            | Command::DeleteSnapshots { .. }
            | Command::SetCheckpoints { .. }
            | Command::Clone { .. }
            | Command::Insert { .. }
            | Command::DropPending { .. }
            | Command::AddDisk { .. }
            | Command::DeleteDisk { .. }
            | Command::PressKeys { .. }
            | Command::SendFiles { .. }
            | Command::OpenConsoles { .. }
            | Command::Screenshot { .. }
            | Command::CancelJob(_)
            | Command::StopLooking { .. }
            | Command::Examine
            | Command::SaveSettings(_)
            | Command::Report { .. }
            | Command::HandOver
            | Command::Raise => Self::Tell,
            Command::Lab(command) => Self::Lab(command.clone()),
        }
    }
}

impl App {
    pub(super) fn send(&mut self, command: Command) {
        let purpose = self
            .keeping_moment(&command)
            .or_else(|| self.taking_out(&command))
            .unwrap_or_else(|| Purpose::of(&command));
        self.send_for(command, purpose);
    }

    /// For whoever takes machines out of a lab: they can be put back.
    fn taking_out(&self, command: &Command) -> Option<Purpose> {
        let Command::Lab(LabCommand::SetMachines { lab, machines }) = command else {
            return None;
        };
        let before = self.view.lab(*lab)?.lab.machines.iter().copied();
        let gone = before
            .enumerate()
            .filter(|(_, one)| !machines.contains(one));
        let (lab, gone): (_, Vec<_>) = (*lab, gone.collect());
        (!gone.is_empty()).then_some(Purpose::TakeOut { lab, gone })
    }

    /// Puts machines back into a lab that may have changed meanwhile.
    pub(super) fn put_back(&mut self, lab: LabId, gone: Vec<(usize, MachineId)>) {
        let Some(report) = self.view.lab(lab) else {
            return; // It has been deleted.
        };
        let mut machines = report.lab.machines.clone();
        for (place, machine) in gone {
            if !machines.contains(&machine) {
                machines.insert(place.min(machines.len()), machine);
            }
        }
        self.send(Command::Lab(LabCommand::SetMachines { lab, machines }));
    }

    /// For whoever keeps a copy's moment: once that is done the copy is gone, and with it where it came from.
    fn keeping_moment(&self, command: &Command) -> Option<Purpose> {
        let Command::Act {
            machine,
            action: Action::KeepMoment,
        } = command
        else {
            return None;
        };
        let report = self.view.machine(*machine)?;
        let descent = report.machine.as_ref()?.descent.as_ref()?;
        Some(Purpose::KeepMoment(descent.from, report.name.clone()))
    }

    pub(super) fn send_for(&mut self, command: Command, purpose: Purpose) {
        match &purpose {
            Purpose::Compare(key) => {
                self.view.comparison = Some(Comparison {
                    key: *key,
                    result: None,
                });
            }
            Purpose::Disks(point) => self.view.browsing = Some(Browsing::new(*point)),
            Purpose::Folder(point, place) => {
                if let Some(browsing) = self.browsing(*point) {
                    browsing.ask(place.clone());
                }
            }
            _ => {}
        }
        match self.backend.send(command) {
            Ok(request) => {
                if self.pending.len() >= MAX_PENDING {
                    self.pending.pop_first();
                }
                self.pending.insert(request, purpose);
            }
            Err(failure) => self.fail(purpose, failure),
        }
    }

    /// Folds one piece of news into what is shown.
    pub(super) fn take(&mut self, event: Event, ctx: &egui::Context) {
        match event {
            Event::Answer { request, result } => self.answer(request, result),
            Event::Raise => {
                ctx.send_viewport_cmd(egui::ViewportCommand::Minimized(false));
                ctx.send_viewport_cmd(egui::ViewportCommand::Focus);
            }
            Event::Picture {
                machine,
                width,
                height,
                rgba,
            } => {
                let name = self.view.name(machine);
                let shot = Shot {
                    name,
                    width,
                    height,
                    rgba,
                };
                self.keep_picture(shot, ctx);
            }
            Event::HandedOver => {
                self.keyboard.release();
                self.view.apply(Event::HandedOver, ctx);
            }
            other => self.view.apply(other, ctx),
        }
    }

    fn answer(&mut self, request: RequestId, result: Result<Answer, Failure>) {
        let purpose = self.pending.remove(&request).unwrap_or(Purpose::Tell);
        if let Purpose::Batch { batch, machine } = purpose {
            return self.batch_answer(batch, machine, result);
        }
        match purpose {
            Purpose::OfferClipboard => return self.clipboard_offered(result),
            Purpose::TakeClipboard(machine) => return self.clipboard_taken(machine, result),
            Purpose::Part(machine) => return self.parted(machine, result.map(drop)),
            _ => {}
        }
        match result {
            Ok(answer) => self.succeed(purpose, answer),
            Err(failure) if purpose == Purpose::Quiet => drop(failure),
            Err(failure) => self.fail(purpose, failure),
        }
    }

    pub(super) fn fail(&mut self, purpose: Purpose, failure: Failure) {
        match purpose {
            // Whoever cancels knows, and wants no dialog.
            Purpose::Create { .. } if failure == Cancelled.into() => {}
            Purpose::Create { spec, .. } => {
                self.shell.retry_new_machine(&self.view, &spec);
                self.view.fail(failure);
            }
            Purpose::Recognise(path) => self.shell.looked(&self.view, &path, Err(failure)),
            Purpose::Type(machine) => {
                if let Some(failure) = self.shell.typed(machine, Err(failure)) {
                    self.view.fail(failure);
                }
            }
            Purpose::OfferClipboard => self.clipboard_offered(Err(failure)),
            Purpose::Compare(key) => self.compared(key, Err(failure)),
            Purpose::Part(machine) => self.parted(machine, Err(failure)),
            Purpose::Disks(point) => {
                if let Some(browsing) = self.browsing(point) {
                    browsing.disks = Some(Err(failure));
                }
            }
            Purpose::Folder(point, place) => {
                if let Some(browsing) = self.browsing(point) {
                    browsing.put(&place, Err(failure));
                }
            }
            Purpose::Lab(_) if failure.why.ends_with(&Failure::from(Cancelled).to_string()) => {}
            Purpose::Timeline(machine) => {
                self.view.unread_timelines.insert(machine, failure);
            }
            // Whoever cancels knows.
            _ if failure == Cancelled.into() => {}
            _ => self.view.fail(failure),
        }
    }

    fn succeed(&mut self, purpose: Purpose, answer: Answer) {
        match (purpose, answer) {
            // Its screen is what the user wants to see.
            (Purpose::Create { start: true, .. }, Answer::Created(machine)) => {
                self.shell.show_screen(machine);
            }
            (_, Answer::Created(machine)) => self.shell.select(machine),
            (Purpose::Fork(_, true), Answer::Forked(made)) if made.len() == 1 => {
                made.into_iter().for_each(|one| self.shell.show_screen(one));
            }
            (Purpose::Recognise(path), Answer::Recognised(found)) => {
                self.shell.looked(&self.view, &path, Ok(found));
            }
            (Purpose::CommandLine(machine), Answer::CommandLine(arguments)) => {
                self.view.command_lines.insert(machine, arguments);
            }
            (_, Answer::Trash(report)) => self.view.trash = report,
            (_, Answer::Log(lines)) => self.view.program.log = lines,
            (_, Answer::Report(text)) => self.view.program.report = Some(text),
            (Purpose::QemuLog(machine), Answer::QemuLog(text)) => {
                self.view.program.qemu_logs.insert(machine, text);
            }
            (Purpose::Delete(machine), _) => {
                let name = self.view.name(machine);
                let title = fill("{name} is in the trash", &[("name", &name)]);
                let text = tr("Nothing is lost until the trash is emptied").to_owned();
                let toast = Toast::done(title, text, self.view.now);
                self.view
                    .toasts
                    .push(toast.offer(Offer::Undo(machine, Action::Restore)));
                self.send(Command::ShowTrash);
            }
            (Purpose::Timeline(of), Answer::Timeline(it)) => self.view.put_timeline(of, it),
            (Purpose::Compare(key), Answer::Difference(difference)) => {
                self.compared(key, Ok(difference));
            }
            (Purpose::Disks(point), Answer::Disks(disks)) => {
                if let Some(browsing) = self.browsing(point) {
                    browsing.disks = Some(Ok(disks));
                }
            }
            (Purpose::Folder(point, place), Answer::Folder(folder)) => {
                if let Some(browsing) = self.browsing(point) {
                    browsing.put(&place, Ok(folder));
                }
            }
            (
                purpose @ (Purpose::Snapshot { .. }
                | Purpose::Rewind(..)
                | Purpose::Verify(_)
                | Purpose::Flatten(_)
                | Purpose::TakeFile(_)
                | Purpose::NewDisk(_)),
                answer,
            ) => {
                self.tell_of_time(&purpose, &answer);
            }
            (
                purpose @ (Purpose::Template(..) | Purpose::KeepMoment(..) | Purpose::Fork(..)),
                answer,
            ) => self.tell_of_copies(&purpose, &answer),
            (Purpose::Lab(_), Answer::Lab(lab)) => self.shell.show_lab(lab),
            (Purpose::Lab(command), _) => self.tell_of_lab(&command),
            (Purpose::TakeOut { lab, gone }, _) => self.tell_taken_out(lab, gone),
            (Purpose::Trash, _) => self.send(Command::ShowTrash),
            (Purpose::Type(machine), _) => drop(self.shell.typed(machine, Ok(()))),
            _ => {}
        }
    }

    /// What is known of the disks of a point, if it is still looked at.
    fn browsing(&mut self, point: Point) -> Option<&mut Browsing> {
        let shown = self.view.browsing.as_mut();
        shown.filter(|browsing| browsing.point == point)
    }

    /// A comparison is there, or why not; nobody waits for an older one any more.
    fn compared(
        &mut self,
        key: (MachineId, SnapshotId, Option<SnapshotId>),
        result: Result<Difference, Failure>,
    ) {
        let shown = self.view.comparison.as_mut();
        if let Some(comparison) = shown.filter(|it| it.key == key && it.result.is_none()) {
            comparison.result = Some(result);
        }
    }

    fn keep_picture(&mut self, shot: Shot, ctx: &egui::Context) {
        let bytes = u64::from(shot.width) * u64::from(shot.height) * 4;
        if bytes == 0 || shot.rgba.len() as u64 != bytes {
            return;
        }
        let size = [shot.width as usize, shot.height as usize];
        ctx.copy_image(egui::ColorImage::from_rgba_unmultiplied(size, &shot.rgba));
        self.keep(Keepsake::Picture(shot));
    }

    /// Begins to record the screen of `machine`, or ends that.
    pub(super) fn record(&mut self, machine: MachineId) {
        let (keeper, name) = (&self.keeper, self.view.name(machine));
        if let Err(failure) = self.feed.record(machine, |slot| keeper.record(slot, name)) {
            self.tell_failure(failure);
        }
    }

    pub(super) fn keep(&mut self, keepsake: Keepsake) {
        if let Err(failure) = self.keeper.keep(keepsake) {
            self.tell_failure(failure);
        }
    }

    /// Shows what went wrong in the window itself, and has it written into the log.
    pub(super) fn tell_failure(&mut self, failure: Failure) {
        self.send(Command::Note(format!("The window: {failure}")));
        self.view.fail(failure);
    }
}
