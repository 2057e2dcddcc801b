//! What QEMU tells by itself, and the heartbeat that notices when it tells nothing.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::act::END_PATIENCE;
use super::{BEAT_EVERY, BEAT_PATIENCE, BEATS_TO_MISS, Flow, Worker};
use crate::engine::launches;
use crate::model::{DeviceKind, Failure, State};
use crate::qemu::command_line::{drive_node, layer_node};
use crate::qemu::qmp::QmpEvent;

/// How long QEMU may take to end after its monitor closed.
const LAST_PATIENCE: Duration = Duration::from_secs(5);

/// Events that change nothing we show.
const IGNORED: &[&str] = &[
    "ACPI_DEVICE_OST",
    "BALLOON_CHANGE",
    // Whoever has a job done follows it, and tells what came of it.
    "BLOCK_JOB_CANCELLED",
    "BLOCK_JOB_COMPLETED",
    "BLOCK_JOB_ERROR",
    "BLOCK_JOB_READY",
    "DEVICE_TRAY_MOVED",
    "DISPLAY_UPDATE",
    "JOB_STATUS_CHANGE",
    "MIGRATION",
    "MIGRATION_PASS",
    "NIC_RX_FILTER_CHANGED",
    "POWERDOWN",
    "RTC_CHANGE",
    "VNC_CONNECTED",
    "VNC_DISCONNECTED",
    "VNC_INITIALIZED",
];

impl Worker {
    pub(super) fn event(&mut self, event: &QmpEvent) -> Flow {
        match event.name.as_str() {
            "STOP" | "RESUME" | "RESET" | "SUSPEND" | "WAKEUP" => return self.look(),
            "SHUTDOWN" => return self.shut_down(&event.data),
            "GUEST_PANICKED" => {
                self.live.trouble = Some(
                    Failure::new(
                        format!("{}: the guest's system crashed", self.post.name),
                        "The guest reported a panic; it is paused so that you can see its screen",
                    )
                    .fix("Reset or power off"),
                );
                return self.look();
            }
            "VSERPORT_CHANGE" => self.port_changed(&event.data),
            "WATCHDOG" => return self.look(),
            "BLOCK_IO_ERROR" => {
                self.disk_error(&event.data);
                return self.look();
            }
            name if IGNORED.contains(&name) => {}
            name => {
                // An event nobody knows is logged and does no harm.
                let name: String = name.chars().filter(char::is_ascii_graphic).collect();
                eprintln!("orangery: {}: QEMU said {name}", self.post.id);
            }
        }
        Flow::Go
    }

    /// The guest is off: QEMU waits to be ended (`-action shutdown=pause`).
    fn shut_down(&mut self, data: &Value) -> Flow {
        let reason = data.get("reason").and_then(Value::as_str).unwrap_or("");
        let trouble = (reason == "guest-panic").then(|| {
            Failure::new(
                format!("{}: the guest's system crashed", self.post.name),
                "It reported a panic and shut down",
            )
        });
        if self.ask_to_end(END_PATIENCE) {
            self.rest(State::Off, trouble)
        } else {
            self.stuck()
        }
    }

    fn disk_error(&mut self, data: &Value) {
        let full = data.get("nospace").and_then(Value::as_bool) == Some(true);
        let reason = data.get("reason").and_then(Value::as_str).unwrap_or("");
        let failure = if full {
            Failure::new(
                format!(
                    "{} is paused: the disk of this computer is full",
                    self.post.name
                ),
                "The guest wrote, and there was no room",
            )
            .fix("Make room, then resume; nothing is lost")
        } else {
            let node = data.get("node-name").and_then(Value::as_str).unwrap_or("");
            let disk = self.disk_of(node).unwrap_or_default();
            let reason: String = reason.chars().take(200).collect();
            Failure::new(
                format!("{} is paused: its disk {disk} failed", self.post.name),
                reason,
            )
            .fix("Bring the disk back, then resume; nothing is lost")
        };
        self.live.trouble = Some(failure);
    }

    /// The disk whose topmost node this is, by its device.
    fn disk_of(&self, node: &str) -> Option<&str> {
        let mut devices = self.machine.devices.iter();
        let device = devices.find(|device| match &device.kind {
            DeviceKind::Disk(disk) => match disk.layers().last() {
                Some(top) => layer_node(top.layer) == node,
                None => drive_node(&device.id) == node,
            },
            _ => false,
        });
        device.map(|device| device.id.as_str())
    }

    /// Asks QEMU how it is and publishes what came out.
    pub(super) fn look(&mut self) -> Flow {
        match self.qmp.call_raw("query-status", json!({}), BEAT_PATIENCE) {
            Ok(status) => {
                self.missed_beats = 0;
                let run = status.get("status").and_then(Value::as_str).unwrap_or("");
                self.see(run)
            }
            Err(error) => {
                self.miss_beat(&error.to_string());
                Flow::Go
            }
        }
    }

    /// Takes QEMU's run state (`RunState` in qapi/run-state.json) as the machine's.
    fn see(&mut self, run: &str) -> Flow {
        if run == "shutdown" {
            return self.shut_down(&Value::Null);
        }
        let state = match run {
            "running" | "suspended" if self.live.force_after.is_some() => State::Stopping,
            "running" | "suspended" => State::Running,
            _ => State::Paused,
        };
        let recovered = matches!(self.live.state, State::NotResponding)
            || (state == State::Running && self.live.state == State::Paused);
        if recovered {
            self.live.trouble = None;
        }
        if state == State::Paused {
            self.live.force_after = None;
        }
        self.enter(state);
        if state == State::Running {
            self.tell_guest();
        }
        Flow::Go
    }

    pub(super) fn beat(&mut self) -> Flow {
        self.next_beat = Instant::now() + BEAT_EVERY;
        self.line.tick();
        self.process.bound_log().ok(); // A full disk here is told by the guest's own writes.
        let flow = self.look();
        if matches!(flow, Flow::Go) {
            self.check_shut_down();
            self.check_tpm();
        }
        flow
    }

    fn miss_beat(&mut self, why: &str) {
        self.missed_beats += 1;
        if self.missed_beats >= BEATS_TO_MISS && self.live.state != State::NotResponding {
            self.live.trouble = Some(not_responding(&self.post.name, why));
            self.enter(State::NotResponding);
        }
    }

    /// The monitor closed without a word: QEMU died, or is about to.
    pub(super) fn monitor_closed(&mut self) -> Flow {
        if !self.process.wait(LAST_PATIENCE).unwrap_or(true) {
            // Alive without a monitor it can't be used any more; its disks are closed by the kill.
            self.process.kill().ok();
            self.process.wait(LAST_PATIENCE).ok();
        }
        let log = self.process.log_tail();
        let status = self.process.exit_status();
        let trouble = launches::crashed(&self.post.name, &log, status);
        for asker in self.waiting_for_off.drain(..) {
            self.post.answer(asker, Err(trouble.clone()));
        }
        self.live =
            super::Live::resting(State::Crashed, crate::engine::clock::now(), Some(trouble));
        self.post.publish(&self.live);
        Flow::End
    }
}

/// What to say about a QEMU that does not answer.
pub(super) fn not_responding(name: &str, why: &str) -> Failure {
    Failure::new(format!("{name} does not respond"), why)
        .fix("Wait, or power off; unsaved work in the guest is lost then")
}
