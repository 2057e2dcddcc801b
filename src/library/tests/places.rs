//! Where things lie, and runtime folders that nobody else can look into.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use uuid::Uuid;

use super::super::{Library, Places, prepare_runtime};
use crate::model::LibraryFrom;

fn resolve(option: Option<&str>, env: &[(&str, &str)]) -> Places {
    let env: BTreeMap<&str, &str> = env.iter().copied().collect();
    Places::resolve(option.map(Path::new), |name| {
        env.get(name).map(OsString::from)
    })
    .unwrap()
}

#[test]
fn the_option_wins_over_the_variable_over_xdg_over_home() {
    let home = ("HOME", "/home/a");
    let library = |option, env: &[_]| resolve(option, env).library;
    assert_eq!(
        library(None, &[home]),
        Path::new("/home/a/.local/share/orangery")
    );
    let xdg = [home, ("XDG_DATA_HOME", "/d"), ("XDG_CONFIG_HOME", "/c")];
    assert_eq!(library(None, &xdg), Path::new("/d/orangery"));
    assert_eq!(
        resolve(None, &xdg).settings,
        Path::new("/c/orangery/settings.ron")
    );
    let relative = [home, ("XDG_DATA_HOME", "d")];
    assert_eq!(
        library(None, &relative),
        Path::new("/home/a/.local/share/orangery")
    );
    let variable = [home, ("ORANGERY_LIBRARY", "/l")];
    assert_eq!(library(None, &variable), Path::new("/l"));
    assert_eq!(library(Some("/o"), &variable), Path::new("/o"));
    assert!(Places::resolve(None, |_| None).is_err());
}

#[test]
fn a_library_chosen_in_the_settings_counts_unless_the_start_says_another() {
    let config = private();
    let folder = config.path().join("orangery");
    let settings = crate::model::Settings {
        library: Some("/mnt/vms".into()),
        ..crate::model::Settings::default()
    };
    super::super::save_settings(&folder.join("settings.ron"), &settings).unwrap();
    let config = ("XDG_CONFIG_HOME", config.path().to_str().unwrap());
    let home = ("HOME", "/home/a");
    let places = resolve(None, &[home, config]);
    assert_eq!(places.library, Path::new("/mnt/vms"));
    assert_eq!(places.library_from, LibraryFrom::Settings);
    assert_eq!(
        places.usual_library,
        Path::new("/home/a/.local/share/orangery")
    );
    let variable = [home, config, ("ORANGERY_LIBRARY", "/l")];
    for (option, library) in [(None, "/l"), (Some("/o"), "/o")] {
        let places = resolve(option, &variable);
        assert_eq!(places.library, Path::new(library));
        assert_eq!(places.library_from, LibraryFrom::Start);
    }
}

#[test]
fn a_library_may_be_in_a_new_an_empty_or_its_own_folder_only() {
    let base = private();
    let may = |path: &Path| Library::may_be_at(path);
    assert_eq!(may(base.path()), Ok(()));
    assert_eq!(may(&base.path().join("new/one")), Ok(()));
    let own = base.path().join("own");
    drop(Library::open(&own).unwrap());
    assert_eq!(may(&own), Ok(()));
    let refused = |path: &Path, part: &str| {
        let why = may(path).unwrap_err();
        assert!(why.contains(part), "{why}");
    };
    refused(base.path(), "other things in it");
    refused(Path::new("vms"), "not a full path");
    let file = base.path().join("file");
    std::fs::File::create(&file).unwrap();
    refused(&file, "a file, not a folder");
    refused(&file.join("below"), "not a folder");
    refused(Path::new("/proc/vms"), "");
}

/// A folder that only we can look into.
fn private() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o700)).unwrap();
    folder
}

fn runtime_in(base: &Path) -> Result<PathBuf, String> {
    let id = Uuid::from_u128(0xc0ff_ee00 << 96);
    prepare_runtime(&[base.to_owned()], id).map_err(|error| error.to_string())
}

#[test]
fn a_runtime_folder_is_private_and_can_be_made_again() {
    let base = private();
    let made = runtime_in(base.path()).unwrap();
    assert_eq!(made, base.path().join("orangery/c0ffee00"));
    let mode = std::fs::metadata(&made).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o700);
    assert_eq!(runtime_in(base.path()).unwrap(), made);
}

#[track_caller]
fn refused(base: &Path, expected: &str) {
    let error = runtime_in(base).unwrap_err();
    assert!(error.contains(expected), "{error}");
}

#[test]
fn planted_links_and_open_folders_are_refused() {
    let base = private();
    let elsewhere = private();
    symlink(elsewhere.path(), base.path().join("orangery")).unwrap();
    refused(base.path(), "is not a real folder");
    let link = elsewhere.path().join("link");
    symlink(base.path(), &link).unwrap();
    refused(&link, "is not a real folder");
    std::fs::remove_file(base.path().join("orangery")).unwrap();
    std::fs::create_dir(base.path().join("orangery")).unwrap();
    let open = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(base.path().join("orangery"), open).unwrap();
    refused(base.path(), "is open to other users");
    refused(Path::new("/nonexistent"), "is not there");
}

#[test]
fn another_users_folder_is_refused() {
    let base = private();
    if std::os::unix::fs::chown(base.path(), Some(12345), None).is_err() {
        println!("skipped: only root can give a folder away");
        return;
    }
    refused(base.path(), "belongs to another user");
}

#[test]
fn a_place_that_is_too_long_for_sockets_is_passed_over() {
    let base = private();
    let long = base.path().join("x".repeat(60));
    std::fs::create_dir(&long).unwrap();
    std::fs::set_permissions(&long, std::fs::Permissions::from_mode(0o700)).unwrap();
    refused(&long, "is too long for sockets");
    let id = Uuid::from_u128(1);
    let made = prepare_runtime(&[long, base.path().to_owned()], id).unwrap();
    assert!(made.starts_with(base.path()));
}
