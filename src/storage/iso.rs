//! What an ISO image tells about itself: its labels, what it boots by, a few well-known files.
//!
//! Formats: ECMA-119 (ISO 9660), Joliet, the names of Rock Ridge (IEEE P1282), El Torito 1.0. A
//! look reads a bounded number of sectors and follows references inside the image only; any bytes
//! give an answer.

use std::io::{Read, Seek, SeekFrom};

const SECTOR: u64 = 2048;
/// Volume descriptors that are looked at.
const MAX_DESCRIPTORS: u64 = 16;
/// As much of a folder as is read, bytes: some 500 names.
const MAX_FOLDER: u64 = 64 << 10;
/// As much of a small file as is read, bytes.
const MAX_TEXT: u64 = 4096;
/// Entries of a boot catalogue: what fits its sector.
const MAX_BOOT_ENTRIES: usize = 64;

/// What an ISO image tells.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IsoLook {
    /// The volume's label; printable ASCII only, like all texts here.
    pub label: String,
    pub publisher: String,
    /// The program that made it, or the application on it.
    pub application: String,
    /// The boot catalogue has an entry for BIOS.
    pub bios: bool,
    /// It has one for UEFI.
    pub uefi: bool,
    /// `/.disk/info` of Debian's kin.
    pub disk_info: String,
    /// `/.treeinfo` of Fedora's kin.
    pub tree_info: String,
    /// Names in the root folder, in lower case.
    pub names: Vec<String>,
}

/// A file or folder in the image.
#[derive(Clone, Debug)]
struct Entry {
    name: String,
    sector: u64,
    length: u64,
    folder: bool,
}

/// Looks at the ISO image in `file`.
pub fn look(file: &mut (impl Read + Seek)) -> IsoLook {
    let mut found = IsoLook::default();
    let mut plain = None;
    let mut joliet = None;
    for number in 16..16 + MAX_DESCRIPTORS {
        let sector = read(file, number * SECTOR, SECTOR);
        if sector.get(1..6) != Some(b"CD001") || sector.len() < SECTOR as usize {
            break;
        }
        match sector[0] {
            0 if sector[7..].starts_with(b"EL TORITO SPECIFICATION") => {
                let at = le32(&sector, 71).map_or(0, |sector| sector * SECTOR);
                let catalogue = read(file, at, SECTOR);
                (found.bios, found.uefi) = boot_entries(&catalogue);
            }
            1 if plain.is_none() => {
                found.label = text(&sector[40..72]);
                found.publisher = text(&sector[318..446]);
                found.application = text(&sector[574..702]);
                plain = entry(&sector[156..190], false);
            }
            2 if sector[88..].starts_with(b"%/") => joliet = entry(&sector[156..190], true),
            255 => break,
            _ => {}
        }
    }
    // Rock Ridge has the names as they were written; without it Joliet has.
    let mut root = plain.map_or_else(Vec::new, |folder| list(file, &folder, false));
    if let Some(folder) = joliet.filter(|_| !root.iter().any(|entry| has_lower_case(&entry.name))) {
        root = list(file, &folder, true);
        read_files(file, &root, true, &mut found);
    } else {
        read_files(file, &root, false, &mut found);
    }
    found.names = root
        .into_iter()
        .map(|entry| entry.name.to_lowercase())
        .collect();
    found
}

fn has_lower_case(name: &str) -> bool {
    name.chars().any(char::is_lowercase)
}

fn read_files(file: &mut (impl Read + Seek), root: &[Entry], joliet: bool, found: &mut IsoLook) {
    let small = |file: &mut _, entry: &Entry| {
        let bytes = read(file, entry.sector * SECTOR, entry.length.min(MAX_TEXT));
        text(&bytes)
    };
    for entry in root {
        match (entry.name.to_lowercase().as_str(), entry.folder) {
            (".treeinfo", false) => found.tree_info = small(file, entry),
            // Without Rock Ridge and Joliet a dot becomes a line.
            (".disk" | "_disk", true) => {
                let inside = list(file, entry, joliet);
                if let Some(info) = inside.iter().find(|entry| {
                    !entry.folder && ["info", "info."].contains(&&*entry.name.to_lowercase())
                }) {
                    found.disk_info = small(file, info);
                }
            }
            _ => {}
        }
    }
}

