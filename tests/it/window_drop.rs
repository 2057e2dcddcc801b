//! Files dropped on the real window, by the XDND protocol (version 5) as a file manager speaks it.
#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test that fails should say where, and makes files and runs programs itself"
)]

use std::path::Path;
use std::time::{Duration, Instant};

use x11rb::connection::Connection as _;
use x11rb::protocol::Event;
use x11rb::protocol::xproto::{
    Atom, AtomEnum, ClientMessageEvent, ConnectionExt as _, CreateWindowAux, EventMask, PropMode,
    SELECTION_NOTIFY_EVENT, SelectionNotifyEvent, SelectionRequestEvent, WindowClass,
};
use x11rb::rust_connection::RustConnection;
use x11rb::wrapper::ConnectionExt as _;

use crate::window_stage::{SOON, Stage, Window};

x11rb::atom_manager! {
    Atoms: AtomsCookie {
        XdndAware,
        XdndEnter,
        XdndPosition,
        XdndStatus,
        XdndDrop,
        XdndFinished,
        XdndSelection,
        XdndActionCopy,
        uri_list: b"text/uri-list",
    }
}

/// A file manager's side of one drag.
struct Drag {
    connection: RustConnection,
    atoms: Atoms,
    source: u32,
    root: u32,
    target: u32,
    /// What is handed over, as a list of addresses.
    list: String,
}

/// Drops files on the middle of the window, as one action of a person.
pub fn drop_files(window: &Window<'_>, files: &[&Path]) {
    let [left, top, width, height] = window.widgets()[0].place;
    let (x, y) = (left + width / 2, top + height / 2);
    let desktop = &window.stage.desktop;
    desktop.xdotool(&format!("mousemove {x} {y}"));
    let addresses = files
        .iter()
        .map(|file| format!("file://{}\r\n", file.display()).replace(' ', "%20"));
    let drag = Drag::new(desktop.display(), addresses.collect());
    drag.send(drag.atoms.XdndEnter, [5 << 24, drag.atoms.uri_list, 0, 0]);
    let place = ((x as u32) << 16) | (y as u32 & 0xffff);
    let copy = drag.atoms.XdndActionCopy;
    drag.send(
        drag.atoms.XdndPosition,
        [0, place, x11rb::CURRENT_TIME, copy],
    );
    let mut taken = false;
    let mut accepted = false;
    drag.until("the window to take the files", |event| {
        match event {
            Event::SelectionRequest(request) => {
                drag.hand_over(request);
                taken = true;
            }
            Event::ClientMessage(message) if message.type_ == drag.atoms.XdndStatus => {
                accepted = message.data.as_data32()[1] & 1 == 1;
            }
            _ => {}
        }
        taken && accepted
    });
    drag.send(drag.atoms.XdndDrop, [0, x11rb::CURRENT_TIME, 0, 0]);
    drag.until("the window to finish", |event| {
        matches!(event, Event::ClientMessage(message) if message.type_ == drag.atoms.XdndFinished)
    });
}

impl Drag {
    fn new(display: &str, list: String) -> Self {
        let (connection, screen) = RustConnection::connect(Some(display)).unwrap();
        let root = connection.setup().roots[screen].root;
        let atoms = Atoms::new(&connection).unwrap().reply().unwrap();
        let source = connection.generate_id().unwrap();
        connection
            .create_window(
                0,
                source,
                root,
                0,
                0,
                1,
                1,
                0,
                WindowClass::INPUT_OUTPUT,
                0,
                &CreateWindowAux::new(),
            )
            .unwrap();
        let now = x11rb::CURRENT_TIME;
        connection
            .set_selection_owner(source, atoms.XdndSelection, now)
            .unwrap();
        let target = aware(&connection, root, atoms.XdndAware);
        Self {
            connection,
            atoms,
            source,
            root,
            target,
            list,
        }
    }

