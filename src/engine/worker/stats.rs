//! Measures a running machine from /proc and QMP.

use std::fs;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{PATIENCE, Worker};
use crate::model::{ByteSize, Failure, Sample, Traffic};

/// The first measurement compares over this time.
const FIRST_SPAN: Duration = Duration::from_millis(250);

/// Remembers the last measurement.
#[derive(Default)]
pub struct Meter {
    last: Option<(Instant, u64)>,
}

impl Worker {
    pub(super) fn measure(&mut self) -> Result<Sample, Failure> {
        let threads = self.cpu_threads()?;
        let (then, ticks_then) = match self.meter.last {
            Some(last) if last.0.elapsed() >= FIRST_SPAN => last,
            _ => {
                let first = (Instant::now(), self.ticks(&threads));
                std::thread::sleep(FIRST_SPAN);
                first
            }
        };
        let (now, ticks) = (Instant::now(), self.ticks(&threads));
        self.meter.last = Some((now, ticks));
        let seconds = ticks.saturating_sub(ticks_then) as f64
            / rustix::param::clock_ticks_per_second() as f64;
        let (from, to) = self.disk_bytes()?;
        let started = self.process.manifest().created;
        Ok(Sample {
            at_ms: crate::engine::clock::now().0.saturating_sub(started.0) * 1000,
            cpu: (seconds / now.duration_since(then).as_secs_f64()) as f32,
            resident: self.resident(),
            disk: Some(Traffic { from, to }),
            ..Sample::default()
        })
    }

    /// The threads that run the guest's processors.
    fn cpu_threads(&self) -> Result<Vec<u64>, Failure> {
        let cpus = self
            .qmp
            .call_raw("query-cpus-fast", json!({}), PATIENCE)
            .map_err(|error| self.failure("no measurement", &error))?;
        Ok(cpus
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|cpu| cpu.get("thread-id").and_then(Value::as_u64))
            .collect())
    }

    /// Clock ticks that the threads have used, each thread once (single-threaded TCG shares one).
    fn ticks(&self, threads: &[u64]) -> u64 {
        let mut threads = threads.to_vec();
        threads.sort_unstable();
        threads.dedup();
        threads
            .iter()
            .filter_map(|thread| {
                let path = format!("/proc/{}/task/{thread}/stat", self.process.pid());
                ticks_of(&fs::read_to_string(path).ok()?)
            })
            .sum()
    }

    fn resident(&self) -> ByteSize {
        let status = fs::read_to_string(format!("/proc/{}/status", self.process.pid()));
        let kib = status.ok().and_then(|text| {
            text.lines()
                .find_map(|line| line.strip_prefix("VmRSS:"))
                .and_then(|rest| rest.split_whitespace().next()?.parse::<u64>().ok())
        });
        ByteSize(kib.unwrap_or(0) << 10)
    }

    /// Bytes read and written by the guest's disks. Devices are nameless here: every node counts
    /// whose device is a guest's.
    fn disk_bytes(&self) -> Result<(u64, u64), Failure> {
        let blocks = self
            .qmp
            .call_raw("query-blockstats", json!({}), PATIENCE)
            .map_err(|error| self.failure("no measurement", &error))?;
        let sum = |key: &str| -> u64 {
            blocks
                .as_array()
                .into_iter()
                .flatten()
                .filter_map(|block| block.get("stats")?.get(key)?.as_u64())
                .sum()
        };
        Ok((sum("rd_bytes"), sum("wr_bytes")))
    }
}

/// User and system time from /proc/PID/task/TID/stat (proc(5)), in clock ticks.
fn ticks_of(stat: &str) -> Option<u64> {
    let (_, rest) = stat.rsplit_once(") ")?;
    let mut fields = rest.split(' ').skip(11);
    Some(fields.next()?.parse::<u64>().ok()? + fields.next()?.parse::<u64>().ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_name_with_brackets_does_not_confuse() {
        let stat = "7 (CPU 0) /TCG) S 1 7 7 0 -1 4194560 1 0 0 0 120 30 0 0 20";
        assert_eq!(ticks_of(stat), Some(150));
    }
}
