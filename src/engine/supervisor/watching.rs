//! Which running machines are measured, and how often; and this computer's own load.

use std::time::{Duration, Instant};

use super::{Slot, Supervisor};
use crate::engine::hub::{Asker, ListenerId, WINDOW};
use crate::engine::message::Event;
use crate::engine::worker::{Level, Order};
use crate::model::{Answer, ByteSize, HostLoad, MachineId, Sample};

/// How often the footer's load is measured while a window listens, and while nothing runs that
/// could change it. A frame costs some 25 ms without a graphics card.
const LOAD_EVERY: Duration = Duration::from_secs(15);
const QUIET_LOAD_EVERY: Duration = Duration::from_secs(30);

/// A change of the processors' load below this is not worth a frame, in shares of all.
const VISIBLE_LOAD: f32 = 0.03;
/// Nor is one of memory or disk below this part of it: a value between two figures would come and go.
const VISIBLE_PART: u64 = 100;

impl Supervisor {
    /// Measures the machine whose graphs the asker looks at each second, and no other for it.
    pub(super) fn watch(&mut self, asker: Asker, machine: Option<MachineId>) {
        match machine {
            Some(machine) => self.watched.insert(asker.listener, machine),
            None => self.watched.remove(&asker.listener),
        };
        self.tell_levels();
        self.hub.answer(asker, Ok(Answer::Done), None);
    }

    /// Measures the machines whose rows are in sight now and then, and takes their pictures.
    pub(super) fn see(&mut self, asker: Asker, machines: Vec<MachineId>) {
        self.in_sight = machines;
        self.tell_levels();
        self.hub.answer(asker, Ok(Answer::Done), None);
    }

    /// Measures nothing more for a listener that left.
    pub(super) fn stop_watching(&mut self, listener: ListenerId) {
        if self.watched.remove(&listener).is_some() {
            self.tell_levels();
        }
    }

    fn tell_levels(&mut self) {
        let running: Vec<MachineId> = self
            .slots
            .iter()
            .filter(|(_, slot)| slot.has_worker())
            .map(|(machine, _)| *machine)
            .collect();
        for machine in running {
            self.tell_level(machine);
        }
    }

    /// Tells a machine's worker how closely to look, if that is news to it.
    pub(super) fn tell_level(&mut self, machine: MachineId) {
        let level = if self.watched.values().any(|watched| *watched == machine) {
            Level::Full
        } else if self.window && self.in_sight.contains(&machine) {
            Level::Cheap
        } else {
            Level::Off
        };
        let Some(slot) = self.slots.get_mut(&machine) else {
            return;
        };
        let Some(number) = slot.worker_number() else {
            return;
        };
        let told = slot.looked_at.filter(|(to, _)| *to == number);
        if told.map_or(Level::Off, |(_, level)| level) != level && slot.order(Order::Watch(level)) {
            slot.looked_at = Some((number, level));
        }
    }

    pub(super) fn ask_for_thumbnails(&self) {
        if self.thumbnail_every().is_none() {
            return;
        }
        for id in &self.in_sight {
            if let Some(slot) = self.slots.get(id)
                && slot.wants_thumbnail()
            {
                let seen = (self.seen)(*id);
                slot.order(Order::Thumbnail { seen });
            }
        }
    }

    /// Passes a measurement on. Only who looks at that machine's graphs is woken by it.
    pub(super) fn sample(&self, machine: MachineId, number: u64, sample: Sample) {
        let current = self
            .slots
            .get(&machine)
            .is_some_and(|slot| slot.worker_number() == Some(number));
        if current {
            let watched = &self.watched;
            self.hub.whisper(&Event::Sample { machine, sample }, |id| {
                watched.get(&id) == Some(&machine)
            });
        }
    }

    /// Tells how busy this computer is; wakes the window only for what can be seen.
    pub(super) fn measure_load(&mut self, now: Instant) {
        let quiet = !self.slots.values().any(Slot::has_worker);
        self.next_load = now + if quiet { QUIET_LOAD_EVERY } else { LOAD_EVERY };
        let load = self.load.measure();
        let news = is_news(&mut self.told_load, load);
        self.hub
            .whisper(&Event::Load(load), |id| news && id == WINDOW);
    }
}

/// Whether the window is woken for a load; `told` is the one that it was last woken for.
fn is_news(told: &mut Option<HostLoad>, load: HostLoad) -> bool {
    let news = told.is_none_or(|told| looks_different(&told, &load));
    if news {
        *told = Some(load);
    }
    news
}

/// Whether the footer would show something else.
fn looks_different(told: &HostLoad, now: &HostLoad) -> bool {
    let apart = |told: ByteSize, now: ByteSize| {
        told.to_string() != now.to_string() && told.0.abs_diff(now.0) > told.0 / VISIBLE_PART
    };
    (told.cpu - now.cpu).abs() >= VISIBLE_LOAD
        || apart(told.memory_used, now.memory_used)
        || told.memory_total != now.memory_total
        || apart(told.disk_free, now.disk_free)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(cpu: f32, used: u64) -> HostLoad {
        HostLoad {
            cpu,
            memory_used: ByteSize(used),
            memory_total: ByteSize::gib(32),
            disk_free: ByteSize::gib(400),
        }
    }

    #[test]
    fn an_hour_of_noise_wakes_the_window_once_and_a_slow_rise_now_and_then() {
        let wakes = |loads: &mut dyn Iterator<Item = HostLoad>| {
            let mut told = None;
            loads.filter(|load| is_news(&mut told, *load)).count()
        };
        // Between "5.4 GiB" and "5.5 GiB", and between two whole percents.
        let edge = 5851 << 20;
        let mut noise =
            (0..240).map(|n| load(0.10 + (n % 3) as f32 / 100.0, edge + ((n % 2) << 22)));
        assert_eq!(wakes(&mut noise), 1);
        let mut rise = (0..240).map(|n| load(0.10 + n as f32 / 1000.0, 5 << 30));
        assert_eq!(wakes(&mut rise), 8);
    }

    #[test]
    fn only_a_visible_change_of_the_load_is_news() {
        let told = load(0.10, 5 << 30);
        assert!(!looks_different(&told, &load(0.12, (5 << 30) + 4096)));
        assert!(looks_different(&told, &load(0.14, 5 << 30)));
        assert!(looks_different(&told, &load(0.10, 6 << 30)));
    }
}
