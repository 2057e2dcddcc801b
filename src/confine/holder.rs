//! Which program has a file open, found in `/proc` (proc_pid_fd(5)): asked once something failed because of it.

use std::fmt;
use std::fs;
use std::path::Path;

use rustix::fs::{AtFlags, CWD, StatxFlags, statx};

/// Open files that are looked at, at most: more than a desktop has.
const MOST: usize = 100_000;

/// A program that has a file open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    pub name: String,
    pub pid: u32,
}

impl fmt::Display for Holder {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} (process {})", self.name, self.pid)
    }
}

/// Another process that has the file open, by whichever path. `None` where that can't be told: other users' files are
/// theirs alone to see.
pub fn holder_of(file: &Path) -> Option<Holder> {
    let wanted = id(file)?;
    let own = std::process::id();
    let mut left = MOST;
    for process in fs::read_dir("/proc").ok()?.flatten() {
        let pid = process
            .file_name()
            .to_str()
            .and_then(|pid| pid.parse().ok());
        let Some(pid) = pid.filter(|pid| *pid != own) else {
            continue;
        };
        let Ok(open) = fs::read_dir(process.path().join("fd")) else {
            continue; // Gone, or another user's.
        };
        for open in open.flatten() {
            left = left.checked_sub(1)?;
            if id(&open.path()) == Some(wanted) {
                return name(&process.path()).map(|name| Holder { name, pid });
            }
        }
    }
    None
}

/// Device and inode, without asking a file system that may hang.
fn id(path: &Path) -> Option<(u32, u32, u64)> {
    let found = statx(CWD, path, AtFlags::STATX_DONT_SYNC, StatxFlags::INO).ok()?;
    Some((found.stx_dev_major, found.stx_dev_minor, found.stx_ino))
}

fn name(process: &Path) -> Option<String> {
    let name = fs::read(process.join("comm")).ok()?; // 15 bytes at most.
    let name = String::from_utf8_lossy(&name);
    let name: String = name.chars().filter(|c| !c.is_control()).collect();
    (!name.is_empty()).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[expect(clippy::disallowed_methods, reason = "a stranger's program")]
    fn a_program_that_has_a_file_open_is_named_and_nobody_else() {
        let folder = tempfile::tempdir().unwrap();
        let (path, other) = (folder.path().join("a"), folder.path().join("b"));
        let file = fs::File::create(&path).unwrap();
        fs::hard_link(&path, &other).unwrap();
        assert_eq!(holder_of(&path), None, "only this process has it");
        let mut sleep = std::process::Command::new("sleep");
        let mut child = sleep.arg("60").stdin(file).spawn().unwrap();
        let found = holder_of(&other).unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(found.pid, child.id());
        assert_eq!(
            found.to_string(),
            format!("{} (process {})", found.name, child.id())
        );
        assert_eq!(holder_of(&other), None);
        assert_eq!(holder_of(Path::new("/nowhere")), None);
    }
}
