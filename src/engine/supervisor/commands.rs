//! Requests: checks them against the rules and passes them to whoever carries them out.

use super::{Next, Supervisor};
use crate::engine::hub::{Asker, WINDOW};
use crate::engine::message::{Command, Event};
use crate::engine::worker::Order;
use crate::engine::{agent, edit};
use crate::model::{
    Action, Answer, Change, ConsoleWindow, Failure, Fork, Machine, MachineId, SnapshotKind,
    SnapshotScope, State, Typing, check_name, permit,
};

impl Supervisor {
    /// Carries out a request, or keeps it until its machine's first look.
    pub(super) fn command(&mut self, asker: Asker, command: Command) -> Next {
        let adopting = command
            .machine()
            .and_then(|machine| self.slots.get(&machine))
            .is_some_and(|slot| slot.adopting);
        let name = |id| {
            self.slots
                .get(&id)
                .map(|slot: &super::Slot| slot.name.clone())
        };
        self.hub.chronicle.command(&command, name);
        if adopting {
            self.waiting.push((asker, command));
            return Next::Go;
        }
        self.carry_out(asker, command)
    }

    fn carry_out(&mut self, asker: Asker, command: Command) -> Next {
        match command {
            Command::Act { machine, action } => self.act(asker, machine, action),
            Command::Create { spec, start } => self.create(asker, spec, start),
            command @ (Command::Change { .. }
            | Command::Insert { .. }
            | Command::DropPending { .. }
            | Command::AddDisk { .. }
            | Command::DeleteDisk { .. }) => self.hardware(asker, command),
            command @ (Command::TakeSnapshot { .. }
            | Command::Rewind { .. }
            | Command::EditSnapshot { .. }
            | Command::DeleteSnapshots { .. }
            | Command::Flatten { .. }
            | Command::VerifySnapshots { .. }
            | Command::ShowTimeline { .. }
            | Command::SetCheckpoints { .. }) => self.timeline(asker, command),
            command @ (Command::Compare { .. }
            | Command::ListDisks { .. }
            | Command::ListFiles { .. }
            | Command::TakeFile { .. }
            | Command::DiskFromSnapshot { .. }) => self.look_inside(asker, command),
            command @ (Command::Clone { .. }
            | Command::SetTemplate { .. }
            | Command::Fork { .. }) => self.multiply(asker, command),
            Command::Recognise { path } => self.recognise(asker, path),
            Command::Watch(machine) => self.watch(asker, machine),
            command @ (Command::PressKeys { .. }
            | Command::OpenDisplay { .. }
            | Command::OpenSerial { .. }
            | Command::Screenshot { .. }
            | Command::Stats { .. }) => self.pass_on(asker, command),
            Command::TypeText { machine, typing } => self.type_text(asker, machine, typing),
            command @ (Command::OfferClipboard { .. }
            | Command::TakeClipboard { .. }
            | Command::SendFiles { .. }) => self.share(asker, command),
            Command::CommandLine { machine } => self.command_line(asker, machine),
            Command::ShowTrash => self.show_trash(asker),
            Command::EmptyTrash => self.empty_trash(asker, None),
            Command::CancelJob(job) => self.cancel_job(asker, job),
            Command::StopLooking { machine } => self.stop_looking(asker, machine),
            Command::Examine => {
                self.look_at_disks();
                self.examine();
                self.hub.answer(asker, Ok(Answer::Done), None);
            }
            command @ (Command::SaveSettings(_)
            | Command::ReadLog
            | Command::ReadQemuLog { .. }
            | Command::Report { .. }
            | Command::Note(_)) => self.own(asker, command),
            Command::OpenConsoles { machine, heads } => {
                self.open_consoles(asker, machine, &heads);
            }
            Command::ConsoleShown { machine, shown } => self.console_shown(asker, machine, shown),
            Command::InSight(machines) => self.see(asker, machines),
            Command::HandOver => {
                self.hub.answer(asker, Ok(Answer::Done), None);
                return Next::End;
            }
            Command::Raise => {
                self.hub.tell(WINDOW, Event::Raise);
                self.hub.answer(asker, Ok(Answer::Done), None);
            }
            Command::Lab(command) => self.lab(asker, command),
        }
        Next::Go
    }

