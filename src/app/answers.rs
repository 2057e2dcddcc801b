//! What becomes of the engine's answers: a page to show, a toast, an undo.

use std::path::PathBuf;

use super::App;
use super::files::{Keepsake, Kept, Kind, Shot};
use super::links::Link;
use crate::engine::Cancelled;
use crate::engine::message::{Command, Event, RequestId};
use crate::language::{fill, later, told, tr};
use crate::model::{Action, Answer, Difference, Failure, MachineId, NewMachine, SnapshotId};
use crate::ui::toasts::Toast;

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
    /// Copied a file from inside a disk to there.
    TakeFile(PathBuf),
    /// Gave a machine a copy of a snapshot's disk.
    NewDisk(MachineId),
    /// Changed what lies in the trash.
    Trash,
    /// Gave our clipboard to a guest.
    OfferClipboard,
    /// Fetched a guest's.
    TakeClipboard(MachineId),
}

impl Purpose {
    pub(super) fn of(command: &Command) -> Self {
        match command {
            Command::Act { machine, action } => match action {
                Action::Delete => Self::Delete(*machine),
                Action::Snapshot => Self::Snapshot {
                    machine: *machine,
                    named: false,
                },
                Action::Restore | Action::DeleteForever => Self::Trash,
                _ => Self::Tell,
            },
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
            | Command::ShowTrash
            | Command::ListDisks { .. }
            | Command::ListFiles { .. } => Self::Quiet,
            Command::TakeSnapshot { machine, name, .. } => Self::Snapshot {
                machine: *machine,
                named: !name.is_empty(),
            },
            Command::Rewind {
                machine,
                snapshot,
                keep,
                ..
            } => Self::Rewind(*machine, *snapshot, *keep),
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
            | Command::Insert { .. }
            | Command::DropPending { .. }
            | Command::AddDisk { .. }
            | Command::DeleteDisk { .. }
            | Command::PressKeys { .. }
            | Command::SendFiles { .. }
            | Command::OpenConsoles { .. }
            | Command::Screenshot { .. }
            | Command::CancelJob(_)
            | Command::Examine
            | Command::SaveSettings(_)
            | Command::Report { .. }
            | Command::HandOver
            | Command::Raise => Self::Tell,
        }
    }
}

impl App {
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
            // Whoever cancels knows.
            Purpose::TakeFile(_) | Purpose::NewDisk(_) if failure == Cancelled.into() => {}
            Purpose::Timeline(machine) => {
                self.view.unread_timelines.insert(machine, failure);
            }
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
                self.view.toasts.push(toast.undo(machine, Action::Restore));
                self.send(Command::ShowTrash);
            }
            (Purpose::Timeline(machine), Answer::Timeline(timeline)) => {
                self.view.put_timeline(machine, timeline);
            }
            (Purpose::Compare(key), Answer::Difference(difference)) => {
                self.compared(key, Ok(difference));
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
            (Purpose::Trash, _) => self.send(Command::ShowTrash),
            (Purpose::Type(machine), _) => drop(self.shell.typed(machine, Ok(()))),
            _ => {}
        }
    }

    /// What was done to a timeline, where the page does not show it by itself.
    fn tell_of_time(&mut self, purpose: &Purpose, answer: &Answer) {
        let now = self.view.now;
        let toast = |machine, title: &'static str, text: String| {
            let name = self.view.name(machine);
            Toast::done(fill(title, &[("name", &name)]), text, now)
        };
        let toast = match (purpose, answer) {
            (Purpose::Snapshot { machine, named }, answer) => {
                let text = tr("You can come back to this moment").to_owned();
                let toast = toast(*machine, later("Snapshot of {name} taken"), text);
                match answer {
                    Answer::Snapshot(snapshot) if !named => toast.name(*machine, *snapshot),
                    _ => toast,
                }
            }
            (Purpose::Rewind(machine, snapshot, kept), _) => {
                let timeline = self.view.timelines.get(machine);
                let point = timeline.and_then(|timeline| timeline.snapshot(*snapshot));
                let point = point.map(|point| told(point.title()).into_owned());
                let point = point.unwrap_or_default();
                let text = match kept {
                    true => {
                        later("It is as it was at “{point}”; what was before is kept as a branch")
                    }
                    false => later("It is as it was at “{point}”"),
                };
                let text = fill(text, &[("point", &point)]);
                toast(*machine, later("{name} went back"), text)
            }
            (Purpose::Verify(machine), _) => {
                let text = tr("All of it is there, and as it was written").to_owned();
                toast(*machine, later("The snapshot of {name} is whole"), text)
            }
            (Purpose::Flatten(machine), _) => {
                let text = tr("Each of its disks is one layer now").to_owned();
                toast(*machine, later("{name} is flat"), text)
            }
            (Purpose::TakeFile(path), _) => {
                let title = tr("The file is copied").to_owned();
                Toast::done(title, path.display().to_string(), now)
            }
            (Purpose::NewDisk(machine), _) => {
                let text = tr("It is detached: plug it in under Hardware").to_owned();
                toast(*machine, later("{name} has a new disk"), text)
            }
            _ => return,
        };
        self.view.toasts.push(toast);
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

    /// Says where screenshots and reports went.
    pub(super) fn take_kept(&mut self) {
        while let Some(kept) = self.keeper.take() {
            match kept {
                Ok(Kept { path, kind }) => {
                    let title = match kind {
                        Kind::Picture => tr("The screenshot is kept and copied"),
                        Kind::Report => tr("The report is saved"),
                        Kind::SerialLog => tr("The console's log is saved"),
                        Kind::Recording { full: false } => tr("The recording is kept"),
                        Kind::Recording { full: true } => {
                            tr("The recording ended at its largest size and is kept")
                        }
                    };
                    let text = path.display().to_string();
                    let toast = Toast::done(title.to_owned(), text, self.view.now);
                    self.view.toasts.push(toast);
                }
                Err(failure) => self.tell_failure(failure),
            }
        }
    }

    /// What no desktop opened is copied instead.
    pub(super) fn take_links(&mut self, ctx: &egui::Context) {
        while let Some(link) = self.links.take_unopened() {
            let (title, text, copied) = match link {
                Link::Page(url) => {
                    let text = fill(
                        "This desktop opened no browser: paste {url} into one",
                        &[("url", &url)],
                    );
                    (tr("The address is copied"), text, url.to_owned())
                }
                Link::Folder(path) => {
                    let folder = path.parent().unwrap_or(&path).display().to_string();
                    let text = fill(
                        "This desktop opened no file manager: paste {folder} into one",
                        &[("folder", &folder)],
                    );
                    (tr("The folder's path is copied"), text, folder)
                }
            };
            ctx.copy_text(copied);
            let toast = Toast::done(title.to_owned(), text, self.view.now);
            self.view.toasts.push(toast);
        }
    }
}
