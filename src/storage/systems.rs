//! The operating systems that Orangery knows by sight, and the hardware that suits each.
//!
//! A table: how a system's media call themselves (labels as of 2025, from the projects' own
//! images), and which class of hardware it wants. Sizes are above the makers' minimum.

use crate::model::{ByteSize, Era, FirmwareKind, System};

/// Systems that want the same hardware.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Class {
    /// Linux with a desktop, and what is as large.
    Linux,
    /// Linux and BSD for servers and containers, rescue systems.
    Small,
    Windows11,
    /// Windows 8 and 10, and the servers since 2012.
    Windows,
    /// Windows Vista and 7, and the servers of their time: SATA, but no USB 3 and mostly no UEFI.
    Windows7,
    /// Windows 2000 and XP, ReactOS.
    WindowsXp,
    /// DOS, Windows up to ME.
    Dos,
}

/// One system.
struct Known {
    /// What a machine with it is called; the version comes behind it.
    name: &'static str,
    /// Words, in lower case, one of which is in what the medium or its file's name says. A word
    /// that starts with `^` must stand at the beginning.
    words: Vec<&'static str>,
    /// How many numbers a version has: 2 for "24.04", 0 for none.
    version: usize,
    class: Class,
}

/// A line for each: name, words, numbers in a version, class. The first that fits counts: kin stand
/// before the system that they are made from. Windows' discs of the media creation tool have had the
/// same label since 2015.
const TABLE: &str = "\
Kubuntu | kubuntu | 2 | Linux
Xubuntu | xubuntu | 2 | Linux
Lubuntu | lubuntu | 2 | Linux
Ubuntu MATE | ubuntu-mate, ubuntu mate | 2 | Linux
Ubuntu Server | ubuntu-server | 2 | Small
Ubuntu | ubuntu | 2 | Linux
Linux Mint | linux mint, linuxmint | 1 | Linux
LMDE | lmde | 1 | Linux
Pop!_OS | pop_os, pop-os | 2 | Linux
elementary OS | elementary os, elementaryos | 1 | Linux
Zorin OS | zorin | 1 | Linux
Kali Linux | kali linux, kali-linux, kali live | 0 | Linux
Tails | ^tails | 1 | Linux
Proxmox VE | ^pve, proxmox-ve, proxmox ve | 0 | Small
Clonezilla | clonezilla | 0 | Small
GParted Live | gparted | 0 | Small
Debian | debian, ^d-live | 1 | Linux
Fedora | fedora | 1 | Linux
CentOS Stream | centos-stream, centos stream | 1 | Linux
CentOS | centos | 1 | Linux
Rocky Linux | ^rocky | 1 | Linux
AlmaLinux | almalinux | 1 | Linux
Oracle Linux | ^ol-, oraclelinux | 1 | Linux
Red Hat Enterprise Linux | ^rhel, red hat enterprise | 1 | Linux
openSUSE Leap | opensuse-leap, opensuse leap | 2 | Linux
openSUSE Tumbleweed | tumbleweed | 0 | Linux
openSUSE | opensuse | 0 | Linux
SUSE Linux Enterprise | ^sle-, ^sles | 1 | Linux
EndeavourOS | endeavouros, ^eos_ | 0 | Linux
Manjaro | manjaro | 0 | Linux
SystemRescue | systemrescue, ^rescue | 0 | Small
Arch Linux | ^arch_, archlinux, arch linux | 0 | Linux
Alpine | alpine | 2 | Small
NixOS | nixos | 2 | Linux
Gentoo | gentoo | 0 | Linux
Void Linux | void_live, void-live, void linux | 0 | Linux
Slackware | slackware, ^slackdvd | 1 | Linux
Guix System | guix | 0 | Linux
Flatcar | flatcar | 0 | Small
Tiny Core Linux | tinycore, ^core- | 0 | Small
TrueNAS | truenas | 0 | Windows
OPNsense | opnsense | 1 | Small
pfSense | pfsense | 0 | Small
GhostBSD | ghostbsd | 0 | Linux
FreeBSD | freebsd, _release_amd64 | 1 | Small
OpenBSD | openbsd | 2 | Small
NetBSD | netbsd | 1 | Small
Haiku | haiku | 0 | Linux
ReactOS | reactos | 0 | WindowsXp
FreeDOS | freedos, ^fd13, ^fd14 | 0 | Dos
MS-DOS | msdos, ms-dos | 0 | Dos
Windows Server 2025 | server_2025, server 2025, server-2025 | 0 | Windows
Windows Server 2022 | server_2022, server 2022, server-2022, sss_x64 | 0 | Windows
Windows Server 2019 | server_2019, server 2019, server-2019 | 0 | Windows
Windows Server 2016 | server_2016, server 2016, server-2016 | 0 | Windows
Windows 11 | win11, windows 11, windows11, windows_11, windows-11 | 0 | Windows11
Windows 10 | win10, windows 10, windows10, windows_10, windows-10 | 0 | Windows
Windows 10 or 11 | ^ccco, ^cpba_, ^esd-iso | 0 | Windows11
Windows 8 | win8, windows 8, windows8, windows_8, windows-8, ^hrm_, ^ir3_, ^ir5_, ^irm_ | 0 | Windows
Windows 7 | win7, windows 7, windows7, windows_7, windows-7, ^grmc, ^gsp1 | 0 | Windows7
Windows Vista | vista, ^lrmc | 0 | Windows7
Windows XP | winxp, windows xp, windows_xp, windows-xp, ^wxp, ^grtmp, ^vrmp, ^xrmp | 0 | WindowsXp
Windows 2000 | win2000, win2k, windows 2000, windows_2000, windows-2000, ^w2p | 0 | WindowsXp
Windows ME | winme, windows me, windows_me | 0 | Dos
Windows 98 | win98, windows 98, windows_98, windows-98 | 0 | Dos
Windows 95 | win95, windows 95, windows_95, windows-95 | 0 | Dos";

