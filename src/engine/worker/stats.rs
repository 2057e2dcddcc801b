//! Measures a running machine from /proc and QMP: each second in full while its graphs are in sight,
//! now and then from /proc alone while its row is.

use std::fs;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::Worker;
use crate::engine::supervisor::Message;
use crate::model::{ByteSize, DeviceKind, Failure, Sample, State, Traffic};

/// How often a machine in sight is measured.
const FULL_EVERY: Duration = Duration::from_secs(1);
const CHEAP_EVERY: Duration = Duration::from_secs(5);

/// Processor time is compared over at least this.
const FIRST_SPAN: Duration = Duration::from_millis(250);

/// After a longer pause the time since then says nothing about now.
const LONGEST_SPAN: Duration = Duration::from_secs(20);

/// A measurement is of no use when it comes late, and the next order waits for it.
pub(super) const STATS_PATIENCE: Duration = Duration::from_secs(1);

/// How often the balloon's driver is asked while somebody looks, in seconds.
const BALLOON_EVERY: u64 = 1;

/// How closely a machine is looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Nobody looks.
    #[default]
    Off,
    /// Its row is in sight: processor and memory, from /proc.
    Cheap,
    /// Its graphs are: everything.
    Full,
}

/// Remembers the last measurement.
pub struct Meter {
    level: Level,
    next: Option<Instant>,
    /// When QEMU started.
    began: Instant,
    /// The threads of the guest's processors, in their order.
    threads: Vec<u64>,
    last: Option<Reading>,
    latest: Option<(Instant, Sample)>,
}

/// What the processors have used, in nanoseconds.
struct Reading {
    at: Instant,
    used: Vec<u64>,
}

impl Meter {
    /// `age` is how long QEMU runs already.
    pub fn new(age: Duration) -> Self {
        let now = Instant::now();
        Self {
            level: Level::Off,
            next: None,
            began: now.checked_sub(age).unwrap_or(now),
            threads: Vec::new(),
            last: None,
            latest: None,
        }
    }
}

impl Worker {
    /// Measures as closely as `level` says from now on.
    pub(super) fn watch(&mut self, level: Level) {
        let before = std::mem::replace(&mut self.meter.level, level);
        if before == level {
            return;
        }
        self.meter.next = (level != Level::Off).then(Instant::now);
        let fresh = |last: &Reading| last.at.elapsed() < LONGEST_SPAN;
        if level != Level::Off && !self.meter.last.as_ref().is_some_and(fresh) {
            self.read_processors();
            self.meter.next = Some(Instant::now() + FIRST_SPAN);
        }
        if level == Level::Full || before == Level::Full {
            self.poll_balloon(level == Level::Full);
            self.count_packets(level == Level::Full);
        }
    }

    /// When something is due by the clock: the next heartbeat or measurement, the end of counting.
    pub(super) fn due(&self) -> Instant {
        let others = [
            self.meter.next,
            self.counting_until(),
            self.typing_due(),
            self.cables_due(),
        ];
        others
            .into_iter()
            .flatten()
            .fold(self.next_beat, Instant::min)
    }

    /// Tells a measurement if one is due.
    pub(super) fn sample_if_due(&mut self) {
        let now = Instant::now();
        self.end_counting_if_due(now);
        if self.meter.next.is_none_or(|next| now < next) {
            return;
        }
        let full = self.meter.level == Level::Full;
        self.meter.next = Some(now + if full { FULL_EVERY } else { CHEAP_EVERY });
        if let Some(sample) = self.sample(full) {
            self.post.tell_if_room(Message::Sample {
                machine: self.post.id,
                number: self.post.number,
                sample,
            });
        }
    }

    /// A fresh measurement, for who asks for one.
    pub(super) fn measure(&mut self) -> Result<Sample, Failure> {
        if self.meter.level == Level::Full
            && let Some((at, sample)) = &self.meter.latest
            && at.elapsed() < FULL_EVERY * 2
        {
            return Ok(sample.clone());
        }
        let usable = |last: &Reading| {
            let span = last.at.elapsed();
            span >= FIRST_SPAN && span < LONGEST_SPAN
        };
        if !self.meter.last.as_ref().is_some_and(usable) {
            self.read_processors();
            std::thread::sleep(FIRST_SPAN);
        }
        self.sample(true).ok_or_else(|| {
            Failure::new(
                format!("{}: no measurement", self.post.name),
                "The processors' threads could not be looked at",
            )
        })
    }

