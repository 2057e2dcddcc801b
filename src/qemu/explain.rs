//! QEMU's complaints in words a user can act on. Pure.
//!
//! Messages are those of QEMU 8.2 to 10.0. What is not known is shown as QEMU said it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;

use crate::confine::Holder;
use crate::model::Failure;

/// Lines of QEMU's log that are shown when nothing better is known.
const LAST_LINES: usize = 3;

/// What is known about a failure.
#[derive(Clone, Debug, Default)]
pub struct Evidence<'a> {
    /// "Debian did not start"
    pub what: &'a str,
    /// The end of QEMU's log.
    pub log: &'a str,
    /// What QMP or the process said, if anything.
    pub error: Option<&'a str>,
    pub status: Option<ExitStatus>,
    /// Which running machine has which image open, to name who holds a lock.
    pub holders: Option<&'a BTreeMap<PathBuf, String>>,
    /// Finds the program that has an image open, to name who else holds a lock.
    pub opener: Option<fn(&Path) -> Option<Holder>>,
}

/// A cause and what to do about it.
struct Cause {
    why: String,
    fix: Option<&'static str>,
}

fn cause(why: impl Into<String>, fix: &'static str) -> Option<Cause> {
    Some(Cause {
        why: why.into(),
        fix: Some(fix),
    })
}

/// Says what happened, why, and what to do; the raw text is kept as details.
pub fn explain(evidence: &Evidence<'_>) -> Failure {
    let log: Vec<String> = evidence.log.lines().filter_map(tidy_line).collect();
    let spoken = evidence.error.unwrap_or_default();
    let text = format!("{}\n{spoken}", log.join("\n"));
    let rules = [
        locked,
        wrong_image,
        kvm,
        display,
        port_in_use,
        address,
        cpu_model,
        machine_type,
        memory,
        no_space,
        firmware,
        refused_state,
        missing,
        forbidden,
    ];
    let known = rules
        .iter()
        .find_map(|rule| rule(&text, evidence))
        .unwrap_or_else(|| unknown(&log, spoken, evidence.status));
    let mut failure = Failure::new(evidence.what, known.why);
    failure.fix = known.fix.map(str::to_owned);
    let details = format!("{}\n{spoken}", evidence.log);
    let details = details.trim();
    if details.is_empty() {
        failure
    } else {
        failure.details(details)
    }
}

/// A log line without time and program name; `None` for what says nothing about a failure.
fn tidy_line(line: &str) -> Option<String> {
    let line: String = line
        .chars()
        .filter(|c| !c.is_control())
        .take(2000)
        .collect();
    let line = match line.split_once(' ') {
        Some((time, rest)) if time.ends_with('Z') && time.contains('T') => rest,
        _ => &line,
    };
    let line = line
        .strip_prefix("qemu-system-x86_64: ")
        .or_else(|| line.strip_prefix("qemu: "))
        .unwrap_or(line)
        .trim();
    let noise = line.is_empty() || line.starts_with("warning:") || line.starts_with("info:");
    (!noise).then(|| line.to_owned())
}

type Known<'a> = &'a Evidence<'a>;

/// What stands between `before` and `after`.
fn between<'a>(text: &'a str, before: &str, after: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(before)?;
    rest.split_once(after).map(|(inner, _)| inner)
}

fn locked(text: &str, known: Known<'_>) -> Option<Cause> {
    if !text.contains("\" lock") {
        return None;
    }
    let image = between(text, "using the image [", "]").unwrap_or("of this machine");
    let machine = known.holders.and_then(|all| all.get(Path::new(image)));
    if let Some(name) = machine {
        return cause(
            format!("The disk {image} is in use by the machine “{name}”"),
            "Shut that machine down first, or make a copy of the disk.",
        );
    }
    let fix =
        "Close the program that uses it (another virtual machine or qemu-img), then start again.";
    match known.opener.and_then(|opener| opener(Path::new(image))) {
        Some(program) => cause(format!("The disk {image} is in use by {program}"), fix),
        None => cause(
            format!("The disk {image} is in use by another program"),
            fix,
        ),
    }
}

fn wrong_image(text: &str, _: Known<'_>) -> Option<Cause> {
    if text.contains("Image is not in qcow2 format") {
        return cause(
            "A disk is not the qcow2 image it should be; it was overwritten or damaged",
            "Restore the disk from a backup or a snapshot.",
        );
    }
    text.contains("Image is corrupt").then_some(Cause {
        why: "A disk is marked as damaged".to_owned(),
        fix: Some("Restore it from a snapshot or a backup, or repair it with “qemu-img check”."),
    })
}

