//! Looks at this computer and says what works, what does not, and what to do about it.

mod distribution;

use std::path::{Path, PathBuf};

use self::distribution::{Distribution, Part, install};
use super::binary::{self, BinaryError, Capabilities, Qemu};
use super::cpu_models::cpu_models;
use super::process::TPM_PROGRAM;
use super::{firmware, kvm};
use crate::confine::{self, Confinement};
use crate::model::{
    Accelerator, AcceleratorChoice, ByteSize, Check, CheckLevel, ComputerReport, FirmwareKind,
    KvmVerdict,
};

/// Less free memory than this is worth a note.
const LITTLE_MEMORY: ByteSize = ByteSize(1 << 30);
/// Less free disk than this is worth a note.
const LITTLE_DISK: ByteSize = ByteSize(10 << 30);
const HUGE_PAGES: &str = "/sys/kernel/mm/transparent_hugepage/shmem_enabled";

/// Where to look.
#[derive(Clone, Debug)]
pub struct Places {
    /// The library's folder; need not exist yet.
    pub library: PathBuf,
    /// A folder that remembers what QEMU can do and the verdict on KVM.
    pub cache: Option<PathBuf>,
}

/// Examines this computer. Runs QEMU a few times and tries KVM: up to some seconds, so call it in
/// the background.
pub fn doctor(places: &Places) -> ComputerReport {
    let on = distribution::here();
    let cache = |name| places.cache.as_ref().map(|folder| folder.join(name));
    let qemu = binary::find(cache("qemu").as_deref());
    let verdict = kvm::verdict(cache("kvm").as_deref());
    let known = qemu.as_ref().ok();
    let choice = choose(&verdict, known.map(|qemu| &qemu.capabilities));
    let (memory_total, memory_free) = memory();
    let disk_free = disk_free(&places.library);
    let mut checks = vec![check_qemu(&qemu, on)];
    if let Some(qemu) = known {
        checks.extend(check_capabilities(&qemu.capabilities, on));
    }
    checks.push(check_accelerator(&verdict, &choice, known));
    checks.push(check_qemu_img(on));
    checks.push(check_firmware(on));
    checks.push(check_tpm(on));
    checks.push(check_memory(memory_total, memory_free));
    checks.push(check_disk(disk_free));
    checks.push(check_sandbox(&confine::probe()));
    checks.extend(check_huge_pages());
    let file = cache("processors");
    let cpu_models = known.map_or_else(Vec::new, |qemu| {
        cpu_models(qemu, choice.choice, file.as_deref())
    });
    ComputerReport {
        qemu_version: known.map(|qemu| qemu.version.to_string()),
        accelerator: choice,
        kvm: verdict,
        cpus: std::thread::available_parallelism()
            .map_or(1, |count| u32::try_from(count.get()).unwrap_or(u32::MAX)),
        memory_total,
        memory_free,
        disk_free,
        checks,
        cpu_models,
    }
}

/// The accelerator for new launches, with a sentence that says why.
pub fn choose(verdict: &KvmVerdict, capabilities: Option<&Capabilities>) -> AcceleratorChoice {
    let without = capabilities.is_some_and(|known| !known.kvm);
    let slow = |why: &str| AcceleratorChoice {
        choice: Accelerator::Tcg,
        reason: format!("Machines run by software emulation, which is slower: {why}."),
    };
    match verdict {
        KvmVerdict::Works if without => slow("this QEMU was built without KVM"),
        KvmVerdict::Works => AcceleratorChoice {
            choice: Accelerator::Kvm,
            reason: "KVM runs a test guest, so machines run on the processor itself.".to_owned(),
        },
        KvmVerdict::NoDevice => slow("there is no /dev/kvm on this computer"),
        KvmVerdict::NoPermission { .. } => slow("you may not use /dev/kvm"),
        KvmVerdict::Refused { step } => slow(&format!("KVM failed at {step}")),
        KvmVerdict::Hangs => slow("/dev/kvm is there, but a test guest does not get through"),
    }
}

fn check(id: &str, title: &str, level: CheckLevel, finding: impl Into<String>) -> Check {
    Check {
        id: id.to_owned(),
        title: title.to_owned(),
        level,
        finding: finding.into(),
        fix: None,
    }
}

fn with_fix(mut check: Check, fix: impl Into<String>) -> Check {
    check.fix = Some(fix.into());
    check
}

fn check_qemu(qemu: &Result<Qemu, BinaryError>, on: Distribution) -> Check {
    let bad = |finding: String, fix: String| {
        with_fix(check("qemu", "QEMU", CheckLevel::Bad, finding), fix)
    };
    match qemu {
        Ok(qemu) => check(
            "qemu",
            "QEMU",
            CheckLevel::Good,
            format!("{} at {}", qemu.version, qemu.path.display()),
        ),
        Err(error @ (BinaryError::NotFound | BinaryError::TooOld { .. })) => {
            bad(error.to_string(), install(Part::Qemu, on))
        }
        Err(error @ (BinaryError::NotQemu { .. } | BinaryError::Run(_))) => bad(
            error.to_string(),
            "Install QEMU again, or point ORANGERY_QEMU to one that runs.".to_owned(),
        ),
    }
}

