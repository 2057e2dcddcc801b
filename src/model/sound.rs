//! What a person hears of a machine, and what it may hear of them.

use serde::{Deserialize, Serialize};

/// How loud a machine is on this computer, and whether it may listen. Kept with the machine; changes reach a running
/// guest at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct SoundSettings {
    /// 0 to 100 per cent of what the guest plays; more counts as 100.
    pub volume: u8,
    pub muted: bool,
    /// The guest gets this computer's microphone when it records; otherwise it records silence.
    pub microphone: bool,
}

impl Default for SoundSettings {
    fn default() -> Self {
        Self {
            volume: 100,
            muted: false,
            microphone: false,
        }
    }
}

/// What becomes of a machine's sound.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SoundState {
    /// The machine does not run.
    #[default]
    Off,
    /// It runs without a sound card.
    NoCard,
    /// Its QEMU was started without a way for sound: by an earlier Orangery, or without QEMU's D-Bus modules.
    NoWay,
    /// QEMU did not let us listen, and why.
    Unavailable(String),
    /// The guest plays nothing now.
    Silent,
    /// The guest plays, and it is heard unless it is muted.
    Playing,
    /// The guest plays, but this computer does not, and why.
    NoDevice(String),
}

/// A machine's sound as it stands.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct SoundReport {
    pub state: SoundState,
    /// The guest hears the microphone right now.
    pub microphone_on: bool,
}
