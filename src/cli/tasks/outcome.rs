//! What became of a machine, in words.

use crate::model::Action;

/// What a machine is or has after `action`, and the subcommand's word.
pub(in crate::cli) fn outcome(action: Action) -> (&'static str, &'static str) {
    match action {
        Action::Start => ("is running", "start"),
        Action::Pause => ("is paused", "pause"),
        Action::Resume => ("is running", "resume"),
        Action::ShutDown => ("is off", "shutdown"),
        Action::PowerOff => ("is off", "power-off"),
        Action::Reset => ("starts again", "reset"),
        Action::Save => ("is saved", "save"),
        Action::DiscardSaved => ("has no saved state any more", "discard"),
        Action::Snapshot => ("has a snapshot more", "snapshot"),
        Action::Rewind => ("was gone back with", "snapshot"),
        Action::Fork => ("has a fork", "fork"),
        Action::Try => ("has a try", "try"),
        Action::Clone => ("has a clone", "clone"),
        Action::Keep => ("is kept", "keep"),
        Action::KeepMoment => ("is kept as a moment", "keep"),
        Action::Discard => ("is thrown away", "throw-away"),
        Action::OpenConsole => ("is shown", "console"),
        Action::Screenshot => ("is pictured", "screenshot"),
        Action::SendKeys => ("got the keys", "key"),
        Action::Edit => ("is changed", "set"),
        Action::Delete => ("is in the trash", "delete"),
        Action::Restore => ("is out of the trash", "restore"),
        Action::DeleteForever => ("is gone", "trash"),
        Action::Repair => ("is as its last good copy says", "repair"),
    }
}