/// At most `length` bytes from `at`; fewer, or none, where the file ends or can't be read.
fn read(file: &mut (impl Read + Seek), at: u64, length: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    if file.seek(SeekFrom::Start(at)).is_ok() {
        // What could be read counts.
        file.take(length).read_to_end(&mut bytes).ok();
    }
    bytes
}

fn le32(bytes: &[u8], at: usize) -> Option<u64> {
    let bytes = bytes.get(at..at + 4)?.try_into().ok()?;
    Some(u64::from(u32::from_le_bytes(bytes)))
}

/// Printable ASCII, other characters as spaces.
fn text(bytes: &[u8]) -> String {
    let shown = |byte: &u8| match byte {
        b' '..=b'~' => char::from(*byte),
        _ => ' ',
    };
    let text: String = bytes.iter().map(shown).collect();
    text.trim().to_owned()
}

/// Whether a boot catalogue has entries for BIOS and for UEFI.
fn boot_entries(catalogue: &[u8]) -> (bool, bool) {
    const UEFI: u8 = 0xef;
    let (mut bios, mut uefi) = (false, false);
    let Some(first) = catalogue.get(..32).filter(|first| first[0] == 1) else {
        return (bios, uefi);
    };
    let mut platform = first[1];
    for entry in catalogue[32..].chunks_exact(32).take(MAX_BOOT_ENTRIES) {
        match entry[0] {
            0x90 | 0x91 => platform = entry[1],
            0x88 if platform == UEFI => uefi = true,
            0x88 => bios = true,
            _ => {}
        }
    }
    (bios, uefi)
}

/// A directory record.
fn entry(record: &[u8], joliet: bool) -> Option<Entry> {
    let flags = *record.get(25)?;
    let length = usize::from(*record.get(32)?);
    let name = record.get(33..33 + length)?;
    let mut shown = match joliet {
        true => {
            let units = name.chunks_exact(2);
            let units = units.map(|pair| u16::from_be_bytes([pair[0], pair[1]]));
            char::decode_utf16(units)
                .map(|unit| unit.unwrap_or('?'))
                .filter(|c| !c.is_control())
                .collect()
        }
        false => {
            let rest = record.get(33 + length + (1 - length % 2)..);
            rest.and_then(rock_ridge_name).unwrap_or_else(|| text(name))
        }
    };
    if let Some((stem, _version)) = shown.split_once(';') {
        shown = stem.to_owned();
    }
    Some(Entry {
        name: shown,
        sector: le32(record, 2)?,
        length: le32(record, 10)?,
        folder: flags & 2 != 0,
    })
}

/// The name in a record's system use area.
fn rock_ridge_name(mut area: &[u8]) -> Option<String> {
    let mut name = Vec::new();
    while let Some(length) = area.get(2).map(|length| usize::from(*length)) {
        let field = area.get(..length).filter(|field| field.len() >= 4)?;
        if field.starts_with(b"NM") {
            name.extend_from_slice(field.get(5..)?);
        }
        area = &area[length..];
    }
    let name = text(&name);
    (!name.is_empty()).then_some(name)
}

/// What lies in a folder.
fn list(file: &mut (impl Read + Seek), folder: &Entry, joliet: bool) -> Vec<Entry> {
    let length = folder.length.min(MAX_FOLDER);
    let bytes = read(file, folder.sector * SECTOR, length);
    let mut entries = Vec::new();
    // A record never crosses a sector's end; a length of 0 means that the rest is empty.
    for sector in bytes.chunks(SECTOR as usize) {
        let mut rest = sector;
        while let Some(length) = rest.first().map(|length| usize::from(*length)) {
            let Some(record) = rest.get(..length).filter(|_| length > 33) else {
                break;
            };
            // The first two are the folder itself and the one above.
            let itself = record[32] == 1 && record[33] <= 1;
            entries.extend(entry(record, joliet).filter(|_| !itself));
            rest = &rest[length..];
        }
    }
    entries
}

#[cfg(test)]
#[path = "iso_tests.rs"]
pub(super) mod tests;
