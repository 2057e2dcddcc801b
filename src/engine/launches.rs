//! The folders of running and of crashed QEMUs: `<runtime>/m/<short id>/<launch number>/`.

use std::fs;
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::time::Duration;

use super::clock;
use super::worker::Live;
use crate::model::{Failure, Machine, MachineId, State};
use crate::qemu::explain;
use crate::qemu::process::{self, Manifest, Process, ProcessError, log_tail};

/// How long a killed QEMU may take to go.
const END_PATIENCE: Duration = Duration::from_secs(5);

/// The newest launch of every machine that has one.
pub fn all(runtime: &Path) -> Vec<(MachineId, PathBuf)> {
    folders(runtime)
        .into_iter()
        .filter_map(|machine| {
            let newest = numbered(&machine).pop()?;
            let manifest = Manifest::read(&newest).ok()?; // Begun, but QEMU was never started.
            Some((manifest.machine, newest))
        })
        .collect()
}

/// The end of what the newest QEMU of a machine wrote; empty if there is none any more.
pub fn log_of(runtime: &Path, machine: MachineId) -> String {
    let newest = numbered(&runtime.join(machine.short())).pop();
    newest.map(|folder| log_tail(&folder)).unwrap_or_default()
}

/// A new private folder for one launch. Older ones of the machine go, unless their QEMU lives.
pub fn begin(runtime: &Path, machine: MachineId) -> io::Result<PathBuf> {
    let parent = runtime.join(machine.short());
    let old = numbered(&parent);
    let last = old.last().and_then(|folder| number(folder)).unwrap_or(0);
    for folder in old {
        if clear_unstarted(&folder) {
            continue;
        }
        match Process::adopt(&folder) {
            Ok(process) => {
                return Err(io::Error::other(format!(
                    "QEMU runs already as process {}",
                    process.pid()
                )));
            }
            Err(error) if is_dead(&error) => forget(&folder),
            Err(error) => return Err(io::Error::other(error.to_string())),
        }
    }
    let folder = parent.join((last + 1).to_string());
    let mut builder = fs::DirBuilder::new();
    builder.mode(0o700);
    builder.recursive(true).create(&parent)?;
    builder.recursive(false).create(&folder)?;
    Ok(folder)
}

/// Ends and removes a launch that was cut off before its guest ran. Says whether it was one.
pub fn clear_unstarted(folder: &Path) -> bool {
    if process::was_recorded(folder) {
        return false;
    }
    process::end_unrecorded(folder);
    forget(folder);
    true
}

/// Ends and removes a launch whose guest is not to run.
pub fn end(folder: &Path) {
    if clear_unstarted(folder) {
        return;
    }
    if let Ok(process) = Process::adopt(folder) {
        process.kill().ok(); // Fails only when it is gone.
        process.wait(END_PATIENCE).ok(); // One that hangs holds its disks; they are not removed under it.
    }
    forget(folder);
}

/// Removes a launch's folder: its QEMU is gone.
pub fn forget(folder: &Path) {
    process::end_tpm(folder);
    // Sockets and logs of an ended process, in a private folder; what can't be removed is
    // passed over at the next start.
    fs::remove_dir_all(folder).ok();
    if let Some(parent) = folder.parent() {
        fs::remove_dir(parent).ok(); // Only if it was the last.
    }
}

/// Whether an adoption failed because there is no such QEMU any more.
pub fn is_dead(error: &ProcessError) -> bool {
    matches!(
        error,
        ProcessError::Gone { .. } | ProcessError::Other { .. }
    )
}

/// How a machine stands whose QEMU died while nobody looked.
pub fn found_dead(machine: &Machine, folder: &Path, error: &ProcessError, resting: Live) -> Live {
    if matches!(resting.state, State::Saved) || !process::was_recorded(folder) {
        return resting; // It was saved just before, or its guest never ran.
    }
    let log = log_tail(folder);
    let log = if log.is_empty() {
        error.to_string()
    } else {
        log
    };
    let trouble = crashed(&machine.name, &log, None);
    Live::resting(State::Crashed, clock::now(), Some(trouble))
}

/// What a QEMU that ended by itself means.
pub fn crashed(name: &str, log: &str, status: Option<ExitStatus>) -> Failure {
    let failure = explain::explain(&explain::Evidence {
        what: &format!("{name} crashed"),
        log,
        error: None,
        status,
        holders: None,
        opener: None,
    });
    match failure.fix {
        Some(_) => failure,
        None => failure.fix("Start it again; what the guest had not written is lost"),
    }
}

fn folders(parent: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(parent) else {
        return Vec::new();
    };
    let mut folders: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    folders.sort();
    folders
}

/// The launch folders of a machine, oldest first.
fn numbered(machine: &Path) -> Vec<PathBuf> {
    let mut launches = folders(machine);
    launches.retain(|folder| number(folder).is_some());
    launches.sort_by_key(|folder| number(folder));
    launches
}

fn number(folder: &Path) -> Option<u32> {
    folder.file_name()?.to_str()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn launch_numbers_only_grow() {
        let runtime = tempfile::tempdir().unwrap();
        let id = MachineId(uuid::Uuid::new_v4());
        let first = begin(runtime.path(), id).unwrap();
        let second = begin(runtime.path(), id).unwrap();
        assert!(first.ends_with("1") && second.ends_with("2"));
        assert!(!first.exists(), "the dead one is gone");
        assert!(all(runtime.path()).is_empty(), "nothing was started in it");
        forget(&second);
        assert!(!second.parent().unwrap().exists());
    }
}