    /// What is one order to a machine's worker.
    fn pass_on(&mut self, asker: Asker, command: Command) {
        let Some(machine) = command.machine() else {
            return;
        };
        let (action, order) = match command {
            Command::PressKeys { keys, .. } => (Action::SendKeys, Order::Keys { keys, asker }),
            Command::OpenDisplay { .. } => (Action::OpenConsole, Order::OpenDisplay { asker }),
            Command::OpenSerial { history, .. } => {
                (Action::SendKeys, Order::OpenSerial { asker, history })
            }
            Command::Screenshot { .. } => {
                let in_process = asker.listener == WINDOW;
                let order = Order::Screenshot {
                    asker,
                    machine,
                    in_process,
                };
                (Action::Screenshot, order)
            }
            Command::Stats { .. } => (Action::Screenshot, Order::Stats { asker }),
            _ => return, // Others do those.
        };
        self.pass(asker, machine, action, |_asker| order);
    }

    /// Answers with a refusal unless `action` is allowed now.
    pub(super) fn permitted(&mut self, asker: Asker, machine: MachineId, action: Action) -> bool {
        let refusal = match self.slots.get(&machine) {
            None => Some(Failure::new(
                "No such machine",
                "It may have been deleted meanwhile",
            )),
            Some(slot) => permit(slot.standing(), action).err().map(|denied| {
                Failure::new(
                    format!("{}: “{}” is not possible now", slot.name, action.name()),
                    denied.to_string(),
                )
            }),
        };
        match refusal {
            None => true,
            Some(failure) => {
                self.hub.answer(asker, Err(failure), None);
                false
            }
        }
    }

    /// Passes an order to a machine's worker if `action` is allowed.
    pub(super) fn pass(
        &mut self,
        asker: Asker,
        machine: MachineId,
        action: Action,
        order: impl FnOnce(Asker) -> Order,
    ) {
        if !self.permitted(asker, machine, action) {
            return;
        }
        let passed = self
            .slots
            .get(&machine)
            .is_some_and(|slot| slot.order(order(asker)));
        if !passed {
            self.hub.answer(asker, Err(busy()), None);
        }
    }

    fn act(&mut self, asker: Asker, machine: MachineId, action: Action) {
        match action {
            Action::Start => self.start(asker, machine),
            Action::Resume if self.state(machine) == State::Saved => self.start(asker, machine),
            Action::Pause
            | Action::Resume
            | Action::ShutDown
            | Action::PowerOff
            | Action::Reset => {
                match action {
                    Action::ShutDown => {
                        self.take_checkpoint(machine, SnapshotKind::BeforeShutDown);
                    }
                    Action::Reset => {
                        self.take_checkpoint(machine, SnapshotKind::BeforeReset);
                    }
                    _ => {}
                }
                self.pass(asker, machine, action, |asker| Order::Act { action, asker })
            }
            Action::Save => self.save(asker, machine),
            Action::DiscardSaved => self.discard_saved(asker, machine),
            Action::Delete => self.mark_trashed(asker, machine, action),
            Action::Restore => self.mark_trashed(asker, machine, action),
            Action::DeleteForever => {
                if self.permitted(asker, machine, action) {
                    self.empty_trash(asker, Some(machine));
                }
            }
            Action::Repair => self.repair(asker, machine),
            Action::Fork => self.fork(asker, machine, Fork::once(false)),
            Action::Try => self.fork(asker, machine, Fork::once(true)),
            Action::Clone => {
                if self.permitted(asker, machine, action) {
                    self.hub.answer(asker, Ok(Answer::Done), None);
                }
            }
            Action::Keep => self.keep(asker, machine),
            Action::KeepMoment => self.keep_moment(asker, machine),
            Action::Discard => self.discard(asker, machine),
            Action::OpenConsole => self.open_consoles(asker, machine, &[0]),
            Action::Snapshot => {
                let (name, note) = (String::new(), String::new());
                let command = Command::TakeSnapshot {
                    machine,
                    name,
                    note,
                    scope: SnapshotScope::default(),
                };
                self.timeline(asker, command);
            }
            Action::Screenshot | Action::SendKeys | Action::Edit | Action::Rewind => {
                if self.permitted(asker, machine, action) {
                    self.hub.answer(asker, Ok(Answer::Done), None);
                }
            }
        }
    }

