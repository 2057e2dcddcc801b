//! The Landlock rules a program gets: what it may read, write, control and connect to.
//!
//! Landlock is applied as far as the kernel knows it; how far that was is reported.

use std::path::Path;

use landlock::{
    ABI, Access, AccessFs, AccessNet, BitFlags, CompatLevel, Compatible, LandlockStatus,
    PathBeneath, PathFd, RestrictionStatus, Ruleset, RulesetAttr, RulesetCreated,
    RulesetCreatedAttr, RulesetError, RulesetStatus, Scope,
};

use super::spec::{Confinement, Network, Spec};

/// What we ask for: Linux 6.12 has all of it.
const WANTED: ABI = ABI::V6;

/// Where programs, libraries, firmware and fonts lie. Read and execute.
const SYSTEM: [&str; 8] = [
    "/usr",
    "/lib",
    "/lib64",
    "/bin",
    "/sbin",
    "/nix/store",
    "/gnu/store",
    "/app",
];

/// Small things that the C library, GLib and QEMU look at. Read only.
const SMALL_READS: [&str; 19] = [
    "/etc/ld.so.cache",
    "/etc/ld.so.preload",
    "/etc/ld.so.conf",
    "/etc/ld.so.conf.d",
    "/etc/localtime",
    "/etc/locale.alias",
    "/etc/ssl",
    "/etc/alternatives",
    "/etc/qemu",
    "/proc/self",
    "/proc/cpuinfo",
    "/proc/meminfo",
    "/proc/stat",
    "/proc/sys/kernel",
    "/proc/sys/vm",
    "/sys/devices/system",
    "/sys/kernel/mm",
    "/dev/urandom",
    "/dev/random",
];

/// Name resolution, for programs that may use the network.
const NETWORK_READS: [&str; 9] = [
    RESOLVER,
    "/etc/hosts",
    "/etc/host.conf",
    "/etc/nsswitch.conf",
    "/etc/gai.conf",
    "/etc/services",
    "/run/systemd/resolve",
    "/run/NetworkManager",
    "/run/resolvconf",
];
const RESOLVER: &str = "/etc/resolv.conf";

/// Where the resolver's file is replaced by renaming whenever the network changes, a rule on the
/// file would be lost: then its folder is opened. Mostly it is a link into `/run`, else it is
/// all of `/etc`, which holds nothing secret that its permissions don't keep.
fn resolver_folder() -> Option<std::path::PathBuf> {
    let real = std::fs::canonicalize(RESOLVER).ok()?;
    real.parent().map(Path::to_owned)
}

/// Confines the calling process for good. Never fails: the result says what was reached.
pub(super) fn raise(spec: &Spec) -> Confinement {
    if !spec.fence {
        return Confinement::None {
            why: "not asked for".to_owned(),
        };
    }
    match restrict(spec) {
        Ok(status) => judge(&status),
        Err(error) => Confinement::None {
            why: format!("Landlock refused the rules: {error}"),
        },
    }
}

fn restrict(spec: &Spec) -> Result<RestrictionStatus, RulesetError> {
    let ruleset = Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(WANTED))?
        .scope(Scope::from_all(WANTED))?;
    let ruleset = match spec.network {
        Network::Deny => ruleset.handle_access(AccessNet::from_all(WANTED))?,
        Network::Outgoing => ruleset.handle_access(AccessNet::BindTcp)?,
        Network::Open => ruleset,
    };
    let mut rules = ruleset.create()?;
    let read = AccessFs::ReadFile | AccessFs::ReadDir;
    rules = allow_all(rules, SYSTEM, AccessFs::from_read(WANTED))?;
    rules = allow(rules, &spec.path, AccessFs::from_read(WANTED))?;
    rules = allow_all(rules, SMALL_READS, read)?;
    rules = match spec.network {
        Network::Deny => rules,
        Network::Outgoing | Network::Open => {
            let rules = allow_all(rules, NETWORK_READS, read)?;
            allow_all(rules, resolver_folder(), read)?
        }
    };
    rules = allow_all(rules, &spec.reads, read)?;
    let write = AccessFs::from_all(WANTED) & !AccessFs::Execute & !AccessFs::MakeBlock;
    rules = allow_all(rules, &spec.writes, write & !AccessFs::MakeChar)?;
    let device = AccessFs::ReadFile | AccessFs::WriteFile | AccessFs::IoctlDev;
    rules = allow_all(rules, ["/dev/null", "/dev/zero"], device)?;
    rules = allow_all(rules, &spec.devices, device)?;
    rules.restrict_self()
}

fn allow_all(
    mut rules: RulesetCreated,
    paths: impl IntoIterator<Item = impl AsRef<Path>>,
    access: BitFlags<AccessFs>,
) -> Result<RulesetCreated, RulesetError> {
    for path in paths {
        rules = allow(rules, path.as_ref(), access)?;
    }
    Ok(rules)
}

/// Allows `access` on a file or on everything in a folder. What does not exist is left out.
fn allow(
    rules: RulesetCreated,
    path: &Path,
    access: BitFlags<AccessFs>,
) -> Result<RulesetCreated, RulesetError> {
    let Ok(opened) = PathFd::new(path) else {
        return Ok(rules);
    };
    let access = if path.is_dir() {
        access
    } else {
        access & AccessFs::from_file(WANTED)
    };
    rules.add_rule(PathBeneath::new(opened, access))
}

fn judge(status: &RestrictionStatus) -> Confinement {
    match (&status.ruleset, &status.landlock) {
        (RulesetStatus::FullyEnforced, _) => Confinement::Full,
        (RulesetStatus::NotEnforced, LandlockStatus::NotEnabled) => Confinement::None {
            why: "the kernel has Landlock, but it is switched off".to_owned(),
        },
        (RulesetStatus::NotEnforced, _) => Confinement::None {
            why: "the kernel has no Landlock".to_owned(),
        },
        (RulesetStatus::PartiallyEnforced, LandlockStatus::Available { effective_abi, .. }) => {
            Confinement::Partial {
                why: shortfall(*effective_abi),
            }
        }
        (RulesetStatus::PartiallyEnforced, _) => Confinement::Partial {
            why: "the kernel knows only a part of Landlock".to_owned(),
        },
    }
}

/// What a kernel with this version of Landlock can't stop.
fn shortfall(abi: ABI) -> String {
    let gap = if abi < ABI::V3 {
        "cutting off files and TCP connections"
    } else if abi < ABI::V4 {
        "TCP connections"
    } else if abi < ABI::V5 {
        "requests to device files"
    } else {
        "signals and abstract sockets"
    };
    format!("this kernel's Landlock can't stop {gap}; a newer kernel can")
}
