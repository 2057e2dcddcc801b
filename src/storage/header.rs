//! What an image file is, from its first 64 KiB and its last sector; no reference is followed.
//!
//! Formats: QEMU's docs/interop/qcow2.rst, VMware's Virtual Disk Format 1.1, Microsoft's VHD and
//! VHDX specifications, VirtualBox's VDI header, ECMA-119 and El Torito 1.0.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use rustix::fs::{self, FileType, Mode, OFlags};

use super::vmdk;
use crate::model::{ByteSize, ImageFormat};

const HEAD: usize = 64 << 10;
const TAIL: usize = 512;
const SECTOR: u64 = 512;
const ISO_SECTOR: usize = 2048;

/// What an image file was found to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageInfo {
    pub kind: ImageKind,
    /// Bytes of the file or block device.
    pub file_size: ByteSize,
    /// What a guest would see, where the header tells.
    pub virtual_size: Option<ByteSize>,
    /// A disk of this computer, not a file.
    pub block_device: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ImageKind {
    /// No known header: the bytes themselves.
    Raw,
    Qcow2(Qcow2),
    Vmdk {
        /// The name of another file that its data lies in or rests on: hostile, made safe to show.
        other_file: Option<String>,
    },
    Vdi,
    Vhdx,
    /// Virtual PC, `.vhd`.
    Vpc,
    /// ISO 9660 or UDF.
    Iso {
        label: Option<String>,
        bootable: bool,
    },
    Compressed(Compression),
    /// Something QEMU may know and Orangery does not use.
    Other(&'static str),
}

/// How a file is packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compression {
    Gzip,
    Xz,
    Zstd,
    Bzip2,
    Zip,
    SevenZip,
}

/// A qcow2 header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Qcow2 {
    /// 2 or 3.
    pub version: u32,
    /// The name of the file it rests on, as it stands there: hostile.
    pub backing: Option<String>,
    pub backing_format: Option<String>,
    /// The data is in another file.
    pub external_data: bool,
    pub encrypted: bool,
    /// Reference counts may be stale; QEMU repairs them when it opens the image.
    pub dirty: bool,
    /// QEMU marked it as corrupt: it can only be read.
    pub corrupt: bool,
    /// Incompatible features that this version does not know.
    pub unknown_features: bool,
    /// Snapshots inside the image.
    pub snapshots: u32,
}

/// Why a file could not be looked at.
#[derive(Debug, thiserror::Error)]
pub enum HeaderError {
    #[error("“{}” could not be read: {source}", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("“{}” is neither a file nor a disk", path.display())]
    NotAFile { path: PathBuf },
    #[error("“{}” is a damaged qcow2 image: {problem}", path.display())]
    Damaged {
        path: PathBuf,
        problem: &'static str,
    },
}

/// Why an image can't be used where it lies. Shown to the user as is.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error("it is empty")]
    Empty,
    #[error("this qcow2 names another file (“{name}”); whoever made it could read your files")]
    NamesBacking { name: String },
    #[error("this qcow2 keeps its data in another file; whoever made it could read your files")]
    ExternalData,
    #[error("this qcow2 is encrypted, which Orangery does not support")]
    Encrypted,
    #[error("QEMU marked this qcow2 as corrupt; check it with “qemu-img check”")]
    Corrupt,
    #[error("this qcow2 was made by a newer QEMU with features that Orangery does not know")]
    UnknownFeatures,
    #[error("it is packed with {with}; unpack it first")]
    Packed { with: &'static str },
    #[error("{format} images can't be used where they lie; have it copied into the library")]
    OtherFormat { format: &'static str },
    #[error(
        "this VMDK names another file (“{name}”) in which its data lies; whoever made it could \
         read your files. Export the machine as one file (OVA, or a VMDK of one sparse file)"
    )]
    NamesExtent { name: String },
    #[error("this disk keeps only what changed against another one; copy the merged disk")]
    Differencing,
    #[error("Orangery does not know {format} images")]
    UnknownFormat { format: &'static str },
}