fn check_capabilities(known: &Capabilities, on: Distribution) -> Vec<Check> {
    let boards = match &known.machine_type {
        Some(name) => check("machine-types", "Boards", CheckLevel::Good, name.clone()),
        None => with_fix(
            check(
                "machine-types",
                "Boards",
                CheckLevel::Bad,
                "This QEMU has no numbered q35 board, which saved machines need",
            ),
            install(Part::Qemu, on),
        ),
    };
    let display = if known.dbus_display {
        check(
            "display",
            "Display",
            CheckLevel::Good,
            "D-Bus display with shared memory",
        )
    } else {
        with_fix(
            check(
                "display",
                "Display",
                CheckLevel::Note,
                "This QEMU has no D-Bus display; screens come by RFB, which is slower",
            ),
            install(Part::DbusDisplay, on),
        )
    };
    let sound = match known.audio.iter().any(|driver| driver == "dbus") {
        true => check(
            "audio",
            "Sound",
            CheckLevel::Good,
            "Sound can go through the D-Bus display",
        ),
        false => with_fix(
            check(
                "audio",
                "Sound",
                CheckLevel::Note,
                "This QEMU can't pass sound on",
            ),
            install(Part::DbusDisplay, on),
        ),
    };
    vec![boards, display, sound]
}

fn check_accelerator(
    verdict: &KvmVerdict,
    choice: &AcceleratorChoice,
    qemu: Option<&Qemu>,
) -> Check {
    let title = "Acceleration";
    if qemu.is_some_and(|qemu| choice.choice == Accelerator::Tcg && !qemu.capabilities.tcg) {
        let finding = format!("{} And this QEMU has no software emulation", choice.reason);
        let bad = check("accelerator", title, CheckLevel::Bad, finding);
        return with_fix(bad, kvm_fix(verdict));
    }
    match choice.choice {
        Accelerator::Kvm => check(
            "accelerator",
            title,
            CheckLevel::Good,
            choice.reason.clone(),
        ),
        Accelerator::Tcg => with_fix(
            check(
                "accelerator",
                title,
                CheckLevel::Note,
                choice.reason.clone(),
            ),
            kvm_fix(verdict),
        ),
    }
}

fn kvm_fix(verdict: &KvmVerdict) -> String {
    match verdict {
        KvmVerdict::Works => "Install a QEMU with KVM.".to_owned(),
        KvmVerdict::NoDevice => "Switch on virtualisation (VT-x or AMD-V) in the computer's \
             firmware setup, then “sudo modprobe kvm_intel” or “sudo modprobe kvm_amd”."
            .to_owned(),
        KvmVerdict::NoPermission { group: Some(group) } => {
            format!("sudo usermod -aG {group} $USER, then log out and in again")
        }
        KvmVerdict::NoPermission { group: None } => {
            "Ask whoever runs this computer to let you use /dev/kvm.".to_owned()
        }
        KvmVerdict::Refused { .. } => "Look at “sudo dmesg | grep -i kvm”; another hypervisor may \
             hold the processor, or the kernel modules need to be loaded again."
            .to_owned(),
        KvmVerdict::Hangs => "This computer is probably a virtual machine itself: switch on \
             nested virtualisation in its own hypervisor."
            .to_owned(),
    }
}

fn check_qemu_img(on: Distribution) -> Check {
    match confine::find_program("qemu-img") {
        Some(path) => check(
            "qemu-img",
            "Disk tool",
            CheckLevel::Good,
            format!("qemu-img at {}", path.display()),
        ),
        None => with_fix(
            check(
                "qemu-img",
                "Disk tool",
                CheckLevel::Bad,
                "qemu-img was not found",
            ),
            install(Part::QemuImg, on),
        ),
    }
}

fn check_firmware(on: Distribution) -> Check {
    let uefi = firmware::find(FirmwareKind::Uefi);
    let secure = firmware::find(FirmwareKind::Secure);
    let finding = match (&uefi, &secure) {
        (Some(uefi), Some(_)) => format!("UEFI and Secure Boot; {}", uefi.code.path.display()),
        (Some(uefi), None) => format!(
            "UEFI; {}; none with Secure Boot keys",
            uefi.code.path.display()
        ),
        (None, Some(secure)) => format!("Only with Secure Boot; {}", secure.code.path.display()),
        (None, None) => "No UEFI firmware; machines can use BIOS".to_owned(),
    };
    if uefi.is_some() && secure.is_some() {
        check("firmware", "Firmware", CheckLevel::Good, finding)
    } else {
        with_fix(
            check("firmware", "Firmware", CheckLevel::Note, finding),
            install(Part::Firmware, on),
        )
    }
}