    fn send(&self, kind: Atom, rest: [u32; 4]) {
        let data = [self.source, rest[0], rest[1], rest[2], rest[3]];
        let data = match kind == self.atoms.XdndDrop {
            true => [self.source, 0, rest[1], 0, 0],
            false => data,
        };
        let message = ClientMessageEvent::new(32, self.target, kind, data);
        self.connection
            .send_event(false, self.target, EventMask::NO_EVENT, message)
            .unwrap();
        self.connection.flush().unwrap();
    }

    fn hand_over(&self, request: &SelectionRequestEvent) {
        assert_eq!(request.target, self.atoms.uri_list);
        self.connection
            .change_property8(
                PropMode::REPLACE,
                request.requestor,
                request.property,
                request.target,
                self.list.as_bytes(),
            )
            .unwrap();
        let answer = SelectionNotifyEvent {
            response_type: SELECTION_NOTIFY_EVENT,
            sequence: 0,
            time: request.time,
            requestor: request.requestor,
            selection: request.selection,
            target: request.target,
            property: request.property,
        };
        self.connection
            .send_event(false, request.requestor, EventMask::NO_EVENT, answer)
            .unwrap();
        self.connection.flush().unwrap();
    }

    #[track_caller]
    fn until(&self, what: &str, mut done: impl FnMut(&Event) -> bool) {
        let started = Instant::now();
        while started.elapsed() < SOON {
            match self.connection.poll_for_event().unwrap() {
                Some(event) if done(&event) => return,
                Some(_) => {}
                None => std::thread::sleep(Duration::from_millis(10)),
            }
        }
        panic!(
            "waited in vain for {what} on {:#x} of {:#x}",
            self.target, self.root
        );
    }
}

/// The window under the pointer that takes drops: the innermost one with the property.
#[track_caller]
fn aware(connection: &RustConnection, root: u32, property: Atom) -> u32 {
    let mut window = root;
    loop {
        let pointer = connection.query_pointer(window).unwrap().reply().unwrap();
        assert_ne!(pointer.child, x11rb::NONE, "no window takes drops there");
        window = pointer.child;
        let found = connection
            .get_property(false, window, property, AtomEnum::ANY, 0, 1)
            .unwrap()
            .reply()
            .unwrap();
        if found
            .value32()
            .is_some_and(|mut value| value.next() == Some(5))
        {
            return window;
        }
    }
}

#[test]
fn dropped_files_are_told_apart_by_what_they_are() {
    let Some(stage) = Stage::new() else { return };
    let letter = stage.file("a letter.txt");
    std::fs::write(&letter, "Dear reader").unwrap();
    let vdi = stage.file("old disk.img");
    let made = stage
        .desktop
        .command("qemu-img")
        .args(["create", "-q", "-f", "vdi"])
        .arg(&vdi)
        .arg("40M")
        .status();
    assert!(made.unwrap().success());
    let before = std::fs::read(&vdi).unwrap();
    let window = stage.open();
    drop_files(&window, &[&letter]);
    window.find_part("neither a disk nor an installer");
    window.keep("drop-letter");
    drop_files(&window, &[&letter, &vdi]);
    window.find("Nothing was made of the files");
    drop_files(&window, &[&vdi]);
    window.find("Disk of 40 MiB, VirtualBox (VDI)");
    window.keep("drop-disk");
    window.click("Create");
    window.wait_gone("Create & start");
    crate::window_stage::wait(SOON, "the machine", || stage.machines().len() == 1);
    assert_eq!(stage.machines()[0]["name"], "old disk");
    let folder = stage.machines()[0]["path"].as_str().unwrap().to_owned();
    let disks: Vec<_> = std::fs::read_dir(Path::new(&folder).join("disks"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    assert_eq!(disks.len(), 1, "{disks:?}");
    assert_eq!(disks[0].extension().unwrap(), "qcow2");
    assert_eq!(std::fs::read(&vdi).unwrap(), before);
}