fn kvm(text: &str, _: Known<'_>) -> Option<Cause> {
    if !text.contains("KVM kernel module") && !text.contains("failed to initialize kvm") {
        return None;
    }
    cause(
        "Hardware acceleration (KVM) could not be used",
        "Run “orangery doctor”: it says what is missing.",
    )
}

fn display(text: &str, _: Known<'_>) -> Option<Cause> {
    let missing = text.contains("Display 'dbus' is not available")
        || text.contains("Parameter 'type' does not accept value 'dbus'");
    if !missing {
        return None;
    }
    cause(
        "This QEMU has no D-Bus display",
        "Install QEMU's D-Bus display module (Debian and Ubuntu: qemu-system-modules-opengl; \
         Fedora and Arch: qemu-ui-dbus), or choose the RFB display in the settings.",
    )
}

fn port_in_use(text: &str, _: Known<'_>) -> Option<Cause> {
    if let Some(rule) = between(text, "Could not set up host forwarding rule '", "'") {
        return cause(
            format!("A port that the machine should forward is in use already: {rule}"),
            "Choose another port, or stop the program that uses it.",
        );
    }
    text.contains("Address already in use").then_some(Cause {
        why: "A socket or port that the machine needs is in use already".to_owned(),
        fix: Some("Stop the program that uses it, then start again."),
    })
}

fn address(text: &str, _: Known<'_>) -> Option<Cause> {
    let clash = text.contains("not available for") && text.contains("in use by");
    let path = between(text, "Failed to bind socket to ", ":");
    if let Some(path) = path {
        return cause(
            format!("The machine's socket {path} could not be made"),
            "Check that the runtime folder exists and is yours, and that its disk is not full.",
        );
    }
    clash.then_some(Cause {
        why: "Two devices of the machine have the same address".to_owned(),
        fix: Some("Remove one of them on the machine's hardware page."),
    })
}

fn cpu_model(text: &str, _: Known<'_>) -> Option<Cause> {
    if let Some(model) = between(text, "unable to find CPU model '", "'") {
        return cause(
            format!("QEMU does not know the processor model “{model}”"),
            "Choose another processor model on the machine's hardware page, or leave it empty.",
        );
    }
    text.contains("doesn't support requested feature")
        .then_some(Cause {
            why: "This computer's processor lacks a feature that the machine asks for".to_owned(),
            fix: Some("Choose a smaller processor model on the machine's hardware page."),
        })
}

fn machine_type(text: &str, _: Known<'_>) -> Option<Cause> {
    let kind = between(text, "unsupported machine type: \"", "\"")
        .or_else(|| between(text, "unsupported machine type '", "'"))?;
    cause(
        format!(
            "This QEMU does not know the board “{kind}”; the machine was made with a newer QEMU"
        ),
        "Update QEMU to the version that the machine was made with.",
    )
}

fn memory(text: &str, _: Known<'_>) -> Option<Cause> {
    let short =
        text.contains("Cannot allocate memory") || text.contains("cannot set up guest memory");
    if !short {
        return None;
    }
    cause(
        "There is not enough memory on this computer for the machine",
        "Close other programs or machines, or give this machine less memory.",
    )
}

fn no_space(text: &str, _: Known<'_>) -> Option<Cause> {
    if !text.contains("No space left on device") {
        return None;
    }
    cause(
        "The disk of this computer is full",
        "Make room on the disk that holds the library, then start again.",
    )
}

fn firmware(text: &str, _: Known<'_>) -> Option<Cause> {
    let broken = text.contains("system firmware block device")
        || text.contains("could not load PC BIOS")
        || text.contains("requires SMM");
    if !broken {
        return None;
    }
    cause(
        "The firmware files are missing or do not fit the machine",
        "Install the package with the UEFI firmware (ovmf or edk2-ovmf) and run “orangery doctor”.",
    )
}

fn refused_state(text: &str, _: Known<'_>) -> Option<Cause> {
    let refused = text.contains("load of migration failed")
        || text.contains("error while loading state")
        || text.contains("Unknown savevm section");
    if !refused {
        return None;
    }
    cause(
        "The saved memory does not fit this QEMU or this machine any more",
        "Discard the saved state and start from the disk: only what was in memory is lost.",
    )
}

fn missing(text: &str, _: Known<'_>) -> Option<Cause> {
    let line = text
        .lines()
        .find(|line| line.contains("No such file or directory"))?;
    let path = between(line, "Could not open '", "'").unwrap_or("needed by the machine");
    cause(
        format!("The file {path} does not exist"),
        "Put it back, or take it out of the machine's hardware.",
    )
}

