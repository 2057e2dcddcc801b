//! What a machine is doing.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A machine's state.
///
/// ```text
///  off ──start──▶ starting ──▶ running ◀──pause/resume──▶ paused
///   ▲                │            │  │                      │
///   │                ▼            │  └──shut down──▶ stopping ──▶ off
///   ├──◀── crashed ◀──────────────┤
///   │                             └──save──▶ saving ──▶ saved ──start──▶ starting
///   └──power off── (starting, running, paused, stopping, not responding)
///
///  not responding: QEMU lives but does not answer; broken: machine.ron can't be read;
///  unavailable: a disk is missing.
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    Off,
    Starting,
    Running,
    Paused,
    Saving,
    Saved,
    Stopping,
    Crashed,
    NotResponding,
    Broken,
    Unavailable,
}

impl State {
    pub const ALL: [Self; 11] = [
        Self::Off,
        Self::Starting,
        Self::Running,
        Self::Paused,
        Self::Saving,
        Self::Saved,
        Self::Stopping,
        Self::Crashed,
        Self::NotResponding,
        Self::Broken,
        Self::Unavailable,
    ];

    /// The word that scripts see: `off`, `not-responding`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Starting => "starting",
            Self::Running => "running",
            Self::Paused => "paused",
            Self::Saving => "saving",
            Self::Saved => "saved",
            Self::Stopping => "stopping",
            Self::Crashed => "crashed",
            Self::NotResponding => "not-responding",
            Self::Broken => "broken",
            Self::Unavailable => "unavailable",
        }
    }

    /// The words that people see.
    pub fn label(self) -> &'static str {
        match self {
            Self::Off => "Off",
            Self::Starting => "Starting…",
            Self::Running => "Running",
            Self::Paused => "Paused",
            Self::Saving => "Saving…",
            Self::Saved => "Saved",
            Self::Stopping => "Shutting down…",
            Self::Crashed => "Crashed",
            Self::NotResponding => "Not responding",
            Self::Broken => "Broken",
            Self::Unavailable => "Unavailable",
        }
    }

    /// Whether a QEMU process belongs to the machine in this state.
    pub fn has_process(self) -> bool {
        match self {
            Self::Starting
            | Self::Running
            | Self::Paused
            | Self::Saving
            | Self::Stopping
            | Self::NotResponding => true,
            Self::Off | Self::Saved | Self::Crashed | Self::Broken | Self::Unavailable => false,
        }
    }

    /// Whether the guest has a screen worth showing.
    pub fn has_screen(self) -> bool {
        match self {
            Self::Running | Self::Paused | Self::Stopping | Self::Saving => true,
            Self::Off
            | Self::Starting
            | Self::Saved
            | Self::Crashed
            | Self::NotResponding
            | Self::Broken
            | Self::Unavailable => false,
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}
