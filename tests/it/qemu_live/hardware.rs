//! Every kind of device on both boards, in a real QEMU: it starts, it is where it should be, and the machine runs.

use std::collections::BTreeMap;
use std::fs;

use orangery::confine;
use orangery::model::{
    Board, ByteSize, Change, DeviceKind, Disk, DiskBus, DiskCache, DiskSource, Display,
    DisplayModel, FirmwareKind, Floppy, ImageFormat, InPlaceImage, LayerId, LayerRef, Mac, Machine,
    Nic, NicModel, NicNetwork, Sound, SoundModel, Topology, Watchdog, WatchdogAction, apply,
    complaints,
};
use orangery::qemu::firmware;
use orangery::qemu::qmp::Client;
use serde_json::{Value, json};
use uuid::Uuid;

use super::bench::{Bench, SOON, qemu_img, status};

/// A bench whose machine has this board and nothing else on it.
fn bare(board: Board) -> Bench {
    let mut bench = Bench::new();
    let ids: Vec<String> = bench
        .machine
        .devices
        .iter()
        .map(|it| it.id.clone())
        .collect();
    for id in ids {
        apply(&mut bench.machine, Change::Remove(id));
    }
    bench.machine.detached.clear();
    apply(&mut bench.machine, Change::Board(board));
    bench
}

#[track_caller]
fn add(machine: &mut Machine, kind: DeviceKind) -> String {
    let device = machine.new_device(kind).unwrap();
    let id = device.id.clone();
    apply(machine, Change::Add(device));
    id
}

fn disk(bench: &mut Bench, disk: impl FnOnce(Disk) -> Disk) -> String {
    let layer = LayerRef {
        machine: bench.machine.id,
        layer: LayerId(Uuid::new_v4()),
    };
    let path = bench.folder.path().join(format!("{}.qcow2", layer.layer));
    let folder = bench.folder.path();
    qemu_img(
        folder,
        &["create", "-f", "qcow2", path.to_str().unwrap(), "8M"],
    );
    bench.layers.insert(layer, path);
    let new = Disk::new(DiskSource::Layers(vec![layer]), ByteSize::mib(8));
    add(&mut bench.machine, DeviceKind::Disk(disk(new)))
}

/// Starts the machine, lets it go, and gives what QEMU has by the devices' ids.
#[track_caller]
fn run(bench: &mut Bench) -> BTreeMap<String, String> {
    assert_eq!(complaints(&bench.machine), []);
    let (_guard, client, _events) = bench.run();
    client.call_raw("cont", json!({}), SOON).unwrap();
    assert_eq!(status(&client), "running");
    let found = devices(&client);
    for device in &bench.machine.devices {
        assert!(found.contains_key(&device.id), "{} in {found:?}", device.id);
    }
    found
}

/// QEMU's types of the devices that have an id.
fn devices(client: &Client) -> BTreeMap<String, String> {
    let path = json!({ "path": "/machine/peripheral" });
    let all = client.call_raw("qom-list", path, SOON).unwrap();
    let text = |value: &Value, key: &str| value[key].as_str().unwrap().to_owned();
    let all = all.as_array().unwrap().iter();
    all.map(|one| {
        let kind = text(one, "type");
        let kind = kind.trim_start_matches("child<").trim_end_matches('>');
        (text(one, "name"), kind.to_owned())
    })
    .collect()
}

/// What QEMU says of the disk with the device id `id`.
#[track_caller]
fn block<'a>(blocks: &'a Value, id: &str) -> &'a Value {
    let path = format!("/machine/peripheral/{id}/");
    let mut all = blocks.as_array().unwrap().iter();
    all.find(|block| {
        let name = block["qdev"].as_str().unwrap_or("");
        name == id || name.starts_with(&path)
    })
    .unwrap_or_else(|| panic!("{id} in {blocks}"))
}

#[track_caller]
fn check(board: Board, kinds: &[(DeviceKind, &str)]) {
    let mut bench = bare(board);
    let ids: Vec<(String, &str)> = kinds
        .iter()
        .map(|(kind, expected)| (add(&mut bench.machine, kind.clone()), *expected))
        .collect();
    let found = run(&mut bench);
    for (id, expected) in ids {
        assert_eq!(found[&id], expected);
    }
}

fn nic(model: NicModel, last: u8) -> DeviceKind {
    DeviceKind::Nic(Nic {
        model,
        link: last.is_multiple_of(2),
        ..Nic::new(Mac::local([0, 0, last]))
    })
}

