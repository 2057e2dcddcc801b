//! The app's own files from outside: the library that the settings name, the log, a report without anything private.
#![expect(clippy::unwrap_used, reason = "a test that fails should say where")]

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Output, Stdio};

use orangery::library::{read_settings, save_settings};
use orangery::model::Settings;

/// Runs the program in a home of its own, as a user called ada.
fn orangery(home: &Path, args: &[&str]) -> Output {
    #[expect(clippy::disallowed_methods, reason = "tests run the real program")]
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_orangery"));
    for inherited in [
        "ORANGERY_LIBRARY",
        "XDG_DATA_HOME",
        "XDG_CONFIG_HOME",
        "XDG_STATE_HOME",
        "XDG_CACHE_HOME",
        "DISPLAY",
        "WAYLAND_DISPLAY",
    ] {
        command.env_remove(inherited);
    }
    let run = home.join("run");
    std::fs::create_dir_all(&run).unwrap();
    std::fs::set_permissions(&run, std::fs::Permissions::from_mode(0o700)).unwrap();
    command
        .args(args)
        .current_dir(home)
        .env("HOME", home)
        .env("USER", "ada")
        .env("XDG_RUNTIME_DIR", run)
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

#[track_caller]
fn ok(home: &Path, args: &[&str]) -> String {
    let output = orangery(home, args);
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{args:?}: {error}");
    String::from_utf8(output.stdout).unwrap()
}

/// Ends the agents of this home.
struct Home(tempfile::TempDir);

impl Drop for Home {
    fn drop(&mut self) {
        let home = format!("HOME={}", self.0.path().display());
        for entry in std::fs::read_dir("/proc").unwrap().flatten() {
            let environment = std::fs::read(entry.path().join("environ")).unwrap_or_default();
            let ours = environment
                .split(|&byte| byte == 0)
                .any(|variable| variable == home.as_bytes());
            let pid = entry
                .file_name()
                .to_str()
                .and_then(|name| name.parse().ok());
            if let Some(pid) = pid.and_then(rustix::process::Pid::from_raw)
                && ours
            {
                rustix::process::kill_process(pid, rustix::process::Signal::KILL).ok();
            }
        }
    }
}

#[test]
fn the_library_of_the_settings_is_used_unless_the_command_line_names_one() {
    let home = Home(tempfile::Builder::new().prefix("o").tempdir().unwrap());
    let folder = home.0.path();
    let chosen = folder.join("elsewhere");
    let settings = Settings {
        library: Some(chosen.clone()),
        ..Settings::default()
    };
    let file = folder.join(".config/orangery/settings.ron");
    save_settings(&file, &settings).unwrap();
    ok(folder, &["create", "Payroll"]);
    assert!(chosen.join("library.ron").exists());
    assert!(!folder.join(".local/share/orangery").exists());
    assert!(ok(folder, &["list"]).contains("Payroll"));
    let other = folder.join("other");
    let other = ["--library", other.to_str().unwrap(), "list"];
    assert!(!ok(folder, &other).contains("Payroll"));
    assert_eq!(read_settings(&file).settings, settings);
}

#[test]
fn a_report_says_what_happened_and_names_nobody() {
    let home = Home(tempfile::Builder::new().prefix("o").tempdir().unwrap());
    let folder = home.0.path();
    ok(folder, &["create", "Payroll"]);
    ok(folder, &["set", "Payroll", "notes=the password is hunter2"]);
    let refused = orangery(folder, &["pause", "Payroll"]);
    assert!(!refused.status.success());
    let path = folder.join("report.txt");
    ok(
        folder,
        &["report", "payroll", "--output", path.to_str().unwrap()],
    );
    let text = std::fs::read_to_string(&path).unwrap();
    let host = rustix::system::uname()
        .nodename()
        .to_string_lossy()
        .into_owned();
    let private = [
        "Payroll",
        "hunter2",
        "52:54:00",
        folder.to_str().unwrap(),
        "ada",
    ];
    for private in private.into_iter().chain([host.as_str()]) {
        let mut words = text.split(|c: char| !(c.is_alphanumeric() || "/:-._".contains(c)));
        assert!(!words.any(|word| word == private), "{private} in:\n{text}");
    }
    for part in [
        "== Orangery ==",
        "Asked: create machine-1",
        "Asked for machine-1: Pause",
        "Failed: machine-1: “Pause” is not possible now",
        "mac-1",
        "~/.local/share/orangery",
    ] {
        assert!(text.contains(part), "{part} not in:\n{text}");
    }
    let log = std::fs::metadata(folder.join(".local/state/orangery/log")).unwrap();
    assert_eq!(log.permissions().mode() & 0o777, 0o600);
}