impl Compression {
    pub fn name(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Xz => "xz",
            Self::Zstd => "zstd",
            Self::Bzip2 => "bzip2",
            Self::Zip => "zip",
            Self::SevenZip => "7-Zip",
        }
    }
}

impl ImageInfo {
    /// The format to record for use where it lies, or why it can't be used so.
    pub fn in_place(&self) -> Result<ImageFormat, Refusal> {
        if self.file_size.0 == 0 {
            return Err(Refusal::Empty);
        }
        let other = |format| Err(Refusal::OtherFormat { format });
        match &self.kind {
            ImageKind::Raw | ImageKind::Iso { .. } => Ok(ImageFormat::Raw),
            ImageKind::Qcow2(header) => header.in_place().map(|()| ImageFormat::Qcow2),
            ImageKind::Vmdk { .. } => other("VMware (VMDK)"),
            ImageKind::Vdi => other("VirtualBox (VDI)"),
            ImageKind::Vhdx => other("Hyper-V (VHDX)"),
            ImageKind::Vpc => other("Virtual PC (VHD)"),
            ImageKind::Other(format) => other(format),
            ImageKind::Compressed(with) => Err(Refusal::Packed { with: with.name() }),
        }
    }
}

impl Qcow2 {
    /// Whether the file holds all of the disk, and nothing that we can't read.
    pub(super) fn in_place(&self) -> Result<(), Refusal> {
        if let Some(name) = &self.backing {
            let name = name
                .chars()
                .take(120)
                .flat_map(char::escape_debug)
                .collect();
            return Err(Refusal::NamesBacking { name });
        }
        let refusals = [
            (self.external_data, Refusal::ExternalData),
            (self.encrypted, Refusal::Encrypted),
            (self.corrupt, Refusal::Corrupt),
            (self.unknown_features, Refusal::UnknownFeatures),
        ];
        match refusals.into_iter().find(|(found, _)| *found) {
            Some((_, refusal)) => Err(refusal),
            None => Ok(()),
        }
    }
}

/// Looks at an image file or block device that the user chose; a link to one is followed.
pub fn read_header(path: &Path) -> Result<ImageInfo, HeaderError> {
    let failed = |source: io::Error| HeaderError::Read {
        path: path.to_owned(),
        source,
    };
    // Opening a pipe or a tape could wait for ever, so it is looked at first.
    let kind_of = |mode| match FileType::from_raw_mode(mode) {
        FileType::RegularFile => Ok(false),
        FileType::BlockDevice => Ok(true),
        _ => Err(HeaderError::NotAFile {
            path: path.to_owned(),
        }),
    };
    kind_of(
        fs::stat(path)
            .map_err(|error| failed(error.into()))?
            .st_mode,
    )?;
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = fs::open(path, flags, Mode::empty()).map_err(|error| failed(error.into()))?;
    let block_device = kind_of(
        fs::fstat(&file)
            .map_err(|error| failed(error.into()))?
            .st_mode,
    )?;
    let mut file = File::from(file);
    let (head, tail, size) = read_ends(&mut file).map_err(failed)?;
    let (kind, virtual_size) =
        recognise(&head, &tail, size).map_err(|problem| HeaderError::Damaged {
            path: path.to_owned(),
            problem,
        })?;
    Ok(ImageInfo {
        kind,
        file_size: ByteSize(size),
        virtual_size: virtual_size.map(ByteSize),
        block_device,
    })
}

fn read_ends(file: &mut File) -> io::Result<(Vec<u8>, Vec<u8>, u64)> {
    let size = file.seek(SeekFrom::End(0))?;
    file.seek(SeekFrom::Start(0))?;
    let mut head = Vec::new();
    file.take(HEAD as u64).read_to_end(&mut head)?;
    file.seek(SeekFrom::Start(size.saturating_sub(TAIL as u64)))?;
    let mut tail = Vec::new();
    file.take(TAIL as u64).read_to_end(&mut tail)?;
    Ok((head, tail, size))
}