    /// Measures; `None` if there is nothing to compare with yet.
    fn sample(&mut self, full: bool) -> Option<Sample> {
        let last = self.meter.last.take();
        let (at, used) = self.read_processors()?;
        let last = last.filter(|last| last.used.len() == used.len())?;
        let seconds = at.duration_since(last.at).as_secs_f64();
        if seconds <= 0.0 || seconds > LONGEST_SPAN.as_secs_f64() {
            return None;
        }
        let shares: Vec<f32> = used
            .iter()
            .zip(&last.used)
            .map(|(now, then)| (now.saturating_sub(*then) as f64 / 1e9 / seconds) as f32)
            .collect();
        let mut sample = Sample {
            at_ms: at.duration_since(self.meter.began).as_millis() as u64,
            cpu: shares.iter().sum(),
            resident: self.resident(),
            ..Sample::default()
        };
        // Emulated processors may take turns on one thread.
        if shares.len() == self.machine.cpu.count as usize {
            sample.cpus = shares;
        }
        // A QEMU that does not answer is told by its heartbeat.
        if full && self.live.state != State::NotResponding {
            sample.disk = self.disk_bytes();
            sample.guest_used = self.guest_used();
            self.count_into(&mut sample);
        }
        self.meter.latest = full.then(|| (at, sample.clone()));
        Some(sample)
    }

    /// Reads what the processors have used and keeps it for the next comparison.
    fn read_processors(&mut self) -> Option<(Instant, Vec<u64>)> {
        if self.meter.threads.is_empty() {
            self.meter.threads = self.cpu_threads()?;
        }
        let pid = self.process.pid();
        let used: Option<Vec<u64>> = self
            .meter
            .threads
            .iter()
            .map(|thread| used_by(pid, *thread))
            .collect();
        let Some(used) = used.filter(|used| !used.is_empty()) else {
            self.meter.threads.clear(); // A thread has ended: look again next time.
            return None;
        };
        let at = Instant::now();
        self.meter.last = Some(Reading {
            at,
            used: used.clone(),
        });
        Some((at, used))
    }

    /// The threads that run the guest's processors, each once (single-threaded TCG has one for all).
    fn cpu_threads(&self) -> Option<Vec<u64>> {
        let cpus = self
            .qmp
            .call_raw("query-cpus-fast", json!({}), STATS_PATIENCE)
            .ok()?;
        let mut threads: Vec<u64> = Vec::new();
        for cpu in cpus.as_array().into_iter().flatten() {
            let thread = cpu.get("thread-id").and_then(Value::as_u64)?;
            if !threads.contains(&thread) {
                threads.push(thread);
            }
        }
        Some(threads)
    }

    /// Resident memory, the guest's included: the second field of /proc/PID/statm (proc(5)).
    fn resident(&self) -> ByteSize {
        let statm = fs::read_to_string(format!("/proc/{}/statm", self.process.pid()));
        let pages = statm
            .ok()
            .and_then(|text| text.split(' ').nth(1)?.parse::<u64>().ok());
        ByteSize(pages.unwrap_or(0) * rustix::param::page_size() as u64)
    }

    /// Bytes read and written by the guest's disks and drives.
    fn disk_bytes(&self) -> Option<Traffic> {
        let blocks = self
            .qmp
            .call_raw("query-blockstats", json!({}), STATS_PATIENCE)
            .ok()?;
        Some(traffic_of(&blocks))
    }

    /// Has the balloon's driver tell how the guest uses its memory, or stops that.
    fn poll_balloon(&self, poll: bool) {
        if let Some(path) = self.balloon() {
            let arguments = json!({
                "path": path,
                "property": "guest-stats-polling-interval",
                "value": if poll { BALLOON_EVERY } else { 0 },
            });
            // Then there are no figures, and the page says so.
            self.qmp.call_raw("qom-set", arguments, STATS_PATIENCE).ok();
        }
    }

    fn guest_used(&self) -> Option<ByteSize> {
        let arguments = json!({ "path": self.balloon()?, "property": "guest-stats" });
        let stats = self
            .qmp
            .call_raw("qom-get", arguments, STATS_PATIENCE)
            .ok()?;
        used_in_guest(&stats)
    }

    fn balloon(&self) -> Option<String> {
        let mut devices = self.machine.devices.iter();
        let balloon = devices.find(|device| matches!(device.kind, DeviceKind::Balloon))?;
        Some(format!("/machine/peripheral/{}", balloon.id))
    }
}

