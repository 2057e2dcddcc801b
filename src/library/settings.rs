//! The settings file: reading never fails, unknown keys stay.

use std::path::Path;

use super::document::{self, Document, Format};
use super::machines::{at, set_broken_aside};
use super::{LibraryError, files, save};
use crate::model::Settings;

const SETTINGS: Format = Format {
    version: 1,
    comment: "Settings of Orangery. A key that is not here has its default.",
    devices: &[],
};

/// What a settings file gave.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SettingsFile {
    pub settings: Settings,
    /// What was ignored, and why.
    pub warnings: Vec<String>,
}

/// Reads `settings.ron`; whatever is wrong with it, there is a value.
pub fn read_settings(path: &Path) -> SettingsFile {
    match read_document(path) {
        Ok(Some(document)) => SettingsFile {
            settings: document.value,
            warnings: document.warnings,
        },
        Ok(None) => SettingsFile::default(),
        Err(error) => SettingsFile {
            settings: Settings::default(),
            warnings: vec![format!("The settings are not used: {error}")],
        },
    }
}

/// `None` if there is no file.
fn read_document(path: &Path) -> Result<Option<Document<Settings>>, LibraryError> {
    // The file may be a link: some keep their settings elsewhere.
    let Ok(path) = path.canonicalize() else {
        return Ok(None);
    };
    let text = files::read_record(&path)?;
    document::read_lenient(&SETTINGS, &text)
        .map(Some)
        .map_err(|error| at(&path, error))
}

/// Saves `settings.ron`; a file that can't be read is kept as `settings.ron.broken-N`.
pub fn save_settings(path: &Path, settings: &Settings) -> Result<(), LibraryError> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(|source| LibraryError::Write {
            path: folder.to_owned(),
            source,
        })?;
    }
    let target = match (path.canonicalize(), path.parent(), path.file_name()) {
        (Ok(target), _, _) => target,
        (Err(_), Some(folder), Some(name)) => folder
            .canonicalize()
            .map_err(|source| LibraryError::Write {
                path: folder.to_owned(),
                source,
            })?
            .join(name),
        (Err(_), _, _) => path.to_owned(),
    };
    let text = match read_document(&target) {
        Ok(Some(before)) => before.render_settings(&SETTINGS, settings),
        Ok(None) => document::render(&SETTINGS, settings, None),
        Err(LibraryError::Damaged { .. } | LibraryError::TooBig { .. }) => {
            set_broken_aside(&target)?;
            document::render(&SETTINGS, settings, None)
        }
        Err(error) => return Err(error),
    };
    let text = text.map_err(|error| at(&target, error))?;
    save::write(&target, text.as_bytes())
}
