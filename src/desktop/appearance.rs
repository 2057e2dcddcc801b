//! Whether the desktop wants dark or light windows: what its portal says.
//!
//! `org.freedesktop.portal.Settings`, namespace `org.freedesktop.appearance`, key `color-scheme`:
//! 0 no preference, 1 dark, 2 light
//! (<https://flatpak.github.io/xdg-desktop-portal/docs/doc-org.freedesktop.portal.Settings.html>).

use std::io;

use zbus::blocking::{Connection, Proxy};
use zbus::zvariant::{OwnedValue, Value};

const NAMESPACE: &str = "org.freedesktop.appearance";
const KEY: &str = "color-scheme";

/// What the desktop prefers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Appearance {
    Dark,
    Light,
}

/// Calls `tell` with the desktop's preference, now and whenever it changes; never where no portal answers. Works on
/// a thread that waits for the session bus and ends with the process.
pub fn follow(tell: impl Fn(Option<Appearance>) + Send + 'static) -> io::Result<()> {
    std::thread::Builder::new()
        .name("appearance".to_owned())
        .spawn(move || {
            watch(&tell).ok(); // Without a portal the window keeps its own look.
        })
        .map(|_handle| ())
}

fn watch(tell: &impl Fn(Option<Appearance>)) -> zbus::Result<()> {
    let bus = Connection::session()?;
    let portal = Proxy::new(
        &bus,
        "org.freedesktop.portal.Desktop",
        "/org/freedesktop/portal/desktop",
        "org.freedesktop.portal.Settings",
    )?;
    let changes = portal.receive_signal("SettingChanged")?;
    let now: OwnedValue = portal.call("Read", &(NAMESPACE, KEY))?;
    tell(appearance(&now));
    for change in changes {
        let body = change.body();
        let (namespace, key, value): (&str, &str, Value<'_>) = body.deserialize()?;
        if namespace == NAMESPACE && key == KEY {
            tell(appearance(&value));
        }
    }
    Ok(())
}

/// The number, which portals wrap into one or two variants.
fn appearance(value: &Value<'_>) -> Option<Appearance> {
    match value {
        Value::Value(inner) => appearance(inner),
        Value::U32(1) => Some(Appearance::Dark),
        Value::U32(2) => Some(Appearance::Light),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_portal_may_wrap_its_answer_twice() {
        let twice = Value::Value(Box::new(Value::Value(Box::new(Value::U32(1)))));
        assert_eq!(appearance(&twice), Some(Appearance::Dark));
        assert_eq!(appearance(&Value::U32(2)), Some(Appearance::Light));
        assert_eq!(appearance(&Value::U32(0)), None);
        assert_eq!(appearance(&Value::from("dark")), None);
    }
}
