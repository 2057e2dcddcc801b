//! How a worker gets a machine that an earlier owner left running.

use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError};

use super::events::not_responding;
use super::{Begun, Live, Order, PATIENCE, Post, hardware, refuse_order, serial::Line};
use crate::engine::clock;
use crate::engine::launches;
use crate::model::{Action, Answer, Machine, State};
use crate::qemu::process::Process;
use crate::qemu::qmp::Client;
use crate::qemu::{merge, pivot};

/// An adopted QEMU may be busy for a moment.
const ADOPT_PATIENCE: Duration = Duration::from_secs(5);

/// How often one that is loading is asked whether it is done.
const LOAD_PULSE: Duration = Duration::from_millis(20);

/// How often a silent one is tried again.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// A machine that runs already.
pub struct Adoption {
    pub process: Process,
    /// The hardware that was launched.
    pub machine: Machine,
    /// The machine's record names a saved state.
    pub saved: bool,
}

/// Connects to a QEMU that runs already. One that does not answer is waited for, as long as it lives.
pub fn adopt(post: &Post, adoption: Adoption, orders: &Receiver<Order>) -> Option<Begun> {
    let Adoption {
        mut process,
        machine,
        saved,
    } = adoption;
    let mut live = Live::of_process(State::Running, &process);
    let mut patience = ADOPT_PATIENCE;
    loop {
        let error = match process.connect(patience) {
            Ok((qmp, events)) => {
                let status = state_once_loaded(&qmp, saved);
                let incoming = process.manifest().incoming;
                if saved && (incoming || status.as_deref() != Some("running")) {
                    return end_unneeded(post, &process);
                }
                if status.is_some() {
                    hardware::lay_cables(&qmp, &machine).ok(); // The last owner may have had them out for a moment.
                }
                if status.as_deref() == Some("prelaunch") && !incoming {
                    // The last owner was about to. The first look shows what came of it.
                    qmp.call_raw("cont", serde_json::json!({}), PATIENCE).ok();
                }
                if let Err(error) = merge::end_abandoned(&qmp) {
                    eprintln!("orangery: {}: {error}", post.id); // Whoever merges next is told.
                }
                let mut machine = machine;
                adopt_layers(post, &qmp, &mut process, &mut machine);
                live = Live::of_process(State::Running, &process); // Until the first look.
                return Some(Begun {
                    is_now: false,
                    serial: Line::of(post, &process, true),
                    process,
                    qmp,
                    events,
                    live,
                    machine,
                });
            }
            Err(error) => error,
        };
        if process.has_ended() {
            let trouble = launches::crashed(&post.name, &process.log_tail(), None);
            post.publish(&Live::resting(State::Crashed, clock::now(), Some(trouble)));
            return None;
        }
        if live.state != State::NotResponding {
            live.state = State::NotResponding;
            live.since = clock::now();
            live.trouble = Some(not_responding(&post.name, &error.to_string()));
            post.publish(&live);
        }
        patience = LOOK_AGAIN;
        match orders.recv_timeout(LOOK_AGAIN) {
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return None,
            Ok(Order::Act {
                action: Action::PowerOff,
                asker,
            }) => {
                end(&process);
                post.publish(&Live::resting(State::Off, clock::now(), None));
                post.answer(asker, Ok(Answer::Done));
                return None;
            }
            Ok(order) => refuse_order(post, order),
        }
    }
}

/// QEMU's `RunState` (qapi/run-state.json).
pub(super) fn run_state(qmp: &Client) -> Option<String> {
    let status = qmp.call_raw("query-status", serde_json::json!({}), PATIENCE);
    Some(status.ok()?.get("status")?.as_str()?.to_owned())
}

/// The same. One that is just loading what its guest goes on from is waited for, unless that is `saved` for another time.
fn state_once_loaded(qmp: &Client, saved: bool) -> Option<String> {
    let until = Instant::now() + ADOPT_PATIENCE;
    loop {
        let status = run_state(qmp);
        if saved || status.as_deref() != Some("inmigrate") || Instant::now() > until {
            return status;
        }
        std::thread::sleep(LOAD_PULSE);
    }
}

/// Ends a QEMU whose machine is saved: it was to go on from there and never did, or only its end was missing.
fn end_unneeded(post: &Post, process: &Process) -> Option<Begun> {
    end(process);
    post.publish(&Live::resting(State::Saved, clock::now(), None));
    None
}

fn end(process: &Process) {
    process.kill().ok(); // Fails only when it is gone.
    process.wait(PATIENCE).ok();
    launches::forget(process.folder());
}

/// Brings what is written about a machine in step with the layers that its QEMU has, after an owner was killed while it
/// took a snapshot, or was to let the guest go. The guest runs on if it was to.
fn adopt_layers(post: &Post, qmp: &Client, process: &mut Process, machine: &mut Machine) {
    let mut resumes = false;
    for intent in post.library.left_intents(post.id) {
        let mut was_cut_off = false;
        for overlay in &intent.overlays {
            let layer = overlay.new;
            let is_known = machine.tops().contains(&layer);
            match pivot::is_on(qmp, layer.layer) {
                Ok(true) if !is_known => {
                    was_cut_off = true;
                    let pair = [*overlay];
                    let grown = post.record(move |record| record.grow(&pair));
                    if grown.is_err() {
                        return; // The guest stays stopped; the next owner tries again.
                    }
                    machine.grow(&[*overlay]);
                    let path = post.library.layer_file(layer);
                    process
                        .add_layers(machine.clone(), vec![(layer, path)])
                        .ok();
                }
                Ok(false) => was_cut_off |= pivot::close_one(qmp, layer.layer),
                Ok(true) | Err(_) => {}
            }
        }
        let status = run_state(qmp);
        let stands = match status.as_deref() {
            Some("postmigrate") => true,
            // Without layers it says just this: the guest stands, and nobody paused it.
            Some("paused") => was_cut_off || intent.overlays.is_empty(),
            _ => was_cut_off,
        };
        resumes |= intent.resumes && stands;
    }
    // Not before all its layers have names.
    if resumes {
        qmp.call_raw("cont", serde_json::json!({}), PATIENCE).ok(); // The first look shows what came of it.
    }
}
