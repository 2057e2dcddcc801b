//! Asks the desktop to open an address in the browser, or a folder in the file manager.
//!
//! `org.freedesktop.portal.OpenURI`
//! (<https://flatpak.github.io/xdg-desktop-portal/docs/doc-org.freedesktop.portal.OpenURI.html>).

use std::collections::HashMap;
use std::fs::File;
use std::path::Path;
use std::time::Duration;

use zbus::blocking::connection::Builder;
use zbus::zvariant::{DynamicType, Fd, OwnedObjectPath, Value};

/// A portal that takes longer is none.
const PATIENCE: Duration = Duration::from_secs(10);

/// Opens `url`; fails where no portal answers. Blocks meanwhile.
pub fn open_link(url: &str) -> zbus::Result<()> {
    let options: HashMap<&str, Value<'_>> = HashMap::new();
    ask("OpenURI", &("", url, options))
}

/// Shows `file` in its folder; fails where no portal answers. Blocks meanwhile.
pub fn open_folder_of(file: &Path) -> zbus::Result<()> {
    let file = File::open(file).map_err(|error| zbus::Error::InputOutput(error.into()))?;
    let options: HashMap<&str, Value<'_>> = HashMap::new();
    ask("OpenDirectory", &("", Fd::from(&file), options))
}

fn ask<B>(method: &str, body: &B) -> zbus::Result<()>
where
    B: serde::Serialize + DynamicType,
{
    let bus = Builder::session()?.method_timeout(PATIENCE).build()?;
    let reply = bus.call_method(
        Some("org.freedesktop.portal.Desktop"),
        "/org/freedesktop/portal/desktop",
        Some("org.freedesktop.portal.OpenURI"),
        method,
        body,
    )?;
    let _request: OwnedObjectPath = reply.body().deserialize()?;
    Ok(())
}
