//! The one table that says which action is allowed in which state.
//!
//! The screens use it to grey out buttons with the reason, the engine and the command line to
//! refuse commands, so they can never disagree.

use serde::{Deserialize, Serialize};

use super::{Action, State};

/// All of a machine that the rules look at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standing {
    pub state: State,
    /// Marked as deleted.
    pub trashed: bool,
    /// A copy that goes when its guest ends.
    pub disposable: bool,
}

/// Why an action was refused. Shown to the user as is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, thiserror::Error)]
pub enum Denied {
    #[error("The machine is off")]
    Off,
    #[error("The machine is already running")]
    AlreadyRunning,
    #[error("The machine is running; shut it down first")]
    StillRunning,
    #[error("The machine is paused; resume it first")]
    Paused,
    #[error("The machine is not paused")]
    NotPaused,
    #[error("The machine is still starting")]
    StillStarting,
    #[error("The machine is being saved")]
    BeingSaved,
    #[error("The machine is saved; start it to go on, or discard the saved state")]
    Saved,
    #[error("The machine has no saved state")]
    NotSaved,
    #[error("The machine is already shutting down")]
    ShuttingDown,
    #[error("The machine crashed; start it again")]
    Crashed,
    #[error("QEMU does not answer; wait, or power off")]
    NotResponding,
    #[error("The machine's file can't be read; see the error on its page")]
    Broken,
    #[error("A disk of the machine is missing; see its page")]
    DiskMissing,
    #[error("The machine is in the trash; restore it first")]
    InTrash,
    #[error("The machine is not in the trash")]
    NotInTrash,
    #[error("The machine's file is whole")]
    NotBroken,
    #[error("The machine is kept anyway")]
    NotDisposable,
}

/// Checks whether `action` is allowed for a machine that stands so.
pub fn permit(standing: Standing, action: Action) -> Result<(), Denied> {
    if standing.trashed {
        return match action {
            Action::Restore | Action::DeleteForever => Ok(()),
            _ => Err(Denied::InTrash),
        };
    }
    match action {
        Action::Restore | Action::DeleteForever => Err(Denied::NotInTrash),
        Action::Start => start(standing.state),
        Action::Pause => pause(standing.state),
        Action::Resume => resume(standing.state),
        Action::ShutDown | Action::Reset => needs_guest(standing.state),
        Action::PowerOff => power_off(standing.state),
        Action::Save => save(standing.state),
        Action::DiscardSaved => discard_saved(standing.state),
        Action::Snapshot | Action::Rewind | Action::Fork | Action::Try | Action::Clone => {
            settled(standing.state)
        }
        Action::Keep | Action::KeepMoment | Action::Discard if !standing.disposable => {
            Err(Denied::NotDisposable)
        }
        Action::Keep => keep(standing.state),
        Action::KeepMoment => keep_moment(standing.state),
        Action::Discard => Ok(()),
        Action::OpenConsole | Action::Screenshot | Action::SendKeys => screen(standing.state),
        Action::Edit => edit(standing.state),
        Action::Delete => delete(standing.state),
        Action::Repair => match standing.state {
            State::Broken => Ok(()),
            _ => Err(Denied::NotBroken),
        },
    }
}

fn start(state: State) -> Result<(), Denied> {
    match state {
        State::Off | State::Saved | State::Crashed => Ok(()),
        State::Starting => Err(Denied::StillStarting),
        State::Running => Err(Denied::AlreadyRunning),
        State::Paused => Err(Denied::Paused),
        State::Saving => Err(Denied::BeingSaved),
        State::Stopping => Err(Denied::ShuttingDown),
        State::NotResponding => Err(Denied::NotResponding),
        State::Broken => Err(Denied::Broken),
        State::Unavailable => Err(Denied::DiskMissing),
    }
}

/// The refusals that all actions on a live guest share; `None` for running, paused and stopping.
fn no_guest(state: State) -> Option<Denied> {
    match state {
        State::Off => Some(Denied::Off),
        State::Starting => Some(Denied::StillStarting),
        State::Saving => Some(Denied::BeingSaved),
        State::Saved => Some(Denied::Saved),
        State::Crashed => Some(Denied::Crashed),
        State::NotResponding => Some(Denied::NotResponding),
        State::Broken => Some(Denied::Broken),
        State::Unavailable => Some(Denied::DiskMissing),
        State::Running | State::Paused | State::Stopping => None,
    }
}

fn refuse(denied: Option<Denied>) -> Result<(), Denied> {
    denied.map_or(Ok(()), Err)
}

fn pause(state: State) -> Result<(), Denied> {
    match state {
        State::Paused => Err(Denied::Paused),
        other => refuse(no_guest(other)),
    }
}

fn resume(state: State) -> Result<(), Denied> {
    match state {
        State::Saved => Ok(()),
        State::Running | State::Stopping => Err(Denied::NotPaused),
        other => refuse(no_guest(other)),
    }
}

fn needs_guest(state: State) -> Result<(), Denied> {
    match state {
        State::Paused => Err(Denied::Paused),
        other => refuse(no_guest(other)),
    }
}

