//! Guests that tests boot: from their packages, or made once by the scripts in `tests/guests`.

use std::fs::{self, File};
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Why a guest is not to be had on this computer.
#[derive(Debug)]
pub struct Skip(pub String);

/// An ISO of the Debian 12 graphical installer. Starts by itself after a second, by BIOS; its language list is
/// up within a minute emulated.
pub fn debian_installer() -> Result<PathBuf, Skip> {
    let iso = cache().join("debian-12-installer.iso");
    if !iso.exists() {
        make("installer-iso")?;
    }
    Ok(iso)
}

/// A Debian 12 disk, qcow2, 2 GiB, BIOS: root is logged in on the screen and on the first serial port within half
/// a minute emulated; the power button shuts it down; guest agent and SSH server; X by `startx`, SPICE agent,
/// ALSA's tools, evtest. Write to an overlay, not to it.
pub fn debian_disk() -> Result<PathBuf, Skip> {
    let disk = cache().join("debian-12-v2.qcow2");
    if disk.exists() {
        return Ok(disk);
    }
    Err(Skip(format!(
        "{} is not there: run tests/guests/prepare",
        disk.display()
    )))
}

/// Debian guests run one after another: two of them on two processors outlast each other's patience.
pub fn alone() -> std::sync::MutexGuard<'static, ()> {
    static RUNNING: std::sync::Mutex<()> = std::sync::Mutex::new(());
    RUNNING
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// The ISO of memtest86+, which computes all the time; its blue screen is up after some 30 s emulated.
pub fn memtest() -> Result<PathBuf, Skip> {
    of_package("memtest86+", "/usr/lib/memtest86+/memtest86+x64.iso")
}

/// The ISO of GRUB's rescue menu; after `c` it takes typed commands. A few seconds emulated.
pub fn grub_rescue() -> Result<PathBuf, Skip> {
    of_package(
        "grub-rescue-pc",
        "/usr/lib/grub-rescue/grub-rescue-cdrom.iso",
    )
}

/// The ISO of iPXE, the smallest of all; without a network it gives up and the next disk is tried.
pub fn ipxe() -> Result<PathBuf, Skip> {
    of_package("ipxe", "/usr/lib/ipxe/ipxe.iso")
}

/// The guest, or a note that its test is skipped. With `ORANGERY_NO_SKIPS` set, a missing guest is a failure.
#[track_caller]
pub fn or_skip(guest: Result<PathBuf, Skip>) -> Option<PathBuf> {
    match guest {
        Ok(path) => Some(path),
        Err(Skip(reason)) if std::env::var_os("ORANGERY_NO_SKIPS").is_some() => panic!("{reason}"),
        Err(Skip(reason)) => {
            eprintln!("skipped: {reason}");
            None
        }
    }
}

/// Where made guests are kept: `ORANGERY_TEST_CACHE`, as the Makefile sets it, or a folder of this user.
fn cache() -> PathBuf {
    std::env::var_os("ORANGERY_TEST_CACHE").map_or_else(
        || {
            PathBuf::from(format!(
                "/var/tmp/orangery-tests-{}",
                rustix::process::getuid().as_raw()
            ))
        },
        PathBuf::from,
    )
}

fn of_package(package: &str, path: &str) -> Result<PathBuf, Skip> {
    let path = PathBuf::from(path);
    if path.exists() {
        return Ok(path);
    }
    Err(Skip(format!(
        "package {package} is not installed ({})",
        path.display()
    )))
}

/// Runs one of the scripts, which wait for each other, so that parallel tests are fine.
fn make(script: &str) -> Result<(), Skip> {
    let cache = cache();
    fs::create_dir_all(&cache).map_err(|error| Skip(format!("{}: {error}", cache.display())))?;
    #[expect(
        clippy::disallowed_methods,
        reason = "a test's own tool, not a program that Orangery runs"
    )]
    let output = Command::new(
        Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("tests/guests")
            .join(script),
    )
    .arg(&cache)
    .output()
    .map_err(|error| Skip(format!("{script}: {error}")))?;
    if output.status.success() {
        return Ok(());
    }
    Err(Skip(
        String::from_utf8_lossy(&output.stderr).trim().to_owned(),
    ))
}

fn bytes_at<const N: usize>(path: &Path, offset: u64) -> [u8; N] {
    let mut file = File::open(path).unwrap();
    let mut bytes = [0; N];
    file.seek(SeekFrom::Start(offset)).unwrap();
    file.read_exact(&mut bytes).unwrap();
    bytes
}

#[test]
fn the_installer_iso_is_bootable_and_labelled_as_debian() {
    let Some(iso) = or_skip(debian_installer()) else {
        return;
    };
    // ECMA-119: the volume label at byte 40 of sector 16. El Torito: the boot record in sector 17.
    assert_eq!(&bytes_at::<9>(&iso, 16 * 2048 + 40), b"Debian 12");
    assert_eq!(
        &bytes_at::<23>(&iso, 17 * 2048 + 7),
        b"EL TORITO SPECIFICATION"
    );
}

#[test]
fn guests_of_packages_are_isos() {
    for guest in [memtest(), grub_rescue(), ipxe()]
        .into_iter()
        .filter_map(or_skip)
    {
        assert_eq!(
            &bytes_at::<5>(&guest, 16 * 2048 + 1),
            b"CD001",
            "{}",
            guest.display()
        );
    }
}

#[test]
fn the_debian_disk_is_a_whole_qcow2() {
    let Some(disk) = or_skip(debian_disk()) else {
        return;
    };
    assert_eq!(&bytes_at::<4>(&disk, 0), b"QFI\xfb");
    // The size of the disk in bytes, big-endian, in the qcow2 header.
    assert_eq!(u64::from_be_bytes(bytes_at(&disk, 24)), 2 << 30);
}
