//! One action with all machines of a lab: in order, or all at once.

use std::collections::BTreeMap;

use super::Hands;
use crate::engine::jobs::Job;
use crate::engine::message::{Command, RequestId};
use crate::model::{Action, Answer, Failure, MachineId, SnapshotId};

/// One machine and what is asked for it.
struct Step {
    /// The machine's name.
    name: String,
    command: Command,
}

/// Starts go one after the other, in the lab's order, and end with the first that fails; everything else is asked for at
/// once, and what fails is told together. What was done stays.
pub fn act(
    hands: &mut Hands,
    action: Action,
    machines: Vec<(MachineId, String)>,
    job: &mut Job,
) -> Result<Answer, Failure> {
    let steps = machines.into_iter().map(|(machine, name)| Step {
        name,
        command: Command::Act { machine, action },
    });
    match action {
        Action::Start => one_by_one(hands, steps.collect(), job),
        _ => all_at_once(hands, steps.rev().collect(), job),
    }?;
    Ok(Answer::Done)
}

fn one_by_one(hands: &mut Hands, steps: Vec<Step>, job: &mut Job) -> Result<(), Failure> {
    let of = steps.len() as u64;
    for (done, Step { name, command }) in (0..).zip(steps) {
        let wanted = hands.ask(command);
        let told = format!("Starting {name}");
        loop {
            match hands.next(job, (&told, done, of))? {
                Some((request, result)) if request == wanted => {
                    let started = |failure| partly(vec![failure], done, of);
                    result.map_err(started)?;
                    break;
                }
                Some(_) | None => {}
            }
        }
    }
    Ok(())
}

fn all_at_once(hands: &mut Hands, steps: Vec<Step>, job: &mut Job) -> Result<(), Failure> {
    let of = steps.len() as u64;
    let mut waiting: BTreeMap<RequestId, String> = BTreeMap::new();
    for Step { name, command } in steps {
        waiting.insert(hands.ask(command), name);
    }
    let (mut done, mut failures) = (0, Vec::new());
    while let Some(name) = waiting.values().next() {
        let told = format!("Waiting for {name}");
        let Some((request, result)) = hands.next(job, (&told, done, of))? else {
            continue;
        };
        if waiting.remove(&request).is_some() {
            match result {
                Ok(_) => done += 1,
                Err(failure) => failures.push(failure),
            }
        }
    }
    match failures.is_empty() {
        true => Ok(()),
        false => Err(partly(failures, done, of)),
    }
}

/// What became of it where not all went well.
fn partly(failures: Vec<Failure>, done: u64, of: u64) -> Failure {
    let fix = failures.first().and_then(|first| first.fix.clone());
    let whys: Vec<String> = failures.iter().map(ToString::to_string).collect();
    Failure {
        fix,
        ..Failure::new(
            format!("Done with {done} of {of} machines"),
            whys.join("; "),
        )
    }
}

/// Deletes the snapshots of a set.
pub fn delete_set(
    hands: &mut Hands,
    members: Vec<(MachineId, String, SnapshotId)>,
    job: &mut Job,
) -> Result<(), Failure> {
    let steps = members.into_iter().map(|(machine, name, snapshot)| Step {
        name,
        command: Command::DeleteSnapshots {
            machine,
            snapshots: vec![snapshot],
        },
    });
    all_at_once(hands, steps.collect(), job)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_done_in_part_says_how_much_and_what_failed() {
        let failures = vec![
            Failure::new("web did not start", "no memory").fix("Make room"),
            Failure::new("db did not start", "no disk"),
        ];
        let told = partly(failures, 1, 3);
        assert_eq!(told.what, "Done with 1 of 3 machines");
        assert_eq!(
            told.why,
            "web did not start: no memory; db did not start: no disk"
        );
        assert_eq!(told.fix.as_deref(), Some("Make room"));
    }
}
