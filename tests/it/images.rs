//! Disk images of every format come in through the jail: the same content, the original untouched, nothing left
//! behind, and nothing of this computer handed to an image that asks for it.
#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test that fails should say where, and makes files and runs programs itself"
)]

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::Command;

use orangery::confine;
use orangery::model::ByteSize;
use orangery::storage::{ConvertError, ImageKind, copy_in, read_header};

/// What a hostile image tries to get at.
const SECRET: &str = "the user's secret, which no image may have";

fn qemu_img(words: &[&str]) -> bool {
    let output = Command::new("qemu-img").args(words).output().unwrap();
    output.status.success()
}

/// A folder for images, and another as the library.
struct Place {
    folder: tempfile::TempDir,
    library: PathBuf,
}

impl Place {
    /// `None`, with a word on why, where a program is missing.
    fn new() -> Option<Self> {
        if confine::find_program("qemu-img").is_none() {
            eprintln!("skipped: qemu-img is not installed");
            return None;
        }
        confine::set_own_program(env!("CARGO_BIN_EXE_orangery"));
        let folder = tempfile::tempdir().unwrap();
        let library = folder.path().join("library");
        std::fs::create_dir(&library).unwrap();
        Some(Self { folder, library })
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.file(name);
        std::fs::write(&path, content).unwrap();
        path
    }

    /// A disk of `size` with noise here and there and much that is empty.
    fn disk(&self, name: &str, size: ByteSize) -> PathBuf {
        let mut content = vec![0; size.0 as usize];
        let mut state = 0x9e37_79b9_u64;
        for chunk in content.chunks_mut(4096).step_by(3) {
            for byte in chunk {
                state = state
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1);
                *byte = (state >> 56) as u8;
            }
        }
        self.write(name, content)
    }

    /// What lies in the library.
    fn kept(&self) -> Vec<String> {
        let entries = std::fs::read_dir(&self.library).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        names.collect()
    }

    fn take(&self, image: &Path) -> Result<ByteSize, ConvertError> {
        copy_in(image, &self.library.join("new.qcow2"), &mut |_, _| {
            ControlFlow::Continue(())
        })
    }

    #[track_caller]
    fn refused(&self, image: &Path, expected: &str) {
        let error = self.take(image).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
        assert_eq!(self.kept(), Vec::<String>::new(), "{error}");
    }
}

fn hash(path: &Path) -> blake3::Hash {
    blake3::hash(&std::fs::read(path).unwrap())
}

#[test]
fn images_of_every_format_come_in_whole_and_stay_as_they_were() {
    let Some(place) = Place::new() else { return };
    let raw = place.disk("disk.raw", ByteSize::mib(24));
    for (format, options) in [
        ("raw", None),
        ("qcow2", None),
        ("qcow2", Some("compression_type=zstd,cluster_size=4k")),
        ("qcow2", Some("compat=0.10")),
        ("vmdk", None),
        ("vmdk", Some("subformat=streamOptimized")),
        ("vdi", None),
        ("vdi", Some("static=on")),
        ("vhdx", None),
        ("vhdx", Some("subformat=fixed")),
        ("vpc", Some("force_size=on")),
        ("vpc", Some("subformat=fixed,force_size=on")),
    ] {
        // The ending tells nothing.
        let image = place.file("image.iso");
        let (from, to) = (raw.to_str().unwrap(), image.to_str().unwrap());
        let mut words = vec!["convert", "-f", "raw", "-O", format];
        words.extend(options.iter().flat_map(|options| ["-o", options]));
        words.extend([from, to]);
        assert!(qemu_img(&words), "{format} {options:?}");
        let before = hash(&image);
        let mut seen = Vec::new();
        let target = place.library.join("new.qcow2");
        let size = copy_in(&image, &target, &mut |done, of| {
            seen.push((done, of));
            ControlFlow::Continue(())
        });
        let size = size.unwrap_or_else(|error| panic!("{format} {options:?}: {error}"));
        assert_eq!(size, ByteSize::mib(24), "{format} {options:?}");
        assert_eq!(hash(&image), before, "{format} {options:?}");
        assert_eq!(place.kept(), ["new.qcow2"]);
        let words = ["compare", "-f", "raw", "-F", "qcow2", from];
        let same = qemu_img(&[&words[..], &[target.to_str().unwrap()]].concat());
        assert!(same, "{format} {options:?} has other content");
        let last = seen.iter().rev().find(|(_, of)| *of > 0);
        assert_eq!(last, Some(&(size.0, size.0)), "{format}: {seen:?}");
        assert!(seen.is_sorted_by_key(|(done, _)| *done), "{seen:?}");
        std::fs::remove_file(&target).unwrap();
    }
}

