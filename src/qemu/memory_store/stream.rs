//! QEMU's migration stream to and from a file that we opened.

use std::fs::File;
use std::io::Read;
use std::os::fd::AsFd;
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{Content, MemoryError, Progress, at};
use crate::qemu::qmp::{Client, QmpError};

/// For requests that QEMU answers at once; it may be busy with the disk.
const ANSWER: Duration = Duration::from_secs(20);
/// The name under which QEMU keeps the file we pass.
const FILE_NAME: &str = "saved-state";
/// How often QEMU is asked how far it is.
const PULSE: Duration = Duration::from_millis(3);
/// No progress for so long means that it hangs.
const PATIENCE: Duration = Duration::from_secs(120);
const SKIP_SHARED: &str = "x-ignore-shared";

/// Why the guest can't be saved, in QEMU's words; empty when it can.
pub fn obstacles(client: &Client) -> Result<Vec<String>, QmpError> {
    let reply = client.call_raw("query-migrate", json!({}), ANSWER)?;
    let reasons = reply.get("blocked-reasons").and_then(Value::as_array);
    Ok(reasons
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .map(str::to_owned)
        .collect())
}

/// Whether this QEMU can leave the memory file out of the stream.
pub(super) fn can_skip_shared(client: &Client) -> Result<bool, QmpError> {
    let reply = client.call_raw("query-migrate-capabilities", json!({}), ANSWER)?;
    let known = reply.as_array().into_iter().flatten();
    Ok(known
        .filter_map(|entry| entry.get("capability")?.as_str())
        .any(|name| name == SKIP_SHARED))
}

fn prepare(client: &Client, file: &File, skip_ram: bool) -> Result<(), QmpError> {
    let mut capabilities = vec![json!({"capability": "events", "state": true})];
    if skip_ram {
        capabilities.push(json!({"capability": SKIP_SHARED, "state": true}));
    }
    let arguments = json!({"capabilities": capabilities});
    client.call_raw("migrate-set-capabilities", arguments, ANSWER)?;
    let name = json!({"fdname": FILE_NAME});
    client.call_with_fd("getfd", name, file.as_fd(), ANSWER)?;
    Ok(())
}

/// Writes the state of a stopped guest into `file`.
pub(super) fn write(
    client: &Client,
    file: &File,
    skip_ram: bool,
    progress: Progress<'_>,
) -> Result<(), MemoryError> {
    prepare(client, file, skip_ram)?;
    // As fast as the disk can.
    let bandwidth = json!({"max-bandwidth": 1_u64 << 40});
    client.call_raw("migrate-set-parameters", bandwidth, ANSWER)?;
    let uri = json!({"uri": format!("fd:{FILE_NAME}")});
    client.call_raw("migrate", uri, ANSWER)?;
    match follow(client, progress) {
        Err(MemoryError::Cancelled) => {
            client.call_raw("migrate_cancel", json!({}), ANSWER)?;
            settle(client)?;
            Err(MemoryError::Cancelled)
        }
        other => other,
    }
}

/// Loads the state of `file` into a QEMU that waits for it.
pub(super) fn read(
    client: &Client,
    file: &File,
    skip_ram: bool,
    progress: Progress<'_>,
) -> Result<(), MemoryError> {
    prepare(client, file, skip_ram)?;
    let uri = json!({"uri": format!("fd:{FILE_NAME}")});
    client.call_raw("migrate-incoming", uri, ANSWER)?;
    follow(client, progress)
}

/// Waits until the stream is through. Reports bytes of RAM.
fn follow(client: &Client, progress: Progress<'_>) -> Result<(), MemoryError> {
    let mut last = 0;
    let mut moved = Instant::now();
    loop {
        let reply = client.call_raw("query-migrate", json!({}), ANSWER)?;
        match reply.get("status").and_then(Value::as_str) {
            Some("completed") => return Ok(()),
            Some("failed" | "cancelled") => return Err(failure(&reply)),
            Some(_) | None => {}
        }
        let number = |name| reply.pointer(name).and_then(Value::as_u64).unwrap_or(0);
        let done = number("/ram/transferred");
        if done != last {
            last = done;
            moved = Instant::now();
        }
        if moved.elapsed() > PATIENCE {
            return Err(MemoryError::Stream {
                why: format!("no progress for {} s", PATIENCE.as_secs()),
            });
        }
        if progress(done, number("/ram/total").max(done)).is_break() {
            return Err(MemoryError::Cancelled);
        }
        std::thread::sleep(PULSE);
    }
}

/// Waits until a cancelled stream has really ended.
fn settle(client: &Client) -> Result<(), QmpError> {
    let deadline = Instant::now() + ANSWER;
    while Instant::now() < deadline {
        let reply = client.call_raw("query-migrate", json!({}), ANSWER)?;
        match reply.get("status").and_then(Value::as_str) {
            Some("cancelled" | "completed" | "failed") | None => return Ok(()),
            Some(_) => std::thread::sleep(PULSE),
        }
    }
    Ok(())
}

fn failure(reply: &Value) -> MemoryError {
    let why = reply.get("error-desc").and_then(Value::as_str);
    MemoryError::Stream {
        why: why
            .unwrap_or("it did not say why")
            .chars()
            .take(4096)
            .collect(),
    }
}

/// Length and checksum of a whole file.
pub(super) fn content(path: &Path) -> Result<Content, MemoryError> {
    let mut file = File::open(path).map_err(at(path))?;
    let mut hasher = blake3::Hasher::new();
    let mut buffer = vec![0; 1 << 20];
    let mut bytes = 0;
    loop {
        let count = file.read(&mut buffer).map_err(at(path))?;
        if count == 0 {
            break;
        }
        hasher.update(&buffer[..count]);
        bytes += count as u64;
    }
    Ok(Content {
        bytes,
        hash: hasher.finalize().to_hex().to_string(),
    })
}
