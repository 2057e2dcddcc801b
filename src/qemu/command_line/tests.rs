//! Whole command lines as QEMU gets them, and what must never be in one.

use std::collections::BTreeMap;
use std::path::PathBuf;

use uuid::Uuid;

use super::*;
use crate::model::{
    Address, ByteSize, Change, DeviceKind, Disk, DiskBus, DiskCache, DiskSource, DisplayModel,
    InPlaceImage, LayerId, MachineId, NewMachine, NicModel, NicNetwork, Source, Timestamp, apply,
};
use crate::qemu::defaults;

const ID: u128 = 0xc0ff_ee00_1234_4234_8234_1234_5678_9abc;

fn layer(number: u128) -> LayerRef {
    LayerRef {
        machine: MachineId(Uuid::from_u128(ID)),
        layer: LayerId(Uuid::from_u128(number << 96)),
    }
}

fn machine(source: Source, firmware: FirmwareKind) -> Machine {
    let spec = NewMachine {
        name: "Web, mail".to_owned(),
        source,
        cpus: 2,
        memory: ByteSize::gib(1),
        disk_size: ByteSize::gib(8),
        firmware,
        era: Default::default(),
        experiment: false,
    };
    let parts = defaults::Parts {
        id: MachineId(Uuid::from_u128(ID)),
        machine_type: "pc-q35-10.0".to_owned(),
        mac: [0xab, 0xcd, 0xef],
        disk: Some(DiskSource::Layers(vec![layer(1)])),
        disk_size: spec.disk_size,
        created: Timestamp(0),
    };
    defaults::machine(&spec, parts)
}

struct Facts {
    layers: BTreeMap<LayerRef, PathBuf>,
    sockets: Sockets,
    firmware: FirmwareCode,
}

impl Facts {
    fn new() -> Self {
        let place = |number| (layer(number), PathBuf::from(format!("/m/{number}.qcow2")));
        Self {
            layers: (1..=5).map(place).collect(),
            sockets: Sockets::within(Path::new("/run/x")),
            firmware: FirmwareCode {
                path: "/usr/share/OVMF/OVMF_CODE_4M.fd".into(),
                format: ImageFormat::Raw,
            },
        }
    }

    fn launch<'a>(&'a self, machine: &'a Machine) -> Launch<'a> {
        Launch {
            machine,
            accelerator: Accelerator::Kvm,
            cpu_model: "host",
            memory: Some(MemoryFile {
                number: MEMORY_NUMBER,
                size: machine.memory,
                frozen: false,
            }),
            firmware: Some(&self.firmware),
            layers: &self.layers,
            sockets: &self.sockets,
            display: DisplayPath::Dbus,
            dbus_sound: true,
            incoming: false,
            generation: Uuid::from_u128(7),
        }
    }
}

/// One option and its value per line.
fn shown(args: &[String]) -> String {
    let mut text = String::new();
    for arg in args {
        let option = arg.starts_with('-');
        text.push_str(if option && !text.is_empty() {
            "\n"
        } else if option {
            ""
        } else {
            " "
        });
        text.push_str(arg);
    }
    text.push('\n');
    text
}

/// Compares with the file `golden/<name>.txt`; `ORANGERY_BLESS=1` writes it instead.
fn check_golden(name: &str, launch: &Launch<'_>) {
    let text = shown(&command_line(launch).unwrap());
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("src/qemu/command_line/golden")
        .join(format!("{name}.txt"));
    if std::env::var_os("ORANGERY_BLESS").is_some() {
        use std::io::Write;
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        let mut file = std::fs::File::create(&path).unwrap();
        file.write_all(text.as_bytes()).unwrap();
        return;
    }
    let golden = std::fs::read_to_string(&path).unwrap();
    assert_eq!(text, golden, "{name}");
}

#[test]
fn an_installer_with_bios() {
    let machine = machine(
        Source::Iso("/iso/debian, 13.iso".into()),
        FirmwareKind::Bios,
    );
    check_golden("installer-bios", &Facts::new().launch(&machine));
}

#[test]
fn uefi_with_variables_and_a_chain_of_layers() {
    let mut machine = machine(Source::Empty, FirmwareKind::Uefi);
    machine.firmware.variables = vec![layer(4), layer(5)];
    for device in &mut machine.devices {
        if let DeviceKind::Disk(disk) = &mut device.kind {
            disk.source = DiskSource::Layers(vec![layer(1), layer(2), layer(3)]);
        }
    }
    check_golden("uefi-chain", &Facts::new().launch(&machine));
}

#[test]
fn secure_boot_and_emulation_with_private_memory_over_rfb_for_a_saved_state() {
    let mut machine = machine(Source::Empty, FirmwareKind::Secure);
    machine.firmware.variables = vec![layer(4)];
    machine.memory_backing = MemoryBacking::Private;
    let facts = Facts::new();
    let launch = Launch {
        accelerator: Accelerator::Tcg,
        cpu_model: "max",
        memory: None,
        display: DisplayPath::Rfb,
        dbus_sound: true,
        incoming: true,
        ..facts.launch(&machine)
    };
    check_golden("secure-incoming", &launch);
}

#[test]
fn a_disk_in_place_with_old_fashioned_devices() {
    let mut machine = machine(Source::Disk("/home/a/old.img".into()), FirmwareKind::Bios);
    for device in &mut machine.devices {
        match &mut device.kind {
            DeviceKind::Disk(disk) => {
                disk.bus = crate::model::DiskBus::Sata;
                disk.source = DiskSource::InPlace(InPlaceImage {
                    path: "/home/a/old.img".into(),
                    format: ImageFormat::Raw,
                });
                device.address = Address::Sata { port: 1 };
            }
            DeviceKind::Nic(nic) => {
                nic.model = NicModel::E1000;
                nic.network = NicNetwork::None;
            }
            DeviceKind::Display(display) => display.model = DisplayModel::Vga,
            _ => {}
        }
    }
    check_golden("in-place", &Facts::new().launch(&machine));
}

