//! What a machine and this computer share: the clipboard, per direction, and dropped files.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::ByteSize;

/// The longest text that goes from one clipboard to the other.
pub const MAX_TEXT: ByteSize = ByteSize::mib(16);

/// The largest picture, as a file.
pub const MAX_IMAGE: ByteSize = ByteSize::mib(64);

/// How freely something goes over in one direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Share {
    Off,
    /// Each time only when the user says so: by pasting, or by an answer to a question.
    Ask,
    On,
}

impl Share {
    pub const ALL: [Self; 3] = [Self::Off, Self::Ask, Self::On];

    /// What it means for our clipboard on its way to the guest.
    pub fn to_guest_label(self) -> &'static str {
        match self {
            Self::Off => "Off",
            Self::Ask => "When I paste",
            Self::On => "Always",
        }
    }

    /// What it means for the guest's clipboard on its way to us.
    pub fn from_guest_label(self) -> &'static str {
        match self {
            Self::Off => "Off",
            Self::Ask => "Ask me",
            Self::On => "Always",
        }
    }

    /// The word on the command line.
    pub fn word(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Ask => "ask",
            Self::On => "on",
        }
    }
}

/// What may go over, seen from this computer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sharing {
    /// The clipboard of this computer, and files dropped on the screen. `Ask` is: when the user pastes.
    pub to_guest: Share,
    /// What is copied in the guest.
    pub from_guest: Share,
}

impl Default for Sharing {
    fn default() -> Self {
        Self {
            to_guest: Share::Ask,
            from_guest: Share::Ask,
        }
    }
}

impl Sharing {
    /// Nothing goes over in any direction.
    pub fn is_off(self) -> bool {
        self.to_guest == Share::Off && self.from_guest == Share::Off
    }

    /// In a few words.
    pub fn label(self) -> &'static str {
        match (self.to_guest != Share::Off, self.from_guest != Share::Off) {
            (true, true) => "Clipboard: both ways",
            (true, false) => "Clipboard: to the guest",
            (false, true) => "Clipboard: from the guest",
            (false, false) => "Clipboard: off",
        }
    }
}

/// What a clipboard holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ClipKind {
    /// UTF-8 with single line feeds.
    Text,
    /// A PNG; from a guest also a BMP.
    Image,
}

impl ClipKind {
    /// More is not taken over.
    pub fn limit(self) -> ByteSize {
        match self {
            Self::Text => MAX_TEXT,
            Self::Image => MAX_IMAGE,
        }
    }

    /// That it was copied in a guest; `{name}` stands for the machine.
    pub fn was_copied(self) -> &'static str {
        match self {
            Self::Text => "{name} copied text",
            Self::Image => "{name} copied a picture",
        }
    }
}

/// The content of a clipboard.
#[derive(Clone, PartialEq, Eq)]
pub struct Clip {
    pub kind: ClipKind,
    pub bytes: Arc<[u8]>,
}

impl Clip {
    pub fn text(text: &str) -> Self {
        Self {
            kind: ClipKind::Text,
            bytes: text.as_bytes().into(),
        }
    }

    pub fn size(&self) -> ByteSize {
        ByteSize(self.bytes.len() as u64)
    }
}

/// Never the content: it may be a password, and this text may reach a log.
impl std::fmt::Debug for Clip {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        (self.kind, self.bytes.len()).fmt(f)
    }
}

/// Something that was copied in the guest and can be fetched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GuestClip {
    /// Differs from that of whatever was copied before.
    pub number: u64,
    pub kind: ClipKind,
}

/// How the agent in a running guest's desktop is, which the clipboard and dropped files need.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DesktopAgent {
    pub state: AgentState,
    /// What the guest's clipboard offers.
    pub offers: Option<GuestClip>,
}

/// Whether the agent can be used.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum AgentState {
    /// None runs in the guest.
    #[default]
    Absent,
    /// One opened its channel and has not said what it can do.
    Silent,
    Ready {
        /// It takes dropped files.
        files: bool,
    },
    /// What it says makes no sense, or its channel can't be reached.
    Broken(String),
}

impl AgentState {
    pub fn is_ready(&self) -> bool {
        matches!(self, Self::Ready { .. })
    }

    /// What the clipboards suffer from, in a few words; `None` if all is well.
    pub fn label(&self) -> Option<&'static str> {
        match self {
            Self::Absent => Some("Clipboard: no agent in the guest"),
            Self::Silent | Self::Broken(_) => Some("Clipboard: not working"),
            Self::Ready { .. } => None,
        }
    }

    /// Why nothing can be shared, and what helps; `None` if all is well.
    pub fn trouble(&self) -> Option<&str> {
        match self {
            Self::Absent => Some("No agent in the guest: install spice-vdagent"),
            Self::Silent => Some("The agent in the guest does not answer; restart spice-vdagentd"),
            Self::Ready { .. } => None,
            Self::Broken(why) => Some(why),
        }
    }
}
