//! What the kernel tells about a process.

use std::fs::File;
use std::io::{self, Read};

/// State letter and start time of a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::qemu) struct Stat {
    /// `R`, `S`, `D`, `T`, `Z`, …
    pub state: char,
    /// Clock ticks since boot.
    pub start_time: u64,
    /// User and system time, clock ticks.
    pub cpu_ticks: u64,
}

/// Reads `/proc/PID/stat`. The program's name in it may contain spaces and brackets; what counts
/// comes after the last bracket.
pub(in crate::qemu) fn stat(pid: u32) -> io::Result<Stat> {
    parse_stat(&small_file(&format!("/proc/{pid}/stat"))?)
        .ok_or_else(|| io::Error::other(format!("/proc/{pid}/stat can't be understood")))
}

fn parse_stat(text: &str) -> Option<Stat> {
    let (_, rest) = text.rsplit_once(')')?;
    let fields: Vec<&str> = rest.split_whitespace().collect();
    let number = |index: usize| fields.get(index)?.parse::<u64>().ok();
    Some(Stat {
        state: fields.first()?.chars().next()?,
        start_time: number(19)?,
        cpu_ticks: number(11)? + number(12)?,
    })
}

/// The arguments of a process.
pub(in crate::qemu) fn arguments(pid: u32) -> io::Result<Vec<String>> {
    let text = small_file(&format!("/proc/{pid}/cmdline"))?;
    Ok(text.split('\0').map(str::to_owned).collect())
}

/// All processes there are.
pub(in crate::qemu) fn all() -> io::Result<Vec<u32>> {
    let entries = std::fs::read_dir("/proc")?.flatten();
    Ok(entries
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .collect())
}

/// Differs after each boot.
pub(in crate::qemu) fn boot_id() -> io::Result<String> {
    Ok(small_file("/proc/sys/kernel/random/boot_id")?
        .trim()
        .to_owned())
}

fn small_file(path: &str) -> io::Result<String> {
    let mut text = Vec::new();
    File::open(path)?.take(1024 * 1024).read_to_end(&mut text)?;
    Ok(String::from_utf8_lossy(&text).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hostile_program_name_does_not_shift_the_fields() {
        let text = "77 (a) R 1 (b) S 1 77 77 0 -1 4194304 1 2 3 4 500 60 7 8 20 0 1 0 123456 9 10";
        assert_eq!(
            parse_stat(text),
            Some(Stat {
                state: 'S',
                start_time: 123_456,
                cpu_ticks: 560
            })
        );
        assert_eq!(parse_stat("77 (x"), None);
    }
}
