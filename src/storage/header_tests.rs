//! Headers as they are in the wild, and as an attacker would write them.

use super::*;
use crate::storage::layer::tests::qemu_img;

fn qcow2_header(edit: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut head = vec![0; 1024];
    head[..4].copy_from_slice(b"QFI\xfb");
    head[4..8].copy_from_slice(&3_u32.to_be_bytes());
    head[20..24].copy_from_slice(&16_u32.to_be_bytes());
    head[24..32].copy_from_slice(&(1_u64 << 30).to_be_bytes());
    head[100..104].copy_from_slice(&104_u32.to_be_bytes());
    edit(&mut head);
    head
}

fn look(head: &[u8]) -> Result<ImageInfo, &'static str> {
    let tail = &head[head.len().saturating_sub(TAIL)..];
    let size = head.len() as u64;
    recognise(&head[..head.len().min(HEAD)], tail, size).map(|(kind, virtual_size)| ImageInfo {
        kind,
        file_size: ByteSize(size),
        virtual_size: virtual_size.map(ByteSize),
        block_device: false,
    })
}

#[track_caller]
fn refused(head: &[u8], expected: &str) {
    let refusal = look(head).unwrap().in_place().unwrap_err();
    assert!(refusal.to_string().contains(expected), "{refusal}");
}

#[test]
fn a_plain_qcow2_and_a_raw_disk_are_used_in_place() {
    let info = look(&qcow2_header(|_| {})).unwrap();
    assert_eq!(info.in_place(), Ok(ImageFormat::Qcow2));
    assert_eq!(info.virtual_size, Some(ByteSize::gib(1)));
    let info = look(&[0x55; 1000]).unwrap();
    assert_eq!(info.in_place(), Ok(ImageFormat::Raw));
    assert_eq!(info.virtual_size, Some(ByteSize(1024)));
}

#[test]
fn a_qcow2_that_names_other_files_is_refused() {
    let backed = qcow2_header(|head| {
        head[8..16].copy_from_slice(&512_u64.to_be_bytes());
        head[16..20].copy_from_slice(&16_u32.to_be_bytes());
        head[512..528].copy_from_slice(b"/etc/\x1b[31mshadow");
    });
    refused(&backed, "names another file (“/etc/\\u{1b}[31mshadow”)");
    // The name may hide beyond what is read.
    refused(
        &qcow2_header(|head| head[8..16].copy_from_slice(&u64::MAX.to_be_bytes())),
        "names another file (“?”)",
    );
    refused(
        &qcow2_header(|head| head[79] = 4),
        "keeps its data in another file",
    );
    let by_extension = qcow2_header(|head| {
        head[104..108].copy_from_slice(&0x4441_5441_u32.to_be_bytes());
        head[108..112].copy_from_slice(&4_u32.to_be_bytes());
    });
    refused(&by_extension, "keeps its data in another file");
}

#[test]
fn a_qcow2_that_is_not_sound_is_refused() {
    refused(&qcow2_header(|head| head[35] = 1), "encrypted");
    refused(&qcow2_header(|head| head[79] = 2), "corrupt");
    refused(
        &qcow2_header(|head| head[79] = 32),
        "features that Orangery does not know",
    );
    refused(&qcow2_header(|head| head[7] = 1), "qcow version 1 images");
    refused(&qcow2_header(|head| head[7] = 9), "newer qcow2 images");
    let damaged = |head: &[u8]| look(head).unwrap_err();
    assert_eq!(damaged(b"QFI\xfb\0\0\0\x03"), "its header is cut off");
    assert_eq!(
        damaged(&qcow2_header(|head| head[23] = 63)),
        "its cluster size is impossible"
    );
    assert_eq!(
        damaged(&qcow2_header(|head| head[24] = 0xff)),
        "its size is impossible"
    );
    let long = qcow2_header(|head| {
        head[15] = 200;
        head[18] = 200;
    });
    assert_eq!(damaged(&long), "the name of its backing file is too long");
    // Dirty is no harm: QEMU repairs it when it opens the image.
    let dirty = look(&qcow2_header(|head| head[79] = 1)).unwrap();
    assert_eq!(dirty.in_place(), Ok(ImageFormat::Qcow2));
}

#[test]
fn other_formats_are_told_apart_and_named() {
    refused(b"KDMV\x01\0\0\0", "VMware (VMDK)");
    refused(b"# Disk DescriptorFile\nversion=1\n", "VMware (VMDK)");
    refused(
        b"\n# a comment\n\nversion=1\nRW 1 FLAT \"/etc/passwd\" 0\n",
        "VMware (VMDK)",
    );
    refused(b"vhdxfile", "Hyper-V (VHDX)");
    refused(b"\x1f\x8b\x08", "packed with gzip");
    refused(b"\xfd7zXZ\0", "packed with xz");
    refused(b"PK\x03\x04", "packed with zip");
    refused(b"LUKS\xba\xbe", "LUKS-encrypted images");
    refused(b"", "it is empty");
    let mut vdi = vec![0; 1024];
    vdi[64..68].copy_from_slice(&0xbeda_107f_u32.to_le_bytes());
    vdi[0x170..0x178].copy_from_slice(&(5_u64 << 20).to_le_bytes());
    refused(&vdi, "VirtualBox (VDI)");
    assert_eq!(look(&vdi).unwrap().virtual_size, Some(ByteSize::mib(5)));
}