/// Nanoseconds that a thread has run.
fn used_by(pid: u32, thread: u64) -> Option<u64> {
    // Exact where the kernel has it (Documentation/scheduler/sched-stats.rst), else in clock ticks.
    let folder = format!("/proc/{pid}/task/{thread}");
    let exact = fs::read_to_string(format!("{folder}/schedstat"));
    let exact = exact
        .ok()
        .and_then(|text| text.split(' ').next()?.parse::<u64>().ok());
    exact.filter(|used| *used > 0).or_else(|| {
        let ticks = ticks_of(&fs::read_to_string(format!("{folder}/stat")).ok()?)?;
        Some(ticks * (1_000_000_000 / rustix::param::clock_ticks_per_second().max(1)))
    })
}

/// User and system time from /proc/PID/task/TID/stat (proc(5)), in clock ticks.
fn ticks_of(stat: &str) -> Option<u64> {
    let (_, rest) = stat.rsplit_once(") ")?;
    let mut fields = rest.split(' ').skip(11);
    Some(fields.next()?.parse::<u64>().ok()? + fields.next()?.parse::<u64>().ok()?)
}

/// Sums what `query-blockstats` tells of the guest's own devices.
///
/// One entry is one device and its topmost node; the files and layers below lie nested in it and would
/// count the same bytes again. Firmware flash is a device of the board and not among them.
fn traffic_of(blocks: &Value) -> Traffic {
    let mut sum = Traffic::default();
    for block in blocks.as_array().into_iter().flatten() {
        let device = block.get("qdev").and_then(Value::as_str).unwrap_or("");
        if !device.starts_with("/machine/peripheral") {
            continue;
        }
        let number = |key| block.get("stats")?.get(key)?.as_u64();
        sum.from = sum.from.saturating_add(number("rd_bytes").unwrap_or(0));
        sum.to = sum.to.saturating_add(number("wr_bytes").unwrap_or(0));
    }
    sum
}

/// Memory in use from the balloon's `guest-stats`; a figure the guest does not tell is 2^64 - 1
/// (docs/interop/virtio-balloon-stats.rst).
fn used_in_guest(stats: &Value) -> Option<ByteSize> {
    let told = stats.get("last-update").and_then(Value::as_u64);
    if told.unwrap_or(0) == 0 {
        return None; // Nobody has answered: the guest has no driver.
    }
    let figure = |key| {
        let figure = stats.get("stats")?.get(key)?.as_u64()?;
        (figure != u64::MAX).then_some(figure)
    };
    let available = figure("stat-available-memory").or_else(|| figure("stat-free-memory"))?;
    let total = figure("stat-total-memory")?;
    Some(ByteSize(total.checked_sub(available)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_name_with_brackets_does_not_confuse() {
        let stat = "7 (CPU 0) /TCG) S 1 7 7 0 -1 4194560 1 0 0 0 120 30 0 0 20";
        assert_eq!(ticks_of(stat), Some(150));
    }

    #[test]
    fn only_the_guests_own_disks_count_and_each_once() {
        let stats = |read: u64, written: u64| json!({ "rd_bytes": read, "wr_bytes": written });
        let blocks = json!([
            {
                "device": "",
                "qdev": "/machine/peripheral/disk0/virtio-backend",
                "stats": stats(100, 7),
                "parent": { "stats": stats(90, 6) },
                "backing": { "stats": stats(80, 0) },
            },
            { "device": "", "qdev": "/machine/peripheral/cd0", "stats": stats(20, 0) },
            { "device": "", "qdev": "/machine/system.flash0", "stats": stats(999, 999) },
            { "device": "", "stats": stats(999, 999) },
        ]);
        assert_eq!(traffic_of(&blocks), Traffic { from: 120, to: 7 });
    }

    #[test]
    fn unknown_figures_of_the_balloon_are_not_taken_for_memory() {
        let stats = |last: u64, total: u64, available: u64| {
            json!({ "last-update": last, "stats": {
                "stat-total-memory": total,
                "stat-available-memory": available,
            }})
        };
        assert_eq!(used_in_guest(&stats(9, 100, 30)), Some(ByteSize(70)));
        assert_eq!(used_in_guest(&stats(0, 100, 30)), None);
        assert_eq!(used_in_guest(&stats(9, 100, u64::MAX)), None);
        assert_eq!(used_in_guest(&stats(9, 10, 30)), None, "a lying guest");
    }
}
