//! The repository's files, as the tidy tests see them: paths from its root, with `/`.

use std::fs;
use std::path::{Path, PathBuf};

/// The whole path of a file of the repository.
pub fn in_repository(path: impl AsRef<Path>) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// The text of a file; empty when it is not text.
pub fn text_of(path: impl AsRef<Path>) -> String {
    fs::read_to_string(in_repository(path)).unwrap_or_default()
}

/// All Rust files of ours.
pub fn rust_files() -> Vec<String> {
    let mut files: Vec<String> = ["src", "tests", "benches"]
        .into_iter()
        .flat_map(|folder| files_below(Path::new(folder)))
        .filter(|path| path.ends_with(".rs"))
        .collect();
    if in_repository("build.rs").exists() {
        files.push("build.rs".to_owned());
    }
    files
}

/// All files below a folder, sorted, without what the build and the tests leave behind. A folder that is not
/// there has none.
pub fn files_below(folder: &Path) -> Vec<String> {
    const NOT_OURS: &[&str] = &[".git", "target", ".cache"];
    let Ok(entries) = fs::read_dir(in_repository(folder)) else {
        return Vec::new();
    };
    let mut files = Vec::new();
    for entry in entries.flatten() {
        let path = folder.join(entry.file_name());
        let Ok(kind) = entry.file_type() else {
            continue;
        };
        if kind.is_file() {
            files.push(path.to_string_lossy().into_owned());
        } else if kind.is_dir() && !NOT_OURS.iter().any(|name| path.ends_with(name)) {
            files.extend(files_below(&path));
        }
    }
    files.sort();
    files
}
