//! Disks with real file systems for the tests, made by the usual tools without root or mounts.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::Command;

const MIB: u64 = 1 << 20;
/// Kind in the table, first byte, length: ext4, FAT, NTFS.
pub const PARTITIONS: [(u8, u64, u64); 3] = [
    (0x83, MIB, 16 * MIB),
    (0x0c, 17 * MIB, 16 * MIB),
    (0x07, 33 * MIB, 8 * MIB),
];
/// A name that a guest may give a file, and how it is shown.
pub const ODD_NAME: &str = "a\"\u{202e}\u{1b}[31m\\.txt";
pub const ODD_SHOWN: &str = "a\"\u{fffd}\u{fffd}[31m\\.txt";

/// A disk before, after, and as an overlay on the one before that makes it the one after.
pub struct Images {
    pub folder: tempfile::TempDir,
    pub before: PathBuf,
    pub after: PathBuf,
    pub overlay: PathBuf,
    /// What the file `var/big` holds.
    pub big: Vec<u8>,
}

/// Runs a tool; `None` if it is not installed.
#[expect(
    clippy::disallowed_methods,
    reason = "only tests make file systems, by tools that run outside the jail"
)]
pub fn tool(folder: &Path, name: &str, args: &[&str]) -> Option<()> {
    let path = format!(
        "{}:/usr/sbin:/sbin",
        std::env::var("PATH").unwrap_or_default()
    );
    let output = Command::new(name)
        .args(args)
        .current_dir(folder)
        .env("PATH", path)
        .output();
    match output {
        Ok(output) => {
            assert!(output.status.success(), "{name} {args:?}: {output:?}");
            Some(())
        }
        Err(_) => {
            println!("skipped: {name} is not installed");
            None
        }
    }
}

pub fn put(path: &Path, bytes: &[u8]) {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).unwrap();
    }
    File::create(path).unwrap().write_all(bytes).unwrap();
}

/// Runs commands of debugfs on an ext4 image.
pub fn debugfs(folder: &Path, image: &str, commands: &str) -> Option<()> {
    put(&folder.join("commands"), commands.as_bytes());
    tool(folder, "debugfs", &["-w", "-f", "commands", image])
}

/// Noise with a hole in it.
fn big() -> Vec<u8> {
    let mut state = 7_u32;
    let mut bytes: Vec<u8> = (0..700_001)
        .map(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8
        })
        .collect();
    bytes[100_000..500_000].fill(0);
    bytes
}

/// An ext4 image `name` with some files; `features` as for `mke2fs -O`.
pub fn ext4(folder: &Path, name: &str, features: &str) -> Option<()> {
    let root = folder.join("root");
    put(&root.join("etc/hosts"), b"one");
    put(&root.join("etc/keep"), b"kept");
    put(&root.join("var/gone"), b"gone");
    put(&root.join("var/big"), &big());
    put(&root.join(ODD_NAME), b"odd");
    std::os::unix::fs::symlink("/etc/passwd", root.join("link")).ok();
    let args = [
        "-q", "-F", "-t", "ext4", "-L", "system", "-O", features, "-d", "root", name, "16M",
    ];
    tool(folder, "mke2fs", &args)
}

fn fat(folder: &Path) -> Option<()> {
    tool(
        folder,
        "mkfs.vfat",
        &["-C", "-n", "STICK", "fat.before", "16384"],
    )?;
    put(&folder.join("one"), b"one");
    put(&folder.join("three"), b"three");
    let copy = |image: &str, from: &str, to: &str| {
        tool(
            folder,
            "mcopy",
            &["-o", "-i", image, from, &format!("::{to}")],
        )
    };
    tool(
        folder,
        "mmd",
        &["-i", "fat.before", "::Photos", "::Photos/2026"],
    )?;
    copy("fat.before", "one", "same.txt")?;
    copy("fat.before", "one", "Photos/2026/A long name.txt")?;
    copy("fat.before", "one", "Photos/gone.txt")?;
    std::fs::copy(folder.join("fat.before"), folder.join("fat.after")).unwrap();
    copy("fat.after", "three", "Photos/2026/A long name.txt")?;
    copy("fat.after", "one", "Photos/new.txt")?;
    tool(folder, "mdel", &["-i", "fat.after", "::Photos/gone.txt"])
}

