//! Counts what crosses a guest's network card, without ever making QEMU wait.
//!
//! QEMU's `filter-dump` (net/dump.c) writes 16 bytes and the first byte of each packet to a file. A
//! pipe would freeze the guest as soon as nobody reads it: QEMU opens the file by its path, so the
//! pipe can't be made non-blocking for it, and `/dev/fdset` is not understood there (tried with
//! 10.0.2). So it gets a file in memory that has its full size and is sealed against growing right
//! after QEMU has opened it. A write to it never waits; one beyond its end fails, and QEMU stops the
//! dump while the guest goes on. If we die, that is all that happens.
//!
//! The format: <https://www.ietf.org/archive/id/draft-gharris-opsawg-pcap-01.html>

use std::fs::File;
use std::os::fd::AsFd as _;
use std::os::unix::fs::FileExt as _;
use std::time::Duration;

use rustix::fs::{FallocateFlags, MemfdFlags, SealFlags};
use serde_json::{Value, json};

use super::qmp::{Client, QmpError};

/// Bytes before the first packet.
const HEADER: u64 = 24;
/// Bytes of each packet: its header and its first byte.
const RECORD: u64 = 17;
/// How many packets are looked at in one bite.
const BITE: u64 = 4096;
/// Memory is given back in whole pages of this many bytes.
const PAGE: u64 = 4096;

/// Room for half a million packets between two looks, in bytes. Only what was written and not yet
/// counted takes memory.
pub const ROOM: u64 = 8 << 20;

/// Which packets are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// What the guest sends.
    FromGuest,
    /// What the guest receives.
    ToGuest,
}

impl Direction {
    /// The queue of the network backend, as seen from there (`NetFilterDirection`).
    fn queue(self) -> &'static str {
        match self {
            Self::FromGuest => "rx",
            Self::ToGuest => "tx",
        }
    }

    fn object(self, netdev: &str) -> String {
        format!("{netdev}-count-{}", self.queue())
    }
}

