//! The hardware page as a person uses it: each part added, changed and removed gives exactly the
//! commands that it should.

use std::path::PathBuf;

use egui::accesskit::Role;
use egui_kittest::Harness;
use egui_kittest::kittest::{NodeT as _, Queryable as _};
use orangery::engine::message::{Command, Event};
use orangery::model::*;
use orangery::ui::{Ask, FilePick};
use uuid::Uuid;

use crate::ui_fixture::{self as fixture, Window, harness, id, report, show};

mod drives;
mod parts;
pub mod whole;

const LAYER: LayerId = LayerId(Uuid::from_u128(0xd15c));

fn layered(layer: LayerId) -> DiskSource {
    DiskSource::Layers(vec![LayerRef {
        machine: id(1),
        layer,
    }])
}

/// A machine whose hardware follows all rules, with a disk of the library and one detached.
pub fn machine() -> Machine {
    let mut machine = fixture::machine(1, "Debian");
    machine.boot = BootOrder(vec!["cd0".to_owned(), "disk0".to_owned()]);
    machine.tags = vec!["lab".to_owned()];
    for device in &mut machine.devices {
        if let DeviceKind::Disk(disk) = &mut device.kind {
            disk.source = layered(LayerId(Uuid::from_u128(1)));
        }
    }
    machine
        .detached
        .push(Disk::new(layered(LAYER), ByteSize::gib(8)));
    machine
}

struct Page(Harness<'static, Window>);

impl Page {
    fn of(state: State, machine: Machine) -> Self {
        Self::with_report(MachineReport {
            machine: Some(machine),
            ..report(1, "Debian", state)
        })
    }

    fn with_report(report: MachineReport) -> Self {
        let computer = Event::Computer(Box::new(fixture::computer()));
        let mut page = Self(harness(Window::new([computer, show(report)])));
        page.click("Hardware");
        page
    }

    fn off() -> Self {
        Self::of(State::Off, machine())
    }

    fn running() -> Self {
        Self::of(State::Running, machine())
    }

    /// Clicks the first control with this name.
    #[track_caller]
    fn click(&mut self, label: &str) {
        self.click_nth(label, 0);
    }

    #[track_caller]
    fn click_nth(&mut self, label: &str, nth: usize) {
        let roles = [
            Role::Button,
            Role::Tab,
            Role::RadioButton,
            Role::CheckBox,
            Role::ComboBox,
        ];
        let node = self
            .0
            .get_all_by_label(label)
            .filter(|node| roles.contains(&node.accesskit_node().role()))
            .nth(nth)
            .unwrap_or_else(|| panic!("no control called {label:?}"));
        node.scroll_to_me();
        node.click_accesskit();
        self.0.run_ok();
    }

    /// Chooses from a list that opens.
    #[track_caller]
    fn pick(&mut self, list: &str, choice: &str) {
        self.pick_nth(list, 0, choice);
    }

    #[track_caller]
    fn pick_nth(&mut self, list: &str, nth: usize, choice: &str) {
        let lists = self.0.get_all_by_label(list);
        lists
            .filter(|node| node.accesskit_node().role() == Role::ComboBox)
            .nth(nth)
            .unwrap_or_else(|| panic!("no list called {list:?}"))
            .click_accesskit();
        self.0.run_ok();
        self.click(choice);
    }

    /// Types over what stands in a field.
    #[track_caller]
    fn write(&mut self, field: &str, text: &str) {
        self.field(field).focus();
        self.0.run_ok();
        self.0
            .key_press_modifiers(egui::Modifiers::COMMAND, egui::Key::A);
        self.0.run_ok();
        self.field(field).type_text(text);
        self.0.run_ok();
    }

    #[track_caller]
    fn field<'a>(&'a self, field: &'a str) -> egui_kittest::Node<'a> {
        let roles = [Role::TextInput, Role::MultilineTextInput];
        self.0
            .get_all_by_label(field)
            .find(|node| roles.contains(&node.accesskit_node().role()))
            .unwrap_or_else(|| panic!("no field called {field:?}"))
    }

    /// What was asked of the engine or the window since the last look.
    fn asks(&mut self) -> Vec<Ask> {
        let asks = std::mem::take(&mut self.0.state_mut().asks);
        asks.into_iter()
            .filter(|ask| !matches!(ask, Ask::CommandLine(_)))
            .collect()
    }

    /// Applies and returns the changes.
    #[track_caller]
    fn apply(&mut self) -> Vec<Change> {
        self.click("Apply");
        let asks = self.asks();
        match &asks[..] {
            [Ask::Engine(Command::Change { machine, changes })] if *machine == id(1) => {
                changes.clone()
            }
            _ => panic!("{asks:?}"),
        }
    }

    /// Apply is off, and `text` says why where it is wrong and beside the button.
    #[track_caller]
    fn refuses(&mut self, text: &str) {
        let apply = self.0.get_by_label("Apply");
        assert!(apply.accesskit_node().is_disabled(), "Apply is on");
        let found = self.0.query_all_by_label_contains(text).count();
        assert!(found >= 2, "{text:?} is said {found} times");
    }

    fn shows(&self, text: &str) -> bool {
        self.0.query_by_label_contains(text).is_some()
    }

    fn tell(&mut self, report: MachineReport) {
        self.0.state_mut().events.push(show(report));
        self.0.run_ok();
    }
}

fn device(id: &str) -> DeviceKind {
    machine().device(id).unwrap().kind.clone()
}

fn set(id: &str, kind: DeviceKind) -> Change {
    Change::Set {
        id: id.to_owned(),
        kind,
    }
}

/// Adding what `new_device` gives on the machine as it is.
fn added(kind: DeviceKind) -> Change {
    Change::Add(machine().new_device(kind).unwrap())
}