fn ntfs(folder: &Path) -> Option<()> {
    let image = File::create(folder.join("ntfs.before")).unwrap();
    image.set_len(PARTITIONS[2].2).unwrap();
    tool(
        folder,
        "mkntfs",
        &["-q", "-F", "-Q", "-L", "Windows", "ntfs.before"],
    )?;
    tool(
        folder,
        "ntfscp",
        &["-q", "ntfs.before", "one", "changed.txt"],
    )?;
    tool(
        folder,
        "ntfscp",
        &["-q", "ntfs.before", "root/var/big", "big.bin"],
    )?;
    std::fs::copy(folder.join("ntfs.before"), folder.join("ntfs.after")).unwrap();
    tool(
        folder,
        "ntfscp",
        &["-q", "ntfs.after", "three", "changed.txt"],
    )?;
    tool(
        folder,
        "ntfscp",
        &["-q", "ntfs.after", "three", "A new one.txt"],
    )
}

/// Copies only what is not zero: so images stay small.
fn place(target: &File, at: u64, source: &Path) {
    let bytes = std::fs::read(source).unwrap();
    for (number, piece) in (0..).zip(bytes.chunks(65_536)) {
        if piece.iter().any(|byte| *byte != 0) {
            target.write_all_at(piece, at + number * 65_536).unwrap();
        }
    }
}

fn assemble(folder: &Path, name: &str) -> PathBuf {
    let path = folder.join(format!("{name}.raw"));
    let disk = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .open(&path)
        .unwrap();
    disk.set_len(42 * MIB).unwrap();
    let mut sector = [0; 512];
    for (number, (kind, start, length)) in PARTITIONS.iter().enumerate() {
        let entry = &mut sector[446 + 16 * number..][..16];
        entry[4] = *kind;
        entry[8..12].copy_from_slice(&((start / 512) as u32).to_le_bytes());
        entry[12..].copy_from_slice(&((length / 512) as u32).to_le_bytes());
    }
    sector[510..].copy_from_slice(&[0x55, 0xaa]);
    disk.write_all_at(&sector, 0).unwrap();
    for ((_, start, _), kind) in PARTITIONS.iter().zip(["ext4", "fat", "ntfs"]) {
        place(&disk, *start, &folder.join(format!("{kind}.{name}")));
    }
    path
}

/// The three file systems before and after some changes; `None` if a tool is missing.
pub fn images(features: &str) -> Option<Images> {
    let made = tempfile::tempdir().unwrap();
    let folder = made.path();
    ext4(folder, "ext4.before", features)?;
    std::fs::copy(folder.join("ext4.before"), folder.join("ext4.after")).unwrap();
    put(&folder.join("new"), b"brand new");
    let commands = "cd /etc\nrm hosts\nwrite new hosts\nwrite new new.txt\nrm /var/gone\n\
                    cd /\nmkdir fresh\ncd /fresh\nwrite new inside\n";
    debugfs(folder, "ext4.after", commands)?;
    fat(folder)?;
    ntfs(folder)?;
    let before = assemble(folder, "before");
    let after = assemble(folder, "after");
    let args = [
        "convert",
        "-f",
        "raw",
        "-O",
        "qcow2",
        "-B",
        "before.raw",
        "-F",
        "raw",
        "after.raw",
        "overlay.qcow2",
    ];
    tool(folder, "qemu-img", &args)?;
    Some(Images {
        overlay: folder.join("overlay.qcow2"),
        before,
        after,
        big: big(),
        folder: made,
    })
}
