//! NTFS, by the crate `ntfs`.

use std::io;
use std::ops::ControlFlow;

use ntfs::structured_values::{NtfsFileAttributeFlags, NtfsFileNamespace, NtfsVolumeFlags};
use ntfs::{Ntfs, NtfsAttributeFlags, NtfsError, NtfsFile, NtfsReadSeek};

use super::{Moment, Node, Place, Tree, Window};
use crate::model::{DifferenceNote, FileSort};

/// The first records are the file system's own.
const FIRST_FILE: u64 = 24;
const ROOT: u64 = 5;
const LOG: u64 = 2;
/// What a file is read in.
const PIECE: usize = 64 << 10;
/// From 1601 to 1970, in steps of 100 ns.
const EPOCH: i64 = 116_444_736_000_000_000;

pub(super) struct NtFiles {
    ntfs: Ntfs,
    window: Window,
    in_use: bool,
}

impl NtFiles {
    pub fn open(mut window: Window) -> io::Result<Self> {
        let mut ntfs = Ntfs::new(&mut window).map_err(failed)?;
        // Without it, looking for a stream by its name panics.
        ntfs.read_upcase_table(&mut window).map_err(failed)?;
        let mut files = Self {
            ntfs,
            window,
            in_use: false,
        };
        // One that does not tell can be read all the same.
        files.in_use = files.is_in_use().unwrap_or(false);
        Ok(files)
    }

    /// Kind, length and time of a file, from its own record: what a folder says of it may be stale.
    fn describe(
        &mut self,
        record: u64,
        folder: bool,
        reparsed: bool,
    ) -> Result<(FileSort, u64, Option<Moment>), NtfsError> {
        let file = self.ntfs.file(&mut self.window, record)?;
        let written = file.info()?.modification_time().nt_timestamp() as i64 - EPOCH;
        let nanos = written.rem_euclid(10_000_000) as u32 * 100;
        let modified = Some((written.div_euclid(10_000_000), nanos));
        let size = match file.data(&mut self.window, "") {
            Some(data) if !folder => data?.to_attribute()?.value_length(),
            _ => 0,
        };
        let kind = match (folder, reparsed) {
            (true, true) => FileSort::Link,
            (true, false) => FileSort::Folder,
            // Compressed and cloud files are reparse points with data; links have none.
            (false, true) if size == 0 => FileSort::Link,
            (false, _) => FileSort::File,
        };
        Ok((kind, size, modified))
    }

    /// Whether Windows had it in use or left it in disorder.
    fn is_in_use(&mut self) -> Result<bool, NtfsError> {
        let information = self.ntfs.volume_info(&mut self.window)?;
        if information.flags().contains(NtfsVolumeFlags::IS_DIRTY) {
            return Ok(true);
        }
        let log = self.ntfs.file(&mut self.window, LOG)?;
        let Some(data) = log.data(&mut self.window, "") else {
            return Ok(false);
        };
        let mut page = [0; 4096];
        let data = data?;
        let mut value = data.to_attribute()?.value(&mut self.window)?;
        let read = value.read(&mut self.window, &mut page)?;
        Ok(log_is_open(&page[..read]).unwrap_or(false))
    }
}

/// From the first page of the log: whether someone writes to it. `None`: it was wiped.
fn log_is_open(page: &[u8]) -> Option<bool> {
    const NO_CLIENT: u16 = 0xffff;
    const CLEAN: u16 = 2;
    let le16 = |at: usize| {
        let bytes = page.get(at..at.checked_add(2)?)?;
        Some(u16::from_le_bytes(bytes.try_into().ok()?))
    };
    if !page.starts_with(b"RSTR") {
        return None;
    }
    let area = usize::from(le16(0x18)?);
    Some(le16(area + 12)? != NO_CLIENT && le16(area + 14)? & CLEAN == 0)
}

impl Tree for NtFiles {
    fn root(&self) -> Place {
        Place::Record(ROOT)
    }

    fn entries(
        &mut self,
        folder: &Place,
        each: &mut dyn FnMut(Node) -> ControlFlow<()>,
    ) -> io::Result<()> {
        let mut found = Vec::new();
        {
            let folder = self
                .ntfs
                .file(&mut self.window, record(folder)?)
                .map_err(failed)?;
            let index = folder.directory_index(&mut self.window).map_err(failed)?;
            let mut entries = index.entries();
            while let Some(entry) = entries.next(&mut self.window) {
                let entry = entry.map_err(failed)?;
                let Some(key) = entry.key() else { continue };
                let key = key.map_err(failed)?;
                let record = entry.file_reference().file_record_number();
                if key.namespace() == NtfsFileNamespace::Dos || record < FIRST_FILE {
                    continue;
                }
                let reparsed = key
                    .file_attributes()
                    .contains(NtfsFileAttributeFlags::REPARSE_POINT);
                found.push((
                    key.name().to_string_lossy().into_bytes(),
                    record,
                    key.is_directory(),
                    reparsed,
                ));
                if found.len() > super::walk::MAX_FOLDER {
                    break;
                }
            }
        }
        for (name, record, folder, reparsed) in found {
            let told = self.describe(record, folder, reparsed);
            let (kind, size, modified) = match told {
                Err(NtfsError::Io(error)) if error.kind() == io::ErrorKind::TimedOut => {
                    return Err(error);
                }
                other => other.unwrap_or((FileSort::Other, 0, None)),
            };
            let node = Node {
                name,
                kind,
                size,
                modified,
                place: Place::Record(record),
            };
            if each(node).is_break() {
                break;
            }
        }
        Ok(())
    }

    fn content(
        &mut self,
        file: &Place,
        sink: &mut dyn FnMut(&[u8]) -> io::Result<()>,
    ) -> io::Result<()> {
        let file = self
            .ntfs
            .file(&mut self.window, record(file)?)
            .map_err(failed)?;
        refuse_packed(&file, &mut self.window)?;
        let Some(data) = file.data(&mut self.window, "") else {
            return Ok(());
        };
        let data = data.map_err(failed)?;
        let data = data.to_attribute().map_err(failed)?;
        let packed = NtfsAttributeFlags::COMPRESSED | NtfsAttributeFlags::ENCRYPTED;
        if data.flags().intersects(packed) {
            return Err(io::ErrorKind::Unsupported.into());
        }
        let mut value = data.value(&mut self.window).map_err(failed)?;
        let mut piece = vec![0; PIECE];
        loop {
            match value.read(&mut self.window, &mut piece).map_err(failed)? {
                0 => return Ok(()),
                count => sink(&piece[..count])?,
            }
        }
    }

    fn notes(&self) -> Vec<DifferenceNote> {
        Vec::from_iter(self.in_use.then_some(DifferenceNote::InUse))
    }
}

/// Windows keeps many of its own files compressed beside an empty data stream.
fn refuse_packed(file: &NtfsFile<'_>, window: &mut Window) -> io::Result<()> {
    match file.data(window, "WofCompressedData") {
        Some(_) => Err(io::ErrorKind::Unsupported.into()),
        None => Ok(()),
    }
}

fn record(place: &Place) -> io::Result<u64> {
    match place {
        Place::Record(record) => Ok(*record),
        Place::Path(_) => Err(io::ErrorKind::InvalidInput.into()),
    }
}

fn failed(error: NtfsError) -> io::Error {
    match error {
        NtfsError::Io(error) => error,
        other => io::Error::new(io::ErrorKind::InvalidData, other.to_string()),
    }
}
