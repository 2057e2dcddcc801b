//! The command line: every subcommand is a client of the same engine as the window.
//!
//! ```text
//!  argv ──args──▶ Task ──tasks──▶ Command ──session──▶ owner (window, or an agent we start)
//!                          ▲                              │
//!          name ──pick─────┘        show, doctor ◀────────┘ reports, answers
//! ```
//!
//! This room never writes the library and never talks to QEMU. `args`, `pick`, `show` and
//! `doctor` are pure; `tasks` knows the rest of the program only as a `tasks::Backend`.

mod args;
mod clone;
mod doctor;
mod doors;
#[cfg(test)]
mod fake;
mod file;
mod fork;
mod hardware;
#[cfg(test)]
mod hardware_tests;
mod inside;
mod lab;
#[cfg(test)]
mod lab_tests;
mod making;
mod owner;
mod parts;
mod pick;
mod progress;
mod serial;
mod session;
mod set;
mod sharing;
mod show;
mod snapshot;
mod stats;
mod tasks;
#[cfg(test)]
mod tests;
mod text;
mod typing;

use std::ffi::OsString;
use std::io::{self, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

use crate::engine::clock::now;
use crate::model::Failure;
use session::Live;
use tasks::{Done, Session};

/// Names the library when `--library` does not.
const LIBRARY_VARIABLE: &str = "ORANGERY_LIBRARY";

/// Runs the program with `args`, program name first.
pub fn run(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let args = match args::parse(args) {
        Ok(args) => args,
        Err(error) => {
            error.print().ok(); // Nobody is left to tell.
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    let verbose = args.global.verbose;
    match perform(args) {
        Ok(Done { text, complaint }) => {
            let written = print(&text);
            if let Some(failure) = &complaint {
                complain(failure, verbose);
            }
            match (written, complaint) {
                (Ok(()), None) => ExitCode::SUCCESS,
                _ => ExitCode::FAILURE,
            }
        }
        Err(failure) => {
            complain(&failure, verbose);
            ExitCode::FAILURE
        }
    }
}

fn perform(args: args::Args) -> Result<Done, Failure> {
    let cwd = std::env::current_dir().map_err(|error| {
        Failure::new("The current folder can't be read", error.to_string())
            .fix("Change to a folder that exists")
    })?;
    let library = args
        .global
        .library
        .clone()
        .or_else(library_from_environment)
        .map(|path| cwd.join(path));
    let json = args.global.json;
    let mut live = Live::new(library);
    let mut session = Session {
        backend: &mut live,
        cwd,
        now: now(),
        json,
    };
    tasks::perform(&mut session, args)
}

fn library_from_environment() -> Option<PathBuf> {
    std::env::var_os(LIBRARY_VARIABLE)
        .filter(|value| !value.is_empty())
        .map(PathBuf::from)
}

fn print(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()
}

fn complain(failure: &Failure, verbose: bool) {
    let text = text::failure(failure, verbose);
    io::stderr().write_all(text.as_bytes()).ok(); // Nobody is left to tell.
}
