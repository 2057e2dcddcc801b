//! The processor models that QEMU can give a guest on this computer.

use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::binary::{Identity, Qemu};
use super::cache;
use super::qmp::Client;
use crate::confine::{self, Program};
use crate::model::Accelerator;

/// Takes 100 ms on an idle computer.
const PATIENCE: Duration = Duration::from_secs(15);

/// The number of the monitor's socket in QEMU.
const MONITOR: i32 = 10;

/// More than QEMU knows; what is beyond is nonsense.
const MAX_MODELS: usize = 512;

/// Not models but ways of choosing one: the best is what a machine gets that names none.
const CHOICES: [&str; 3] = ["base", "host", "max"];

/// An answer, and what it holds for.
#[derive(Serialize, Deserialize)]
struct Known {
    qemu: Identity,
    /// What a processor can do changes with the kernel's and the firmware's workarounds.
    kernel: String,
    accelerator: Accelerator,
    models: Vec<String>,
}

/// Names of the models that a guest can have here, sorted. Asked once and remembered in `file`.
///
/// Empty where QEMU does not say; a machine may name any model all the same.
pub fn cpu_models(qemu: &Qemu, accelerator: Accelerator, file: Option<&Path>) -> Vec<String> {
    let Ok(identity) = Identity::of(&qemu.path) else {
        return Vec::new();
    };
    let kernel = rustix::system::uname()
        .release()
        .to_string_lossy()
        .into_owned();
    if let Some(known) = file.and_then(cache::recall::<Known>)
        && known.qemu == identity
        && known.kernel == kernel
        && known.accelerator == accelerator
    {
        return known.models;
    }
    let models = ask(qemu, accelerator).unwrap_or_default();
    if let Some(file) = file.filter(|_| !models.is_empty()) {
        let known = Known {
            qemu: identity,
            kernel,
            accelerator,
            models: models.clone(),
        };
        cache::remember(file, &known).ok(); // Asked again the next time, nothing worse.
    }
    models
}

/// Starts a QEMU without a machine and asks it over a socket that it inherits.
fn ask(qemu: &Qemu, accelerator: Accelerator) -> Option<Vec<String>> {
    let (ours, theirs) = UnixStream::pair().ok()?;
    let accelerator_args = ["-machine", "none", "-accel", accelerator.word()];
    let mut program = Program::new(&qemu.path).args(accelerator_args).args([
        "-no-user-config",
        "-nodefaults",
        "-S",
        "-display",
        "none",
        "-mon",
        "chardev=mon0,mode=control",
    ]);
    program = program.args([
        "-chardev".to_owned(),
        format!("socket,id=mon0,fd={MONITOR}"),
    ]);
    program.files.push((OwnedFd::from(theirs), MONITOR));
    if accelerator == Accelerator::Kvm {
        program.devices.push("/dev/kvm".into());
    }
    let mut spawned = confine::spawn(program).ok()?;
    let definitions = Client::over(ours, PATIENCE).and_then(|(client, _events)| {
        let found = client.call_raw("query-cpu-definitions", json!({}), PATIENCE);
        client.call_raw("quit", json!({}), PATIENCE).ok(); // It is ended below as well.
        found
    });
    spawned.child.kill().ok(); // Gone already, or it does not answer.
    spawned.child.wait().ok();
    Some(usable(&definitions.ok()?))
}

/// The names in QEMU's answer that a guest can have.
fn usable(definitions: &Value) -> Vec<String> {
    let all: Vec<&Value> = definitions.as_array().into_iter().flatten().collect();
    let name = |model: &Value| model.get("name").and_then(Value::as_str).map(str::to_owned);
    let lacks = |model: &Value| {
        let lacking = model.get("unavailable-features");
        lacking
            .and_then(Value::as_array)
            .is_some_and(|lacking| !lacking.is_empty())
    };
    let mut names: Vec<String> = all
        .iter()
        .take(MAX_MODELS)
        .filter(|model| !lacks(model))
        .filter_map(|model| name(model))
        .filter(|name| !CHOICES.contains(&name.as_str()) && name.len() <= 64)
        .collect();
    // Of Haswell and Haswell-v1 to -v4 one is enough to choose from, if it can be had.
    let known = names.clone();
    names.retain(|name| match name.rsplit_once("-v") {
        Some((plain, version)) if version.parse::<u32>().is_ok() => {
            !known.iter().any(|other| other == plain)
        }
        _ => true,
    });
    names.sort_by_key(|name| name.to_lowercase());
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn models_that_can_not_be_had_and_second_names_are_left_out() {
        let model =
            |name: &str, lacking: &[&str]| json!({"name": name, "unavailable-features": lacking});
        let definitions = json!([
            model("qemu64-v1", &[]),
            model("qemu64", &[]),
            model("max", &[]),
            model("host", &["kvm"]),
            model("Haswell", &["rtm"]),
            model("Haswell-v4", &[]),
            model("Nehalem", &[]),
            {"name": "new"},
        ]);
        assert_eq!(
            usable(&definitions),
            ["Haswell-v4", "Nehalem", "new", "qemu64"]
        );
        assert_eq!(usable(&json!("nonsense")), [""; 0]);
    }
}
