//! ISO images as xorriso makes them, made by hand, and as nobody should.
#![expect(
    clippy::disallowed_methods,
    reason = "tests make files and run programs themselves"
)]

use std::io::Cursor;
use std::path::Path;
use std::process::Command;

use super::*;

/// A small ISO image with a boot catalogue and these files in its root.
pub fn image(label: &str, platforms: &[u8], files: &[(&str, &str)]) -> Vec<u8> {
    let mut bytes = vec![0; 64 * SECTOR as usize];
    let at = |sector: u64, offset: usize| (sector * SECTOR) as usize + offset;
    let put = |bytes: &mut Vec<u8>, at: usize, what: &[u8]| {
        bytes[at..at + what.len()].copy_from_slice(what);
    };
    let record = |name: &[u8], sector: u32, length: u32, folder: bool| {
        let mut record = vec![0; 34 + name.len()];
        record[0] = record.len() as u8;
        record[2..6].copy_from_slice(&sector.to_le_bytes());
        record[10..14].copy_from_slice(&length.to_le_bytes());
        record[25] = u8::from(folder) * 2;
        record[32] = name.len() as u8;
        record[33..33 + name.len()].copy_from_slice(name);
        record
    };
    for (sector, kind) in [(16, 1_u8), (17, 0), (18, 255)] {
        bytes[at(sector, 0)] = kind;
        put(&mut bytes, at(sector, 1), b"CD001");
    }
    put(&mut bytes, at(16, 40), &[b' '; 32]);
    put(&mut bytes, at(16, 40), label.as_bytes());
    put(&mut bytes, at(16, 156), &record(b"\0", 20, 2048, true));
    put(&mut bytes, at(17, 7), b"EL TORITO SPECIFICATION");
    put(&mut bytes, at(17, 71), &19_u32.to_le_bytes());
    bytes[at(19, 0)] = 1;
    for (number, platform) in platforms.iter().enumerate() {
        match number {
            0 => bytes[at(19, 1)] = *platform,
            _ => put(&mut bytes, at(19, 64 * number), &[0x91, *platform]),
        }
        bytes[at(19, 64 * number + 32)] = 0x88;
    }
    let mut place = at(20, 0);
    for (sector, (name, content)) in (30..).zip(files) {
        let record = record(name.as_bytes(), sector, content.len() as u32, false);
        put(&mut bytes, place, &record);
        place += record.len();
        put(&mut bytes, at(sector.into(), 0), content.as_bytes());
    }
    bytes
}

fn seen(bytes: &[u8]) -> IsoLook {
    look(&mut Cursor::new(bytes))
}

#[test]
fn an_image_tells_its_label_its_firmware_and_its_files() {
    let tree = "[general]\nname = Fedora 42\n";
    let bytes = image(
        "FEDORA",
        &[0, 0xef],
        &[("README.;1", ""), (".treeinfo", tree)],
    );
    let found = seen(&bytes);
    assert_eq!(found.label, "FEDORA");
    assert_eq!((found.bios, found.uefi), (true, true));
    assert_eq!(found.names, ["readme.", ".treeinfo"]);
    assert_eq!(found.tree_info, "[general] name = Fedora 42");
    let only = |platforms: &[u8]| {
        let found = seen(&image("", platforms, &[]));
        (found.bios, found.uefi)
    };
    assert_eq!(only(&[0xef]), (false, true));
    assert_eq!(only(&[0]), (true, false));
    assert_eq!(only(&[]), (false, false));
}

/// Runs xorriso over a folder; `None` where it is not installed.
fn made(folder: &Path, options: &[&str]) -> Option<Vec<u8>> {
    let iso = folder.with_extension("iso");
    let made = Command::new("xorriso")
        .args([
            "-as",
            "mkisofs",
            "-quiet",
            "-V",
            "Debian 12.5.0 amd64 n",
            "-o",
        ])
        .arg(&iso)
        .args(options)
        .arg(folder)
        .output();
    match made {
        Ok(output) => {
            let said = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "{said}");
            Some(std::fs::read(iso).unwrap())
        }
        Err(_) => {
            eprintln!("skipped: xorriso is not installed");
            None
        }
    }
}

#[test]
fn images_made_by_xorriso_are_read_with_each_kind_of_names() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path().join("tree");
    std::fs::create_dir_all(folder.join(".disk")).unwrap();
    std::fs::create_dir(folder.join("install.amd")).unwrap();
    std::fs::write(folder.join(".disk/info"), "Debian GNU/Linux 12").unwrap();
    std::fs::write(folder.join("boot.img"), [0; 2048]).unwrap();
    std::fs::write(folder.join("efi.img"), [0; 4096]).unwrap();
    let boot = ["-b", "boot.img", "-no-emul-boot", "-boot-load-size", "4"];
    let efi = ["-eltorito-alt-boot", "-e", "efi.img", "-no-emul-boot"];
    for (names, plain) in [
        (vec!["-R"], false),
        (vec!["-J"], false),
        (vec!["-r", "-J"], false),
        (vec![], true),
    ] {
        let options = [&names[..], &boot, &efi].concat();
        let Some(bytes) = made(&folder, &options) else {
            return;
        };
        let found = seen(&bytes);
        assert_eq!(found.label, "Debian 12.5.0 amd64 n", "{names:?}");
        assert_eq!((found.bios, found.uefi), (true, true), "{names:?}");
        assert_eq!(found.disk_info, "Debian GNU/Linux 12", "{names:?}");
        let install = if plain { "install_amd" } else { "install.amd" };
        let has = found
            .names
            .iter()
            .any(|name| name.contains(install) || name == "install.amd");
        assert!(has, "{names:?}: {:?}", found.names);
    }
}

/// Numbers that look random and are the same each time.
pub struct Dice(pub u64);

impl Dice {
    pub fn roll(&mut self, below: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % below.max(1)
    }
}

#[test]
fn garbage_gives_an_answer_and_never_takes_long() {
    let seed = std::time::UNIX_EPOCH.elapsed().unwrap().as_nanos() as u64 | 1;
    println!("seed {seed}");
    let mut dice = Dice(seed);
    let files = [(".treeinfo", "x"), ("A.;1", "y"), ("SOURCES", "")];
    let good = image("UBUNTU", &[0, 0xef, 0], &files);
    let started = std::time::Instant::now();
    for _ in 0..4000 {
        let mut bytes = good.clone();
        for _ in 0..=dice.roll(24) {
            // Mostly where the structures lie.
            let at = (16 * SECTOR + dice.roll(16 * SECTOR)) as usize;
            bytes[at] = [0, 0xff, 1, dice.roll(256) as u8][dice.roll(4) as usize];
        }
        bytes.truncate(dice.roll(bytes.len() as u64 * 2) as usize);
        let found = seen(&bytes);
        assert!(found.names.len() <= (MAX_FOLDER / 34) as usize);
        assert!(found.tree_info.len() <= MAX_TEXT as usize);
        let texts = [&found.label, &found.publisher, &found.tree_info];
        assert!(
            texts
                .iter()
                .all(|text| text.chars().all(|c| (' '..='~').contains(&c)))
        );
    }
    let each = started.elapsed() / 4000;
    assert!(each < std::time::Duration::from_millis(100), "{each:?}");
}
