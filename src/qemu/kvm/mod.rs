//! Whether KVM really runs guests here: tried with a tiny guest in a child process.
//!
//! `/dev/kvm` may open and make machines while guest code never arrives or is interpreted by the
//! kernel (nested virtualisation that is half there), and processor flags say nothing about
//! that. So a child sets up one processor, runs 238 bytes from real to long mode and must arrive. The limit is processor time,
//! which a busy host can't falsify; wall time is only the backstop.

mod guest;
mod rom;

use std::fs::OpenOptions;
use std::io::{self, Read, Write};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::{Child, ExitCode};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::{cache, proc};
use crate::confine::{self, Output, Program};
use crate::model::KvmVerdict;

/// The hidden sub-program that runs the tiny guest.
pub const KVM_PROBE: &str = "__kvm-probe";
const DEVICE: &str = "/dev/kvm";
/// Processor time of the first and of the second try. A working guest needs some 10 ms.
const LIMITS: [Duration; 2] = [Duration::from_millis(150), Duration::from_millis(400)];
/// Wall time of both tries together.
const BACKSTOP: Duration = Duration::from_secs(3);
const PULSE: Duration = Duration::from_millis(5);
/// `/proc` counts processor time in hundredths of a second on every Linux for x86.
const TICK: Duration = Duration::from_millis(10);
const MAX_ANSWER: u64 = 4096;

/// What the child found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Answer {
    Works,
    Refused { step: String },
}

/// The `__kvm-probe` sub-program.
pub fn kvm_probe_main() -> ExitCode {
    let answer = guest::run();
    let told = serde_json::to_vec(&answer)
        .map_err(io::Error::from)
        .and_then(|text| io::stdout().write_all(&text));
    match told {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

/// What is remembered of a try, and for which computer state.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Remembered {
    boot: String,
    kernel: String,
    user: u32,
    /// Which test guest gave the verdict.
    guest: u32,
    verdict: KvmVerdict,
}

/// Tries KVM, or gives what was found since the last boot with this kernel and user, kept in the
/// file `file`. Blocks for 3 s at most, and a little; run it in the background.
pub fn verdict(file: Option<&Path>) -> KvmVerdict {
    // Missing and forbidden are cheap to see and may change any moment: never remembered.
    if let Some(verdict) = look_at_device() {
        return verdict;
    }
    let now = |verdict| -> Option<Remembered> {
        Some(Remembered {
            boot: proc::boot_id().ok()?,
            kernel: rustix::system::uname().release().to_string_lossy().into(),
            user: rustix::process::getuid().as_raw(),
            guest: crc32fast::hash(&rom::image()),
            verdict,
        })
    };
    if let Some(old) = file.and_then(cache::recall::<Remembered>)
        && now(old.verdict.clone()).as_ref() == Some(&old)
    {
        return old.verdict;
    }
    let verdict = try_guest();
    if let (Some(file), Some(remembered)) = (file, now(verdict.clone())) {
        // Not remembered means tried again, nothing worse.
        cache::remember(file, &remembered).ok();
    }
    verdict
}

/// The verdict that needs no guest.
fn look_at_device() -> Option<KvmVerdict> {
    let error = OpenOptions::new()
        .read(true)
        .write(true)
        .open(DEVICE)
        .err()?;
    Some(match error.kind() {
        io::ErrorKind::PermissionDenied => KvmVerdict::NoPermission {
            group: device_group(),
        },
        io::ErrorKind::NotFound => KvmVerdict::NoDevice,
        // A node without a driver behind it: the module is not loaded.
        _ if matches!(
            rustix::io::Errno::from_io_error(&error),
            Some(rustix::io::Errno::NODEV | rustix::io::Errno::NXIO)
        ) =>
        {
            KvmVerdict::NoDevice
        }
        _ => KvmVerdict::Refused {
            step: format!("opening {DEVICE}: {error}"),
        },
    })
}

/// The group that may use the device, if one may.
fn device_group() -> Option<String> {
    let data = std::fs::metadata(DEVICE).ok()?;
    if data.mode() & 0o060 != 0o060 || data.gid() == 0 {
        return None;
    }
    group_name(&std::fs::read_to_string("/etc/group").ok()?, data.gid())
}

fn group_name(groups: &str, gid: u32) -> Option<String> {
    groups.lines().find_map(|line| {
        let mut parts = line.split(':');
        let name = parts.next()?;
        (parts.nth(1)?.parse() == Ok(gid)).then(|| name.to_owned())
    })
}

fn try_guest() -> KvmVerdict {
    let deadline = Instant::now() + BACKSTOP;
    for limit in LIMITS {
        match try_once(limit, deadline) {
            Ok(Some(Answer::Works)) => return KvmVerdict::Works,
            Ok(Some(Answer::Refused { step })) => return KvmVerdict::Refused { step },
            Ok(None) => {}
            Err(why) => return KvmVerdict::Refused { step: why },
        }
    }
    KvmVerdict::Hangs
}

/// `None`: it did not arrive within `limit` of processor time.
fn try_once(limit: Duration, deadline: Instant) -> Result<Option<Answer>, String> {
    let mut program = Program::ourselves(KVM_PROBE);
    program.devices.push(DEVICE.into());
    program.output = Output::Captured;
    // The kernel ends it, should we be gone.
    program.limits.cpu_seconds = Some(2);
    let mut child = confine::spawn(program)
        .map_err(|error| format!("starting the probe: {error}"))?
        .child;
    let ended = wait(&mut child, limit, deadline);
    if ended != Ok(true) {
        // Both fail only if it is gone already.
        child.kill().ok();
        child.wait().ok();
        return ended.map(|_| None);
    }
    let mut text = Vec::new();
    if let Some(stdout) = child.stdout.take() {
        let read = stdout.take(MAX_ANSWER).read_to_end(&mut text);
        read.map_err(|error| format!("reading the probe's answer: {error}"))?;
    }
    serde_json::from_slice(&text)
        .map(Some)
        .map_err(|_garbled| "running a guest: the probe ended without an answer".to_owned())
}

/// Whether the child ended by itself.
fn wait(child: &mut Child, limit: Duration, deadline: Instant) -> Result<bool, String> {
    loop {
        match child.try_wait() {
            Ok(Some(_)) => return Ok(true),
            Ok(None) => {}
            Err(error) => return Err(format!("watching the probe: {error}")),
        }
        let ticks = proc::stat(child.id()).map_or(0, |stat| stat.cpu_ticks);
        let used = TICK.saturating_mul(u32::try_from(ticks).unwrap_or(u32::MAX));
        if used > limit || Instant::now() >= deadline {
            return Ok(false);
        }
        std::thread::sleep(PULSE);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_group_is_named_by_its_number() {
        let groups = "root:x:0:\nkvm:x:104:ann,bob\nbroken\nkvm2:x:1044:\n";
        assert_eq!(group_name(groups, 104).as_deref(), Some("kvm"));
        assert_eq!(group_name(groups, 5), None);
    }

    #[test]
    fn the_image_starts_at_the_reset_vector() {
        let image = rom::image();
        assert_eq!(image.len(), rom::SIZE);
        assert_eq!(&image[0xfff0..0xfff5], [0xea, 0, 0, 0, 0xf0]);
        assert_eq!(image[0], 0xfa);
    }
}
