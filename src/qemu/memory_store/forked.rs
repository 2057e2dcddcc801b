//! The devices' state of a fork.
//!
//! A fork's RAM is its own, so QEMU would put it into a migration stream. `xen-save-devices-state` (qapi/migration.json;
//! in every QEMU) writes the devices alone, and leaves out three things that a loading QEMU wants: the configuration, the
//! small memories of devices such as a graphics card's, and a description at the end. We add them:
//!
//! ```text
//!  QEVM, version 3                                      8 bytes, from QEMU
//!  07 configuration: machine type, capabilities         migration/savevm.c, vmstate_configuration
//!  01 section `ram`, version 4: blocks, their pages     migration/ram.c, ram_load_precopy
//!  04 … one section for each device                     from QEMU
//!  00 end, 06 description (empty)
//! ```
//!
//! Numbers are big endian. The result is what `x-ignore-shared` gives for a machine that was started by itself.

use std::fs::File;
use std::io::{self, Read, Seek, Write};
use std::os::fd::AsFd;

use serde_json::{Value, json};

use super::stream::{ANSWER, FILE_NAME, MAX_STATE, SKIP_SHARED};
use super::{MemoryError, damaged};
use crate::qemu::qmp::Client;
use crate::qemu::ram::{ForkedRam, PAGE, ProcessMemory, reopen};

const MAGIC: &[u8; 8] = b"QEVM\0\0\0\x03";
const END: u8 = 0x00;
const SECTION_START: u8 = 0x01;
const SUBSECTION: u8 = 0x05;
const DESCRIPTION: u8 = 0x06;
const CONFIGURATION: u8 = 0x07;
const FOOTER: u8 = 0x7e;
/// Larger than any number that QEMU gives a section.
const RAM_SECTION: u32 = 0x7000;
const RAM_VERSION: u32 = 4;
/// Flags in an offset (migration/ram.c).
const MEM_SIZE: u64 = 0x04;
const PAGE_FOLLOWS: u64 = 0x08;
const END_OF_SECTION: u64 = 0x10;
/// The small memories of a machine are some tens of MiB at most, bytes.
const MOST_SMALL: u64 = 1 << 30;
/// The machine's memory, by the id in our command line.
const MAIN: &str = "ram";

/// Writes the state of a stopped fork into `file`, which must be empty.
pub(super) fn write(client: &Client, ram: &ForkedRam, file: &File) -> Result<(), MemoryError> {
    let devices = devices(client)?;
    let rest = devices
        .strip_prefix(MAGIC)
        .ok_or_else(|| strange("no stream"))?;
    let machine_type = machine_type(client)?;
    let blocks = blocks(client)?;
    let io = |source| MemoryError::Stream {
        why: format!("process {} could not be read: {source}", ram.pid()),
    };
    let mut out = io::BufWriter::new(file);
    let written = out
        .write_all(MAGIC)
        .and_then(|()| configuration(&mut out, &machine_type))
        .and_then(|()| memories(&mut out, ram.process(), &blocks))
        .and_then(|()| out.write_all(rest))
        .and_then(|()| match rest.last() {
            Some(&END) => out.write_all(&[DESCRIPTION, 0, 0, 0, 0]),
            _ => Ok(()),
        })
        .and_then(|()| out.flush());
    written.map_err(io)
}

fn strange(what: &str) -> MemoryError {
    MemoryError::Stream {
        why: format!("QEMU wrote something that is not known: {what}"),
    }
}

/// What QEMU writes of its devices.
fn devices(client: &Client) -> Result<Vec<u8>, MemoryError> {
    let trouble = |error: io::Error| MemoryError::Stream {
        why: error.to_string(),
    };
    let flags = rustix::fs::MemfdFlags::CLOEXEC;
    let memory = rustix::fs::memfd_create(FILE_NAME, flags);
    let mut memory = File::from(memory.map_err(|errno| trouble(errno.into()))?);
    // Of a set QEMU takes the one that is open for what it wants to do.
    let writer = reopen(&memory, true).map_err(trouble)?;
    let set = client.call_with_fd("add-fd", json!({}), writer.as_fd(), ANSWER)?;
    let number = set.get("fdset-id").and_then(Value::as_i64);
    let number = number.ok_or_else(|| strange("no number for a file"))?;
    let arguments = json!({ "filename": format!("/dev/fdset/{number}"), "live": false });
    let saved = client.call_raw("xen-save-devices-state", arguments, ANSWER);
    client
        .call_raw("remove-fd", json!({ "fdset-id": number }), ANSWER)
        .ok(); // It is gone when QEMU closed the file.
    saved?;
    if memory.metadata().map_err(trouble)?.len() > MAX_STATE {
        return Err(damaged("the devices' state is too large"));
    }
    let mut devices = Vec::new();
    memory
        .rewind()
        .and_then(|()| memory.read_to_end(&mut devices))
        .map_err(trouble)?;
    Ok(devices)
}

/// The name that the stream has to say, without QEMU's suffix.
fn machine_type(client: &Client) -> Result<String, MemoryError> {
    let arguments = json!({ "path": "/machine", "property": "type" });
    let kind = client.call_raw("qom-get", arguments, ANSWER)?;
    let kind = kind.as_str().ok_or_else(|| strange("no machine type"))?;
    Ok(kind.strip_suffix("-machine").unwrap_or(kind).to_owned())
}