#[test]
fn a_virtual_pc_disk_has_the_size_that_qemu_gives_it() {
    let Some(place) = Place::new() else { return };
    let raw = place.disk("disk.raw", ByteSize::mib(24));
    let image = place.file("image.vhd");
    // Without force_size the disk grows to whole cylinders.
    let (from, to) = (raw.to_str().unwrap(), image.to_str().unwrap());
    assert!(qemu_img(&["convert", "-f", "raw", "-O", "vpc", from, to]));
    let size = place.take(&image).unwrap();
    assert!(
        size > ByteSize::mib(24) && size < ByteSize::mib(25),
        "{size}"
    );
    let copy = place.library.join("new.qcow2");
    let copy = copy.to_str().unwrap();
    assert!(qemu_img(&["compare", "-f", "vpc", "-F", "qcow2", to, copy]));
}

#[test]
fn cancel_at_any_point_leaves_nothing() {
    let Some(place) = Place::new() else { return };
    let raw = place.disk("disk.raw", ByteSize::mib(192));
    let image = place.file("image.vmdk");
    let (from, to) = (raw.to_str().unwrap(), image.to_str().unwrap());
    let options = "subformat=streamOptimized";
    assert!(qemu_img(&[
        "convert", "-f", "raw", "-O", "vmdk", "-o", options, from, to
    ]));
    let before = hash(&image);
    let mut while_copying = 0;
    for calls in [0, 1, 3, 8, 15] {
        let mut left = calls;
        let target = place.library.join("new.qcow2");
        let result = copy_in(&image, &target, &mut |_, of| {
            if left > 0 || (calls > 1 && of == 0) {
                left -= i32::from(of > 0);
                return ControlFlow::Continue(());
            }
            while_copying += i32::from(of > 0);
            ControlFlow::Break(())
        });
        assert!(matches!(result, Err(ConvertError::Cancelled)), "{result:?}");
        assert_eq!(place.kept(), Vec::<String>::new());
    }
    assert!(while_copying >= 3, "only {while_copying} while it copied");
    assert_eq!(hash(&image), before);
}

#[test]
fn images_that_name_other_files_get_nothing() {
    let Some(place) = Place::new() else { return };
    let secret = place.write("secret", SECRET.repeat(4096));
    let name = secret.to_str().unwrap();
    let qcow2 = place.file("a.qcow2");
    let path = qcow2.to_str().unwrap();
    for spelling in [
        name.to_owned(),
        format!("file:{name}"),
        format!(
            "json:{{\"driver\":\"raw\",\"file\":{{\"driver\":\"file\",\"filename\":\"{name}\"}}}}"
        ),
    ] {
        let words = [
            "create", "-q", "-u", "-f", "qcow2", "-F", "raw", "-b", &spelling,
        ];
        assert!(
            qemu_img(&[&words[..], &[path, "1M"]].concat()),
            "{spelling}"
        );
        place.refused(&qcow2, "names another file");
    }
    // A file that rests on itself makes qemu-img loop.
    let around = format!("{}/./a.qcow2", place.folder.path().display());
    let words = [
        "create", "-q", "-u", "-f", "qcow2", "-F", "qcow2", "-b", &around, path, "1M",
    ];
    assert!(qemu_img(&words));
    place.refused(&qcow2, "names another file");
    let data = format!("data_file={name},data_file_raw=on");
    std::fs::remove_file(&qcow2).unwrap();
    assert!(qemu_img(&[
        "create", "-q", "-f", "qcow2", "-o", &data, path, "64K"
    ]));
    place.refused(&qcow2, "keeps its data in another file");

    let flat = format!(
        "# Disk DescriptorFile\nversion=1\nCID=1\nparentCID=ffffffff\ncreateType=\"monolithicFlat\"\nRW 128 FLAT \"{name}\" 0\n"
    );
    place.refused(&place.write("a.vmdk", &flat), "names another file");
    // Other formats' names do not help it.
    for ending in ["iso", "raw", "img", "qcow2"] {
        let image = place.write(&format!("b.{ending}"), &flat);
        place.refused(&image, "names another file");
    }
    let mut polyglot = vec![0_u8; 32 << 10];
    polyglot[..4].copy_from_slice(b"KDMV");
    polyglot[4] = 1;
    polyglot[28] = 1;
    polyglot[36] = 20;
    polyglot[512..512 + flat.len()].copy_from_slice(flat.as_bytes());
    place.refused(&place.write("c.vmdk", &polyglot), "names another file");
}

