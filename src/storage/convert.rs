//! Copies disk images of any format that Orangery knows into new qcow2 layers, in the jail.
//!
//! An image is hostile: the format comes from our own header reader, one that names other files is
//! refused before anything runs, and `qemu-img` may read that one file, write that one file, and
//! has limited time, memory and room. The copy grows under a `.partial` name and gets its own name
//! once it was verified and is on disk.
//!
//! Room: a copy holds only what the image holds, so its declared size says little. `qemu-img
//! measure` says how much is really there; a copy that needs more than what is free is refused
//! before anything is written. (For VHDX it can't tell; such a file is no smaller than its data.)

use std::ffi::OsString;
use std::io;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};

use super::header::{HeaderError, ImageInfo, ImageKind, Refusal, read_header};
use super::partial::Partial;
use crate::confine::{self, Finished, Jail, JailError, Limits, Outcome, Program};
use crate::library::free_space;
use crate::model::ByteSize;
use crate::step;

/// For a look that copies nothing. A large disk in many pieces takes seconds.
const LOOK: Duration = Duration::from_secs(60);
/// A copy may take this long, and a second more for each MiB: slower than any disk.
const COPY: Duration = Duration::from_secs(600);
/// Address space. A streamOptimized VMDK needs 384 MiB, and 64 threads of QEMU's have stacks of 8 MiB; little of
/// both is ever touched.
const MEMORY: u64 = 2 << 30;
/// Tables beside the data, and what the file system keeps for itself.
const SLACK: u64 = 32 << 20;
/// The largest disk: 64 TiB.
const LARGEST: u64 = 1 << 46;
/// Longest complaint of `qemu-img` that is told.
const MAX_COMPLAINT: usize = 400;

/// Told how many bytes of the disk are `done` of how many; breaking cancels.
pub type Progress<'a> = &'a mut dyn FnMut(u64, u64) -> ControlFlow<()>;

/// Why an image was not copied. Nothing is left behind, and the image is as it was.
#[derive(Debug, thiserror::Error)]
pub enum ConvertError {
    #[error(transparent)]
    Header(#[from] HeaderError),
    #[error("“{}” can't be copied: {refusal}", path.display())]
    Refused { path: PathBuf, refusal: Refusal },
    #[error("the copy needs {needs}, and {free} are free where the library lies")]
    NoRoom { needs: ByteSize, free: ByteSize },
    #[error("a disk of {size} is more than the 64 TiB that a machine can have")]
    TooLarge { size: ByteSize },
    #[error("“{}” is in use by {by}; shut the machine down that has it", path.display())]
    InUse { path: PathBuf, by: String },
    #[error("qemu-img is not installed; install the package qemu-utils (or qemu-img)")]
    NoTool,
    #[error(transparent)]
    Jail(JailError),
    #[error("“{}” could not be read as {format}: {said}", path.display())]
    Unreadable {
        path: PathBuf,
        format: &'static str,
        said: String,
    },
    #[error("“{}” could not be written: {source}", path.display())]
    Write { path: PathBuf, source: io::Error },
    #[error("the copy of “{}” is not what the image was: {problem}", path.display())]
    Wrong { path: PathBuf, problem: String },
    #[error("cancelled")]
    Cancelled,
}

impl From<JailError> for ConvertError {
    fn from(error: JailError) -> Self {
        match error {
            JailError::Cancelled => Self::Cancelled,
            other => Self::Jail(other),
        }
    }
}

impl ImageInfo {
    /// QEMU's name of the format, if a copy needs this file and no other.
    pub fn copied_as(&self) -> Result<&'static str, Refusal> {
        if self.file_size.0 == 0 {
            return Err(Refusal::Empty);
        }
        match &self.kind {
            ImageKind::Raw | ImageKind::Iso { .. } => Ok("raw"),
            ImageKind::Qcow2(header) => header.in_place().map(|()| "qcow2"),
            ImageKind::Vmdk { other_file: None } => Ok("vmdk"),
            ImageKind::Vmdk {
                other_file: Some(name),
            } => Err(Refusal::NamesExtent { name: name.clone() }),
            ImageKind::Vdi => Ok("vdi"),
            ImageKind::Vhdx => Ok("vhdx"),
            ImageKind::Vpc => Ok("vpc"),
            ImageKind::Other(format) => Err(Refusal::UnknownFormat { format }),
            ImageKind::Compressed(with) => Err(Refusal::Packed { with: with.name() }),
        }
    }
}

