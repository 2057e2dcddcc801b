//! Where things lie: the data, configuration and runtime folders.

use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rustix::fs::{self, FileType, Mode, OFlags};
use rustix::io::Errno;
use uuid::Uuid;

use super::read_settings;
use crate::model::{LibraryFrom, Whereabouts};

/// Longest path of a unix socket: `sun_path` has 108 bytes with the closing zero (unix(7)).
const SOCKET_PATH_LIMIT: usize = 107;
/// `/m/<8 hex>/<launch number>/<socket name>`, generously.
const SOCKET_PATH_REST: usize = "/m/01234567/999999/monitor-2.sock".len();

/// The folders this start uses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Places {
    /// The library.
    pub library: PathBuf,
    /// Who said so.
    pub library_from: LibraryFrom,
    /// Where it is when nobody says anything.
    pub usual_library: PathBuf,
    pub settings: PathBuf,
    /// The app's own log; `None` without a home folder.
    pub log: Option<PathBuf>,
    /// Where runtime folders may be, best first.
    runtime: Vec<PathBuf>,
}

/// Why there is no safe place for sockets.
#[derive(Debug, thiserror::Error)]
pub enum RuntimeError {
    #[error("there is no home folder: neither HOME nor XDG_DATA_HOME is set to an absolute path")]
    NoHome,
    #[error(
        "no private folder for sockets: {}. Set XDG_RUNTIME_DIR to a short folder that only you \
         can look into",
        refused.join("; ")
    )]
    NoRuntime {
        /// Each place and what is wrong with it.
        refused: Vec<String>,
    },
}

impl Places {
    /// Finds the places. `library` is the option `--library`; `env` looks up a variable. Those two win over the
    /// settings, which win over the usual place.
    ///
    /// Relative paths in XDG variables are ignored, as the XDG base directory specification asks.
    pub fn resolve(
        library: Option<&Path>,
        env: impl Fn(&str) -> Option<OsString>,
    ) -> Result<Self, RuntimeError> {
        let absolute = |name: &str| {
            env(name)
                .map(PathBuf::from)
                .filter(|path| path.is_absolute())
        };
        let home = absolute("HOME");
        let under_home = |name: &str, rest: &str| {
            absolute(name).or_else(|| home.as_ref().map(|home| home.join(rest)))
        };
        let settings = under_home("XDG_CONFIG_HOME", ".config")
            .ok_or(RuntimeError::NoHome)?
            .join("orangery/settings.ron");
        let at_start = library.map(Path::to_owned).or_else(|| {
            env("ORANGERY_LIBRARY")
                .filter(|dir| !dir.is_empty())
                .map(PathBuf::from)
        });
        let usual = under_home("XDG_DATA_HOME", ".local/share").map(|data| data.join("orangery"));
        let chosen = || read_settings(&settings).settings.library;
        let (library, library_from) = match at_start {
            Some(dir) => (std::path::absolute(&dir).unwrap_or(dir), LibraryFrom::Start),
            None => match chosen().filter(|dir| dir.is_absolute()) {
                Some(dir) => (dir, LibraryFrom::Settings),
                None => (
                    usual.clone().ok_or(RuntimeError::NoHome)?,
                    LibraryFrom::Usual,
                ),
            },
        };
        let usual_library = usual.unwrap_or_else(|| library.clone());
        let log =
            under_home("XDG_STATE_HOME", ".local/state").map(|state| state.join("orangery/log"));
        let uid = rustix::process::geteuid().as_raw();
        let mut runtime: Vec<PathBuf> = absolute("XDG_RUNTIME_DIR").into_iter().collect();
        runtime.push(PathBuf::from(format!("/run/user/{uid}")));
        runtime.push(PathBuf::from(format!("/tmp/orangery-{uid}")));
        runtime.dedup();
        Ok(Self {
            library,
            library_from,
            usual_library,
            settings,
            log,
            runtime,
        })
    }

    pub fn whereabouts(&self) -> Whereabouts {
        Whereabouts {
            library: self.library.clone(),
            library_from: self.library_from,
            usual_library: self.usual_library.clone(),
            settings: self.settings.clone(),
            log: self.log.clone(),
        }
    }

    /// Makes and checks the runtime folder of a library: 0700 and ours, every step of it.
    pub fn runtime(&self, library: Uuid) -> Result<PathBuf, RuntimeError> {
        prepare_runtime(&self.runtime, library)
    }
}

/// The first of `bases` that is safe and short enough, with the library's folder made in it:
/// `<base>/orangery/<8 hex of the library id>`.
///
/// A base below `/tmp` is made if it is missing; others must exist.
pub fn prepare_runtime(bases: &[PathBuf], library: Uuid) -> Result<PathBuf, RuntimeError> {
    let short = library.simple().to_string()[..8].to_owned();
    let mut refused = Vec::new();
    for base in bases {
        let path = base.join("orangery").join(&short);
        let length = path.as_os_str().as_bytes().len() + SOCKET_PATH_REST;
        if length > SOCKET_PATH_LIMIT {
            refused.push(format!(
                "“{}” is too long for sockets ({length} bytes with their names; \
                 {SOCKET_PATH_LIMIT} are possible)",
                base.display()
            ));
            continue;
        }
        match make_private(base, &["orangery", &short]) {
            Ok(()) => return Ok(path),
            Err(problem) => refused.push(problem),
        }
    }
    Err(RuntimeError::NoRuntime { refused })
}

/// Checks `base` and makes `names` in it, each in the one before.
fn make_private(base: &Path, names: &[&str]) -> Result<(), String> {
    if base.starts_with("/tmp") && fs::lstat(base).err() == Some(Errno::NOENT) {
        match fs::mkdir(base, Mode::RWXU) {
            Ok(()) | Err(Errno::EXIST) => {}
            Err(error) => return Err(format!("“{}” can't be made: {error}", base.display())),
        }
    }
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let mut shown = base.to_owned();
    let mut folder =
        fs::open(base, flags, Mode::empty()).map_err(|error| open_problem(&shown, error))?;
    check_private(&folder, &shown)?;
    for name in names {
        shown.push(name);
        match fs::mkdirat(&folder, *name, Mode::RWXU) {
            Ok(()) | Err(Errno::EXIST) => {}
            Err(error) => return Err(format!("“{}” can't be made: {error}", shown.display())),
        }
        folder = fs::openat(&folder, *name, flags, Mode::empty())
            .map_err(|error| open_problem(&shown, error))?;
        check_private(&folder, &shown)?;
    }
    Ok(())
}

fn open_problem(path: &Path, error: Errno) -> String {
    let path = path.display();
    match error {
        Errno::LOOP | Errno::NOTDIR => format!("“{path}” is not a real folder"),
        Errno::NOENT => format!("“{path}” is not there"),
        error => format!("“{path}” can't be opened: {error}"),
    }
}

fn check_private(folder: impl rustix::fd::AsFd, path: &Path) -> Result<(), String> {
    let path = path.display();
    let found =
        fs::fstat(folder).map_err(|error| format!("“{path}” can't be looked at: {error}"))?;
    if FileType::from_raw_mode(found.st_mode) != FileType::Directory {
        return Err(format!("“{path}” is not a folder"));
    }
    if found.st_uid != rustix::process::geteuid().as_raw() {
        return Err(format!("“{path}” belongs to another user"));
    }
    if found.st_mode & 0o077 != 0 {
        return Err(format!("“{path}” is open to other users"));
    }
    Ok(())
}
