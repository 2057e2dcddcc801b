//! What the user chose about the app itself.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::ScreenSettings;

/// What closing the window does while machines run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ClosePolicy {
    #[default]
    Ask,
    KeepRunning,
    SaveAll,
    ShutDownAll,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ThemeChoice {
    #[default]
    System,
    Dark,
    Light,
}

/// How the guest's screen reaches us.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DisplayPath {
    /// QEMU's D-Bus display where it has one.
    #[default]
    Dbus,
    /// RFB (VNC) on a private unix socket.
    Rfb,
}

/// The language of the window.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LanguageChoice {
    /// What the desktop says, else English.
    #[default]
    System,
    English,
    German,
}

impl LanguageChoice {
    pub const ALL: [Self; 3] = [Self::System, Self::English, Self::German];

    /// The locale it stands for; `None` leaves it to the desktop.
    pub fn locale(self) -> Option<&'static str> {
        match self {
            Self::System => None,
            Self::English => Some("en"),
            Self::German => Some("de"),
        }
    }
}

/// The key that gives the keyboard back while a guest has it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ReleaseKey {
    #[default]
    RightCtrl,
    RightAlt,
    RightShift,
    RightSuper,
    Menu,
    ScrollLock,
    Pause,
}

impl ReleaseKey {
    pub const ALL: [Self; 7] = [
        Self::RightCtrl,
        Self::RightAlt,
        Self::RightShift,
        Self::RightSuper,
        Self::Menu,
        Self::ScrollLock,
        Self::Pause,
    ];

    pub fn label(self) -> &'static str {
        match self {
            Self::RightCtrl => "Right Ctrl",
            Self::RightAlt => "Right Alt",
            Self::RightShift => "Right Shift",
            Self::RightSuper => "Right Super",
            Self::Menu => "Menu",
            Self::ScrollLock => "Scroll Lock",
            Self::Pause => "Pause/Break",
        }
    }

    /// The key's code in Linux (`input-event-codes.h`).
    pub fn evdev(self) -> u16 {
        match self {
            Self::RightCtrl => 97,
            Self::RightAlt => 100,
            Self::RightShift => 54,
            Self::RightSuper => 126,
            Self::Menu => 127,
            Self::ScrollLock => 70,
            Self::Pause => 119,
        }
    }
}

/// Which actions ask first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Confirmations {
    pub power_off: bool,
    pub reset: bool,
    pub discard_saved: bool,
    pub delete: bool,
}

impl Default for Confirmations {
    /// What the guest may lose is asked for; the trash gives back what it takes.
    fn default() -> Self {
        Self {
            power_off: true,
            reset: true,
            discard_saved: true,
            delete: false,
        }
    }
}

/// The order of the list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SortBy {
    #[default]
    Name,
    /// Running ones first.
    State,
    /// Changed state most recently first.
    Recent,
    /// Newest first.
    Created,
}

/// What the list is grouped by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum GroupBy {
    #[default]
    Nothing,
    State,
    /// A machine stands under each of its tags.
    Tag,
}

/// How the list of machines is shown.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ListSettings {
    pub sort: SortBy,
    pub group: GroupBy,
    /// Headings of folded groups.
    pub folded: Vec<String>,
}

/// A combination of keys that the user made for the "Send keys" menus.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct OwnCombination {
    /// Empty: its keys are its name.
    pub name: String,
    /// As they are written: `Ctrl+Alt+F2`.
    pub keys: String,
}

/// Everything in `settings.ron`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Settings {
    pub theme: ThemeChoice,
    pub close: ClosePolicy,
    /// `Rfb` forces the fallback.
    pub display: DisplayPath,
    pub language: LanguageChoice,
    /// Percent of the desktop's own scale: 75 to 200.
    pub scale: u16,
    /// Where the library lies; `None` for the usual place. Counts from the next start on.
    pub library: Option<PathBuf>,
    pub confirm: Confirmations,
    pub release_key: ReleaseKey,
    /// For the "Send keys" menus, before the usual ones.
    pub combinations: Vec<OwnCombination>,
    /// Combinations that stay with the desktop while a guest has the keyboard: `Alt+Tab`.
    pub host_keys: Vec<String>,
    /// Seconds between two thumbnails of a running machine; 0 for none.
    pub thumbnails: u16,
    /// How guests' screens are shown.
    pub screen: ScreenSettings,
    /// Shortcuts that differ from the usual ones: a command's word, and keys as they are written
    /// (`Ctrl+Shift+P`), empty for none.
    pub shortcuts: BTreeMap<String, String>,
    pub list: ListSettings,
}

impl Settings {
    /// What [`Settings::scale`] may be, in percent.
    pub const SCALES: std::ops::RangeInclusive<u16> = 75..=200;
    /// As many own combinations, and as many of the desktop's, fit a menu.
    pub const MAX_COMBINATIONS: usize = 24;
}

/// Who said where the library lies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LibraryFrom {
    /// Nobody: the usual folder.
    #[default]
    Usual,
    Settings,
    /// `--library` or `ORANGERY_LIBRARY`, which win over the settings.
    Start,
}

/// Where the files of this start are.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Whereabouts {
    pub library: PathBuf,
    pub library_from: LibraryFrom,
    /// The folder that is used where nothing else is said.
    pub usual_library: PathBuf,
    pub settings: PathBuf,
    /// `None` without a home folder.
    pub log: Option<PathBuf>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            theme: ThemeChoice::default(),
            close: ClosePolicy::default(),
            display: DisplayPath::default(),
            language: LanguageChoice::default(),
            scale: 100,
            library: None,
            confirm: Confirmations::default(),
            release_key: ReleaseKey::default(),
            combinations: Vec::new(),
            host_keys: Vec::new(),
            thumbnails: 10,
            screen: ScreenSettings::default(),
            shortcuts: BTreeMap::new(),
            list: ListSettings::default(),
        }
    }
}