/// Copies the disk in `source`, of any format that Orangery knows, into a new qcow2 file `target`
/// that rests on nothing; returns the size that a guest sees. An existing `target` is refused.
///
/// `source` is only read. Asked about 20 times a second, `progress` may break to cancel.
pub fn copy_in(
    source: &Path,
    target: &Path,
    progress: Progress<'_>,
) -> Result<ByteSize, ConvertError> {
    let info = read_header(source)?;
    let format = info.copied_as().map_err(|refusal| ConvertError::Refused {
        path: source.to_owned(),
        refusal,
    })?;
    let copy = Copy::of_image(real(source)?, format)?;
    let size = copy.size(&mut *progress)?;
    let needs = copy.needs(&info, &mut *progress)?;
    copy.make(target, size, needs, progress)
}

/// Copies what a guest reads through a chain of qcow2 layers, base first, into a new qcow2 file `target` that rests on
/// nothing; returns the size that a guest sees. What the layers' headers name is never followed.
pub fn copy_chain(
    layers: &[PathBuf],
    target: &Path,
    progress: Progress<'_>,
) -> Result<ByteSize, ConvertError> {
    let layers: Vec<PathBuf> = layers
        .iter()
        .map(|layer| real(layer))
        .collect::<Result<_, _>>()?;
    let empty = || ConvertError::Refused {
        path: target.to_owned(),
        refusal: Refusal::Empty,
    };
    let top = read_header(layers.last().ok_or_else(empty)?)?;
    let size = top.virtual_size.ok_or_else(empty)?;
    let copy = Copy::of_chain(layers)?;
    let needs = copy.needs(&top, &mut *progress)?;
    copy.make(target, size, needs, progress)
}

/// The path without links: the jail opens exactly what it is given.
fn real(path: &Path) -> Result<PathBuf, ConvertError> {
    Ok(
        std::fs::canonicalize(path).map_err(|error| HeaderError::Read {
            path: path.to_owned(),
            source: error,
        })?,
    )
}

/// One disk on its way in.
struct Copy {
    tool: PathBuf,
    /// Absolute, without links. The last is what complaints are about.
    files: Vec<PathBuf>,
    /// Names the disk to `qemu-img`.
    words: Vec<OsString>,
    /// Never probed.
    format: &'static str,
}

/// What `qemu-img info` and `qemu-img measure` print, as far as we read it.
#[derive(Default, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
struct Figures {
    virtual_size: u64,
    required: u64,
}

impl Copy {
    fn of_image(image: PathBuf, format: &'static str) -> Result<Self, ConvertError> {
        Ok(Self {
            tool: tool()?,
            words: vec!["-f".into(), format.into(), image.clone().into()],
            files: vec![image],
            format,
        })
    }

    /// Each layer is told which one it rests on.
    fn of_chain(layers: Vec<PathBuf>) -> Result<Self, ConvertError> {
        let disk = layers.iter().fold(Value::Null, |below, layer| {
            let name = layer.to_string_lossy();
            json!({
                "driver": "qcow2",
                "read-only": true,
                "file": { "driver": "file", "filename": name, "read-only": true },
                "backing": below,
            })
        });
        Ok(Self {
            tool: tool()?,
            words: vec![format!("json:{disk}").into()],
            files: layers,
            format: "qcow2",
        })
    }

