//! `stats`: one measurement of a running machine, or one a second.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::time::Duration;

use serde::Serialize;

use super::args::Target;
use super::pick::Prefer;
use super::show::{self, Lines};
use super::tasks::{Done, SHORT, Session, unexpected};
use crate::engine::Command;
use crate::model::{
    Answer, ByteSize, Failure, MachineId, MachineReport, Sample, Timestamp, Traffic,
};

/// Between two measurements of `--watch`.
const EVERY: Duration = Duration::from_secs(1);

impl Session<'_> {
    pub(super) fn stats(&mut self, target: &Target, watch: bool) -> Result<Done, Failure> {
        let report = self.find(target, Prefer::InUse)?;
        if watch {
            return self.watch_stats(&report);
        }
        let sample = self.measure(&report)?;
        Ok(Done::from(if self.json {
            show::json(&Stats::new(&report, &sample))?
        } else {
            stats_text(&sample)
        }))
    }

    fn measure(&mut self, report: &MachineReport) -> Result<Sample, Failure> {
        let command = Command::Stats { machine: report.id };
        match self.finish(command, Some(SHORT), &report.name)? {
            Answer::Stats(sample) => Ok(sample),
            _ => Err(unexpected()),
        }
    }

    /// Prints until Ctrl+C ends the program, the machine stops, or nobody reads any more. The owner stops
    /// measuring when our connection ends.
    fn watch_stats(&mut self, report: &MachineReport) -> Result<Done, Failure> {
        self.finish(Command::Watch(Some(report.id)), Some(SHORT), &report.name)?;
        let mut last: Option<Sample> = None;
        loop {
            std::thread::sleep(EVERY);
            let sample = self.measure(report)?;
            let line = if self.json {
                json_line(&Stats::new(report, &sample))?
            } else {
                watch_line(last.as_ref(), &sample)
            };
            let mut out = std::io::stdout().lock();
            if out
                .write_all(line.as_bytes())
                .and_then(|()| out.flush())
                .is_err()
            {
                return Ok(Done::default());
            }
            last = Some(sample);
        }
    }
}

fn json_line(value: &impl Serialize) -> Result<String, Failure> {
    serde_json::to_string(value)
        .map(|text| text + "\n")
        .map_err(|error| Failure::new("Nothing was printed", error.to_string()))
}

/// `stats --json`.
#[derive(Serialize)]
struct Stats<'a> {
    id: MachineId,
    name: &'a str,
    at_ms: u64,
    /// In shares of one processor.
    cpu: f64,
    cpus: Vec<f64>,
    resident: ByteSize,
    guest_used: Option<ByteSize>,
    disk_read: u64,
    disk_written: u64,
    nics: BTreeMap<&'a str, Nic<'a>>,
}

/// One network card.
#[derive(Serialize)]
struct Nic<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    received: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sent: Option<u64>,
    /// Why its bytes are not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'a str>,
}

impl<'a> Stats<'a> {
    fn new(report: &'a MachineReport, sample: &'a Sample) -> Self {
        let round = |share: f32| (f64::from(share) * 1000.0).round() / 1000.0;
        let disk = sample.disk.unwrap_or_default();
        let counted = sample.nics.iter().map(|(id, traffic)| {
            let nic = Nic {
                received: Some(traffic.from),
                sent: Some(traffic.to),
                error: None,
            };
            (id.as_str(), nic)
        });
        let uncounted = sample.uncounted.iter().map(|(id, why)| {
            let nic = Nic {
                received: None,
                sent: None,
                error: Some(why),
            };
            (id.as_str(), nic)
        });
        Self {
            id: report.id,
            name: &report.name,
            at_ms: sample.at_ms,
            cpu: round(sample.cpu),
            cpus: sample.cpus.iter().copied().map(round).collect(),
            resident: sample.resident,
            guest_used: sample.guest_used,
            disk_read: disk.from,
            disk_written: disk.to,
            nics: counted.chain(uncounted).collect(),
        }
    }
}

/// `stats`.
fn stats_text(sample: &Sample) -> String {
    let disk = sample.disk.unwrap_or_default();
    let mut lines = Lines::default();
    let runs = Timestamp(0).span_to(Timestamp(sample.at_ms / 1000));
    lines.add("Runs for", runs);
    lines.add("Processor", format!("{:.0} % of one", sample.cpu * 100.0));
    if sample.cpus.len() > 1 {
        let shares = sample
            .cpus
            .iter()
            .map(|share| format!("{:.0} %", share * 100.0));
        lines.add("Each", shares.collect::<Vec<_>>().join(", "));
    }
    lines.add("Memory", format!("{} on this computer", sample.resident));
    if let Some(used) = sample.guest_used {
        lines.add("In the guest", format!("{used} used"));
    }
    lines.add("Read", ByteSize(disk.from));
    lines.add("Written", ByteSize(disk.to));
    for (id, traffic) in &sample.nics {
        let text = format!(
            "{} received, {} sent",
            ByteSize(traffic.from),
            ByteSize(traffic.to)
        );
        lines.add(id, text);
    }
    lines.finish()
}

/// One line of `stats --watch`: rates since the line before.
fn watch_line(last: Option<&Sample>, sample: &Sample) -> String {
    let span = last.map_or(0, |last| sample.at_ms.saturating_sub(last.at_ms));
    let rate = |then: Option<Traffic>, now: Traffic| {
        let per = |then: u64, now: u64| {
            let bytes = u128::from(now.saturating_sub(then)) * 1000 / u128::from(span.max(1));
            ByteSize(u64::try_from(bytes).unwrap_or(u64::MAX))
        };
        then.filter(|_| span > 0)
            .map(|then| (per(then.from, now.from), per(then.to, now.to)))
    };
    let mut parts = vec![
        format!("processor {:3.0} %", sample.cpu * 100.0),
        format!("memory {}", sample.resident),
    ];
    if let Some(used) = sample.guest_used {
        parts.push(format!("in the guest {used}"));
    }
    let disk = sample.disk.and_then(|now| rate(last?.disk, now));
    if let Some((read, written)) = disk {
        parts.push(format!("read {read}/s, written {written}/s"));
    }
    for (id, now) in &sample.nics {
        let then = last.and_then(|last| last.nics.get(id).copied());
        if let Some((received, sent)) = rate(then, *now) {
            parts.push(format!("{id} received {received}/s, sent {sent}/s"));
        }
    }
    parts.join("  ") + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_watched_machine_is_told_in_rates() {
        let sample = |at_ms: u64, bytes: u64| Sample {
            at_ms,
            cpu: 1.5,
            cpus: vec![1.0, 0.5],
            resident: ByteSize::mib(300),
            guest_used: Some(ByteSize::mib(80)),
            disk: Some(Traffic { from: bytes, to: 0 }),
            nics: BTreeMap::from([("nic0".to_owned(), Traffic { from: 0, to: bytes })]),
            ..Sample::default()
        };
        let first = sample(1000, 1024);
        assert_eq!(
            watch_line(None, &first),
            "processor 150 %  memory 300 MiB  in the guest 80 MiB\n"
        );
        assert_eq!(
            watch_line(Some(&first), &sample(3000, 5120)),
            "processor 150 %  memory 300 MiB  in the guest 80 MiB  read 2 KiB/s, written 0 bytes/s  \
             nic0 received 0 bytes/s, sent 2 KiB/s\n"
        );
    }
}
