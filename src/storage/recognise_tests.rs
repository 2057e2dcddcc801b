//! Files of every kind, and what they are taken for.
#![expect(
    clippy::disallowed_methods,
    reason = "tests make files and run programs themselves"
)]

use super::*;
use crate::model::{ByteSize, Era};
use crate::storage::iso::tests::{Dice, image};
use crate::storage::layer::tests::qemu_img;

fn look(name: &str, content: &[u8]) -> Recognised {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    std::fs::write(&path, content).unwrap();
    recognise(&path)
}

#[track_caller]
fn unusable(name: &str, content: &[u8], expected: &str) {
    match look(name, content).kind {
        FileKind::Unusable { why } => assert!(why.contains(expected), "{why}"),
        other => panic!("{name} is taken for {other:?}"),
    }
}

#[test]
fn an_installer_is_known_whatever_its_file_is_called() {
    let found = look(
        "download.img",
        &image("Debian 12.5.0 amd64 n", &[0, 0xef], &[]),
    );
    assert_eq!(found.kind, FileKind::Iso { bootable: true });
    assert_eq!(found.system.unwrap().name, "Debian 12");
    assert_eq!(found.firmware, None);
    let found = look("x.iso", &image("Fedora-WS-Live-42", &[0xef], &[]));
    assert_eq!(found.firmware, Some(FirmwareKind::Uefi));
    let found = look("x.iso", &image("MY_PHOTOS", &[0], &[]));
    assert_eq!((found.system, found.firmware), (None, None));
}

#[test]
fn disks_tell_their_format_and_size() {
    let mut raw = vec![0; 1 << 20];
    raw[510..512].copy_from_slice(&[0x55, 0xaa]);
    raw[0] = 0xeb;
    let found = look("freedos", &raw);
    let disk = FileKind::Disk {
        format: "raw".to_owned(),
        size: ByteSize::mib(1),
    };
    assert_eq!(found.kind, disk);
    assert_eq!(found.firmware, Some(FirmwareKind::Bios));
    assert_eq!(found.system.unwrap().era, Era::Ide);
    let folder = tempfile::tempdir().unwrap();
    for (format, name) in [
        ("vmdk", "VMware (VMDK)"),
        ("vdi", "VirtualBox (VDI)"),
        ("vhdx", "Hyper-V (VHDX)"),
        ("vpc", "Virtual PC (VHD)"),
    ] {
        let path = folder.path().join(format);
        if qemu_img(
            folder.path(),
            &["create", "-q", "-f", format, format, "64M"],
        )
        .is_none()
        {
            return;
        }
        match recognise(&path).kind {
            FileKind::Foreign { format, .. } => assert_eq!(format, name),
            other => panic!("{format} is taken for {other:?}"),
        }
    }
}

#[test]
fn what_no_machine_can_be_made_from_says_why() {
    unusable(
        "letter.txt",
        b"Dear reader",
        "neither a disk nor an installer",
    );
    unusable("song.mp3", &[0x49; 9000], "neither a disk nor an installer");
    unusable("a.img", b"", "It is empty");
    unusable(
        "a.img.gz",
        b"\x1f\x8b\x08rest",
        "It is packed with gzip; unpack it first",
    );
    unusable("a.qcow2", b"QFI\xfb\0\0\0\x03", "damaged qcow2");
    unusable(
        "a.vmdk",
        b"# Disk DescriptorFile\nRW 1 FLAT \"/etc/passwd\" 0",
        "“/etc/passwd”",
    );
    let folder = tempfile::tempdir().unwrap();
    let why = |path: &Path| match recognise(path).kind {
        FileKind::Unusable { why } => why,
        other => panic!("{other:?}"),
    };
    assert!(why(folder.path()).contains("folder"));
    assert_eq!(why(&folder.path().join("gone")), "There is no such file");
    assert_eq!(
        why(Path::new("/dev/null")),
        "It is neither a file nor a disk"
    );
    assert!(matches!(
        look("empty.img", &[0; 4096]).kind,
        FileKind::Disk { .. }
    ));
}

#[test]
fn any_bytes_give_an_answer() {
    let seed = std::time::UNIX_EPOCH.elapsed().unwrap().as_nanos() as u64 | 1;
    println!("seed {seed}");
    let mut dice = Dice(seed);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.img");
    let starts: [&[u8]; 9] = [
        b"QFI\xfb\0\0\0\x03",
        b"KDMV\x01\0\0\0",
        b"# Disk DescriptorFile\nRW 1 ",
        b"vhdxfile",
        b"conectix",
        b"COWD",
        b"EFI PART",
        b"\x1f\x8b",
        b"",
    ];
    for _ in 0..600 {
        let mut bytes: Vec<u8> = (0..dice.roll(70_000))
            .map(|_| dice.roll(256) as u8)
            .collect();
        let start = starts[dice.roll(9) as usize];
        let length = start.len().min(bytes.len());
        bytes[..length].copy_from_slice(&start[..length]);
        if bytes.len() > 1024 && dice.roll(2) == 0 {
            bytes[446 + 4] = 0xee;
            bytes[510..512].copy_from_slice(&[0x55, 0xaa]);
            bytes[512..520].copy_from_slice(b"EFI PART");
        }
        std::fs::write(&path, &bytes).unwrap();
        let found = recognise(&path);
        assert!(found.size.0 == bytes.len() as u64 || !found.usable());
    }
}
