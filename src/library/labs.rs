//! Labs: one file each in `labs/`, with their moments.

use std::path::PathBuf;
use std::sync::PoisonError;

use super::document::{self, Document, Format};
use super::machines::at;
use super::{Library, LibraryError, files, save};
use crate::model::{Lab, LabId};

const LAB: Format = Format {
    version: 1,
    comment: "A lab of Orangery: machines that are started, kept and taken back together.\n\
              Keys that this version does not know are kept. Change it only while Orangery is closed.",
    devices: &[],
};

/// The most moments that a lab has.
const SET_LIMIT: usize = 10_000;

/// A file of `labs/`.
#[derive(Debug)]
pub struct LabEntry {
    pub id: LabId,
    pub path: PathBuf,
    pub lab: Result<Lab, LibraryError>,
}

impl Library {
    fn labs_dir(&self) -> PathBuf {
        self.dir().join("labs")
    }

    fn lab_file(&self, id: LabId) -> PathBuf {
        self.labs_dir().join(format!("{id}.ron"))
    }

    /// All labs in the order of their ids, broken ones with their error.
    pub fn labs(&self) -> Vec<LabEntry> {
        let Ok(entries) = std::fs::read_dir(self.labs_dir()) else {
            return Vec::new(); // None was ever made.
        };
        let id = |name: &str| -> Option<LabId> {
            let id: LabId = name.strip_suffix(".ron")?.parse().ok()?;
            (format!("{id}.ron") == name).then_some(id)
        };
        let mut ids: Vec<LabId> = entries
            .flatten()
            .filter_map(|entry| id(entry.file_name().to_str()?))
            .collect();
        ids.sort();
        let entry = |id| LabEntry {
            id,
            path: self.lab_file(id),
            lab: self.lab(id),
        };
        ids.into_iter().map(entry).collect()
    }

    /// Reads one lab.
    pub fn lab(&self, id: LabId) -> Result<Lab, LibraryError> {
        Ok(self.read_lab(id)?.value)
    }

    fn read_lab(&self, id: LabId) -> Result<Document<Lab>, LibraryError> {
        files::check_folder(&self.labs_dir())?;
        let path = self.lab_file(id);
        let text = files::read_record(&path)?;
        let document: Document<Lab> =
            document::read(&LAB, &text).map_err(|error| at(&path, error))?;
        let lab = &document.value;
        let problem = if lab.id != id {
            Some(format!("key “id”: it says {}", lab.id))
        } else if lab.machines.len() > Lab::MOST {
            let (count, most) = (lab.machines.len(), Lab::MOST);
            Some(format!(
                "key “machines”: {count} machines; {most} is the most"
            ))
        } else if lab.sets.len() > SET_LIMIT {
            Some(format!("key “sets”: more than {SET_LIMIT} moments"))
        } else {
            None
        };
        match problem {
            Some(problem) => Err(LibraryError::Damaged { path, problem }),
            None => Ok(document),
        }
    }

    /// Writes a new lab's file.
    pub fn create_lab(&self, lab: &Lab) -> Result<(), LibraryError> {
        self.must_own()?;
        files::make_folder(&self.labs_dir())?;
        let path = self.lab_file(lab.id);
        let text = document::render(&LAB, lab, None).map_err(|error| at(&path, error))?;
        save::write(&path, text.as_bytes())?;
        files::sync_folder(self.dir())
    }

    /// Changes a lab as it is on disk now and saves it. Keys that this version does not know stay; a file that can't be
    /// read is left alone.
    pub fn update_lab(
        &self,
        id: LabId,
        change: impl FnOnce(&mut Lab),
    ) -> Result<Lab, LibraryError> {
        self.must_own()?;
        let _saving = self.saving.lock().unwrap_or_else(PoisonError::into_inner);
        let before = self.read_lab(id)?;
        let mut lab = before.value.clone();
        change(&mut lab);
        lab.id = id;
        if lab != before.value {
            let path = self.lab_file(id);
            let text =
                document::render(&LAB, &lab, Some(&before)).map_err(|error| at(&path, error))?;
            save::write(&path, text.as_bytes())?;
        }
        Ok(lab)
    }

    /// Removes a lab's file and its earlier generations. Machines and their snapshots stay.
    pub fn delete_lab(&self, id: LabId) -> Result<(), LibraryError> {
        self.must_own()?;
        files::check_folder(&self.labs_dir())?;
        let path = self.lab_file(id);
        for old in save::previous(&path) {
            std::fs::remove_file(old).ok(); // It may never have been there.
        }
        std::fs::remove_file(&path).map_err(|source| LibraryError::Write { path, source })?;
        files::sync_folder(&self.labs_dir())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::library::tests::{machine_id, owner, put};
    use crate::model::Timestamp;

    fn lab(number: u128) -> Lab {
        Lab {
            id: LabId(uuid::Uuid::from_u128(number)),
            name: format!("lab {number}"),
            machines: vec![machine_id(1), machine_id(2)],
            created: Timestamp(5),
            note: String::new(),
            sets: Vec::new(),
        }
    }

    #[test]
    fn a_lab_is_found_again_and_what_a_newer_version_wrote_stays() {
        let folder = tempfile::tempdir().unwrap();
        let library = owner(folder.path());
        assert!(library.labs().is_empty());
        let first = lab(1);
        library.create_lab(&first).unwrap();
        let path = library.lab_file(first.id);
        let text = std::fs::read_to_string(&path).unwrap();
        let text = text.replace("    \"note\"", "    \"colour\": \"red\",\n    \"note\"");
        let text = match text.contains("colour") {
            true => text,
            false => text.replacen("note:", "colour: \"red\",\n    note:", 1),
        };
        std::fs::remove_file(&path).unwrap();
        put(&path, text.as_bytes());
        let changed = library
            .update_lab(first.id, |lab| lab.name = "shop".to_owned())
            .unwrap();
        assert_eq!(changed.name, "shop");
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.contains("colour") && text.contains("shop"), "{text}");
        assert_eq!(library.lab(first.id).unwrap(), changed);
        library.delete_lab(first.id).unwrap();
        assert!(library.labs().is_empty());
        assert_eq!(std::fs::read_dir(library.labs_dir()).unwrap().count(), 0);
    }

    #[test]
    fn a_broken_lab_is_shown_and_never_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let library = owner(folder.path());
        library.create_lab(&lab(1)).unwrap();
        library.create_lab(&lab(2)).unwrap();
        let path = library.lab_file(lab(1).id);
        std::fs::remove_file(&path).unwrap();
        put(&path, b"(version: 1, id: ");
        let found = library.labs();
        assert!(found[0].lab.is_err() && found[1].lab.is_ok());
        assert!(
            library
                .update_lab(lab(1).id, |lab| lab.note.clear())
                .is_err()
        );
        assert_eq!(std::fs::read(&path).unwrap(), b"(version: 1, id: ");
    }
}
