//! Merging layers of a chain: by the QEMU that has it open, or by a `qemu-storage-daemon` of its own.
//!
//! What a guest reads through the chain stays the same at any moment, so work may be cut off anywhere and begun again.
//! Documents: `block-stream`, `block-commit`, `query-jobs` in QEMU's qapi/block-core.json and qapi/job.json.

use std::fmt;
use std::ops::ControlFlow;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::Child;
use std::time::Duration;

use serde_json::{Value, json};

use super::command_line::{CommandLineError, frozen_nodes, layer_node};
use super::qmp::{Client, QmpError};
use crate::confine::{self, Program, SpawnError, find_program};
use crate::model::{DiskCache, LayerId};

const ANSWER: Duration = Duration::from_secs(20);
/// How often a job is asked how far it is.
const PULSE: Duration = Duration::from_millis(40);
/// The daemon's end of the monitor.
const MONITOR: i32 = 10;
const DAEMON: &str = "qemu-storage-daemon";
/// How the names of our jobs begin.
const JOB: &str = "merge-";

/// Told how many bytes of how many are done; breaking cancels.
pub type Progress<'a> = &'a mut dyn FnMut(u64, u64) -> ControlFlow<()>;

/// Why layers were not merged. They are as good as before.
#[derive(Debug, thiserror::Error)]
pub enum MergeError {
    #[error(transparent)]
    Qmp(#[from] QmpError),
    #[error(transparent)]
    CommandLine(#[from] CommandLineError),
    #[error("{DAEMON} is not installed; install the package qemu-utils")]
    NoDaemon,
    #[error(transparent)]
    Spawn(#[from] SpawnError),
    #[error("No socket could be had: {0}")]
    Socket(#[from] std::io::Error),
    /// A layer that can't be read or written, as a tool says it.
    #[error("The layers could not be merged: {why}")]
    Failed { why: String },
    #[error("QEMU's {work} failed: {why}")]
    Job { work: String, why: String },
    #[error("Cancelled")]
    Cancelled,
}

/// What is merged into what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Merge {
    /// `into` gets what it lacks of all that lies between it and `base`; afterwards it rests on that, or on nothing.
    Up { into: LayerId, base: Option<Base> },
    /// `base` gets everything of `from`, the layer above it, in which the open chain ends.
    Down { from: LayerId, base: LayerId },
}

/// What a merged layer rests on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Base {
    pub layer: LayerId,
    /// As the merged layer's header is to call it. Left to itself QEMU writes down the whole chain below, and fails
    /// where that is longer than the 1023 bytes of a header.
    pub name: String,
}

impl fmt::Display for Merge {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Up { into, base: None } => write!(out, "block-stream of all below into {into}"),
            Self::Up {
                into,
                base: Some(base),
            } => write!(out, "block-stream of all above {} into {into}", base.layer),
            Self::Down { from, base } => write!(out, "block-commit of {from} into {base}"),
        }
    }
}

/// A layer in the middle of a chain that a running QEMU has open.
#[derive(Clone, Debug)]
pub struct Frozen {
    pub layer: LayerId,
    pub path: PathBuf,
    pub below: Option<LayerId>,
    /// The disk's.
    pub cache: DiskCache,
}

/// Lets a job write to a frozen layer, or ends that (`blockdev-reopen`).
pub fn set_writable(client: &Client, frozen: &Frozen, writable: bool) -> Result<(), MergeError> {
    let Frozen {
        layer,
        path,
        below,
        cache,
    } = frozen;
    let [file, image] = frozen_nodes(*layer, path, *below, *cache, writable)?;
    // Nothing may write through a file that may not be written.
    let order = if writable {
        [file, image]
    } else {
        [image, file]
    };
    for node in order {
        client.call_raw("blockdev-reopen", json!({ "options": [node] }), ANSWER)?;
    }
    Ok(())
}

/// Has a layer that the guest writes to reach the disk, with its tables: a job that ends leaves them in memory.
pub fn flush(client: &Client, layer: LayerId) -> Result<(), MergeError> {
    // Only the human monitor can (hmp-commands.hx); it says nothing where all is well.
    let line = format!("qemu-io {} flush", layer_node(layer));
    let arguments = json!({ "command-line": line });
    let said = client.call_raw("human-monitor-command", arguments, ANSWER)?;
    match said.as_str().map(str::trim) {
        None | Some("") => Ok(()),
        Some(why) => Err(MergeError::Failed {
            why: why.chars().take(400).collect(),
        }),
    }
}

/// Has a layer's header name what it rests on, in the chain that ends in `root` (`change-backing-file`).
pub fn name_backing(
    client: &Client,
    root: LayerId,
    layer: LayerId,
    name: &str,
) -> Result<(), MergeError> {
    let arguments = json!({
        "device": layer_node(root),
        "image-node-name": layer_node(layer),
        "backing-file": name,
    });
    client.call_raw("change-backing-file", arguments, ANSWER)?;
    Ok(())
}

/// Ends merges that nobody follows any more, since their owner was killed: they hold their layers.
pub fn end_abandoned(client: &Client) -> Result<(), MergeError> {
    let jobs = client.call_raw("query-jobs", json!({}), ANSWER)?;
    let names = jobs.as_array().into_iter().flatten();
    let names = names.filter_map(|job| job.get("id")?.as_str());
    for name in names.filter(|name| name.starts_with(JOB)) {
        match follow(client, name, &mut |_, _| ControlFlow::Break(())) {
            Ok(()) | Err(MergeError::Cancelled | MergeError::Failed { .. }) => {}
            Err(error) => return Err(error),
        }
        client.call_raw("job-dismiss", json!({ "id": name }), ANSWER)?;
    }
    Ok(())
}

