//! The window as a screen reader sees it: its widgets by name, over AT-SPI.
#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test that cannot go on should stop there, and runs programs itself"
)]

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use zbus::blocking::Connection;
use zbus::blocking::connection::Builder;
use zbus::blocking::fdo::DBusProxy;
use zbus::names::BusName;
use zbus::zvariant::{OwnedObjectPath, OwnedValue};

const REGISTRY: &str = "org.a11y.atspi.Registry";
const ROOT: &str = "/org/a11y/atspi/accessible/root";
const ACCESSIBLE: &str = "org.a11y.atspi.Accessible";
/// Widgets of one window; a screen of Orangery has about a hundred.
const MAX_NODES: usize = 2000;

/// A session bus of a test's own, with the accessibility bus behind it.
pub struct SessionBus {
    daemon: Child,
    pub address: String,
    accessibility: Connection,
}

/// A widget.
#[derive(Debug, Clone)]
pub struct Node {
    pub name: String,
    /// What kind of widget: `AtspiRole`.
    pub role: u32,
    /// X, y, width and height on the screen.
    pub place: [i32; 4],
}

impl Node {
    pub fn center(&self) -> (i32, i32) {
        let [x, y, width, height] = self.place;
        (x + width / 2, y + height / 2)
    }
}

impl SessionBus {
    /// `None`, with a word on why, where the programs are missing.
    pub fn start(runtime: &Path) -> Option<Self> {
        if !Path::new("/usr/share/dbus-1/services/org.a11y.Bus.service").exists() {
            println!("skipped: needs the accessibility bus (packages dbus, at-spi2-core)");
            return None;
        }
        let daemon = Command::new("dbus-daemon")
            .args(["--session", "--nofork", "--nopidfile", "--print-address=1"])
            .env("XDG_RUNTIME_DIR", runtime)
            .env("HOME", runtime)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn();
        let Ok(mut daemon) = daemon else {
            println!("skipped: needs dbus-daemon (package dbus)");
            return None;
        };
        let mut address = String::new();
        let out = daemon.stdout.take().unwrap();
        BufReader::new(out).read_line(&mut address).unwrap();
        let address = address.trim().to_owned();
        let accessibility = accessibility_bus(&connect(&address));
        Some(Self {
            daemon,
            address,
            accessibility,
        })
    }

    /// Every widget of the process `pid`, in the order they are read; empty while it has none.
    pub fn widgets(&self, pid: u32) -> Vec<Node> {
        let mut nodes = Vec::new();
        for (owner, path) in self.children(REGISTRY, ROOT).unwrap_or_default() {
            if self.pid_of(&owner) == Some(pid) {
                self.collect(&owner, path.as_str(), &mut nodes);
            }
        }
        nodes
    }

    fn collect(&self, owner: &str, path: &str, nodes: &mut Vec<Node>) {
        if nodes.len() >= MAX_NODES {
            return;
        }
        nodes.extend(self.node(owner, path));
        for (owner, path) in self.children(owner, path).unwrap_or_default() {
            self.collect(&owner, path.as_str(), nodes);
        }
    }

    fn node(&self, owner: &str, path: &str) -> Option<Node> {
        let name = self
            .call(
                owner,
                path,
                "org.freedesktop.DBus.Properties",
                "Get",
                &(ACCESSIBLE, "Name"),
            )?
            .body()
            .deserialize::<OwnedValue>()
            .ok()?;
        let component = "org.a11y.atspi.Component";
        let place = self.call(owner, path, component, "GetExtents", &(0_u32,))?;
        let (place,): ((i32, i32, i32, i32),) = place.body().deserialize().unwrap();
        let role = self.call(owner, path, ACCESSIBLE, "GetRole", &())?;
        Some(Node {
            name: String::try_from(name).ok()?,
            role: role.body().deserialize().ok()?,
            place: [place.0, place.1, place.2, place.3],
        })
    }

    fn children(&self, owner: &str, path: &str) -> Option<Vec<(String, OwnedObjectPath)>> {
        let reply = self.call(owner, path, ACCESSIBLE, "GetChildren", &())?;
        reply.body().deserialize().ok()
    }

    fn pid_of(&self, owner: &str) -> Option<u32> {
        let bus = DBusProxy::new(&self.accessibility).ok()?;
        let name = BusName::try_from(owner).ok()?;
        bus.get_connection_unix_process_id(name).ok()
    }

    /// `None` where the widget has gone since, or does not have this.
    fn call<B>(
        &self,
        owner: &str,
        path: &str,
        interface: &str,
        method: &str,
        body: &B,
    ) -> Option<zbus::Message>
    where
        B: serde::Serialize + zbus::zvariant::DynamicType,
    {
        self.accessibility
            .call_method(Some(owner), path, Some(interface), method, body)
            .ok()
    }
}

impl Drop for SessionBus {
    fn drop(&mut self) {
        self.daemon.kill().ok();
        self.daemon.wait().ok();
    }
}

fn connect(address: &str) -> Connection {
    Builder::address(address)
        .unwrap()
        .method_timeout(Duration::from_secs(10))
        .build()
        .unwrap()
}

/// Starts the accessibility bus and says that a screen reader is there.
fn accessibility_bus(session: &Connection) -> Connection {
    let (name, path) = ("org.a11y.Bus", "/org/a11y/bus");
    let address = session
        .call_method(Some(name), path, Some(name), "GetAddress", &())
        .unwrap();
    let enabled = zbus::zvariant::Value::from(true);
    session
        .call_method(
            Some(name),
            path,
            Some("org.freedesktop.DBus.Properties"),
            "Set",
            &("org.a11y.Status", "IsEnabled", enabled),
        )
        .unwrap();
    connect(&address.body().deserialize::<String>().unwrap())
}
