//! What was found inside the disks of a point of a machine's life, folder by folder as they are opened.

use std::collections::BTreeMap;

use crate::model::{DiskContents, DiskPlace, Failure, Folder, MachineId, SnapshotId};

/// Folders that are remembered; a person opens far fewer before the dialog closes.
const MOST_FOLDERS: usize = 200;

/// A machine, and a snapshot or the present.
pub type Point = (MachineId, Option<SnapshotId>);

/// The disks of one point.
pub struct Browsing {
    pub point: Point,
    /// `None` while they are being looked at.
    pub disks: Option<Result<Vec<DiskContents>, Failure>>,
    folders: BTreeMap<DiskPlace, Option<Result<Folder, Failure>>>,
}

impl Browsing {
    /// The disks were asked for.
    pub fn new(point: Point) -> Self {
        Self {
            point,
            disks: None,
            folders: BTreeMap::new(),
        }
    }

    /// A folder was asked for.
    pub fn ask(&mut self, place: DiskPlace) {
        if self.folders.len() >= MOST_FOLDERS {
            self.folders.clear(); // They are read again when they are opened.
        }
        self.folders.insert(place, None);
    }

    /// What it holds, or why not; nobody waits for one that was not asked for.
    pub fn put(&mut self, place: &DiskPlace, result: Result<Folder, Failure>) {
        if let Some(folder) = self.folders.get_mut(place) {
            *folder = Some(result);
        }
    }

    /// Whether it was asked for, and did not fail.
    pub fn knows(&self, place: &DiskPlace) -> bool {
        !matches!(self.folders.get(place), None | Some(Some(Err(_))))
    }

    /// `None` while it is being read.
    pub fn folder(&self, place: &DiskPlace) -> Option<&Result<Folder, Failure>> {
        self.folders.get(place)?.as_ref()
    }
}
