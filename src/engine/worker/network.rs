//! Counts the bytes of each network card while its machine's graphs are in sight.

use std::time::{Duration, Instant};

use super::Worker;
use super::stats::STATS_PATIENCE;
use crate::model::{DeviceKind, NicNetwork, Sample, Traffic};
use crate::qemu::packets::{self, CountError, Direction, PacketCount};
use crate::qemu::qmp::Client as QmpClient;

/// Counting goes on this long when nobody looks any more, so that turning pages makes no gap.
const GRACE: Duration = Duration::from_secs(60);

/// The counters of a machine's network cards.
#[derive(Default)]
pub struct Counters {
    nics: Vec<Counter>,
    /// When counting ends, if nobody looks.
    until: Option<Instant>,
}

/// One network card.
struct Counter {
    id: String,
    /// What earlier counts came to.
    before: Traffic,
    count: Result<(PacketCount, PacketCount), CountError>,
}

impl Counter {
    fn start(qmp: &QmpClient, id: &str, before: Traffic) -> Self {
        let netdev = format!("{id}-net");
        let begin =
            |direction| PacketCount::start(qmp, &netdev, direction, packets::ROOM, STATS_PATIENCE);
        let count =
            begin(Direction::ToGuest).and_then(|to_guest| match begin(Direction::FromGuest) {
                Ok(from_guest) => Ok((to_guest, from_guest)),
                Err(error) => {
                    to_guest.stop(qmp, STATS_PATIENCE);
                    Err(error)
                }
            });
        Self {
            id: id.to_owned(),
            before,
            count,
        }
    }

    /// Bytes since counting began; starts anew before the room is full.
    fn traffic(&mut self, qmp: &QmpClient) -> Option<Traffic> {
        let (to_guest, from_guest) = self.count.as_mut().ok()?;
        let traffic = Traffic {
            from: self.before.from.saturating_add(to_guest.count()),
            to: self.before.to.saturating_add(from_guest.count()),
        };
        if to_guest.is_filling_up() || from_guest.is_filling_up() {
            // What crosses between the two is lost: about a millisecond in a quarter of a million packets.
            *self = Self::start(qmp, &self.id.clone(), traffic);
        }
        Some(traffic)
    }

    fn stop(self, qmp: &QmpClient) {
        if let Ok((to_guest, from_guest)) = self.count {
            to_guest.stop(qmp, STATS_PATIENCE);
            from_guest.stop(qmp, STATS_PATIENCE);
        }
    }
}

impl Worker {
    /// Begins to count, or ends it after a while.
    pub(super) fn count_packets(&mut self, count: bool) {
        if !count {
            self.counters.until = Some(Instant::now() + GRACE);
            return;
        }
        self.counters.until = None;
        if self.counters.nics.is_empty() {
            let ids: Vec<String> = self.counted_nics().map(str::to_owned).collect();
            let start = |id: &String| Counter::start(&self.qmp, id, Traffic::default());
            self.counters.nics = ids.iter().map(start).collect();
        }
    }

    /// The cards whose packets QEMU passes on itself.
    fn counted_nics(&self) -> impl Iterator<Item = &str> {
        let devices = self.machine.devices.iter();
        devices.filter_map(|device| match &device.kind {
            DeviceKind::Nic(nic) if nic.network == NicNetwork::User => Some(device.id.as_str()),
            _ => None,
        })
    }

    /// Adds the cards' bytes to a measurement, or why there are none.
    pub(super) fn count_into(&mut self, sample: &mut Sample) {
        for counter in &mut self.counters.nics {
            match counter.traffic(&self.qmp) {
                Some(traffic) => {
                    sample.nics.insert(counter.id.clone(), traffic);
                }
                None => {
                    if let Err(error) = &counter.count {
                        let why = error.to_string();
                        sample.uncounted.insert(counter.id.clone(), why);
                    }
                }
            }
        }
    }

    /// When counting ends.
    pub(super) fn counting_until(&self) -> Option<Instant> {
        self.counters.until
    }

    pub(super) fn end_counting_if_due(&mut self, now: Instant) {
        if self.counters.until.is_some_and(|until| now >= until) {
            self.end_counting();
        }
    }

    /// Takes the counters out of QEMU.
    pub(super) fn end_counting(&mut self) {
        self.counters.until = None;
        for counter in self.counters.nics.drain(..) {
            counter.stop(&self.qmp);
        }
    }

    /// Takes out what an owner that was killed has left in QEMU.
    pub(super) fn forget_counters(&self) {
        for nic in self.counted_nics() {
            packets::forget(&self.qmp, &format!("{nic}-net"), STATS_PATIENCE);
        }
    }
}
