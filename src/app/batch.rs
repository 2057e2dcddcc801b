//! Requests for several machines that the user sees as one: sent a few at a time, told about once.

use std::collections::{BTreeMap, VecDeque};

use super::App;
use super::answers::Purpose;
use crate::engine::message::Command;
use crate::language::{count, fill, told, tr};
use crate::model::{Action, Answer, Failure, MachineId};
use crate::ui::toasts::{Offer, Toast};

/// Requests that are under way at a time; the engine's queue has room for others'.
const MAX_UNDER_WAY: usize = 16;

/// All that was asked for several machines and is not finished.
#[derive(Default)]
pub struct Batches {
    waiting: VecDeque<(u64, Command)>,
    open: BTreeMap<u64, Batch>,
    under_way: usize,
    next: u64,
}

/// One of them.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Batch {
    action: Option<Action>,
    all: usize,
    done: Vec<MachineId>,
    failed: Vec<Failure>,
}

impl Batches {
    fn begin(&mut self, commands: Vec<Command>) {
        let batch = self.next;
        self.next += 1;
        let action = commands.first().and_then(|command| match command {
            Command::Act { action, .. } => Some(*action),
            _ => None,
        });
        self.open.insert(
            batch,
            Batch {
                action,
                all: commands.len(),
                ..Batch::default()
            },
        );
        self.waiting
            .extend(commands.into_iter().map(|command| (batch, command)));
    }

    /// The next request, if there is room for it.
    fn take(&mut self) -> Option<(u64, Command)> {
        if self.under_way >= MAX_UNDER_WAY {
            return None;
        }
        let next = self.waiting.pop_front()?;
        self.under_way += 1;
        Some(next)
    }

    /// Notes an answer; gives the batch once it is complete.
    fn answered(
        &mut self,
        number: u64,
        machine: MachineId,
        result: Result<Answer, Failure>,
    ) -> Option<Batch> {
        self.under_way = self.under_way.saturating_sub(1);
        let batch = self.open.get_mut(&number)?;
        match result {
            Ok(_) => batch.done.push(machine),
            Err(failure) => batch.failed.push(failure),
        }
        if batch.done.len() + batch.failed.len() < batch.all {
            return None;
        }
        self.open.remove(&number)
    }
}

impl App {
    pub(super) fn begin_many(&mut self, commands: Vec<Command>) {
        if !commands.is_empty() {
            self.batches.begin(commands);
            self.send_some();
        }
    }

    fn send_some(&mut self) {
        while let Some((batch, command)) = self.batches.take() {
            let machine = command.machine();
            let machine = machine.unwrap_or(MachineId(uuid::Uuid::nil()));
            match self.backend.send(command) {
                Ok(request) => {
                    self.pending
                        .insert(request, Purpose::Batch { batch, machine });
                }
                Err(failure) => self.batch_answer(batch, machine, Err(failure)),
            }
        }
    }

    pub(super) fn batch_answer(
        &mut self,
        batch: u64,
        machine: MachineId,
        result: Result<Answer, Failure>,
    ) {
        if let Some(batch) = self.batches.answered(batch, machine, result) {
            self.tell_batch(batch);
        }
        self.send_some();
    }

    fn tell_batch(&mut self, batch: Batch) {
        let Batch {
            action,
            all,
            done,
            failed,
        } = batch;
        if action == Some(Action::Snapshot) && !done.is_empty() {
            let title = count(
                done.len() as u64,
                "Snapshot of {count} machine taken",
                "Snapshots of {count} machines taken",
            );
            let text = tr("You can come back to this moment").to_owned();
            self.view
                .toasts
                .push(Toast::done(title, text, self.view.now));
        }
        if action == Some(Action::Delete) && !done.is_empty() {
            let title = count(
                done.len() as u64,
                "{count} machine is in the trash",
                "{count} machines are in the trash",
            );
            let text = tr("Nothing is lost until the trash is emptied").to_owned();
            let toast = Toast::done(title, text, self.view.now);
            let offer = Offer::RestoreAll(done);
            self.view.toasts.push(toast.offer(offer));
        }
        if matches!(action, Some(Action::Delete | Action::Restore)) {
            self.send(Command::ShowTrash);
        }
        if let Some(first) = failed.first() {
            let verb = tr(action.map_or("Change", Action::name));
            let what = fill(
                "{action}: {count} of {all} machines failed",
                &[("action", &verb), ("count", &failed.len()), ("all", &all)],
            );
            let why = fill(
                "{what}: {why}",
                &[("what", &told(&first.what)), ("why", &told(&first.why))],
            );
            let mut failure = Failure::new(what, why);
            failure.fix.clone_from(&first.fix);
            failure.details.clone_from(&first.details);
            self.view.fail(failure);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_is_complete_with_its_last_answer_and_never_floods_the_engine() {
        let id = |number| MachineId(uuid::Uuid::from_u128(number));
        let mut batches = Batches::default();
        let act = |number| Command::Act {
            machine: id(number),
            action: Action::Delete,
        };
        batches.begin((0..100).map(act).collect());
        let mut sent = Vec::new();
        let mut whole = None;
        while whole.is_none() {
            while let Some((batch, command)) = batches.take() {
                sent.push((batch, command.machine().unwrap()));
            }
            assert!(batches.under_way <= MAX_UNDER_WAY);
            let (batch, machine) = sent.remove(0);
            let result = if machine == id(3) {
                Err(Failure::new("No", "It runs"))
            } else {
                Ok(Answer::Done)
            };
            whole = batches.answered(batch, machine, result);
        }
        let whole = whole.unwrap();
        assert_eq!((whole.done.len(), whole.failed.len()), (99, 1));
        assert!(sent.is_empty() && batches.open.is_empty() && batches.under_way == 0);
    }
}