/// A machine with what is not in a new one.
fn crowded(board: Board) -> Machine {
    let mut machine = machine(Source::Empty, FirmwareKind::Bios);
    let bus = match board {
        Board::Q35 => DiskBus::Sata,
        Board::I440fx => DiskBus::Ide,
    };
    apply(&mut machine, Change::Board(board));
    apply(&mut machine, Change::Clock(Clock::Local));
    let expert = ["-device".to_owned(), "edu".to_owned()].to_vec();
    apply(&mut machine, Change::Arguments(expert));
    let disk = |number, bus, cache| {
        let source = DiskSource::Layers(vec![layer(number)]);
        DeviceKind::Disk(Disk {
            bus,
            cache,
            serial: Some(format!("S{number}")),
            ..Disk::new(source, ByteSize::gib(1))
        })
    };
    let nic = |model, last| {
        DeviceKind::Nic(crate::model::Nic {
            model,
            ..crate::model::Nic::new(crate::model::Mac::local([0, 0, last]))
        })
    };
    let medium = Some(PathBuf::from("/f/a,b.img"));
    for kind in [
        DeviceKind::ScsiController,
        disk(2, DiskBus::Nvme, DiskCache::Direct),
        disk(3, DiskBus::Usb, DiskCache::Unsafe),
        disk(4, DiskBus::Scsi, DiskCache::Writethrough),
        disk(5, bus, DiskCache::Writeback),
        DeviceKind::Floppy(crate::model::Floppy { medium }),
        nic(NicModel::E1000e, 1),
        nic(NicModel::Pcnet, 2),
        DeviceKind::Watchdog(Default::default()),
        DeviceKind::Touchscreen,
    ] {
        let device = machine.new_device(kind).unwrap();
        apply(&mut machine, Change::Add(device));
    }
    machine.boot.0.insert(0, "floppy0".to_owned());
    assert_eq!(crate::model::complaints(&machine), []);
    machine
}

#[test]
fn both_boards_with_a_device_of_each_kind() {
    let machine = crowded(Board::Q35);
    check_golden("crowded-q35", &Facts::new().launch(&machine));
    let machine = crowded(Board::I440fx);
    check_golden("crowded-i440fx", &Facts::new().launch(&machine));
}

#[test]
fn nothing_a_user_types_becomes_another_option() {
    let mut machine = machine(Source::Iso("/iso/a,b=c.iso".into()), FirmwareKind::Bios);
    machine.name = "x,process=evil,,y".to_owned();
    machine.cpu.model = Some("host,+evil".to_owned());
    let facts = Facts::new();
    let cpu = resolve_cpu(&machine, Accelerator::Kvm);
    let launch = Launch {
        cpu_model: &cpu,
        ..facts.launch(&machine)
    };
    let args = command_line(&launch).unwrap();
    assert!(args.contains(&"guest=x,,process=evil,,,,y,debug-threads=on".to_owned()));
    assert!(args.contains(&"host,,+evil".to_owned()));
    let json: Vec<_> = args.iter().filter(|arg| arg.starts_with('{')).collect();
    assert!(
        json.iter()
            .any(|arg| arg.contains(r#""filename":"/iso/a,b=c.iso""#))
    );
}

#[test]
fn no_launch_listens_on_tcp_or_lets_qemu_probe() {
    let machine = machine(Source::Empty, FirmwareKind::Bios);
    let facts = Facts::new();
    for display in [DisplayPath::Dbus, DisplayPath::Rfb] {
        let launch = Launch {
            display,
            dbus_sound: true,
            ..facts.launch(&machine)
        };
        let args = command_line(&launch).unwrap();
        let text = shown(&args);
        for never in [
            "tcp:",
            "host=",
            "-drive",
            "-hda ",
            "telnet",
            "hostfwd",
            "-daemonize",
        ] {
            assert!(!text.contains(never), "{never} in {text}");
        }
        for always in ["-nodefaults", "-no-user-config", "-S"] {
            assert!(args.contains(&always.to_owned()));
        }
    }
}

#[test]
fn what_can_not_be_launched_is_refused_with_the_device() {
    let facts = Facts::new();
    let mut strange = machine(Source::Empty, FirmwareKind::Bios);
    strange.devices[0].address = Address::Sata { port: 0 };
    let error = command_line(&facts.launch(&strange)).unwrap_err();
    let device = "display0".to_owned();
    assert_eq!(error, CommandLineError::WrongAddress { device });

    let no_variables = machine(Source::Empty, FirmwareKind::Uefi);
    let error = command_line(&facts.launch(&no_variables)).unwrap_err();
    assert_eq!(error, CommandLineError::NoVariables);

    let bios = machine(Source::Empty, FirmwareKind::Bios);
    let nowhere = BTreeMap::new();
    let launch = Launch {
        layers: &nowhere,
        ..facts.launch(&bios)
    };
    assert!(matches!(
        command_line(&launch),
        Err(CommandLineError::UnknownLayer { .. })
    ));
}

#[test]
fn node_names_fit_and_differ() {
    let (a, b) = (layer(1).layer, layer(2).layer);
    assert_ne!(layer_node(a), layer_node(b));
    assert!(layer_node(a).len() <= 31 && file_node(a).len() <= 31);
}