fn forbidden(text: &str, _: Known<'_>) -> Option<Cause> {
    let line = text.lines().find(|line| {
        line.contains("Permission denied") || line.contains("Operation not permitted")
    })?;
    let path = between(line, "Could not open '", "'").unwrap_or("needed by the machine");
    cause(
        format!("The file {path} may not be opened by you"),
        "Change the file's permissions or move it into your own folder.",
    )
}

/// QEMU's own last words, or how it ended.
fn unknown(log: &[String], spoken: &str, status: Option<ExitStatus>) -> Cause {
    use std::os::unix::process::ExitStatusExt;
    let signal = status.and_then(|status| status.signal());
    if signal == Some(9) {
        return Cause {
            why: "QEMU was killed from outside".to_owned(),
            fix: Some("If memory ran out, close other programs or give the machine less memory."),
        };
    }
    let tail = log[log.len().saturating_sub(LAST_LINES)..].join(" ");
    let why = match (tail.is_empty(), spoken.is_empty(), signal) {
        (false, _, _) => format!("QEMU said: {tail}"),
        (true, _, Some(signal)) => format!("QEMU crashed (signal {signal})"),
        (true, false, None) => spoken.to_owned(),
        (true, true, None) => "QEMU ended without a word".to_owned(),
    };
    Cause { why, fix: None }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn why(log: &str) -> (String, Option<String>) {
        let holders = BTreeMap::from([(PathBuf::from("/m/a.qcow2"), "Debian".to_owned())]);
        let failure = explain(&Evidence {
            what: "It did not start",
            log,
            holders: Some(&holders),
            ..Evidence::default()
        });
        assert_eq!(failure.details.as_deref(), Some(log.trim()));
        (failure.why, failure.fix)
    }

    #[test]
    fn each_known_complaint_has_a_cause_and_a_fix() {
        let time = "2026-11-20T16:01:43.798257Z qemu-system-x86_64: ";
        for (log, part) in [
            (
                "-blockdev {}: Could not open '/nope/x': No such file or directory",
                "/nope/x does not exist",
            ),
            (
                "-blockdev {}: Could not open '/etc/shadow': Permission denied",
                "/etc/shadow may not",
            ),
            (
                "-blockdev {}: Failed to get \"write\" lock\nIs another process using the image [/m/a.qcow2]?",
                "“Debian”",
            ),
            (
                "-blockdev {}: Failed to get shared \"write\" lock\nIs another process using the image [/m/b]?",
                "/m/b is in use by another",
            ),
            (
                "-blockdev {}: Image is not in qcow2 format",
                "not the qcow2",
            ),
            (
                "cannot set up guest memory 'pc.ram': Cannot allocate memory",
                "not enough memory",
            ),
            ("unable to find CPU model 'nosuch'", "“nosuch”"),
            (
                "unsupported machine type: \"pc-q35-99.0\"\nUse -machine help",
                "“pc-q35-99.0”",
            ),
            (
                "-display dbus: Parameter 'type' does not accept value 'dbus'",
                "no D-Bus display",
            ),
            (
                "Display 'dbus' is not available. Perhaps you want to install x package?",
                "no D-Bus display",
            ),
            (
                "-accel kvm: Could not access KVM kernel module: No such file or directory",
                "KVM",
            ),
            (
                "-netdev user,x: Could not set up host forwarding rule 'tcp::22-:22'",
                "tcp::22-:22",
            ),
            (
                "-chardev socket: Failed to bind socket to /nope/x: No such file or directory",
                "/nope/x could not",
            ),
            (
                "system firmware block device  has invalid size 197120\ninfo: its size",
                "firmware",
            ),
            (
                "error while loading state for instance 0x0\nload of migration failed: Invalid argument",
                "saved memory",
            ),
        ] {
            let (why, fix) = why(&format!("{time}{log}"));
            assert!(why.contains(part), "{why}");
            assert!(fix.is_some(), "{why}");
        }
    }

    #[test]
    fn unknown_complaints_are_quoted_without_noise() {
        let log = "2026-11-20T16:01:43.798257Z qemu-system-x86_64: warning: nic\n\
                   2026-11-20T16:01:43.798257Z qemu-system-x86_64: odd\u{1b}[31m thing\n";
        assert_eq!(why(log).0, "QEMU said: odd[31m thing");
    }

    #[test]
    fn the_end_of_a_silent_qemu_is_told() {
        use std::os::unix::process::ExitStatusExt;
        let why = |status| {
            let failure = explain(&Evidence {
                what: "x",
                status: Some(ExitStatus::from_raw(status)),
                ..Evidence::default()
            });
            failure.why
        };
        assert_eq!(why(9), "QEMU was killed from outside");
        assert_eq!(why(11), "QEMU crashed (signal 11)");
        assert_eq!(why(0), "QEMU ended without a word");
    }
}