#[test]
fn cards_and_controllers_are_there_on_both_boards() {
    for board in Board::ALL {
        let mut kinds = vec![
            (DeviceKind::Keyboard, "virtio-keyboard-pci"),
            (DeviceKind::Tablet, "virtio-tablet-pci"),
            (DeviceKind::Touchscreen, "virtio-multitouch-pci"),
            (DeviceKind::UsbController, "qemu-xhci"),
            (DeviceKind::ScsiController, "virtio-scsi-pci"),
            (DeviceKind::Rng, "virtio-rng-pci"),
            (DeviceKind::Balloon, "virtio-balloon-pci"),
            (DeviceKind::GenerationId, "vmgenid"),
            (DeviceKind::Serial, "isa-serial"),
        ];
        let nics = ["virtio-net-pci", "e1000e", "e1000", "rtl8139", "pcnet"];
        for (place, (model, name)) in (0..).zip(NicModel::ALL.into_iter().zip(nics)) {
            kinds.push((nic(model, place), name));
        }
        let mut unplugged = Nic::new(Mac::local([1, 1, 1]));
        unplugged.network = NicNetwork::None;
        kinds.push((DeviceKind::Nic(unplugged), "virtio-net-pci"));
        check(board, &kinds);
    }
}

#[test]
fn displays_sound_and_watchdog_are_there_on_both_boards() {
    let sounds = ["intel-hda", "AC97", "sb16"];
    let displays = ["virtio-vga", "VGA", "cirrus-vga"];
    for board in Board::ALL {
        for place in 0..3 {
            let model = DisplayModel::ALL[place];
            let display = Display {
                model,
                heads: if model == DisplayModel::Virtio { 4 } else { 1 },
                memory: (model != DisplayModel::Virtio).then_some(ByteSize::mib(8)),
                ..Display::new(1024, 768)
            };
            let model = SoundModel::ALL[place];
            let action = WatchdogAction::ALL[place];
            check(
                board,
                &[
                    (DeviceKind::Display(display), displays[place]),
                    (DeviceKind::Sound(Sound { model }), sounds[place]),
                    (DeviceKind::Watchdog(Watchdog { action }), "i6300esb"),
                    (DeviceKind::Tablet, "virtio-tablet-pci"),
                    (DeviceKind::Touchscreen, "virtio-multitouch-pci"),
                    (DeviceKind::OldUsbController, "piix3-usb-uhci"),
                ],
            );
        }
    }
}

#[test]
fn disks_are_on_every_bus_with_every_cache() {
    let on = [
        (DiskBus::Virtio, "virtio-blk-pci"),
        (DiskBus::Sata, "ide-hd"),
        (DiskBus::Nvme, "nvme"),
        (DiskBus::Usb, "usb-storage"),
        (DiskBus::Scsi, "scsi-hd"),
        (DiskBus::Ide, "ide-hd"),
    ];
    for board in Board::ALL {
        let mut bench = bare(board);
        add(&mut bench.machine, DeviceKind::UsbController);
        add(&mut bench.machine, DeviceKind::ScsiController);
        add(&mut bench.machine, DeviceKind::Cdrom(Default::default()));
        let mut expected = Vec::new();
        let missing = match board {
            Board::Q35 => DiskBus::Ide,
            Board::I440fx => DiskBus::Sata,
        };
        let caches = [
            DiskCache::Writeback,
            DiskCache::Writethrough,
            DiskCache::Unsafe,
        ];
        for (bus, kind) in on.into_iter().filter(|(bus, _)| *bus != missing) {
            for cache in caches {
                let serial = Some(format!("{}-{}", bus.word(), cache.word()));
                // The i440fx has four places on its IDE, one with the CD drive.
                let read_only =
                    cache == DiskCache::Unsafe && !matches!(bus, DiskBus::Sata | DiskBus::Ide);
                let id = disk(&mut bench, |disk| Disk {
                    bus,
                    cache,
                    serial: serial.map(|serial| serial.chars().take(20).collect()),
                    read_only,
                    ..disk
                });
                expected.push((id, kind, cache, read_only));
            }
        }
        let (_guard, client, _events) = bench.run();
        client.call_raw("cont", json!({}), SOON).unwrap();
        assert_eq!(status(&client), "running");
        let found = devices(&client);
        let blocks = client.call_raw("query-block", json!({}), SOON).unwrap();
        for (id, kind, cache, read_only) in expected {
            assert_eq!(found[&id], kind);
            let inserted = &block(&blocks, &id)["inserted"];
            assert_eq!(inserted["ro"], read_only, "{id}");
            let is = |key: &str| inserted["cache"][key].as_bool().unwrap();
            assert_eq!(
                is("no-flush"),
                cache == DiskCache::Unsafe,
                "{id}: {inserted}"
            );
            assert_eq!(
                is("writeback"),
                cache != DiskCache::Writethrough,
                "{id}: {inserted}"
            );
        }
    }
}

