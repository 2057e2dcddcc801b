//! What is told of work that has succeeded, where no page shows it by itself.

use super::App;
use super::answers::Purpose;
use super::files::{Kept, Kind};
use super::links::Link;
use crate::engine::message::LabCommand;
use crate::language::{fill, later, told, tr};
use crate::model::{Answer, LabId, MachineId};
use crate::ui::toasts::{Offer, Toast};

impl App {
    /// What was done to a timeline, where the page does not show it by itself.
    pub(super) fn tell_of_time(&mut self, purpose: &Purpose, answer: &Answer) {
        let now = self.view.now;
        let toast = |machine, title, text| self.done(machine, title, text);
        let toast = match (purpose, answer) {
            (Purpose::Snapshot { machine, named }, answer) => {
                let text = tr("You can come back to this moment").to_owned();
                let toast = toast(*machine, later("Snapshot of {name} taken"), text);
                match answer {
                    Answer::Snapshot(snapshot) if !named => {
                        toast.offer(Offer::Name(*machine, *snapshot))
                    }
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

    /// What was made of a machine, or came back to it.
    pub(super) fn tell_of_copies(&mut self, purpose: &Purpose, answer: &Answer) {
        let toast = |machine, title, text| self.done(machine, title, text);
        let toast = match (purpose, answer) {
            (Purpose::Template(machine, name), _) => {
                let text = later("Choose “{template}” under New machine");
                let text = fill(text, &[("template", name)]);
                let title = later("Machines can begin at this moment of {name}, at once");
                toast(*machine, title, text)
            }
            (Purpose::KeepMoment(machine, copy), _) => {
                let text = fill(later("You can come back to “{name}”"), &[("name", copy)]);
                toast(
                    *machine,
                    later("A moment is in the timeline of {name}"),
                    text,
                )
            }
            (Purpose::Fork(machine, _), Answer::Forked(made)) => {
                let names = made.iter().map(|one| self.view.name(*one));
                let names = names.collect::<Vec<String>>().join(", ");
                let toast = toast(*machine, later("{name} was forked"), names);
                match made.as_slice() {
                    [one] => toast.offer(Offer::Show(*one)),
                    _ => toast,
                }
            }
            _ => return,
        };
        self.view.toasts.push(toast);
    }

    /// `title` has a place for the machine's name.
    fn done(&self, machine: MachineId, title: &'static str, text: String) -> Toast {
        let name = self.view.name(machine);
        Toast::done(fill(title, &[("name", &name)]), text, self.view.now)
    }

    /// What was done with a lab, where its page does not show it by itself.
    pub(super) fn tell_of_lab(&mut self, command: &LabCommand) {
        let title = match command {
            LabCommand::Snapshot { .. } => later("This moment of {name} is kept"),
            LabCommand::Rewind { .. } => later("{name} went back"),
            _ => return,
        };
        let lab = command.lab().and_then(|lab| self.view.lab(lab));
        let name = lab.map_or_else(String::new, |one| one.lab.name.clone());
        let text = match command {
            LabCommand::Rewind { keep: true, .. } => tr("What was before is kept as a moment, too"),
            LabCommand::Rewind { .. } => tr("All its machines are as they were together"),
            _ => tr("All its machines can come back to it together"),
        };
        let title = fill(title, &[("name", &name)]);
        self.view
            .toasts
            .push(Toast::done(title, text.to_owned(), self.view.now));
    }

    /// Machines are out of a lab; with the places where they were.
    pub(super) fn tell_taken_out(&mut self, lab: LabId, gone: Vec<(usize, MachineId)>) {
        let named = self.view.lab(lab);
        let named = named.map_or_else(String::new, |one| one.lab.name.clone());
        let names: Vec<String> = gone.iter().map(|(_, one)| self.view.name(*one)).collect();
        let title = fill(
            "{names} is out of {lab}",
            &[("names", &names.join(", ")), ("lab", &named)],
        );
        let text = tr("The lab's moments keep what they have of it").to_owned();
        let toast = Toast::done(title, text, self.view.now);
        self.view
            .toasts
            .push(toast.offer(Offer::PutBack(lab, gone)));
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
