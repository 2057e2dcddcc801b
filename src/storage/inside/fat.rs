//! FAT12, FAT16 and FAT32, by the crate `fatfs`.

use std::io::{self, Read};
use std::ops::ControlFlow;

use fatfs::{Dir, DirEntry, FileAttributes, FileSystem, FsOptions};

use super::{Moment, Node, Place, Tree, Window};
use crate::model::{DifferenceNote, FileSort};

/// What a file is read in.
const PIECE: usize = 64 << 10;

pub(super) struct Fat {
    fs: FileSystem<Window>,
}

impl Fat {
    pub fn open(window: Window) -> io::Result<Self> {
        Ok(Self {
            fs: FileSystem::new(window, FsOptions::new())?,
        })
    }

    /// The folder at a path of short names, which are unique in a folder and never changed in case.
    fn folder(&self, path: &[u8]) -> io::Result<Dir<'_, Window>> {
        let mut parts = path
            .split(|byte| *byte == b'/')
            .filter(|part| !part.is_empty());
        parts.try_fold(self.fs.root_dir(), |folder, part| {
            let entry = find(&folder, part)?;
            match entry.is_dir() {
                true => Ok(entry.to_dir()),
                false => Err(io::ErrorKind::NotADirectory.into()),
            }
        })
    }
}

fn find<'a>(folder: &Dir<'a, Window>, short: &[u8]) -> io::Result<DirEntry<'a, Window>> {
    for entry in folder.iter() {
        let entry = entry?;
        if entry.short_file_name_as_bytes() == short && !is_label(&entry) {
            return Ok(entry);
        }
    }
    Err(io::ErrorKind::NotFound.into())
}

fn is_label(entry: &DirEntry<'_, Window>) -> bool {
    entry.attributes().contains(FileAttributes::VOLUME_ID)
}

impl Tree for Fat {
    fn root(&self) -> Place {
        Place::Path(Vec::new())
    }

    fn entries(
        &mut self,
        folder: &Place,
        each: &mut dyn FnMut(Node) -> ControlFlow<()>,
    ) -> io::Result<()> {
        let path = path(folder)?;
        for entry in self.folder(path)?.iter() {
            let entry = entry?;
            let short = entry.short_file_name_as_bytes();
            if matches!(short, b"." | b"..") || is_label(&entry) {
                continue;
            }
            let kind = match entry.is_dir() {
                true => FileSort::Folder,
                false => FileSort::File,
            };
            let node = Node {
                name: entry.file_name().into_bytes(),
                kind,
                size: if entry.is_dir() { 0 } else { entry.len() },
                modified: Some(moment(&entry)),
                place: Place::Path([path, short].join(&b'/')),
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
        let path = path(file)?;
        let cut = path.iter().rposition(|byte| *byte == b'/').unwrap_or(0);
        let (folder, short) = path.split_at(cut);
        let entry = find(
            &self.folder(folder)?,
            short.strip_prefix(b"/").unwrap_or(short),
        )?;
        if !entry.is_file() {
            return Err(io::ErrorKind::IsADirectory.into());
        }
        let mut file = entry.to_file();
        let mut piece = vec![0; PIECE];
        loop {
            match file.read(&mut piece)? {
                0 => return Ok(()),
                count => sink(&piece[..count])?,
            }
        }
    }

    fn notes(&self) -> Vec<DifferenceNote> {
        let flags = self.fs.read_status_flags();
        let in_use = flags.is_ok_and(|flags| flags.dirty());
        Vec::from_iter(in_use.then_some(DifferenceNote::InUse))
    }
}

fn path(place: &Place) -> io::Result<&[u8]> {
    match place {
        Place::Path(path) => Ok(path),
        Place::Record(_) => Err(io::ErrorKind::InvalidInput.into()),
    }
}

/// FAT keeps the wall clock's time; it is taken as if that were UTC.
fn moment(entry: &DirEntry<'_, Window>) -> Moment {
    let written = entry.modified();
    let (date, time) = (written.date, written.time);
    // Days since 1970-01-01 by the civil calendar, counting years from March.
    let year = i64::from(date.year) - i64::from(date.month <= 2);
    let month = (i64::from(date.month) + 9) % 12;
    let days = 365 * year + year / 4 - year / 100
        + year / 400
        + (153 * month + 2) / 5
        + i64::from(date.day)
        - 719_469;
    let seconds = i64::from(time.hour) * 3600 + i64::from(time.min) * 60 + i64::from(time.sec);
    (days * 86_400 + seconds, 0)
}
