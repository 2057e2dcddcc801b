//! Machines and computers that do not exist, for the tests of the screens.

use std::path::PathBuf;
use std::sync::Arc;

use egui_kittest::Harness;
use orangery::display::frame::Following;
use orangery::engine::message::Event;
use orangery::model::*;
use orangery::ui::shell::Shell;
use orangery::ui::view::{LiveScreen, View};
use orangery::ui::{Ask, theme};
use uuid::Uuid;

pub const NOW: Timestamp = Timestamp(1_790_000_000);

/// A live picture of the first machine, with a tablet.
pub fn live(ctx: &egui::Context, image: egui::ColorImage) -> LiveScreen {
    let [width, height] = image.size;
    LiveScreen {
        machine: id(1),
        texture: ctx.load_texture("guest", image, egui::TextureOptions::LINEAR),
        width: u32::try_from(width).unwrap(),
        height: u32::try_from(height).unwrap(),
        cursor: None,
        absolute: true,
        touch_slots: 0,
        caps_lock: None,
        told_room: None,
        following: Following::Idle,
        figures: None,
        recording: None,
    }
}

pub fn id(number: u128) -> MachineId {
    MachineId(Uuid::from_u128(
        0xc0ffee00_1234_4234_8234_000000000000 + number,
    ))
}

pub fn machine(number: u128, name: &str) -> Machine {
    let device = |id: &str, kind: DeviceKind, slot: u8| Device {
        id: id.to_owned(),
        address: match kind {
            DeviceKind::Cdrom(_) => Address::Sata { port: 0 },
            _ => Address::Pci { slot },
        },
        kind,
    };
    Machine {
        cpu: Cpu::of(2),
        memory: ByteSize::gib(4),
        firmware: Firmware {
            kind: FirmwareKind::Uefi,
            variables: Vec::new(),
        },
        devices: vec![
            device(
                "disk0",
                DeviceKind::Disk(Disk::new(DiskSource::Layers(Vec::new()), ByteSize::gib(32))),
                2,
            ),
            device(
                "cd0",
                DeviceKind::Cdrom(Cdrom {
                    medium: Some(PathBuf::from("/home/ada/debian-12.iso")),
                }),
                3,
            ),
            device(
                "nic0",
                DeviceKind::Nic(Nic::new(Mac([0x52, 0x54, 0, 1, 2, 3]))),
                4,
            ),
            device("display0", DeviceKind::Display(Display::new(1280, 800)), 5),
        ],
        created: Timestamp(NOW.0 - 100_000),
        ..Machine::new(id(number), name, "pc-q35-10.0", Origin::Empty)
    }
}

pub fn report(number: u128, name: &str, state: State) -> MachineReport {
    let broken = state == State::Broken;
    MachineReport {
        since: Timestamp(NOW.0 - 11_520),
        machine: (!broken).then(|| machine(number, name)),
        path: PathBuf::from(format!(
            "/home/ada/.local/share/orangery/machines/{}",
            id(number)
        )),
        pid: state.has_process().then_some(4242),
        accelerator: state.has_process().then_some(Accelerator::Tcg),
        ..MachineReport::new(id(number), name, state)
    }
}

pub fn computer() -> ComputerReport {
    let check = |id: &str, title: &str, level, finding: &str, fix: Option<&str>| Check {
        id: id.to_owned(),
        title: title.to_owned(),
        level,
        finding: finding.to_owned(),
        fix: fix.map(str::to_owned),
    };
    ComputerReport {
        qemu_version: Some("10.0.2".to_owned()),
        accelerator: AcceleratorChoice {
            choice: Accelerator::Tcg,
            reason: "KVM opens, but a guest started in it never runs.".to_owned(),
        },
        kvm: KvmVerdict::Hangs,
        cpus: 8,
        memory_total: ByteSize::gib(32),
        memory_free: ByteSize::gib(9),
        disk_free: ByteSize::gib(412),
        cpu_models: vec!["qemu64".to_owned(), "Haswell".to_owned()],
        checks: vec![
            check(
                "qemu",
                "QEMU",
                CheckLevel::Good,
                "Version 10.0.2 at /usr/bin/qemu-system-x86_64",
                None,
            ),
            check(
                "kvm",
                "Acceleration",
                CheckLevel::Note,
                "KVM opens, but a guest started in it never runs. Machines use software emulation",
                None,
            ),
            check(
                "display",
                "Screen",
                CheckLevel::Bad,
                "QEMU has no D-Bus display",
                Some("Install it: sudo apt install qemu-system-modules-opengl"),
            ),
            check(
                "memory",
                "Memory",
                CheckLevel::Good,
                "9 GiB of 32 GiB are free",
                None,
            ),
        ],
    }
}