fn power_off(state: State) -> Result<(), Denied> {
    match state {
        State::Starting | State::NotResponding => Ok(()),
        other => refuse(no_guest(other)),
    }
}

/// What goes with a guest or without, and not in between.
fn settled(state: State) -> Result<(), Denied> {
    match state {
        State::Off | State::Saved | State::Crashed | State::Running | State::Paused => Ok(()),
        State::Stopping => Err(Denied::ShuttingDown),
        other => refuse(no_guest(other)),
    }
}

fn save(state: State) -> Result<(), Denied> {
    match state {
        State::Stopping => Err(Denied::ShuttingDown),
        other => refuse(no_guest(other)),
    }
}

/// A guest that has ended leaves its disks.
fn keep_moment(state: State) -> Result<(), Denied> {
    match state {
        State::Off | State::Crashed => Ok(()),
        other => save(other),
    }
}

fn discard_saved(state: State) -> Result<(), Denied> {
    match state {
        State::Saved => Ok(()),
        _ => Err(Denied::NotSaved),
    }
}

fn keep(state: State) -> Result<(), Denied> {
    match state {
        State::Starting => Err(Denied::StillStarting),
        State::Broken => Err(Denied::Broken),
        _ => Ok(()),
    }
}

fn screen(state: State) -> Result<(), Denied> {
    refuse(no_guest(state))
}

fn edit(state: State) -> Result<(), Denied> {
    match state {
        State::Broken => Err(Denied::Broken),
        State::Starting => Err(Denied::StillStarting),
        State::Saving => Err(Denied::BeingSaved),
        State::Saved => Err(Denied::Saved),
        State::NotResponding => Err(Denied::NotResponding),
        State::Off
        | State::Running
        | State::Paused
        | State::Stopping
        | State::Crashed
        | State::Unavailable => Ok(()),
    }
}

fn delete(state: State) -> Result<(), Denied> {
    match state {
        State::Off | State::Saved | State::Crashed | State::Unavailable => Ok(()),
        State::Broken => Err(Denied::Broken),
        State::Starting => Err(Denied::StillStarting),
        State::Running | State::Paused => Err(Denied::StillRunning),
        State::Saving => Err(Denied::BeingSaved),
        State::Stopping => Err(Denied::ShuttingDown),
        State::NotResponding => Err(Denied::NotResponding),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Compares the actions that stay available in `state`.
    #[track_caller]
    fn check(state: State, trashed: bool, expected: &[Action]) {
        let standing = Standing {
            state,
            trashed,
            disposable: false,
        };
        let allowed: Vec<Action> = Action::ALL
            .into_iter()
            .filter(|&action| permit(standing, action).is_ok())
            .collect();
        assert_eq!(allowed, expected, "in state {state}, trashed {trashed}");
    }

    #[test]
    fn each_state_offers_only_what_makes_sense() {
        use Action as A;
        check(
            State::Off,
            false,
            &[
                A::Start,
                A::Snapshot,
                A::Rewind,
                A::Fork,
                A::Try,
                A::Clone,
                A::Edit,
                A::Delete,
            ],
        );
        check(State::Starting, false, &[A::PowerOff]);
        check(
            State::Running,
            false,
            &[
                A::Pause,
                A::ShutDown,
                A::PowerOff,
                A::Reset,
                A::Save,
                A::Snapshot,
                A::Rewind,
                A::Fork,
                A::Try,
                A::Clone,
                A::OpenConsole,
                A::Screenshot,
                A::SendKeys,
                A::Edit,
            ],
        );
        check(
            State::Paused,
            false,
            &[
                A::Resume,
                A::PowerOff,
                A::Save,
                A::Snapshot,
                A::Rewind,
                A::Fork,
                A::Try,
                A::Clone,
                A::OpenConsole,
                A::Screenshot,
                A::SendKeys,
                A::Edit,
            ],
        );
    }

    #[test]
    fn states_on_the_way_and_without_a_guest_offer_less() {
        use Action as A;
        check(State::Saving, false, &[]);
        check(
            State::Saved,
            false,
            &[
                A::Start,
                A::Resume,
                A::DiscardSaved,
                A::Snapshot,
                A::Rewind,
                A::Fork,
                A::Try,
                A::Clone,
                A::Delete,
            ],
        );
        check(
            State::Stopping,
            false,
            &[
                A::Pause,
                A::ShutDown,
                A::PowerOff,
                A::Reset,
                A::OpenConsole,
                A::Screenshot,
                A::SendKeys,
                A::Edit,
            ],
        );
        check(
            State::Crashed,
            false,
            &[
                A::Start,
                A::Snapshot,
                A::Rewind,
                A::Fork,
                A::Try,
                A::Clone,
                A::Edit,
                A::Delete,
            ],
        );
        check(State::NotResponding, false, &[A::PowerOff]);
        check(State::Broken, false, &[A::Repair]);
        check(State::Unavailable, false, &[A::Edit, A::Delete]);
    }

    #[test]
    fn the_trash_only_gives_back_or_empties() {
        for state in State::ALL {
            check(state, true, &[Action::Restore, Action::DeleteForever]);
        }
    }
}
