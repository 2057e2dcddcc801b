//! What a file is that a machine could be made from, and what suits that machine.

use std::fs::File;
use std::path::{Path, PathBuf};

use super::header::{HeaderError, ImageInfo, ImageKind, read_header};
use super::iso::{self, IsoLook};
use super::partitions;
use super::systems::{self, Says};
use crate::model::{FileKind, FirmwareKind, Recognised};

/// Endings of files that are disks although their bytes don't tell.
const RAW_ENDINGS: [&str; 8] = ["img", "raw", "dd", "ima", "hdd", "dsk", "vfd", "bin"];
/// Where ext2, ext3 and ext4 have their mark, and what it is.
const EXT: (usize, [u8; 2]) = (1080, [0x53, 0xef]);

/// Looks at a file that the user chose. Bounded: headers, a few folders of an ISO, no reference to
/// anything outside the file is followed.
pub fn recognise(path: &Path) -> Recognised {
    let mut found = Recognised {
        path: path.to_owned(),
        kind: FileKind::Unusable { why: String::new() },
        size: crate::model::ByteSize(0),
        system: None,
        firmware: None,
    };
    let unusable = |why: String| FileKind::Unusable { why };
    let opened = read_header(path).and_then(|info| {
        let file = File::open(path).map_err(|source| HeaderError::Read {
            path: PathBuf::from(path),
            source,
        })?;
        Ok((info, file))
    });
    let (info, mut file) = match opened {
        Ok(opened) => opened,
        Err(error) => {
            found.kind = unusable(why_not(path, &error));
            return found;
        }
    };
    found.size = info.file_size;
    let file_name = path
        .file_name()
        .map(|name| name.to_string_lossy().into_owned())
        .unwrap_or_default();
    if let ImageKind::Iso { bootable, .. } = info.kind {
        let look = iso::look(&mut file);
        found.kind = FileKind::Iso { bootable };
        found.system = systems::find(&says(&look, &file_name));
        found.firmware = iso_firmware(&look);
        return found;
    }
    found.kind = disk_kind(&info, &mut file, &file_name);
    if found.usable() {
        let says = Says {
            file_name: &file_name,
            ..Says::default()
        };
        found.system = systems::find(&says);
        found.firmware = partitions::firmware(&head(&info, &mut file));
    }
    found
}

fn why_not(path: &Path, error: &HeaderError) -> String {
    match error {
        HeaderError::NotAFile { .. } if path.is_dir() => {
            "It is a folder; choose the image in it".to_owned()
        }
        HeaderError::NotAFile { .. } => "It is neither a file nor a disk".to_owned(),
        HeaderError::Read { source, .. } if source.kind() == std::io::ErrorKind::NotFound => {
            "There is no such file".to_owned()
        }
        HeaderError::Read { source, .. } => format!("It can't be read: {source}"),
        HeaderError::Damaged { problem, .. } => format!("It is a damaged qcow2 image: {problem}"),
    }
}

fn says<'a>(look: &'a IsoLook, file_name: &'a str) -> Says<'a> {
    Says {
        texts: vec![&look.disk_info, &look.label, &look.tree_info],
        makers: vec![&look.publisher, &look.application],
        names: look.names.iter().map(String::as_str).collect(),
        file_name,
    }
}

/// What an installer insists on; one that starts by both leaves it to the system.
fn iso_firmware(look: &IsoLook) -> Option<FirmwareKind> {
    (look.uefi && !look.bios).then_some(FirmwareKind::Uefi)
}

fn disk_kind(info: &ImageInfo, file: &mut File, file_name: &str) -> FileKind {
    let sentence = |refusal: super::Refusal| {
        let text = refusal.to_string();
        let mut chars = text.chars();
        let first = chars.next().map(|first| first.to_uppercase().to_string());
        FileKind::Unusable {
            why: first.unwrap_or_default() + chars.as_str(),
        }
    };
    if let Err(refusal) = info.copied_as() {
        return sentence(refusal);
    }
    match (&info.kind, info.in_place()) {
        (ImageKind::Raw, _) if !info.block_device && !is_disk(&head(info, file), file_name) => {
            FileKind::Unusable {
                why: "It is neither a disk nor an installer; if it is a raw disk all the same, \
                      let its name end in .img"
                    .to_owned(),
            }
        }
        (_, Ok(format)) => FileKind::Disk {
            format: format.driver().to_owned(),
            size: info.virtual_size.unwrap_or(info.file_size),
        },
        (kind, Err(_)) => FileKind::Foreign {
            format: foreign_name(kind).to_owned(),
            size: info.virtual_size,
        },
    }
}

fn foreign_name(kind: &ImageKind) -> &'static str {
    match kind {
        ImageKind::Vmdk { .. } => "VMware (VMDK)",
        ImageKind::Vdi => "VirtualBox (VDI)",
        ImageKind::Vhdx => "Hyper-V (VHDX)",
        ImageKind::Vpc => "Virtual PC (VHD)",
        ImageKind::Raw | ImageKind::Iso { .. } => "raw",
        ImageKind::Qcow2(_) => "qcow2",
        ImageKind::Compressed(with) => with.name(),
        ImageKind::Other(name) => name,
    }
}

/// Whether bytes without a known header may well be a disk, and not a letter or a song.
fn is_disk(head: &[u8], file_name: &str) -> bool {
    let ending = Path::new(file_name)
        .extension()
        .map(|ending| ending.to_string_lossy().to_lowercase());
    partitions::has_boot_mark(head)
        || head.get(EXT.0..EXT.0 + 2) == Some(&EXT.1)
        || ending.is_some_and(|ending| RAW_ENDINGS.contains(&ending.as_str()))
}

/// The first sectors that a guest would see; empty for formats that are not looked into.
fn head(info: &ImageInfo, file: &mut File) -> Vec<u8> {
    use std::io::{Read as _, Seek as _};
    match info.kind {
        ImageKind::Qcow2(_) => partitions::qcow2_head(file),
        ImageKind::Raw => {
            let mut head = Vec::new();
            if file.rewind().is_ok() {
                // What could be read counts.
                file.take(partitions::HEAD as u64)
                    .read_to_end(&mut head)
                    .ok();
            }
            head
        }
        _ => Vec::new(),
    }
}

#[cfg(test)]
#[path = "recognise_tests.rs"]
mod tests;
