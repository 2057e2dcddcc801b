//! Keys that a script or a menu presses, sent through the monitor.

use std::time::Duration;

use serde_json::{Value, json};

use super::{PATIENCE, Worker};
use crate::display::keys::{self, KeyCode};
use crate::model::Failure;

/// Between two changes of keys for a guest with drivers: its keyboard queue is short.
const PACE: Duration = Duration::from_millis(15);

/// The same for firmware and boot loaders: SeaBIOS asks the USB keyboard 18 times a second, and
/// QEMU's queue of 16 changes drops what does not fit.
const FIRMWARE_PACE: Duration = Duration::from_millis(60);

impl Worker {
    /// Presses the named keys in order and lets them go in reverse.
    pub(super) fn press(&self, names: &[String]) -> Result<(), Failure> {
        let chord = keys::parse_chord(&names.join("-"))
            .map_err(|error| Failure::new("The keys were not pressed", error.to_string()))?;
        self.strike(&chord, self.pace())
    }

    /// A guest that took one of the tablets has drivers. Firmware never does.
    pub(super) fn pace(&self) -> Duration {
        let mice = self.qmp.call_raw("query-mice", json!({}), PATIENCE);
        let took_tablet = |mouse: &Value| mouse["current"] == true && mouse["absolute"] == true;
        match mice.as_ref().ok().and_then(Value::as_array) {
            Some(mice) if mice.iter().any(took_tablet) => PACE,
            Some(_) | None => FIRMWARE_PACE,
        }
    }

    pub(super) fn strike(&self, chord: &[KeyCode], pace: Duration) -> Result<(), Failure> {
        let down = chord.iter().filter_map(|key| event(*key, true));
        self.send(down.collect())?;
        std::thread::sleep(pace);
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
