//! Keys that a script or a menu presses, sent through the monitor.

use std::sync::atomic::Ordering;
use std::time::Duration;

use serde_json::{Value, json};

use super::{PATIENCE, Switches, Worker};
use crate::display::keys::{self, KeyCode};
use crate::model::Failure;

/// Between two chords: the guest's keyboard queue is short, and slow guests poll it.
const PACE: Duration = Duration::from_millis(15);

impl Worker {
    /// Presses the named keys in order and lets them go in reverse.
    pub(super) fn press(&self, names: &[String]) -> Result<(), Failure> {
        let chord = keys::parse_chord(&names.join("-"))
            .map_err(|error| Failure::new("The keys were not pressed", error.to_string()))?;
        self.strike(&chord)
    }

    /// Types on a US keyboard.
    pub(super) fn type_text(&self, text: &str) -> Result<(), Failure> {
        let chords = keys::type_text(text)
            .map_err(|error| Failure::new("The text was not typed", error.to_string()))?;
        for chord in chords {
            let Switches { power_off, release } = &*self.switches;
            if power_off.load(Ordering::Relaxed) || release.load(Ordering::Relaxed) {
                return Err(Failure::new(
                    "The text was not typed to its end",
                    "The machine is being powered off or handed over",
                ));
            }
            self.strike(&chord)?;
            std::thread::sleep(PACE);
        }
        Ok(())
    }

    fn strike(&self, chord: &[KeyCode]) -> Result<(), Failure> {
        let down = chord.iter().filter_map(|key| event(*key, true));
        self.send(down.collect())?;
        std::thread::sleep(PACE);
        let up = chord.iter().rev().filter_map(|key| event(*key, false));
        self.send(up.collect())
    }

    fn send(&self, events: Vec<Value>) -> Result<(), Failure> {
        self.qmp
            .call_raw("input-send-event", json!({ "events": events }), PATIENCE)
            .map(|_nothing| ())
            .map_err(|error| self.failure("the keys did not reach the guest", &error))
    }
}

/// An `InputEvent` (qapi/ui.json) by QEMU's key number; `None` for a key QEMU has no number for.
fn event(key: KeyCode, down: bool) -> Option<Value> {
    Some(json!({
        "type": "key",
        "data": { "down": down, "key": { "type": "number", "data": key.qnum()? } },
    }))
}
