//! What a user can ask of one machine: the one place for its word, tooltip and shortcut.

use serde::{Deserialize, Serialize};

/// Something the user can ask a machine to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    Start,
    Pause,
    Resume,
    ShutDown,
    PowerOff,
    Reset,
    Save,
    DiscardSaved,
    Snapshot,
    Rewind,
    Fork,
    Try,
    Clone,
    Keep,
    KeepMoment,
    Discard,
    OpenConsole,
    Screenshot,
    SendKeys,
    Edit,
    Delete,
    Restore,
    DeleteForever,
    Repair,
}

impl Action {
    pub const ALL: [Self; 24] = [
        Self::Start,
        Self::Pause,
        Self::Resume,
        Self::ShutDown,
        Self::PowerOff,
        Self::Reset,
        Self::Save,
        Self::DiscardSaved,
        Self::Snapshot,
        Self::Rewind,
        Self::Fork,
        Self::Try,
        Self::Clone,
        Self::Keep,
        Self::KeepMoment,
        Self::Discard,
        Self::OpenConsole,
        Self::Screenshot,
        Self::SendKeys,
        Self::Edit,
        Self::Delete,
        Self::Restore,
        Self::DeleteForever,
        Self::Repair,
    ];

    /// The word on the button, also used in messages about the action.
    pub fn name(self) -> &'static str {
        match self {
            Self::Start => "Start",
            Self::Pause => "Pause",
            Self::Resume => "Resume",
            Self::ShutDown => "Shut down",
            Self::PowerOff => "Power off",
            Self::Reset => "Reset",
            Self::Save => "Save",
            Self::DiscardSaved => "Discard saved state",
            Self::Snapshot => "Take a snapshot",
            Self::Rewind => "Go back in time…",
            Self::Fork => "Fork",
            Self::Try => "Try",
            Self::Clone => "Clone…",
            Self::Keep => "Keep as a machine",
            Self::KeepMoment => "Keep this moment",
            Self::Discard => "Throw away",
            Self::OpenConsole => "Open in a window",
            Self::Screenshot => "Screenshot",
            Self::SendKeys => "Send keys",
            Self::Edit => "Edit",
            Self::Delete => "Move to trash",
            Self::Restore => "Restore",
            Self::DeleteForever => "Delete for good…",
            Self::Repair => "Use the last good copy",
        }
    }

    /// One line that says what will happen.
    pub fn explain(self) -> &'static str {
        match self {
            Self::Start => "Start the machine, or go on from its saved state",
            Self::Pause => "Stop the guest's processors; memory stays",
            Self::Resume => "Let the guest go on",
            Self::ShutDown => "Press the guest's power button and let it shut down by itself",
            Self::PowerOff => "Cut the power; the guest may lose what it has not written",
            Self::Reset => "Press the reset button; the guest may lose what it has not written",
            Self::Save => "Write the running guest to disk and stop; start goes on from there",
            Self::DiscardSaved => "Forget the saved memory; the next start boots from the disk",
            Self::Snapshot => {
                "Keep this moment, memory and disks; the guest goes on, and you can come back here"
            }
            Self::Rewind => "Show the machine's timeline, to go back to a snapshot or delete some",
            Self::Fork => {
                "Make a second machine that goes on from this very moment; this one goes on, too"
            }
            Self::Try => {
                "Do whatever you like in a copy that is gone when you close it, unless you keep it"
            }
            Self::Clone => "Make another machine with the same hardware and disks",
            Self::Keep => "Keep this copy with all that was done in it; it stays in your library",
            Self::KeepMoment => {
                "Put this moment into the timeline of the machine that it came from, and end this copy"
            }
            Self::Discard => "End this copy now; nothing of it is kept",
            Self::OpenConsole => "Show the screen in a window of its own",
            Self::Screenshot => "Keep the guest's screen as a picture",
            Self::SendKeys => "Press keys that your own desktop would catch",
            Self::Edit => "Change the machine's hardware and name",
            Self::Delete => "Move to the trash; nothing is lost until the trash is emptied",
            Self::Restore => "Take the machine out of the trash",
            Self::DeleteForever => "Remove the machine and its own disks from this computer",
            Self::Repair => {
                "Put the last good copy in place of the broken file, which is kept beside it"
            }
        }
    }
}
