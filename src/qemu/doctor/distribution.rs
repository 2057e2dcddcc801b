//! The command that installs a missing part, by distribution.

/// Something that can be missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Qemu,
    DbusDisplay,
    QemuImg,
    Firmware,
    Tpm,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Distribution {
    Debian,
    Fedora,
    Arch,
    Suse,
    Other,
}

/// What this computer runs.
pub(super) fn here() -> Distribution {
    std::fs::read_to_string("/etc/os-release").map_or(Distribution::Other, |text| parse(&text))
}

/// <https://www.freedesktop.org/software/systemd/man/latest/os-release.html>
fn parse(os_release: &str) -> Distribution {
    let value = |key: &str| {
        let line = os_release.lines().find_map(|line| line.strip_prefix(key))?;
        Some(line.trim_matches('"').to_owned())
    };
    let own = value("ID=").unwrap_or_default();
    let like = value("ID_LIKE=").unwrap_or_default();
    for word in std::iter::once(own.as_str()).chain(like.split_whitespace()) {
        match word {
            "debian" | "ubuntu" => return Distribution::Debian,
            "fedora" | "rhel" | "centos" => return Distribution::Fedora,
            "arch" => return Distribution::Arch,
            "suse" | "opensuse" => return Distribution::Suse,
            _ => {}
        }
    }
    Distribution::Other
}

/// The command to type.
pub(super) fn install(part: Part, on: Distribution) -> String {
    let (command, packages) = match on {
        Distribution::Debian => ("sudo apt install", debian(part)),
        Distribution::Fedora => ("sudo dnf install", fedora(part)),
        Distribution::Arch => ("sudo pacman -S", arch(part)),
        Distribution::Suse => ("sudo zypper install", suse(part)),
        Distribution::Other => return other(part).to_owned(),
    };
    format!("{command} {packages}")
}

fn debian(part: Part) -> &'static str {
    match part {
        Part::Qemu => "qemu-system-x86 qemu-system-modules-opengl qemu-utils ovmf",
        Part::DbusDisplay => "qemu-system-modules-opengl",
        Part::QemuImg => "qemu-utils",
        Part::Firmware => "ovmf",
        Part::Tpm => "swtpm",
    }
}

fn fedora(part: Part) -> &'static str {
    match part {
        Part::Qemu => "qemu-system-x86-core qemu-ui-dbus qemu-img edk2-ovmf",
        Part::DbusDisplay => "qemu-ui-dbus",
        Part::QemuImg => "qemu-img",
        Part::Firmware => "edk2-ovmf",
        Part::Tpm => "swtpm",
    }
}

fn arch(part: Part) -> &'static str {
    match part {
        Part::Qemu => "qemu-base qemu-ui-dbus edk2-ovmf",
        Part::DbusDisplay => "qemu-ui-dbus",
        Part::QemuImg => "qemu-img",
        Part::Firmware => "edk2-ovmf",
        Part::Tpm => "swtpm",
    }
}

fn suse(part: Part) -> &'static str {
    match part {
        Part::Qemu => "qemu-x86 qemu-ui-dbus qemu-img qemu-ovmf-x86_64",
        Part::DbusDisplay => "qemu-ui-dbus",
        Part::QemuImg => "qemu-img",
        Part::Firmware => "qemu-ovmf-x86_64",
        Part::Tpm => "swtpm",
    }
}

fn other(part: Part) -> &'static str {
    match part {
        Part::Qemu => "Install QEMU for x86_64, 8.2 or newer",
        Part::DbusDisplay => "Install QEMU's D-Bus display module (ui-dbus)",
        Part::QemuImg => "Install qemu-img",
        Part::Firmware => "Install the UEFI firmware OVMF (edk2)",
        Part::Tpm => "Install swtpm",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn derivatives_are_known_by_what_they_resemble() {
        for (text, expected) in [
            ("ID=debian\n", Distribution::Debian),
            (
                "NAME=x\nID=linuxmint\nID_LIKE=\"ubuntu debian\"\n",
                Distribution::Debian,
            ),
            (
                "ID=\"opensuse-tumbleweed\"\nID_LIKE=\"opensuse suse\"",
                Distribution::Suse,
            ),
            ("ID=nixos\n", Distribution::Other),
        ] {
            assert_eq!(parse(text), expected, "{text}");
        }
    }
}
