//! QEMU's migration stream to and from a file that we opened.

use std::fs::File;
use std::io::{self, Read, Seek, Write};
use std::os::fd::AsFd;
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{Content, MemoryError, Progress, at, create, damaged};
use crate::qemu::qmp::{Client, QmpError};

/// For requests that QEMU answers at once; it may be busy with the disk.
pub(super) const ANSWER: Duration = Duration::from_secs(20);
/// The name under which QEMU keeps the file we pass.
pub(super) const FILE_NAME: &str = "saved-state";
/// How often QEMU is asked how far it is.
const PULSE: Duration = Duration::from_millis(3);
/// No progress for so long means that it hangs.
const PATIENCE: Duration = Duration::from_secs(120);
/// zstd's: the state is small, and there is one for each checkpoint.
const COMPRESSION: i32 = 6;
/// Of a state without the RAM, unpacked: screens are the largest part. Bytes.
pub(super) const MAX_STATE: u64 = 2 << 30;
pub(super) const SKIP_SHARED: &str = "x-ignore-shared";

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

/// Tells QEMU how the stream is to be, before there is one.
pub(super) fn prepare(client: &Client, skip_ram: bool) -> Result<(), QmpError> {
    let mut capabilities = vec![json!({"capability": "events", "state": true})];
    if skip_ram {
        capabilities.push(json!({"capability": SKIP_SHARED, "state": true}));
    }
    let arguments = json!({"capabilities": capabilities});
    client.call_raw("migrate-set-capabilities", arguments, ANSWER)?;
    Ok(())
}

/// The same for a stream that is written: as fast as the disk can.
pub(super) fn prepare_writing(client: &Client, skip_ram: bool) -> Result<(), QmpError> {
    prepare(client, skip_ram)?;
    let bandwidth = json!({"max-bandwidth": 1_u64 << 40});
    client.call_raw("migrate-set-parameters", bandwidth, ANSWER)?;
    Ok(())
}

fn pass(client: &Client, file: &File) -> Result<(), QmpError> {
    let name = json!({"fdname": FILE_NAME});
    client.call_with_fd("getfd", name, file.as_fd(), ANSWER)?;
    Ok(())
}

/// Writes the state of a stopped guest into `file`. QEMU is prepared.
pub(super) fn write(
    client: &Client,
    file: &File,
    progress: Progress<'_>,
) -> Result<(), MemoryError> {
    pass(client, file)?;
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

/// Loads the state of `file` into a QEMU that waits for it and is prepared.
pub(super) fn read(
    client: &Client,
    file: &File,
    progress: Progress<'_>,
) -> Result<(), MemoryError> {
    begin_reading(client, file)?;
    follow(client, progress)
}

/// The first half of it: QEMU has the file, and loads it whatever becomes of us. [`follow`] waits for the end.
pub(super) fn begin_reading(client: &Client, file: &File) -> Result<(), QmpError> {
    pass(client, file)?;
    let uri = json!({"uri": format!("fd:{FILE_NAME}")});
    client.call_raw("migrate-incoming", uri, ANSWER)?;
    Ok(())
}

/// Waits until the stream is through. Reports bytes of RAM.
pub(super) fn follow(client: &Client, progress: Progress<'_>) -> Result<(), MemoryError> {
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

/// Compresses the state `from` into the new file `to`, which is synced; gives its length.
pub(super) fn pack(from: &Path, to: &Path) -> Result<u64, MemoryError> {
    let state = File::open(from).map_err(at(from))?;
    let pack = || {
        let mut packed = create(to)?;
        zstd::stream::copy_encode(state, &packed, COMPRESSION)?;
        packed.sync_all()?;
        packed.stream_position()
    };
    pack().map_err(at(to))
}

/// Unpacks a state into a file in memory, which must then be as `content` says.
pub(super) fn unpack(path: &Path, content: &Content) -> Result<File, MemoryError> {
    let packed = File::open(path).map_err(at(path))?;
    let flags = rustix::fs::MemfdFlags::CLOEXEC;
    let memory = rustix::fs::memfd_create(FILE_NAME, flags);
    let memory = File::from(memory.map_err(|errno| at(path)(errno.into()))?);
    if content.bytes > MAX_STATE {
        return Err(damaged("the devices' state is too large"));
    }
    let unpack = || {
        let unpacked = zstd::stream::read::Decoder::new(packed)?;
        let mut unpacked = unpacked.take(content.bytes.saturating_add(1));
        let mut sum = Sum::new(&memory);
        io::copy(&mut unpacked, &mut sum)?;
        (&memory).rewind()?;
        io::Result::Ok(sum.content())
    };
    match unpack() {
        Ok(found) if found == *content => Ok(memory),
        Ok(_) => Err(damaged("the devices' state is not what was written")),
        Err(error) => Err(damaged(&format!(
            "the devices' state can't be unpacked: {error}"
        ))),
    }
}

/// Length and checksum of a whole file.
pub(super) fn content(path: &Path) -> Result<Content, MemoryError> {
    let file = File::open(path).map_err(at(path))?;
    let mut sum = Sum::new(io::sink());
    io::copy(&mut io::BufReader::with_capacity(1 << 20, file), &mut sum).map_err(at(path))?;
    Ok(sum.content())
}

/// Sums up what is written through it.
struct Sum<W> {
    to: W,
    bytes: u64,
    hasher: blake3::Hasher,
}

impl<W: Write> Sum<W> {
    fn new(to: W) -> Self {
        Self {
            to,
            bytes: 0,
            hasher: blake3::Hasher::new(),
        }
    }

    fn content(self) -> Content {
        Content {
            bytes: self.bytes,
            hash: self.hasher.finalize().to_hex().to_string(),
        }
    }
}

impl<W: Write> Write for Sum<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.to.write(bytes)?;
        self.hasher.update(&bytes[..count]);
        self.bytes += count as u64;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}