#[test]
fn a_vhd_needs_a_right_checksum_to_count() {
    let mut disk = vec![7; 4096];
    let footer = disk.len() - 512;
    disk[footer..].fill(0);
    disk[footer..footer + 8].copy_from_slice(b"conectix");
    disk[footer + 48..footer + 56].copy_from_slice(&3584_u64.to_be_bytes());
    disk[footer + 63] = 2;
    assert_eq!(look(&disk).unwrap().kind, ImageKind::Raw);
    let sum: u32 = disk[footer..].iter().map(|byte| u32::from(*byte)).sum();
    disk[footer + 64..footer + 68].copy_from_slice(&(!sum).to_be_bytes());
    let info = look(&disk).unwrap();
    assert_eq!(info.kind, ImageKind::Vpc);
    assert_eq!(info.virtual_size, Some(ByteSize(3584)));
}

#[test]
fn an_iso_tells_its_label_and_whether_it_boots() {
    let mut iso = vec![0; HEAD];
    let sector = |number: usize| number * ISO_SECTOR;
    iso[sector(16)..sector(16) + 6].copy_from_slice(b"\x01CD001");
    iso[sector(16) + 40..sector(16) + 72].copy_from_slice(b"Debian 12\x1b netinst              ");
    iso[sector(17)..sector(17) + 6].copy_from_slice(b"\x00CD001");
    let plain = look(&iso).unwrap().kind;
    let label = Some("Debian 12 netinst".to_owned());
    assert_eq!(
        plain,
        ImageKind::Iso {
            label: label.clone(),
            bootable: false
        }
    );
    iso[sector(17) + 7..sector(17) + 30].copy_from_slice(b"EL TORITO SPECIFICATION");
    assert_eq!(
        look(&iso).unwrap().kind,
        ImageKind::Iso {
            label,
            bootable: true
        }
    );
}

#[test]
fn random_and_cut_headers_never_panic() {
    let mut state = 0x1234_5678_9abc_def1_u64;
    let mut next = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    let magics: [&[u8]; 6] = [
        b"QFI\xfb\0\0\0\x03",
        b"QFI\xfb\0\0\0\x02",
        b"KDMV",
        b"conectix",
        b"# Disk",
        b"",
    ];
    for round in 0..20_000 {
        let length = (next() % 700) as usize;
        let mut head: Vec<u8> = (0..length)
            .map(|_| next() as u8 & next() as u8 & next() as u8)
            .collect();
        let magic = magics[round % magics.len()];
        let fits = magic.len().min(length);
        head[..fits].copy_from_slice(&magic[..fits]);
        if fits == 8 && length > 24 {
            head[20..24].copy_from_slice(&16_u32.to_be_bytes());
        }
        // Only that it comes back counts.
        look(&head).map(|info| info.in_place().is_ok()).ok();
    }
}

#[test]
fn images_that_qemu_img_makes_are_recognised() {
    let folder = tempfile::tempdir().unwrap();
    let formats = [
        ("vmdk", "VMware (VMDK)", true),
        ("vdi", "VirtualBox (VDI)", true),
        ("vhdx", "Hyper-V (VHDX)", false),
        ("vpc", "Virtual PC (VHD)", true),
        ("qed", "QED", false),
        ("parallels", "Parallels", false),
    ];
    for (format, name, tells_size) in formats {
        let args = ["create", "-q", "-f", format, format, "64M"];
        if qemu_img(folder.path(), &args).is_none() {
            return;
        }
        let info = read_header(&folder.path().join(format)).unwrap();
        let expected = Err(Refusal::OtherFormat { format: name });
        assert_eq!(info.in_place(), expected);
        // A VHD's size is rounded up to whole cylinders.
        let near = |size: ByteSize| (64..66).contains(&size.as_mib());
        assert_eq!(info.virtual_size.is_some_and(near), tells_size, "{format}");
    }
    for options in [
        "compat=0.10",
        "compat=1.1",
        "extended_l2=on,cluster_size=128k",
    ] {
        let args = ["create", "-q", "-f", "qcow2", "-o", options, "q", "64M"];
        qemu_img(folder.path(), &args);
        let info = read_header(&folder.path().join("q")).unwrap();
        assert_eq!(info.in_place(), Ok(ImageFormat::Qcow2), "{options}");
        assert_eq!(info.virtual_size, Some(ByteSize::mib(64)));
    }
    let data = [
        "create",
        "-q",
        "-f",
        "qcow2",
        "-o",
        "data_file=d",
        "e",
        "64M",
    ];
    qemu_img(folder.path(), &data);
    let info = read_header(&folder.path().join("e")).unwrap();
    assert_eq!(info.in_place(), Err(Refusal::ExternalData));
}

#[test]
fn pipes_and_folders_are_not_images() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("pipe");
    fs::mknodat(fs::CWD, &path, FileType::Fifo, Mode::RWXU, 0).unwrap();
    for odd in [path.as_path(), folder.path(), Path::new("/dev/zero")] {
        let error = read_header(odd).unwrap_err().to_string();
        assert!(error.ends_with("is neither a file nor a disk"), "{error}");
    }
}