pub fn load() -> HostLoad {
    HostLoad {
        cpu: 0.23,
        memory_used: ByteSize::gib(23),
        memory_total: ByteSize::gib(32),
        disk_free: ByteSize::gib(412),
    }
}

pub fn failure() -> Failure {
    Failure::new("Debian did not start", "its disk is used by the machine “Build box”")
        .fix("Shut down “Build box” first, or give this machine a disk of its own")
        .details("qemu-system-x86_64: -blockdev driver=qcow2: Failed to get \"write\" lock\nIs another process using the image [/home/ada/disk.qcow2]?")
}

/// Noise with a horizon, as a stand-in for a guest's picture.
pub fn thumbnail(number: u128) -> Event {
    let (width, height) = (160_u32, 100_u32);
    let mut rgba = Vec::new();
    for y in 0..height {
        for x in 0..width {
            let window = (30..130).contains(&x) && (22..80).contains(&y);
            let text = window && y > 34 && y % 6 < 2 && (36..(70 + (y * 13) % 50)).contains(&x);
            let color = match (text, window) {
                (true, _) => [150, 190, 160],
                (_, true) => [24, 28, 26],
                _ => [(60 + y) as u8, 90, (150 - y) as u8],
            };
            rgba.extend([color[0], color[1], color[2], 255]);
        }
    }
    Event::Thumbnail {
        machine: id(number),
        width,
        height,
        rgba: Arc::new(rgba),
    }
}

/// The window with fixed data; keeps what it asked for.
pub struct Window {
    pub shell: Shell,
    pub view: View,
    pub events: Vec<Event>,
    pub asks: Vec<Ask>,
    ready: bool,
}

impl Window {
    pub fn new(events: impl IntoIterator<Item = Event>) -> Self {
        let mut view = View::default();
        view.now = NOW;
        view.whole = true;
        Self {
            shell: Shell::default(),
            view,
            events: events.into_iter().collect(),
            asks: Vec::new(),
            ready: false,
        }
    }

    pub fn ui(&mut self, ui: &mut egui::Ui) {
        if !self.ready {
            self.ready = true;
            theme::choose(ui.ctx(), self.view.settings.theme, None);
        }
        for event in std::mem::take(&mut self.events) {
            self.view.apply(event, ui.ctx());
        }
        let asks = self.shell.ui(ui, &self.view);
        self.asks.extend(asks);
    }
}

/// Checks whose page is open.
#[track_caller]
pub fn check_shown(harness: &Harness<'_, Window>, number: u128) {
    let Window { shell, view, .. } = harness.state();
    assert_eq!(shell.shown(view).map(|report| report.id), Some(id(number)));
}

pub fn show(report: MachineReport) -> Event {
    Event::Machine(Box::new(report))
}

pub fn harness(window: Window) -> Harness<'static, Window> {
    Harness::builder()
        .with_size([1280.0, 800.0])
        .with_context_setup(theme::install)
        .build_ui_state(|ui, window: &mut Window| window.ui(ui), window)
}

pub fn with(reports: impl IntoIterator<Item = MachineReport>) -> Harness<'static, Window> {
    harness(Window::new(reports.into_iter().map(show)))
}