    /// The copy itself, under its own name once it was verified.
    fn make(
        &self,
        target: &Path,
        size: ByteSize,
        needs: ByteSize,
        progress: Progress<'_>,
    ) -> Result<ByteSize, ConvertError> {
        let place = target.parent().unwrap_or(Path::new("/"));
        let free = free_space(place).map_or(ByteSize(u64::MAX), |space| space.free);
        if needs.0 > free.0 {
            return Err(ConvertError::NoRoom { needs, free });
        }
        let failed = |source| ConvertError::Write {
            path: target.to_owned(),
            source,
        };
        step::write(target).map_err(failed)?;
        let partial = Partial::begin(target).map_err(failed)?;
        step::at("copy begun");
        self.run(&partial, size, needs, &mut *progress)?;
        step::at("copy filled");
        verify(&partial.path, size)?;
        if progress(size.0, size.0).is_break() {
            return Err(ConvertError::Cancelled);
        }
        partial.finish(target).map_err(failed)?;
        Ok(size)
    }

    /// What complaints are about.
    fn image(&self) -> PathBuf {
        self.files.last().cloned().unwrap_or_default()
    }

    /// What a guest sees of the disk.
    fn size(&self, progress: Progress<'_>) -> Result<ByteSize, ConvertError> {
        let words = ["info", "--output=json"];
        let size = self.look(&words, progress)?.virtual_size;
        if size > LARGEST {
            return Err(ConvertError::TooLarge {
                size: ByteSize(size),
            });
        }
        if size == 0 {
            return Err(ConvertError::Refused {
                path: self.image(),
                refusal: Refusal::Empty,
            });
        }
        Ok(ByteSize(size))
    }

    /// What the copy takes at most.
    fn needs(&self, info: &ImageInfo, progress: Progress<'_>) -> Result<ByteSize, ConvertError> {
        let words = ["measure", "--output=json", "-O", "qcow2"];
        let measured = self.look(&words, progress)?.required;
        let needs = match info.kind {
            ImageKind::Vhdx => measured.min(info.file_size.0 + info.file_size.0 / 64),
            _ => measured,
        };
        Ok(ByteSize(needs.saturating_add(SLACK)))
    }

    fn look(&self, words: &[&str], progress: Progress<'_>) -> Result<Figures, ConvertError> {
        let program = self.program(words);
        let finished = run(program, LOOK, &mut |_| progress(0, 0))?;
        if finished.outcome != Outcome::Success {
            return Err(self.unreadable(&finished));
        }
        serde_json::from_slice(&finished.stdout)
            .ok()
            .ok_or_else(|| self.unreadable(&finished))
    }

    fn run(
        &self,
        partial: &Partial,
        size: ByteSize,
        needs: ByteSize,
        progress: Progress<'_>,
    ) -> Result<(), ConvertError> {
        let options = "cluster_size=64k,lazy_refcounts=off";
        let mut program = self.program(&["convert", "-p", "-O", "qcow2", "-o", options]);
        program.args.push(partial.path.clone().into());
        program.writes.push(partial.path.clone());
        let time = COPY + Duration::from_secs(needs.as_mib());
        let mut done = 0;
        let mut grown = false;
        let ended = run(program, time, &mut |line| {
            if let Some(share) = line.and_then(share) {
                done = (size.0 as f64 * share) as u64;
            }
            grown = partial.length() > needs.0 + SLACK;
            match grown {
                true => ControlFlow::Break(()),
                false => progress(done.min(size.0), size.0),
            }
        });
        match ended {
            Err(ConvertError::Cancelled) if grown => Err(self.wrong(format!(
                "it grew beyond the {needs} that were measured; the image is damaged"
            ))),
            Err(error) => Err(error),
            Ok(finished) if finished.outcome != Outcome::Success => Err(self.unreadable(&finished)),
            Ok(_) => Ok(()),
        }
    }