    /// Opens console windows, each a process of its own, for the screens that have none.
    fn open_consoles(&mut self, asker: Asker, machine: MachineId, heads: &[u32]) {
        if !self.permitted(asker, machine, Action::OpenConsole) {
            return;
        }
        let report = self.slots[&machine].report(machine);
        let shown = |head: &u32| report.consoles.iter().any(|console| console.head == *head);
        let mut wanted = heads.iter().filter(|head| !shown(head)).peekable();
        let result = if let Some(head) = heads.iter().find(|head| **head >= report.heads().max(1)) {
            Err(no_such_screen(report.heads(), *head))
        } else if wanted.peek().is_none() {
            Err(Failure::new(
                "No second window",
                "The machine's screen is already shown in a window of its own",
            ))
        } else {
            wanted.try_for_each(|head| agent::start_console(&self.places, machine, *head))
        };
        self.hub.answer(asker, result.map(|()| Answer::Done), None);
    }

    fn type_text(&mut self, asker: Asker, machine: MachineId, mut typing: Typing) {
        if typing.text.chars().count() > Typing::MAX_TEXT {
            let failure = Failure::new(
                "The text was not typed",
                format!("It is longer than {} characters", Typing::MAX_TEXT),
            )
            .fix("Type it in parts");
            self.hub.answer(asker, Err(failure), None);
            return;
        }
        if !self.permitted(asker, machine, Action::SendKeys) {
            return;
        }
        let slot = &self.slots[&machine];
        if let Some(record) = slot.machine.as_ref().filter(|_| typing.layout.is_empty()) {
            typing.layout.clone_from(&record.keyboard);
        }
        let title = format!("Typing into {}", slot.name);
        let job = self.new_job(Some(machine), title);
        self.pass(asker, machine, Action::SendKeys, |asker| Order::Type {
            typing: Box::new(typing),
            job: Box::new(job),
            asker,
        });
    }

    fn save(&mut self, asker: Asker, machine: MachineId) {
        if !self.permitted(asker, machine, Action::Save) {
            return;
        }
        let title = format!("Saving {}", self.slots[&machine].name);
        let job = self.new_job(Some(machine), title);
        self.pass(asker, machine, Action::Save, |asker| Order::Save {
            job: Box::new(job),
            asker,
        });
    }

    /// What the machine becomes by `changes`.
    pub(super) fn checked_changes(
        &self,
        machine: MachineId,
        changes: &[Change],
    ) -> Result<Machine, Failure> {
        for change in changes {
            if let Change::Name(name) = change {
                let others = self
                    .names()
                    .filter(|(id, _)| *id != machine)
                    .map(|(_, name)| name);
                check_name(
                    name,
                    others.chain(self.reserved.values().flatten().map(String::as_str)),
                )
                .map_err(|error| Failure::new("The name was not changed", error.to_string()))?;
            }
        }
        let record = self
            .slots
            .get(&machine)
            .and_then(|slot| slot.machine.as_ref());
        let record =
            record.ok_or_else(|| Failure::new("The machine was not changed", "It is gone"))?;
        edit::changed(record, changes)
    }

    fn console_shown(&mut self, asker: Asker, machine: MachineId, shown: Option<ConsoleWindow>) {
        if let Some(slot) = self.slots.get_mut(&machine) {
            match shown {
                Some(window) => slot.consoles.insert(asker.listener, window),
                None => slot.consoles.remove(&asker.listener),
            };
        }
        self.publish(machine);
        self.hub.answer(asker, Ok(Answer::Done), None);
    }
}

/// Why a worker takes no further order.
pub(super) fn busy() -> Failure {
    Failure::new("The machine is busy", "It has not finished earlier work")
        .fix("Try again in a moment")
}

fn no_such_screen(heads: u32, head: u32) -> Failure {
    Failure::new(
        format!("There is no screen {}", head + 1),
        format!("The machine has {heads}"),
    )
    .fix("Add one under Hardware → Display")
}