#[test]
fn a_disk_goes_around_this_computers_cache() {
    let mut bench = bare(Board::Q35);
    // Not every file system can: on one that can't QEMU says so.
    let id = disk(&mut bench, |disk| Disk {
        cache: DiskCache::Direct,
        ..disk
    });
    let mut process = super::bench::Guard(bench.start(false).unwrap());
    match process.0.connect(SOON) {
        Ok((client, _events)) => {
            let blocks = client.call_raw("query-block", json!({}), SOON).unwrap();
            assert_eq!(
                blocks[0]["inserted"]["cache"]["direct"], true,
                "{id}: {blocks}"
            );
        }
        Err(error) => {
            let log = process.0.log_tail();
            assert!(log.contains("O_DIRECT"), "{error}: {log}");
        }
    }
}

#[test]
fn drives_have_their_media_on_both_boards() {
    for board in Board::ALL {
        let mut bench = bare(board);
        let image = bench.folder.path().join("a, b.img");
        fs::File::create(&image)
            .unwrap()
            .set_len(1_474_560)
            .unwrap();
        bench.layers.insert(
            LayerRef {
                machine: bench.machine.id,
                layer: LayerId(Uuid::nil()),
            },
            image.clone(), // So that it may be written to.
        );
        let medium = Some(image);
        let full = add(&mut bench.machine, DeviceKind::Floppy(Floppy { medium }));
        add(&mut bench.machine, DeviceKind::Floppy(Floppy::default()));
        add(&mut bench.machine, DeviceKind::Cdrom(Default::default()));
        let raw = bench.folder.path().join("raw.img");
        fs::File::create(&raw).unwrap().set_len(1 << 20).unwrap();
        bench.layers.insert(
            LayerRef {
                machine: bench.machine.id,
                layer: LayerId(Uuid::max()),
            },
            raw.clone(),
        );
        let source = DiskSource::InPlace(InPlaceImage {
            path: raw,
            format: ImageFormat::Raw,
        });
        let disk = DeviceKind::Disk(Disk::new(source, ByteSize::mib(1)));
        add(&mut bench.machine, disk);
        bench.machine.boot.0.insert(0, full.clone());
        let found = run(&mut bench);
        assert_eq!(found[&full], "floppy");
        assert_eq!(found["cd0"], "ide-cd");
    }
}

#[test]
fn firmwares_run_on_the_boards_that_can_have_them() {
    for (board, kind) in [
        (Board::Q35, FirmwareKind::Uefi),
        (Board::Q35, FirmwareKind::Secure),
        (Board::I440fx, FirmwareKind::Uefi),
        (Board::I440fx, FirmwareKind::Bios),
    ] {
        let mut bench = bare(board);
        if let Some(files) = firmware::find(kind).filter(|_| kind != FirmwareKind::Bios) {
            let variables = LayerRef {
                machine: bench.machine.id,
                layer: LayerId(Uuid::new_v4()),
            };
            let path = bench.folder.path().join("vars.qcow2");
            let template = files.variables.to_str().unwrap();
            let from = files.variables_format.driver();
            qemu_img(
                bench.folder.path(),
                &[
                    "convert",
                    "-f",
                    from,
                    "-O",
                    "qcow2",
                    template,
                    path.to_str().unwrap(),
                ],
            );
            bench.layers.insert(variables, path);
            bench.machine.firmware.variables = vec![variables];
            bench.firmware = Some(files.code);
        } else if kind != FirmwareKind::Bios {
            eprintln!("skipped: {} is not installed", kind.label());
            continue;
        }
        bench.machine.firmware.kind = kind;
        add(&mut bench.machine, DeviceKind::Serial);
        run(&mut bench);
    }
}

#[test]
fn processors_are_arranged_and_an_experts_arguments_come_last() {
    let mut bench = bare(Board::Q35);
    bench.machine.cpu.count = 4;
    bench.machine.cpu.topology = Some(Topology {
        sockets: 2,
        cores: 1,
        threads: 2,
    });
    bench.machine.cpu.model = Some("Nehalem".to_owned());
    bench.machine.arguments = ["-device", "edu,id=extra"].map(str::to_owned).to_vec();
    let (guard, client, _events) = bench.run();
    let args = &guard.0.manifest().args;
    assert_eq!(args[args.len() - 2..], bench.machine.arguments[..]);
    assert_eq!(devices(&client)["extra"], "edu");
    let cpus = client.call_raw("query-cpus-fast", json!({}), SOON).unwrap();
    let places: Vec<(u64, u64)> = cpus
        .as_array()
        .unwrap()
        .iter()
        .map(|cpu| {
            let at = |key: &str| cpu["props"][key].as_u64().unwrap();
            (at("socket-id"), at("thread-id"))
        })
        .collect();
    assert_eq!(places, [(0, 0), (0, 1), (1, 0), (1, 1)]);
    assert!(confine::find_program("qemu-system-x86_64").is_some());
}