/// What our header reader might overlook meets a jail in which the file does not exist.
#[test]
fn the_jail_shows_an_image_nothing_but_itself() {
    let Some(place) = Place::new() else { return };
    // A header whose backing file is beyond what our reader sees would be refused; raw is what QEMU is told, so
    // that no header counts.
    let secret = place.write("secret", SECRET.repeat(4096));
    let mut image = format!("\n\nRW 128 FLAT \"{}\" 0\n", secret.display()).into_bytes();
    image.resize(64 << 10, b'#');
    let path = place.write("odd.raw", &image);
    assert_eq!(read_header(&path).unwrap().kind, ImageKind::Raw);
    place.take(&path).unwrap();
    let copy = std::fs::read(place.library.join("new.qcow2")).unwrap();
    let leaked = copy
        .windows(SECRET.len())
        .any(|window| window == SECRET.as_bytes());
    assert!(!leaked);
}

#[test]
fn what_can_not_be_a_disk_is_refused_with_the_reason() {
    let Some(place) = Place::new() else { return };
    place.refused(
        &place.write("a.qcow2.gz", b"\x1f\x8b\x08\0"),
        "packed with gzip",
    );
    place.refused(
        &place.write("a.img.xz", b"\xfd7zXZ\0rest"),
        "packed with xz",
    );
    place.refused(
        &place.write("a.ova.zip", b"PK\x03\x04rest"),
        "packed with Zip".to_lowercase().as_str(),
    );
    place.refused(&place.write("empty.raw", b""), "it is empty");
    place.refused(
        &place.write("cut.vhdx", b"vhdxfile"),
        "could not be read as vhdx",
    );
    place.refused(&place.file("gone.vmdk"), "No such file");
    place.refused(place.folder.path(), "neither a file nor a disk");
    let huge = place.file("huge.qcow2");
    assert!(qemu_img(&[
        "create",
        "-q",
        "-f",
        "qcow2",
        huge.to_str().unwrap(),
        "500T"
    ]));
    place.refused(&huge, "64 TiB");
}

/// A sparse disk that is larger than the room there is comes in as long as what it holds fits.
#[test]
fn room_is_measured_by_what_an_image_holds() {
    let Some(place) = Place::new() else { return };
    let sparse = place.file("sparse.qcow2");
    assert!(qemu_img(&[
        "create",
        "-q",
        "-f",
        "qcow2",
        sparse.to_str().unwrap(),
        "16T"
    ]));
    assert_eq!(place.take(&sparse).unwrap(), ByteSize::gib(16 << 10));
    let copy = place.library.join("new.qcow2");
    assert!(copy.metadata().unwrap().len() < 32 << 20);
    std::fs::remove_file(copy).unwrap();
    // Each cluster of this one is there, by its own word: far more than any file system here has room for.
    let full = place.file("full.raw");
    let file = std::fs::File::create(&full).unwrap();
    file.set_len(1 << 40).unwrap();
    let vdi = place.file("full.vdi");
    let words = ["create", "-q", "-f", "vdi", "-o", "static=on"];
    if !qemu_img(&[&words[..], &[vdi.to_str().unwrap(), "1T"]].concat()) {
        eprintln!("skipped: no file of 1 TiB can be made here");
        return;
    }
    let error = place.take(&vdi);
    let plain = matches!(error, Ok(_) | Err(ConvertError::NoRoom { .. }));
    assert!(plain, "{error:?}");
}
