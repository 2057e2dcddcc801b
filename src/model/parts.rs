//! What else is plugged in: network cards, the display, sound, the watchdog.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::ByteSize;

/// A network card's address, given once and kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Mac(pub [u8; 6]);

impl fmt::Display for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
    }
}

/// Why a text is not a network card's address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MacError {
    #[error("Write six pairs of hex digits, for example 52:54:00:12:34:56")]
    Form,
    #[error("An address whose first number is odd belongs to a group, not to a card")]
    Group,
    #[error("The address is all zeros")]
    Zero,
}

impl Mac {
    /// Whether a card may have this address.
    pub fn check(self) -> Result<(), MacError> {
        if self.0 == [0; 6] {
            Err(MacError::Zero)
        } else if self.0[0] & 1 == 1 {
            Err(MacError::Group)
        } else {
            Ok(())
        }
    }

    /// QEMU's own range with three random bytes.
    pub fn local(random: [u8; 3]) -> Self {
        let [a, b, c] = random;
        Self([0x52, 0x54, 0x00, a, b, c])
    }
}

impl FromStr for Mac {
    type Err = MacError;

    /// Reads six pairs of hex digits between colons or dashes.
    fn from_str(text: &str) -> Result<Self, MacError> {
        let parts: Vec<&str> = text.trim().split([':', '-']).collect();
        let mut bytes = [0; 6];
        if parts.len() != bytes.len() {
            return Err(MacError::Form);
        }
        for (byte, part) in bytes.iter_mut().zip(parts) {
            if part.len() != 2 || !part.bytes().all(|digit| digit.is_ascii_hexdigit()) {
                return Err(MacError::Form);
            }
            *byte = u8::from_str_radix(part, 16).map_err(|_digits| MacError::Form)?;
        }
        let mac = Self(bytes);
        mac.check().map(|()| mac)
    }
}

/// The card that the guest finds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NicModel {
    #[default]
    Virtio,
    /// Intel 82574L, PCI Express.
    E1000e,
    /// Intel 82540EM.
    E1000,
    /// Realtek, of 1997.
    Rtl8139,
    /// AMD PCnet, of 1992.
    Pcnet,
}

impl NicModel {
    pub const ALL: [Self; 5] = [
        Self::Virtio,
        Self::E1000e,
        Self::E1000,
        Self::Rtl8139,
        Self::Pcnet,
    ];

    /// The word that scripts write.
    pub fn word(self) -> &'static str {
        match self {
            Self::Virtio => "virtio",
            Self::E1000e => "e1000e",
            Self::E1000 => "e1000",
            Self::Rtl8139 => "rtl8139",
            Self::Pcnet => "pcnet",
        }
    }

    pub fn label(self) -> &'static str {
        match self {
            Self::Virtio => "virtio",
            Self::E1000e => "Intel e1000e",
            Self::E1000 => "Intel e1000",
            Self::Rtl8139 => "Realtek RTL8139",
            Self::Pcnet => "AMD PCnet",
        }
    }
}

/// What a network card is plugged into.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum NicNetwork {
    /// Outgoing connections through this computer, no root needed.
    #[default]
    User,
    /// The card is plugged into nothing.
    None,
    /// A switch between machines, by its name. No machine can start with one yet.
    Switch(String),
    /// A bridge of this computer, by its name. No machine can start with one yet.
    Bridge(String),
}

/// A network card.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Nic {
    pub model: NicModel,
    pub mac: Mac,
    pub network: NicNetwork,
    /// The cable is in.
    #[serde(default = "yes")]
    pub link: bool,
}

fn yes() -> bool {
    true
}