    /// `qemu-img` with the words of a subcommand and the disk, allowed to read its files and nothing else.
    fn program(&self, words: &[&str]) -> Program {
        let words = words.iter().map(OsString::from);
        let mut program = Program::new(&self.tool).args(words.chain(self.words.iter().cloned()));
        program.reads.extend(self.files.iter().cloned());
        // An arena for each thread takes 64 MiB of address space.
        program.env.push(("MALLOC_ARENA_MAX".into(), "1".into()));
        program.limits = Limits {
            memory: Some(MEMORY),
            ..Limits::default()
        };
        program
    }

    fn wrong(&self, problem: String) -> ConvertError {
        ConvertError::Wrong {
            path: self.image(),
            problem,
        }
    }

    fn unreadable(&self, finished: &Finished) -> ConvertError {
        let path = self.image();
        let text = String::from_utf8_lossy(&finished.stderr);
        if text.contains("Failed to get shared") {
            let holder = self.files.iter().find_map(|file| confine::holder_of(file));
            let by = holder.map_or_else(|| "another program".to_owned(), |one| one.to_string());
            return ConvertError::InUse { path, by };
        }
        let said = match finished.outcome {
            Outcome::Killed(signal) => format!(
                "qemu-img was ended by signal {signal} ({})",
                complaint(&text)
            ),
            _ => complaint(&text),
        };
        ConvertError::Unreadable {
            path,
            format: self.format,
            said,
        }
    }
}

fn tool() -> Result<PathBuf, ConvertError> {
    confine::find_program("qemu-img").ok_or(ConvertError::NoTool)
}

fn run(
    program: Program,
    deadline: Duration,
    progress: &mut dyn FnMut(Option<&str>) -> ControlFlow<()>,
) -> Result<Finished, ConvertError> {
    let mut jail = Jail::new(program);
    jail.deadline = deadline;
    Ok(confine::run_jailed(jail, progress)?)
}

/// The first line of what `qemu-img` said, without its name and without what can't be shown.
fn complaint(text: &str) -> String {
    let line = text.lines().find(|line| !line.trim().is_empty());
    let line = line.unwrap_or("qemu-img gave no reason").trim();
    let line = line.strip_prefix("qemu-img: ").unwrap_or(line);
    let shown = line.chars().filter(|c| !c.is_control());
    shown.take(MAX_COMPLAINT).collect()
}

/// 0.25 of "    (25.00/100%)".
fn share(line: &str) -> Option<f64> {
    let (_, rest) = line.split_once('(')?;
    let (number, _) = rest.split_once("/100%")?;
    let percent: f64 = number.trim().parse().ok()?;
    (0.0..=100.0).contains(&percent).then_some(percent / 100.0)
}

/// A killed copy passes `qemu-img check` too; what counts is that it ended well and is whole.
fn verify(path: &Path, size: ByteSize) -> Result<(), ConvertError> {
    let info = read_header(path)?;
    let whole = match &info.kind {
        ImageKind::Qcow2(header) => header.in_place().map_err(|refusal| refusal.to_string()),
        _ => Err("it is no qcow2".to_owned()),
    };
    let right = whole.and_then(|()| match info.virtual_size {
        Some(found) if found.0 == size.0.next_multiple_of(512) => Ok(()),
        _ => Err(format!("its size is not {size}")),
    });
    right.map_err(|problem| ConvertError::Wrong {
        path: path.to_owned(),
        problem,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_is_read_as_qemu_img_prints_it() {
        assert_eq!(share("    (25.00/100%)"), Some(0.25));
        assert_eq!(share("    (100.00/100%)"), Some(1.0));
        for odd in ["", "(", "(nan/100%)", "(-1/100%)", "(900/100%)", "25%"] {
            assert_eq!(share(odd), None, "{odd}");
        }
    }

    #[test]
    fn a_complaint_is_one_line_that_can_be_shown() {
        let said = "\nqemu-img: Could not open '/a\u{1b}[31m': Is it a disk?\nMore";
        assert_eq!(complaint(said), "Could not open '/a[31m': Is it a disk?");
        assert_eq!(complaint(" \n"), "qemu-img gave no reason");
        assert_eq!(complaint(&"x".repeat(9999)).len(), MAX_COMPLAINT);
    }
}