fn table() -> impl Iterator<Item = Known> {
    TABLE.lines().filter_map(|line| {
        let mut parts = line.split(" | ");
        Some(Known {
            name: parts.next()?,
            words: parts.next()?.split(", ").collect(),
            version: parts.next()?.parse().ok()?,
            class: match parts.next()? {
                "Linux" => Class::Linux,
                "Small" => Class::Small,
                "Windows11" => Class::Windows11,
                "Windows" => Class::Windows,
                "Windows7" => Class::Windows7,
                "WindowsXp" => Class::WindowsXp,
                "Dos" => Class::Dos,
                _ => return None,
            },
        })
    })
}

/// Names in an ISO's root folder that tell the system when nothing else does.
const FILES: &[(&str, &str)] = &[
    ("nix-store.squashfs", "NixOS"),
    (".alpine-release", "Alpine"),
    ("casper", "Ubuntu"),
    ("arch", "Arch Linux"),
    ("i386", "Windows XP"),
];

/// Whoever publishes Windows puts this on every disc.
const MICROSOFT: [&str; 3] = ["microsoft", "cdimage ", "oscdimg "];

/// What a medium says about itself, in the order in which it is to be believed.
#[derive(Clone, Debug, Default)]
pub struct Says<'a> {
    /// Texts on the medium: `/.disk/info`, its label, `/.treeinfo`.
    pub texts: Vec<&'a str>,
    /// Who published and who made it.
    pub makers: Vec<&'a str>,
    /// Names in its root folder.
    pub names: Vec<&'a str>,
    /// The name of the image file without its folder.
    pub file_name: &'a str,
}