impl Nic {
    /// A virtio card on user networking.
    pub fn new(mac: Mac) -> Self {
        Self {
            model: NicModel::Virtio,
            mac,
            network: NicNetwork::User,
            link: true,
        }
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DisplayModel {
    /// virtio-vga: reports damage at once, follows the window's size.
    #[default]
    Virtio,
    /// Standard VGA, for systems without a virtio driver that misbehave on it.
    Vga,
    /// Cirrus Logic GD5446, of 1996.
    Cirrus,
}

impl DisplayModel {
    pub const ALL: [Self; 3] = [Self::Virtio, Self::Vga, Self::Cirrus];

    /// The word that scripts write.
    pub fn word(self) -> &'static str {
        match self {
            Self::Virtio => "virtio",
            Self::Vga => "vga",
            Self::Cirrus => "cirrus",
        }
    }

    pub fn label(self) -> &'static str {
        match self {
            Self::Virtio => "virtio",
            Self::Vga => "Standard VGA",
            Self::Cirrus => "Cirrus Logic",
        }
    }
}

/// The graphics card.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Display {
    pub model: DisplayModel,
    /// The first resolution, in pixels.
    pub width: u32,
    pub height: u32,
    /// Screens; more than one only on the virtio card.
    #[serde(default = "one")]
    pub heads: u32,
    /// The card's own memory; `None` for what the card usually has, which is all that virtio takes.
    #[serde(default)]
    pub memory: Option<ByteSize>,
}

fn one() -> u32 {
    1
}

impl Display {
    /// A virtio card with one screen.
    pub fn new(width: u32, height: u32) -> Self {
        Self {
            model: DisplayModel::Virtio,
            width,
            height,
            heads: 1,
            memory: None,
        }
    }
}

/// A sound card.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SoundModel {
    /// Intel High Definition Audio.
    #[default]
    Hda,
    /// Intel AC'97.
    Ac97,
    /// Sound Blaster 16, on the ISA bus.
    Sb16,
}

impl SoundModel {
    pub const ALL: [Self; 3] = [Self::Hda, Self::Ac97, Self::Sb16];

    /// The word that scripts write.
    pub fn word(self) -> &'static str {
        match self {
            Self::Hda => "hda",
            Self::Ac97 => "ac97",
            Self::Sb16 => "sb16",
        }
    }

    pub fn label(self) -> &'static str {
        match self {
            Self::Hda => "Intel HDA",
            Self::Ac97 => "Intel AC’97",
            Self::Sb16 => "Sound Blaster 16",
        }
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sound {
    pub model: SoundModel,
}

/// What happens when the guest does not feed its watchdog any more.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WatchdogAction {
    #[default]
    Reset,
    Pause,
    PowerOff,
    Nothing,
}

impl WatchdogAction {
    pub const ALL: [Self; 4] = [Self::Reset, Self::Pause, Self::PowerOff, Self::Nothing];

    /// The word that scripts write.
    pub fn word(self) -> &'static str {
        match self {
            Self::Reset => "reset",
            Self::Pause => "pause",
            Self::PowerOff => "power-off",
            Self::Nothing => "nothing",
        }
    }

    pub fn label(self) -> &'static str {
        match self {
            Self::Reset => "Reset the machine",
            Self::Pause => "Pause it",
            Self::PowerOff => "Power off",
            Self::Nothing => "Nothing",
        }
    }
}

/// A device that acts when the guest hangs: an Intel 6300ESB.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Watchdog {
    pub action: WatchdogAction,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cards_address_is_read_and_one_that_no_card_can_have_is_refused() {
        assert_eq!(
            "52-54-00-AB-cd-ef".parse(),
            Ok(Mac::local([0xab, 0xcd, 0xef]))
        );
        let refused = |text: &str| text.parse::<Mac>().unwrap_err();
        assert_eq!(refused("52:54:00:ab:cd"), MacError::Form);
        assert_eq!(refused("52:54:00:ab:cd:+f"), MacError::Form);
        assert_eq!(refused("53:54:00:ab:cd:ef"), MacError::Group);
        assert_eq!(refused("00:00:00:00:00:00"), MacError::Zero);
    }
}