/// What `head` and `tail`, the ends of `size` bytes, are, and the size that a guest would see.
///
/// Total: any bytes give an answer or a plain problem.
pub fn recognise(
    head: &[u8],
    tail: &[u8],
    size: u64,
) -> Result<(ImageKind, Option<u64>), &'static str> {
    if head.starts_with(b"QFI\xfb") {
        return qcow2(head);
    }
    if let Some(kind) = by_magic(head) {
        return Ok(kind);
    }
    if let Some(kind) = iso(head) {
        return Ok((kind, Some(size)));
    }
    if let Some(bytes) = vpc_footer(head, false).or_else(|| vpc_footer(tail, true)) {
        return Ok((ImageKind::Vpc, Some(bytes)));
    }
    if tail.starts_with(b"koly") {
        return Ok((ImageKind::Other("Apple disk"), None));
    }
    Ok((ImageKind::Raw, Some(size.next_multiple_of(SECTOR))))
}

fn be32(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

fn be64(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_be_bytes(bytes.get(at..at + 8)?.try_into().ok()?))
}

fn le64(bytes: &[u8], at: usize) -> Option<u64> {
    be64(bytes, at).map(u64::swap_bytes)
}

fn by_magic(head: &[u8]) -> Option<(ImageKind, Option<u64>)> {
    let packed = |with| Some((ImageKind::Compressed(with), None));
    let starts = |magic: &[u8]| head.starts_with(magic);
    if starts(b"KDMV") || starts(b"COWD") || is_vmdk_text(head) {
        let sectors = starts(b"KDMV").then(|| le64(head, 12)).flatten();
        let other_file = vmdk::other_file(head);
        let size = sectors.and_then(|count| count.checked_mul(SECTOR));
        return Some((ImageKind::Vmdk { other_file }, size));
    }
    if head.get(64..68) == Some(&0xbeda_107f_u32.to_le_bytes()) {
        return Some((ImageKind::Vdi, le64(head, 0x170)));
    }
    if starts(b"vhdxfile") {
        return Some((ImageKind::Vhdx, None));
    }
    if starts(b"\x1f\x8b") {
        return packed(Compression::Gzip);
    }
    if starts(b"\xfd7zXZ\0") {
        return packed(Compression::Xz);
    }
    if starts(&0xfd2f_b528_u32.to_le_bytes()) {
        return packed(Compression::Zstd);
    }
    if starts(b"BZh") {
        return packed(Compression::Bzip2);
    }
    if starts(b"PK\x03\x04") {
        return packed(Compression::Zip);
    }
    if starts(b"7z\xbc\xaf\x27\x1c") {
        return packed(Compression::SevenZip);
    }
    let others: [(&[u8], &str); 5] = [
        (b"QED\0", "QED"),
        (b"LUKS\xba\xbe", "LUKS-encrypted"),
        (b"WithoutFreeSpace", "Parallels"),
        (b"WithouFreSpacExt", "Parallels"),
        (b"Bochs Virtual HD Image", "Bochs"),
    ];
    let found = others.iter().find(|(magic, _)| starts(magic));
    found.map(|(_, name)| (ImageKind::Other(name), None))
}

/// A VMDK descriptor as QEMU's vmdk_probe takes it: comments and blank lines, then `version=`.
fn is_vmdk_text(head: &[u8]) -> bool {
    for line in head.split(|byte| *byte == b'\n').take(64) {
        let line = line.trim_ascii();
        if line.starts_with(b"# Disk DescriptorFile") || line.starts_with(b"version=") {
            return true;
        }
        if !line.is_empty() && !line.starts_with(b"#") {
            return false;
        }
    }
    false
}