/// The system that `says` speaks of.
pub fn find(says: &Says<'_>) -> Option<System> {
    let mut texts: Vec<String> = says.texts.iter().map(|text| text.to_lowercase()).collect();
    let file_name = says.file_name.to_lowercase();
    // The label of Windows' discs tells less than their files' names.
    let microsoft = says.makers.iter().any(|maker| {
        let maker = maker.to_lowercase();
        MICROSOFT.iter().any(|word| maker.contains(word))
    });
    match microsoft {
        true => texts.insert(0, file_name.clone()),
        false => texts.push(file_name.clone()),
    }
    let by_text = texts.iter().find_map(|text| by_words(text));
    let found = by_text
        .or_else(|| by_files(&says.names))
        .or_else(|| microsoft.then(|| system("Windows".to_owned(), Class::Windows)));
    let mut found = found?;
    let arm = ["arm64", "aarch64"];
    if texts
        .iter()
        .any(|text| arm.iter().any(|word| text.contains(word)))
    {
        found.note =
            Some("This is for computers with ARM processors; it will not start here".to_owned());
    }
    Some(found)
}

fn by_words(text: &str) -> Option<System> {
    table().find_map(|known| {
        let end = known
            .words
            .iter()
            .find_map(|word| match word.strip_prefix('^') {
                Some(start) => text.starts_with(start).then_some(start.len()),
                None => text.find(word).map(|at| at + word.len()),
            })?;
        let mut name = known.name.to_owned();
        let number =
            version(&text[end..], known.version).or_else(|| version(&text[..end], known.version));
        if let Some(number) = number {
            name = format!("{name} {number}");
        }
        Some(system(name, known.class))
    })
}

fn by_files(names: &[&str]) -> Option<System> {
    let (_, name) = FILES.iter().find(|(file, _)| names.contains(file))?;
    let known = table().find(|known| known.name == *name)?;
    Some(system(name.to_string(), known.class))
}

/// The first version in `text`, of at most `parts` numbers: "24.04" of "-24.04.1-desktop-amd64".
fn version(text: &str, parts: usize) -> Option<String> {
    if parts == 0 {
        return None;
    }
    let text = &text.replace("x86_64", "");
    let bytes = text.as_bytes();
    let begins = |at: usize| {
        // The 64 of amd64 is no version.
        bytes[at].is_ascii_digit() && (at == 0 || !bytes[at - 1].is_ascii_alphanumeric())
    };
    let start = (0..bytes.len()).find(|at| begins(*at))?;
    let rest = &text[start..];
    let end = rest
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(rest.len());
    let numbers = rest[..end].split('.').filter(|number| !number.is_empty());
    let found: Vec<&str> = numbers.take(parts).collect();
    // A date is no version.
    (found[0].len() <= 3).then(|| found.join("."))
}