/// Merges in whatever answers at `client`.
pub fn run(client: &Client, merge: &Merge, progress: Progress<'_>) -> Result<(), MergeError> {
    let name = format!("{JOB}{}", uuid::Uuid::new_v4().simple());
    let (command, mut arguments) = match merge {
        Merge::Up { into, base } => {
            let mut arguments = json!({ "device": layer_node(*into) });
            if let Some(base) = base {
                arguments["base-node"] = layer_node(base.layer).into();
                arguments["backing-file"] = base.name.clone().into();
            }
            ("block-stream", arguments)
        }
        Merge::Down { from, base } => (
            "block-commit",
            json!({
                "device": layer_node(*from),
                "top-node": layer_node(*from),
                "base-node": layer_node(*base),
            }),
        ),
    };
    arguments["job-id"] = name.clone().into();
    arguments["auto-dismiss"] = false.into();
    client.call_raw(command, arguments, ANSWER)?;
    let result = follow(client, &name, progress).map_err(|error| match error {
        MergeError::Failed { why } => MergeError::Job {
            work: merge.to_string(),
            why,
        },
        error => error,
    });
    if !matches!(result, Err(MergeError::Qmp(_))) {
        client.call_raw("job-dismiss", json!({ "id": name }), ANSWER)?;
    }
    result
}

/// Waits until the job has ended.
fn follow(client: &Client, name: &str, progress: Progress<'_>) -> Result<(), MergeError> {
    let mut cancelled = false;
    loop {
        let jobs = client.call_raw("query-jobs", json!({}), ANSWER)?;
        let is_ours = |job: &&Value| job.get("id").and_then(Value::as_str) == Some(name);
        let Some(job) = jobs.as_array().into_iter().flatten().find(is_ours) else {
            let why = "QEMU has forgotten the job".to_owned();
            return Err(MergeError::Failed { why });
        };
        match job.get("status").and_then(Value::as_str) {
            Some("concluded") if cancelled => return Err(MergeError::Cancelled),
            Some("concluded") => {
                return match job.get("error").and_then(Value::as_str) {
                    None => Ok(()),
                    Some(why) => Err(MergeError::Failed {
                        why: why.chars().take(400).collect(),
                    }),
                };
            }
            Some("ready") if !cancelled => {
                client.call_raw("job-complete", json!({ "id": name }), ANSWER)?;
            }
            Some(_) | None => {}
        }
        let number = |key| job.get(key).and_then(Value::as_u64).unwrap_or(0);
        let (done, of) = (number("current-progress"), number("total-progress"));
        if progress(done, of).is_break() && !cancelled {
            cancelled = true;
            client.call_raw("job-cancel", json!({ "id": name }), ANSWER)?;
        }
        std::thread::sleep(PULSE);
    }
}

/// A program that has one chain of layers open and no guest. Dropped, it ends.
#[derive(Debug)]
pub struct Daemon {
    client: Client,
    child: Child,
}

impl Daemon {
    /// Opens a chain, base first, for merging: its layers in `writes` may be written.
    pub fn open(layers: &[(LayerId, PathBuf)], writes: &[LayerId]) -> Result<Self, MergeError> {
        let path = find_program(DAEMON).ok_or(MergeError::NoDaemon)?;
        let (ours, theirs) = UnixStream::pair()?;
        let mut program = Program::new(path).args([
            "--chardev".to_owned(),
            format!("socket,id=monitor,fd={MONITOR}"),
            "--monitor".to_owned(),
            "chardev=monitor".to_owned(),
        ]);
        let mut below = None;
        for (layer, path) in layers {
            let writable = writes.contains(layer);
            let cache = DiskCache::Writeback;
            for node in frozen_nodes(*layer, path, below, cache, writable)? {
                program = program.args(["--blockdev".to_owned(), node.to_string()]);
            }
            below = Some(*layer);
        }
        program.files.push((OwnedFd::from(theirs), MONITOR));
        for (layer, path) in layers {
            match writes.contains(layer) {
                true => program.writes.push(path.clone()),
                false => program.reads.push(path.clone()),
            }
        }
        let mut child = confine::spawn(program)?.child;
        match Client::over(ours, ANSWER) {
            Ok((client, _events)) => Ok(Self { client, child }),
            Err(error) => {
                end(&mut child);
                Err(error.into())
            }
        }
    }

    pub fn client(&self) -> &Client {
        &self.client
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // It closes its files before it answers the end; killed, it would leave them as good.
        self.client.call_raw("quit", json!({}), ANSWER).ok();
        end(&mut self.child);
    }
}

/// Ends the daemon if it has not ended, and collects it.
fn end(child: &mut Child) {
    let deadline = std::time::Instant::now() + ANSWER;
    while std::time::Instant::now() < deadline {
        if !matches!(child.try_wait(), Ok(None)) {
            return;
        }
        std::thread::sleep(PULSE);
    }
    child.kill().ok(); // Fails only when it is gone.
    child.wait().ok();
}