fn check_tpm(on: Distribution) -> Check {
    match confine::find_program(TPM_PROGRAM) {
        Some(path) => check(
            "tpm",
            "TPM",
            CheckLevel::Good,
            format!("swtpm at {}", path.display()),
        ),
        None => with_fix(
            check(
                "tpm",
                "TPM",
                CheckLevel::Note,
                "swtpm was not found; machines with a TPM can't start",
            ),
            install(Part::Tpm, on),
        ),
    }
}

/// The command that installs the program for machines' TPMs.
pub fn install_tpm() -> String {
    install(Part::Tpm, distribution::here())
}

fn check_memory(total: ByteSize, free: ByteSize) -> Check {
    let finding = format!("{free} of {total} free");
    if free < LITTLE_MEMORY {
        with_fix(
            check("memory", "Memory", CheckLevel::Note, finding),
            "Close programs before starting machines.",
        )
    } else {
        check("memory", "Memory", CheckLevel::Good, finding)
    }
}

fn check_disk(free: ByteSize) -> Check {
    let finding = format!("{free} free where the library lies");
    if free < LITTLE_DISK {
        with_fix(
            check("disk", "Disk", CheckLevel::Note, finding),
            "Make room, or move the library to another disk in the settings.",
        )
    } else {
        check("disk", "Disk", CheckLevel::Good, finding)
    }
}

fn check_sandbox(reached: &Confinement) -> Check {
    let title = "Sandbox";
    match reached {
        Confinement::Full => check(
            "sandbox",
            title,
            CheckLevel::Good,
            "QEMU sees only its own machine's files (Landlock)",
        ),
        Confinement::Partial { why } => with_fix(
            check(
                "sandbox",
                title,
                CheckLevel::Note,
                format!("In part: {why}"),
            ),
            "Use Linux 6.12 or newer.",
        ),
        Confinement::None { why } => with_fix(
            check(
                "sandbox",
                title,
                CheckLevel::Note,
                format!("QEMU runs without a fence around your files: {why}"),
            ),
            "Use Linux 6.12 or newer with Landlock switched on (add “landlock” to the kernel's lsm= list).",
        ),
    }
}

/// Says nothing where the kernel has no such setting.
fn check_huge_pages() -> Option<Check> {
    let text = std::fs::read_to_string(HUGE_PAGES).ok()?;
    let (_, rest) = text.split_once('[')?;
    let (mode, _) = rest.split_once(']')?;
    let on = matches!(mode, "always" | "within_size" | "advise" | "force");
    let finding = if on {
        format!("Large pages for machines' memory: {mode}")
    } else {
        "No large pages for machines' memory; costs a little speed".to_owned()
    };
    let level = if on {
        CheckLevel::Good
    } else {
        CheckLevel::Note
    };
    let line = check("huge-pages", "Large pages", level, finding);
    Some(if on {
        line
    } else {
        with_fix(line, format!("echo advise | sudo tee {HUGE_PAGES}"))
    })
}

/// Total and available memory.
fn memory() -> (ByteSize, ByteSize) {
    let text = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let value = |key: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(key));
        let kib = line.and_then(|rest| rest.split_whitespace().next()?.parse().ok());
        ByteSize(kib.unwrap_or(0_u64).saturating_mul(1024))
    };
    (value("MemTotal:"), value("MemAvailable:"))
}

/// Free space where `path` is or will be.
fn disk_free(path: &Path) -> ByteSize {
    let existing = path.ancestors().find(|folder| folder.exists());
    existing
        .and_then(|folder| rustix::fs::statvfs(folder).ok())
        .map_or(ByteSize(0), |stat| {
            ByteSize(stat.f_bavail.saturating_mul(stat.f_frsize))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_verdict_but_works_means_emulation_with_a_reason_and_a_fix() {
        let verdicts = [
            KvmVerdict::NoDevice,
            KvmVerdict::NoPermission {
                group: Some("kvm".to_owned()),
            },
            KvmVerdict::NoPermission { group: None },
            KvmVerdict::Refused {
                step: "making a machine".to_owned(),
            },
            KvmVerdict::Hangs,
        ];
        for verdict in verdicts {
            let choice = choose(&verdict, None);
            assert_eq!(choice.choice, Accelerator::Tcg);
            assert!(choice.reason.ends_with('.'), "{}", choice.reason);
            assert!(!kvm_fix(&verdict).is_empty());
        }
        assert_eq!(choose(&KvmVerdict::Works, None).choice, Accelerator::Kvm);
        let without = Capabilities::default();
        assert_eq!(
            choose(&KvmVerdict::Works, Some(&without)).choice,
            Accelerator::Tcg
        );
    }
}
