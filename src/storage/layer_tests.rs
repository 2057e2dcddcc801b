//! New layers are what qemu-img takes for whole and equal, when it is installed.

use super::*;
use crate::storage::{ImageKind, read_header};

/// Runs qemu-img and gives its standard output; `None` if it is not installed.
#[expect(
    clippy::disallowed_methods,
    reason = "only tests run qemu-img without its jail"
)]
pub fn qemu_img(folder: &Path, args: &[&str]) -> Option<String> {
    let output = std::process::Command::new("qemu-img")
        .args(args)
        .current_dir(folder)
        .output();
    let Ok(output) = output else {
        println!("part skipped: qemu-img is not installed");
        return None;
    };
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{args:?}: {error}");
    Some(String::from_utf8_lossy(&output.stdout).into_owned())
}

fn noise(length: usize) -> Vec<u8> {
    let mut state = 1_u64;
    (0..length)
        .map(|_| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            (state >> 56) as u8
        })
        .collect()
}

#[track_caller]
fn check(size: u64, content: &[u8]) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.qcow2");
    let layer = NewLayer {
        size: ByteSize(size),
        backing: None,
        content,
    };
    write_layer(&path, &layer).unwrap();
    let info = read_header(&path).unwrap();
    assert_eq!(
        info.virtual_size,
        Some(ByteSize(size.next_multiple_of(512)))
    );
    assert!(matches!(info.kind, ImageKind::Qcow2(_)));
    let found = qemu_img(folder.path(), &["check", "-q", "-f", "qcow2", "a.qcow2"]);
    if found.is_none() {
        return;
    }
    let mut raw = File::create(folder.path().join("a.raw")).unwrap();
    raw.write_all(content).unwrap();
    raw.set_len(size.next_multiple_of(512)).unwrap();
    let compare = ["compare", "-f", "qcow2", "-F", "raw", "a.qcow2", "a.raw"];
    qemu_img(folder.path(), &compare);
}

#[test]
fn new_layers_are_whole_and_equal_to_their_content() {
    let content = noise(1_000_000);
    check(512, &[]);
    check(1, b"x");
    check(32 << 30, &[]);
    check(10 << 40, &content);
    check(1_000_000, &content);
    check(CLUSTER * 3, &content[..(CLUSTER * 3) as usize]);
    let mut holes = vec![0; 600 << 20];
    holes[(200 << 20) + 5] = 7;
    holes[(599 << 20) + 9] = 8;
    check(1 << 30, &holes);
}

#[test]
fn an_overlay_shows_what_it_rests_on() {
    let folder = tempfile::tempdir().unwrap();
    let base = NewLayer {
        size: ByteSize::mib(8),
        backing: None,
        content: &noise(300_000),
    };
    let disks = folder.path().join("m1/disks");
    let other = folder.path().join("m2/disks");
    std::fs::create_dir_all(&disks).unwrap();
    std::fs::create_dir_all(&other).unwrap();
    write_layer(&disks.join("base.qcow2"), &base).unwrap();
    let overlay = NewLayer {
        size: ByteSize::mib(8),
        backing: Some(Backing {
            path: "../../m1/disks/base.qcow2".to_owned(),
            format: ImageFormat::Qcow2,
        }),
        content: &[],
    };
    write_layer(&other.join("top.qcow2"), &overlay).unwrap();
    let info = read_header(&other.join("top.qcow2")).unwrap();
    let ImageKind::Qcow2(header) = info.kind else {
        panic!("not a qcow2");
    };
    assert_eq!(header.backing.as_deref(), Some("../../m1/disks/base.qcow2"));
    assert_eq!(header.backing_format.as_deref(), Some("qcow2"));
    let top = ["check", "-q", "-f", "qcow2", "m2/disks/top.qcow2"];
    if qemu_img(folder.path(), &top).is_some() {
        let files = ["m2/disks/top.qcow2", "m1/disks/base.qcow2"];
        let compare = ["compare", "-f", "qcow2", "-F", "qcow2", files[0], files[1]];
        qemu_img(folder.path(), &compare);
    }
}

#[test]
fn an_existing_file_and_impossible_sizes_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.qcow2");
    let layer = |size, content| NewLayer {
        size: ByteSize(size),
        backing: None,
        content,
    };
    let refuse = |layer: &NewLayer<'_>| write_layer(&path, layer).unwrap_err().to_string();
    assert_eq!(
        refuse(&layer(0, &[])),
        "a disk of 0 bytes can't be made; 512 bytes to 64 TiB are possible"
    );
    assert_eq!(
        refuse(&layer(512, &[1; 600])),
        "the disk is 512 bytes, its content 600 bytes"
    );
    assert!(!path.exists());
    write_layer(&path, &layer(512, &[])).unwrap();
    assert!(refuse(&layer(512, &[])).contains("File exists"));
    assert!(path.exists());
}
