//! A guest's clipboard, and files sent into it.

use std::path::PathBuf;
use std::time::Duration;

use clap::Subcommand;

use super::args::Target;
use super::file;
use super::pick::Prefer;
use super::tasks::{Done, Reply, Session};
use super::text::clean;
use crate::engine::Command;
use crate::engine::parcel::{self, Parcel};
use crate::model::{Answer, ClipKind, Failure, MAX_IMAGE};

/// How long a guest may take to hand over a large picture.
const PATIENCE: Duration = Duration::from_secs(120);

/// How a PNG begins (RFC 2083, 3.1).
const PNG: &[u8] = b"\x89PNG\r\n\x1a\n";

#[derive(Clone, Debug, PartialEq, Eq, Subcommand)]
pub enum ClipboardTask {
    /// Print what was copied in the guest, or write it to a file.
    #[command(after_long_help = "Example:\n  orangery clipboard get Debian --output picture.png")]
    Get {
        #[command(flatten)]
        target: Target,
        /// Where to write it; needed for a picture. A file that is there already is replaced.
        #[arg(long, short, value_name = "FILE")]
        output: Option<PathBuf>,
    },
    /// Put text, or a PNG picture, into the guest's clipboard.
    #[command(
        after_long_help = "Examples:\n  orangery clipboard set Debian 'some text'\n  \
                           orangery clipboard set Debian < picture.png"
    )]
    Set {
        #[command(flatten)]
        target: Target,
        /// The text; without it, what comes from standard input.
        #[arg(allow_hyphen_values = true)]
        text: Option<String>,
    },
}

impl Session<'_> {
    pub(super) fn clipboard(&mut self, task: ClipboardTask) -> Result<Done, Failure> {
        match task {
            ClipboardTask::Get { target, output } => self.get_clipboard(&target, output),
            ClipboardTask::Set { target, text } => self.set_clipboard(&target, text),
        }
    }

    fn get_clipboard(&mut self, target: &Target, output: Option<PathBuf>) -> Result<Done, Failure> {
        let output = output.map(|path| self.cwd.join(path));
        if let Some(path) = &output {
            file::check_target(path)?;
        }
        let report = self.find(target, Prefer::InUse)?;
        let what = format!("{}: its clipboard was not read", report.name);
        let command = Command::TakeClipboard { machine: report.id };
        let reply = self.backend.call(command, Some(PATIENCE))?;
        let Reply::Answer(Answer::Clipboard { kind, .. }, Some(fd)) = reply else {
            return Err(Failure::new(what, "It took longer than allowed"));
        };
        let clip = parcel::clip(kind, std::os::fd::AsFd::as_fd(&fd))
            .map_err(|error| Failure::new(&what, error.to_string()))?;
        match (output, kind) {
            (Some(path), _) => file::replace(&path, &clip.bytes).map(|()| Done::default()),
            (None, ClipKind::Text) => {
                // A guest's text must not drive the terminal.
                let text = String::from_utf8_lossy(&clip.bytes);
                let lines: Vec<String> = text.split('\n').map(clean).collect();
                Ok(lines.join("\n").into())
            }
            (None, ClipKind::Image) => Err(Failure::new(what, "It holds a picture")
                .fix("Say where to write it: --output picture.png")),
        }
    }

    fn set_clipboard(&mut self, target: &Target, text: Option<String>) -> Result<Done, Failure> {
        let report = self.find(target, Prefer::InUse)?;
        let what = format!("{} did not get the clipboard", report.name);
        let bytes = match text {
            Some(text) => text.into_bytes(),
            None => self.backend.input(MAX_IMAGE.0 + 1)?,
        };
        let kind = if bytes.starts_with(PNG) {
            ClipKind::Image
        } else {
            ClipKind::Text
        };
        if bytes.len() as u64 > kind.limit().0 {
            let limit = kind.limit();
            let why = format!("It is too large: {limit} is the most that goes over");
            return Err(Failure::new(what, why));
        }
        let content = Parcel::of(&bytes).map_err(|error| Failure::new(&what, error.to_string()))?;
        let command = Command::OfferClipboard {
            machine: report.id,
            kind,
            content,
        };
        self.finish(command, Some(PATIENCE), &report.name)?;
        Ok(Done::default())
    }

    pub(super) fn send(&mut self, target: &Target, files: Vec<PathBuf>) -> Result<Done, Failure> {
        let report = self.find(target, Prefer::InUse)?;
        let command = Command::SendFiles {
            machine: report.id,
            files: files.iter().map(|file| self.cwd.join(file)).collect(),
        };
        self.finish(command, None, &report.name)?;
        Ok(Done::default())
    }
}
