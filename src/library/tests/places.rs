//! Where things lie, and runtime folders that nobody else can look into.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use uuid::Uuid;

use super::super::{Places, prepare_runtime};

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
