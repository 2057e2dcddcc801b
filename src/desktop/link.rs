//! Asks the desktop to open an address in the browser.
//!
//! `org.freedesktop.portal.OpenURI`
//! (<https://flatpak.github.io/xdg-desktop-portal/docs/doc-org.freedesktop.portal.OpenURI.html>).

use std::collections::HashMap;
use std::time::Duration;

use zbus::blocking::connection::Builder;
use zbus::zvariant::{OwnedObjectPath, Value};

/// A portal that takes longer is none.
const PATIENCE: Duration = Duration::from_secs(10);

/// Opens `url`; fails where no portal answers. Blocks meanwhile.
pub fn open_link(url: &str) -> zbus::Result<()> {
    let bus = Builder::session()?.method_timeout(PATIENCE).build()?;
    let options: HashMap<&str, Value<'_>> = HashMap::new();
    let reply = bus.call_method(
        Some("org.freedesktop.portal.Desktop"),
        "/org/freedesktop/portal/desktop",
        Some("org.freedesktop.portal.OpenURI"),
        "OpenURI",
        &("", url, options),
    )?;
    let _request: OwnedObjectPath = reply.body().deserialize()?;
    Ok(())
}