fn qcow2(head: &[u8]) -> Result<(ImageKind, Option<u64>), &'static str> {
    const SHORT: &str = "its header is cut off";
    let version = be32(head, 4).ok_or(SHORT)?;
    match version {
        1 => return Ok((ImageKind::Other("qcow version 1"), be64(head, 24))),
        2 | 3 => {}
        _ => return Ok((ImageKind::Other("newer qcow2"), None)),
    }
    let size = be64(head, 24).ok_or(SHORT)?;
    let cluster_bits = be32(head, 20).ok_or(SHORT)?;
    if !(9..=21).contains(&cluster_bits) {
        return Err("its cluster size is impossible");
    }
    if size > 1 << 62 {
        return Err("its size is impossible");
    }
    let (features, header_length) = match version {
        2 => (0, 72),
        _ => (be64(head, 72).ok_or(SHORT)?, be32(head, 100).ok_or(SHORT)?),
    };
    let external_data = features & 4 != 0;
    let header = Qcow2 {
        version,
        backing: backing_name(head)?,
        backing_format: extension(head, header_length, 0xe279_2aca),
        external_data: external_data || extension(head, header_length, 0x4441_5441).is_some(),
        encrypted: be32(head, 32).ok_or(SHORT)? != 0,
        dirty: features & 1 != 0,
        corrupt: features & 2 != 0,
        // Bits 3 and 4 are the compression type and extended L2 entries.
        unknown_features: features >> 5 != 0,
        snapshots: be32(head, 60).ok_or(SHORT)?,
    };
    Ok((ImageKind::Qcow2(header), Some(size)))
}

fn backing_name(head: &[u8]) -> Result<Option<String>, &'static str> {
    const SHORT: &str = "its header is cut off";
    let at = be64(head, 8).ok_or(SHORT)?;
    let length = be32(head, 16).ok_or(SHORT)? as usize;
    if at == 0 {
        return Ok(None);
    }
    if length > 1023 {
        return Err("the name of its backing file is too long");
    }
    // It may point beyond what we read; that it names something is enough to know.
    let name = usize::try_from(at)
        .ok()
        .and_then(|at| head.get(at..at.checked_add(length)?))
        .map_or("?".into(), String::from_utf8_lossy);
    Ok(Some(name.into_owned()))
}

/// The text of a header extension.
fn extension(head: &[u8], header_length: u32, wanted: u32) -> Option<String> {
    let mut at = header_length as usize;
    for _ in 0..64 {
        let kind = be32(head, at)?;
        let length = be32(head, at + 4)? as usize;
        if kind == 0 {
            return None;
        }
        let start = at + 8;
        let data = head.get(start..start.checked_add(length)?)?;
        if kind == wanted {
            return Some(String::from_utf8_lossy(data).into_owned());
        }
        at = start + length.next_multiple_of(8);
    }
    None
}

/// The disk's size, if `sector` starts with a VHD footer whose checksum is right.
///
/// At a file's end only a fixed disk counts: the others repeat their footer at the start.
fn vpc_footer(sector: &[u8], only_fixed: bool) -> Option<u64> {
    let footer = sector.get(..512)?;
    if !footer.starts_with(b"conectix") {
        return None;
    }
    let sum: u32 = (0..)
        .zip(footer)
        .filter(|(at, _)| !(64..68).contains(at))
        .map(|(_, byte)| u32::from(*byte))
        .sum();
    let fixed = be32(footer, 60) == Some(2);
    let right = be32(footer, 64) == Some(!sum);
    (right && (fixed || !only_fixed)).then(|| be64(footer, 48))?
}

fn iso(head: &[u8]) -> Option<ImageKind> {
    let mut found = false;
    let mut label = None;
    let mut bootable = false;
    for sector in head.get(16 * ISO_SECTOR..)?.chunks_exact(ISO_SECTOR) {
        match &sector[1..6] {
            b"CD001" => {}
            // UDF without ISO 9660: extended area, then its descriptors.
            b"BEA01" | b"NSR02" | b"NSR03" | b"TEA01" => {
                found = true;
                continue;
            }
            _ => break,
        }
        found = true;
        match sector[0] {
            0 if sector[7..].starts_with(b"EL TORITO SPECIFICATION") => bootable = true,
            1 if label.is_none() => label = Some(clean_label(&sector[40..72])),
            _ => {}
        }
    }
    let label = label.filter(|label| !label.is_empty());
    found.then_some(ImageKind::Iso { label, bootable })
}

/// A volume label without what could deceive: printable ASCII only.
fn clean_label(bytes: &[u8]) -> String {
    let text: String = bytes
        .iter()
        .filter(|byte| (b' '..=b'~').contains(byte))
        .map(|byte| char::from(*byte))
        .collect();
    text.trim().to_owned()
}

#[cfg(test)]
#[path = "header_tests.rs"]
mod tests;