/// A memory of QEMU's beside the machine's own.
#[derive(Debug, PartialEq, Eq)]
struct Block {
    name: String,
    used: u64,
    /// Where it lies in the process.
    address: u64,
}

fn blocks(client: &Client) -> Result<Vec<Block>, MemoryError> {
    let arguments = json!({ "command-line": "info ramblock" });
    let text = client.call_raw("human-monitor-command", arguments, ANSWER)?;
    let blocks = parse_blocks(text.as_str().unwrap_or_default());
    let blocks = blocks.ok_or_else(|| strange("the list of memories"))?;
    let sum: u64 = blocks.iter().map(|block| block.used).sum();
    if sum > MOST_SMALL {
        return Err(damaged("the devices' memories are too large"));
    }
    Ok(blocks)
}

/// Reads `info ramblock`: name, page size with its unit, offset, used, total, address, rights.
fn parse_blocks(text: &str) -> Option<Vec<Block>> {
    let mut blocks = Vec::new();
    let mut main = 0;
    for line in text.lines().skip(1).filter(|line| !line.trim().is_empty()) {
        let words: Vec<&str> = line.split_ascii_whitespace().collect();
        let unit = words
            .iter()
            .rposition(|word| matches!(*word, "KiB" | "MiB" | "GiB" | "B"))?;
        let name = words.get(..unit.checked_sub(1)?)?.join(" ");
        let number = |place: usize| {
            let word = words.get(unit + place)?.strip_prefix("0x")?;
            u64::from_str_radix(word, 16).ok()
        };
        let (used, address) = (number(2)?, number(4)?);
        if name == MAIN {
            main += 1;
        } else if used > 0 {
            blocks.push(Block {
                name,
                used,
                address,
            });
        }
    }
    (main == 1).then_some(blocks)
}

fn text(out: &mut impl Write, text: &str) -> io::Result<()> {
    let length = u8::try_from(text.len()).map_err(io::Error::other)?;
    out.write_all(&[length])?;
    out.write_all(text.as_bytes())
}

fn configuration(out: &mut impl Write, machine_type: &str) -> io::Result<()> {
    out.write_all(&[CONFIGURATION])?;
    let length = u32::try_from(machine_type.len()).map_err(io::Error::other)?;
    out.write_all(&length.to_be_bytes())?;
    out.write_all(machine_type.as_bytes())?;
    // Of the capabilities the loading side compares those that change what follows.
    out.write_all(&[SUBSECTION])?;
    text(out, "configuration/capabilities")?;
    out.write_all(&1_u32.to_be_bytes())?;
    out.write_all(&1_u32.to_be_bytes())?;
    text(out, SKIP_SHARED)
}

fn memories(out: &mut impl Write, process: &ProcessMemory, blocks: &[Block]) -> io::Result<()> {
    out.write_all(&[SECTION_START])?;
    out.write_all(&RAM_SECTION.to_be_bytes())?;
    text(out, "ram")?;
    out.write_all(&0_u32.to_be_bytes())?;
    out.write_all(&RAM_VERSION.to_be_bytes())?;
    let sum: u64 = blocks.iter().map(|block| block.used).sum();
    out.write_all(&(sum | MEM_SIZE).to_be_bytes())?;
    for block in blocks {
        text(out, &block.name)?;
        out.write_all(&block.used.to_be_bytes())?;
        // Where the guest has it; looked at only for memories that are left out.
        out.write_all(&0_u64.to_be_bytes())?;
    }
    for block in blocks {
        pages(out, process, block)?;
    }
    out.write_all(&END_OF_SECTION.to_be_bytes())?;
    out.write_all(&[FOOTER])?;
    out.write_all(&RAM_SECTION.to_be_bytes())
}

/// The pages of a block that were ever touched; the others are in a new QEMU as they were in this one.
fn pages(out: &mut impl Write, process: &ProcessMemory, block: &Block) -> io::Result<()> {
    let count = usize::try_from(block.used / PAGE as u64).map_err(io::Error::other)?;
    let mut bytes = Vec::new();
    for (first, count) in process.touched(block.address, count)? {
        bytes.resize(count * PAGE, 0);
        let start = first as u64 * PAGE as u64;
        process.read(block.address + start, &mut bytes)?;
        for (place, page) in (0..).zip(bytes.chunks_exact(PAGE)) {
            let offset: u64 = start + place * PAGE as u64;
            out.write_all(&(offset | PAGE_FOLLOWS).to_be_bytes())?;
            text(out, &block.name)?;
            out.write_all(page)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_of_memories_is_read_and_the_machines_own_left_out() {
        let text = "\
              Block Name    PSize              Offset               Used              Total                HVA  RO
                     ram    4 KiB  0x0000000000000000 0x0000000020000000 0x0000000020000000 0x00007f80affff000  rw
   0000:00:01.0/vga.vram    4 KiB  0x0000000020080000 0x0000000001000000 0x0000000001000000 0x00007f80a6e00000  rw
    /rom@etc/acpi/tables    4 KiB  0x0000000021100000 0x0000000000020000 0x0000000000200000 0x00007f80a6400000  ro
";
        let blocks = parse_blocks(text).unwrap();
        assert_eq!(blocks.len(), 2);
        assert_eq!(
            blocks[1],
            Block {
                name: "/rom@etc/acpi/tables".to_owned(),
                used: 0x20000,
                address: 0x7f80_a640_0000,
            }
        );
        assert_eq!(parse_blocks("nothing\nof the kind\n"), None);
    }
}
