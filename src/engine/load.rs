//! This computer's load, for the footer.

use std::fs;
use std::path::{Path, PathBuf};

use crate::library;
use crate::model::{ByteSize, HostLoad};

/// Measures by comparing with the last measurement.
pub struct LoadMeter {
    folder: PathBuf,
    last: Option<(u64, u64)>,
}

impl LoadMeter {
    /// `folder` is where free space counts.
    pub fn new(folder: &Path) -> Self {
        Self {
            folder: folder.to_owned(),
            last: None,
        }
    }

    /// The processors' share since the last call (0 at first), memory and free space now.
    pub fn measure(&mut self) -> HostLoad {
        let now = fs::read_to_string("/proc/stat")
            .ok()
            .and_then(|text| busy_and_total(&text));
        let cpu = match (self.last, now) {
            (Some((busy, total)), Some((busy_now, total_now))) if total_now > total => {
                busy_now.saturating_sub(busy) as f32 / (total_now - total) as f32
            }
            _ => 0.0,
        };
        self.last = now;
        let memory = fs::read_to_string("/proc/meminfo").unwrap_or_default();
        let total = meminfo(&memory, "MemTotal:");
        HostLoad {
            cpu,
            memory_used: ByteSize(total.saturating_sub(meminfo(&memory, "MemAvailable:"))),
            memory_total: ByteSize(total),
            disk_free: library::free_space(&self.folder)
                .map_or_else(|_| ByteSize::default(), |space| space.free),
        }
    }
}

/// Memory that programs can still have without anything being swapped out, bytes.
pub fn available_memory() -> ByteSize {
    let memory = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    ByteSize(meminfo(&memory, "MemAvailable:"))
}

/// Busy and total clock ticks of all processors, from /proc/stat (proc(5)).
fn busy_and_total(stat: &str) -> Option<(u64, u64)> {
    let line = stat.lines().next()?.strip_prefix("cpu ")?;
    let ticks: Vec<u64> = line
        .split_whitespace()
        .take(8)
        .map_while(|tick| tick.parse().ok())
        .collect();
    let total: u64 = ticks.iter().sum();
    let idle = ticks.get(3)? + ticks.get(4)?;
    Some((total - idle, total))
}

/// A value of /proc/meminfo in bytes, 0 if it is not there.
fn meminfo(text: &str, key: &str) -> u64 {
    text.lines()
        .find_map(|line| line.strip_prefix(key))
        .and_then(|rest| rest.split_whitespace().next())
        .and_then(|kib| kib.parse::<u64>().ok())
        .map_or(0, |kib| kib << 10)
}

/// What all programs together can have: a memory file itself may be larger, and the guest would run until it is full.
pub fn total_memory() -> ByteSize {
    let info = rustix::system::sysinfo();
    let units = info.totalram.saturating_add(info.totalswap);
    ByteSize(units.saturating_mul(u64::from(info.mem_unit)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn busy_time_is_all_but_idle_and_waiting() {
        let stat = "cpu  10 1 5 100 20 0 4 0 0 0\ncpu0 1 2 3\n";
        assert_eq!(busy_and_total(stat), Some((20, 140)));
        assert_eq!(busy_and_total("nonsense"), None);
    }

    #[test]
    fn memory_is_read_in_bytes() {
        assert_eq!(meminfo("MemTotal:   2 kB\n", "MemTotal:"), 2048);
        assert_eq!(meminfo("", "MemTotal:"), 0);
    }
}
