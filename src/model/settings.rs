//! What the user chose about the app itself.

use serde::{Deserialize, Serialize};

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

/// Everything in `settings.ron`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Settings {
    pub theme: ThemeChoice,
    pub close: ClosePolicy,
    /// `Rfb` forces the fallback.
    pub display: DisplayPath,
}