fn system(name: String, class: Class) -> System {
    let (cpus, memory, disk) = match class {
        Class::Linux => (2, ByteSize::gib(4), ByteSize::gib(32)),
        Class::Small => (2, ByteSize::gib(2), ByteSize::gib(16)),
        Class::Windows11 => (4, ByteSize::gib(8), ByteSize::gib(64)),
        Class::Windows => (2, ByteSize::gib(4), ByteSize::gib(64)),
        Class::Windows7 => (2, ByteSize::gib(2), ByteSize::gib(40)),
        Class::WindowsXp => (1, ByteSize::mib(512), ByteSize::gib(16)),
        // FAT16 ends at 2 GiB, and Windows 98 does not start with 512 MiB and more.
        Class::Dos => (1, ByteSize::mib(256), ByteSize::gib(2)),
    };
    let (firmware, era) = match class {
        Class::Linux | Class::Small => (FirmwareKind::Bios, Era::Virtio),
        Class::Windows11 => (FirmwareKind::Secure, Era::Sata),
        Class::Windows => (FirmwareKind::Uefi, Era::Sata),
        Class::Windows7 => (FirmwareKind::Bios, Era::Sata),
        Class::WindowsXp | Class::Dos => (FirmwareKind::Bios, Era::Ide),
    };
    System {
        name,
        cpus,
        memory,
        disk,
        firmware,
        era,
        note: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, name: &str) {
        let says = Says {
            texts: vec![text],
            ..Says::default()
        };
        let found = find(&says).map(|system| system.name);
        assert_eq!(found.as_deref(), Some(name), "{text}");
    }

    #[test]
    fn media_are_known_by_what_they_say() {
        check("Debian 12.5.0 amd64 n", "Debian 12");
        check(
            "Debian GNU/Linux 12 \"Bookworm\" - Unofficial amd64 NETINST",
            "Debian 12",
        );
        check("Ubuntu 24.04.1 LTS amd64", "Ubuntu 24.04");
        check("Ubuntu-Server 22.04.4 LTS amd64", "Ubuntu Server 22.04");
        check("Fedora-WS-Live-42-1-1", "Fedora 42");
        check("Fedora-S-dvd-x86_64-41", "Fedora 41");
        check("14_1_RELEASE_AMD64_CD", "FreeBSD 14");
        check("alpine-std 3.20.3 x86_64", "Alpine 3.20");
        check("ARCH_202501", "Arch Linux");
        check("nixos-minimal-24.11-x86_64", "NixOS 24.11");
        check("openSUSE-Leap-15.6-DVD-x86_64", "openSUSE Leap 15.6");
        check("Rocky-9-4-x86_64-dvd", "Rocky Linux 9");
        check("OpenBSD/amd64   7.5 Install CD", "OpenBSD 7.5");
        check("CCCOMA_X64FRE_EN-US_DV9", "Windows 10 or 11");
        check("GRMCPRXFRER_EN_DVD", "Windows 7");
        check("GRTMPVOL_EN", "Windows XP");
        check("win98se", "Windows 98");
        check("Linux Mint 22 Cinnamon 64-bit", "Linux Mint 22");
    }

    #[test]
    fn the_name_of_a_file_helps_where_the_medium_does_not_tell() {
        let windows = Says {
            texts: vec!["CCCOMA_X64FRE_EN-US_DV9"],
            makers: vec!["MICROSOFT CORPORATION"],
            names: vec!["readme.txt"],
            file_name: "Win11_23H2_English_x64v2.iso",
        };
        let found = find(&windows).unwrap();
        assert_eq!(found.name, "Windows 11");
        assert_eq!(
            (found.firmware, found.era),
            (FirmwareKind::Secure, Era::Sata)
        );
        let nameless = Says {
            makers: vec!["", "CDIMAGE 2.56 (01/01/2005 TM)"],
            ..Says::default()
        };
        assert_eq!(find(&nameless).unwrap().name, "Windows");
        let cloud = Says {
            file_name: "debian-12-genericcloud-amd64.qcow2",
            ..Says::default()
        };
        assert_eq!(find(&cloud).unwrap().name, "Debian 12");
        let arm = Says {
            file_name: "ubuntu-24.04-live-server-arm64.iso",
            ..Says::default()
        };
        assert!(find(&arm).unwrap().note.unwrap().contains("ARM"));
        let live = Says {
            names: vec!["boot", "casper"],
            ..Says::default()
        };
        assert_eq!(find(&live).unwrap().name, "Ubuntu");
        assert_eq!(find(&Says::default()), None);
    }

    #[test]
    fn what_looks_like_a_version_and_is_none_is_left_out() {
        assert_eq!(version(" amd64 x86_64", 2), None);
        assert_eq!(version("-20250101-", 1), None);
        assert_eq!(version("-.5", 1).as_deref(), Some("5"));
        assert_eq!(version("-12.", 2).as_deref(), Some("12"));
        assert_eq!(version("12", 0), None);
        check("debian", "Debian");
    }

    #[test]
    fn every_system_that_files_tell_is_in_the_table() {
        for (file, name) in FILES {
            assert!(by_files(&[file]).is_some(), "{name}");
        }
        let known = table().count();
        assert_eq!(known, TABLE.lines().count(), "a line of the table is wrong");
        for known in table() {
            let words = known.words.iter().map(|word| word.to_lowercase());
            assert!(words.eq(known.words.iter().copied()), "{}", known.name);
        }
    }
}