/// Why packets can't be counted.
#[derive(Debug, thiserror::Error)]
pub enum CountError {
    #[error(transparent)]
    Qmp(#[from] QmpError),
    #[error("a file in memory could not be made: {0}")]
    Memory(#[from] std::io::Error),
    #[error("QEMU answered without a number for the file")]
    NoNumber,
}

/// One direction of one network card.
#[derive(Debug)]
pub struct PacketCount {
    object: String,
    file: File,
    room: u64,
    /// Packets that are counted for good, and their bytes.
    packets: u64,
    bytes: u64,
    /// Packets that were there at the last look. The newest may have been half written then, so it
    /// counts when it is there twice.
    seen: u64,
}

impl PacketCount {
    /// Begins to count what crosses the backend `netdev`. `room` is the size of the file, see [`ROOM`].
    pub fn start(
        qmp: &Client,
        netdev: &str,
        direction: Direction,
        room: u64,
        within: Duration,
    ) -> Result<Self, CountError> {
        let object = direction.object(netdev);
        // One that an earlier owner left; usually there is none.
        qmp.call_raw("object-del", json!({ "id": object }), within)
            .ok();
        let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
        let file =
            rustix::fs::memfd_create("orangery-packets", flags).map_err(std::io::Error::from)?;
        let passed = qmp.call_with_fd("add-fd", json!({}), file.as_fd(), within)?;
        let number = |key| passed.get(key).and_then(Value::as_i64);
        let (Some(number), Some(set)) = (number("fd"), number("fdset-id")) else {
            return Err(CountError::NoNumber);
        };
        let arguments = json!({
            "qom-type": "filter-dump",
            "id": object,
            "netdev": netdev,
            "queue": direction.queue(),
            "maxlen": 1,
            "file": format!("/proc/self/fd/{number}"),
        });
        let added = qmp.call_raw("object-add", arguments, within);
        // QEMU has opened it again; the number is not needed any more.
        qmp.call_raw("remove-fd", json!({ "fdset-id": set }), within)
            .ok();
        let sealed = rustix::fs::ftruncate(&file, room).and_then(|()| {
            let seals = SealFlags::GROW | SealFlags::SHRINK | SealFlags::SEAL;
            rustix::fs::fcntl_add_seals(&file, seals)
        });
        if let Err(errno) = sealed {
            qmp.call_raw("object-del", json!({ "id": object }), within)
                .ok();
            return Err(CountError::Memory(errno.into()));
        }
        added?;
        Ok(Self {
            object,
            file: File::from(file),
            room,
            packets: 0,
            bytes: 0,
            seen: 0,
        })
    }

    /// Bytes of all packets since the start, as they are on the wire without checksum.
    pub fn count(&mut self) -> u64 {
        let mut packets = self.packets;
        let mut held_back = 0; // The newest packet's bytes, if it is new.
        loop {
            let lengths = self.read(packets);
            for length in &lengths {
                self.bytes = self.bytes.saturating_add(u64::from(*length));
                held_back = *length;
            }
            packets += lengths.len() as u64;
            if (lengths.len() as u64) < BITE {
                break;
            }
        }
        if packets > self.packets && packets > self.seen {
            self.bytes = self.bytes.saturating_sub(u64::from(held_back));
            self.packets = packets - 1;
        } else {
            self.packets = packets;
        }
        self.seen = packets;
        self.give_back();
        self.bytes
    }

    /// Whether it should be started anew soon: at the end of its room QEMU stops to count.
    pub fn is_filling_up(&self) -> bool {
        HEADER + self.seen * RECORD > self.room / 2
    }

    /// Stops counting.
    pub fn stop(self, qmp: &Client, within: Duration) {
        // Fails only if QEMU is gone, and the filter with it.
        qmp.call_raw("object-del", json!({ "id": self.object }), within)
            .ok();
    }

    /// The lengths of packets from the `first` on, at most a bite. Ends at what is not written yet, and
    /// at what QEMU would not write.
    fn read(&self, first: u64) -> Vec<u32> {
        let mut bytes = vec![0; (BITE * RECORD) as usize];
        let offset = HEADER + first * RECORD;
        let got = self.file.read_at(&mut bytes, offset).unwrap_or(0);
        bytes.truncate(got);
        bytes
            .chunks_exact(RECORD as usize)
            .map_while(length)
            .collect()
    }

    /// Frees the pages of what was counted.
    fn give_back(&self) {
        let counted = (HEADER + self.packets * RECORD) / PAGE * PAGE;
        if counted > 0 {
            let flags = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
            rustix::fs::fallocate(&self.file, flags, 0, counted).ok(); // Then it takes its room.
        }
    }
}

/// The length of a packet from its record: time, captured length, length, in the host's byte order.
fn length(record: &[u8]) -> Option<u32> {
    let word = |at: usize| {
        let bytes = record.get(at..at + 4)?;
        Some(u32::from_ne_bytes(bytes.try_into().ok()?))
    };
    let (captured, length) = (word(8)?, word(12)?);
    (captured == 1 && length > 0).then_some(length)
}

/// Removes what an owner that was killed has left.
pub fn forget(qmp: &Client, netdev: &str, within: Duration) {
    for direction in [Direction::FromGuest, Direction::ToGuest] {
        let object = direction.object(netdev);
        // Usually there is none.
        qmp.call_raw("object-del", json!({ "id": object }), within)
            .ok();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(length: u32) -> Vec<u8> {
        let mut bytes = vec![7; 8];
        bytes.extend(1_u32.to_ne_bytes());
        bytes.extend(length.to_ne_bytes());
        bytes.push(0x52);
        bytes
    }

    fn counter(room: u64) -> PacketCount {
        let file = rustix::fs::memfd_create("t", MemfdFlags::ALLOW_SEALING).unwrap();
        rustix::fs::ftruncate(&file, room).unwrap();
        PacketCount {
            object: String::new(),
            file: File::from(file),
            room,
            packets: 0,
            bytes: 0,
            seen: 0,
        }
    }

    fn write(counter: &PacketCount, place: u64, length: u32) {
        let at = HEADER + place * RECORD;
        counter.file.write_all_at(&record(length), at).unwrap();
    }

    #[test]
    fn the_newest_packet_counts_at_the_second_look() {
        let mut counter = counter(ROOM);
        assert_eq!(counter.count(), 0);
        write(&counter, 0, 60);
        write(&counter, 1, 1500);
        assert_eq!(counter.count(), 60);
        assert_eq!(counter.count(), 1560);
        assert_eq!(counter.count(), 1560);
        write(&counter, 2, 90);
        write(&counter, 3, 10);
        assert_eq!(counter.count(), 1650);
        assert_eq!(counter.count(), 1660);
    }

    #[test]
    fn many_packets_are_counted_and_their_memory_is_given_back() {
        use std::os::unix::fs::MetadataExt as _;
        let mut counter = counter(1 << 20);
        for place in 0..20_000 {
            write(&counter, place, 100);
        }
        counter.count();
        assert_eq!(counter.count(), 2_000_000);
        let taken = counter.file.metadata().unwrap().blocks() * 512;
        assert!(taken <= 2 * PAGE, "{taken} bytes are still taken");
    }

    #[test]
    fn it_is_filling_up_past_the_middle() {
        let mut counter = counter(HEADER + 10 * RECORD);
        for place in 0..4 {
            write(&counter, place, 1);
        }
        counter.count();
        assert!(!counter.is_filling_up());
        write(&counter, 4, 1);
        write(&counter, 5, 1);
        counter.count();
        assert!(counter.is_filling_up());
    }

    #[test]
    fn what_qemu_would_not_write_ends_the_count() {
        let mut counter = counter(ROOM);
        write(&counter, 0, 60);
        counter
            .file
            .write_all_at(&[0xff; 64], HEADER + RECORD)
            .unwrap();
        counter.count();
        assert_eq!(counter.count(), 60);
    }
}
