//! What `orangery device` understands: the words for devices, and KEY=VALUE for what they are like. Pure.

use std::path::PathBuf;
use std::str::FromStr as _;

use crate::model::{
    ByteSize, Cdrom, DeviceKind, Disk, DiskBus, DiskCache, Display, DisplayModel, Floppy, Mac, Nic,
    NicModel, NicNetwork, Sound, SoundModel, Watchdog, WatchdogAction,
};

/// The devices and their keys, for `--help`.
pub const DEVICES_HELP: &str = "\
Devices and what can be said of them:
  nic         model=virtio|e1000e|e1000|rtl8139|pcnet  mac=ADDRESS  network=user|none
              link=up|down
  disk        bus=virtio|sata|nvme|usb|scsi|ide  cache=writeback|direct|writethrough|unsafe
              discard=on|off  read-only=on|off  serial=TEXT      (add: orangery disk add)
  cd, floppy  medium=FILE; medium= takes it out
  display     model=virtio|vga|cirrus  size=1280x800  heads=N  memory=SIZE
  sound       model=hda|ac97|sb16
  watchdog    action=reset|pause|power-off|nothing
  usb, old-usb, scsi, keyboard, tablet, rng, balloon, generation-id, serial

A machine with an NVMe disk can't be saved: QEMU can't store the state of one.

Media and link take effect at once, also while the machine runs; everything else with the
next start.

Examples:
  orangery device add web nic model=e1000
  orangery device set web nic0 link=down
  orangery device remove web disk1";

/// KEY=VALUE.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    key: String,
    value: String,
}

/// Reads one KEY=VALUE.
pub fn said(text: &str) -> Result<Said, String> {
    let (key, value) = text
        .split_once('=')
        .ok_or_else(|| "write KEY=VALUE, for example model=e1000".to_owned())?;
    Ok(Said {
        key: key.trim().to_ascii_lowercase(),
        value: value.to_owned(),
    })
}

/// The word for a device.
pub fn word(kind: &DeviceKind) -> &'static str {
    match kind {
        DeviceKind::Disk(_) => "disk",
        DeviceKind::Cdrom(_) => "cd",
        DeviceKind::Floppy(_) => "floppy",
        DeviceKind::Nic(_) => "nic",
        DeviceKind::Display(_) => "display",
        DeviceKind::Keyboard => "keyboard",
        DeviceKind::Tablet => "tablet",
        DeviceKind::Touchscreen => "touchscreen",
        DeviceKind::UsbController => "usb",
        DeviceKind::OldUsbController => "old-usb",
        DeviceKind::ScsiController => "scsi",
        DeviceKind::Sound(_) => "sound",
        DeviceKind::Watchdog(_) => "watchdog",
        DeviceKind::Rng => "rng",
        DeviceKind::Balloon => "balloon",
        DeviceKind::GenerationId => "generation-id",
        DeviceKind::Serial => "serial",
        DeviceKind::Tpm => "tpm",
    }
}

/// A device as it is when nothing is said of it. A disk is none: it needs content.
pub fn plain(text: &str, mac: Mac) -> Result<DeviceKind, String> {
    let kinds = [
        DeviceKind::Nic(Nic::new(mac)),
        DeviceKind::Cdrom(Cdrom::default()),
        DeviceKind::Floppy(Floppy::default()),
        DeviceKind::Display(Display::new(1280, 800)),
        DeviceKind::Keyboard,
        DeviceKind::Tablet,
        DeviceKind::Touchscreen,
        DeviceKind::UsbController,
        DeviceKind::OldUsbController,
        DeviceKind::ScsiController,
        DeviceKind::Sound(Sound::default()),
        DeviceKind::Watchdog(Watchdog::default()),
        DeviceKind::Rng,
        DeviceKind::Balloon,
        DeviceKind::GenerationId,
        DeviceKind::Serial,
        DeviceKind::Tpm,
    ];
    if text == "disk" {
        return Err("a disk is added by orangery disk add".to_owned());
    }
    let words = kinds.iter().map(word).collect::<Vec<_>>().join(", ");
    let found = kinds.into_iter().find(|kind| word(kind) == text);
    found.ok_or_else(|| format!("there is no “{text}”; write one of {words}"))
}

/// `kind` with what was said of it.
pub fn altered(mut kind: DeviceKind, all: &[Said]) -> Result<DeviceKind, String> {
    for one in all {
        let Said { key, value } = one;
        let name = word(&kind);
        let known = alter(&mut kind, key, value).map_err(|why| format!("{key}: {why}"))?;
        if !known {
            return Err(format!("a {name} has no “{key}”"));
        }
    }
    Ok(kind)
}

/// Whether the device has such a key.
fn alter(kind: &mut DeviceKind, key: &str, value: &str) -> Result<bool, String> {
    match (kind, key) {
        (DeviceKind::Disk(disk), key) => return alter_disk(disk, key, value),
        (DeviceKind::Nic(nic), key) => return alter_nic(nic, key, value),
        (DeviceKind::Display(display), key) => return alter_display(display, key, value),
        (DeviceKind::Cdrom(Cdrom { medium }) | DeviceKind::Floppy(Floppy { medium }), "medium") => {
            *medium = (!value.is_empty()).then(|| PathBuf::from(value))
        }
        (DeviceKind::Sound(sound), "model") => {
            sound.model = choice(value, &SoundModel::ALL, SoundModel::word)?;
        }
        (DeviceKind::Watchdog(watchdog), "action") => {
            watchdog.action = choice(value, &WatchdogAction::ALL, WatchdogAction::word)?;
        }
        _ => return Ok(false),
    }
    Ok(true)
}

fn alter_disk(disk: &mut Disk, key: &str, value: &str) -> Result<bool, String> {
    match key {
        "bus" => disk.bus = bus(value)?,
        "cache" => disk.cache = choice(value, &DiskCache::ALL, DiskCache::word)?,
        "discard" => disk.discard = switch(value, "on", "off")?,
        "read-only" => disk.read_only = switch(value, "on", "off")?,
        "serial" => disk.serial = (!value.is_empty()).then(|| value.to_owned()),
        _ => return Ok(false),
    }
    Ok(true)
}

/// Reads what a disk is plugged into.
pub fn bus(value: &str) -> Result<DiskBus, String> {
    choice(value, &DiskBus::ALL, DiskBus::word)
}

fn alter_nic(nic: &mut Nic, key: &str, value: &str) -> Result<bool, String> {
    match key {
        "model" => nic.model = choice(value, &NicModel::ALL, NicModel::word)?,
        "mac" => nic.mac = Mac::from_str(value).map_err(|error| error.to_string())?,
        "network" => {
            nic.network = if switch(value, "user", "none")? {
                NicNetwork::User
            } else {
                NicNetwork::None
            };
        }
        "link" => nic.link = switch(value, "up", "down")?,
        _ => return Ok(false),
    }
    Ok(true)
}

fn alter_display(display: &mut Display, key: &str, value: &str) -> Result<bool, String> {
    let number = |text: &str| text.parse::<u32>().ok();
    match key {
        "model" => display.model = choice(value, &DisplayModel::ALL, DisplayModel::word)?,
        "size" => {
            let sides = value.split_once('x');
            let sides = sides.and_then(|(width, height)| Some((number(width)?, number(height)?)));
            (display.width, display.height) = sides.ok_or("write pixels, for example 1280x800")?;
        }
        "heads" => display.heads = number(value).ok_or("write a whole number from 1 to 16")?,
        "memory" if value.is_empty() => display.memory = None,
        "memory" => {
            let size = ByteSize::from_str(value).map_err(|error| error.to_string())?;
            display.memory = Some(size);
        }
        _ => return Ok(false),
    }
    Ok(true)
}

/// The one of `all` whose word is `value`.
pub fn choice<T: Copy>(value: &str, all: &[T], word: fn(T) -> &'static str) -> Result<T, String> {
    let found = all.iter().copied().find(|one| word(*one) == value);
    found.ok_or_else(|| {
        let words: Vec<&str> = all.iter().map(|one| word(*one)).collect();
        match words.split_last() {
            Some((last, rest)) => format!("write {} or {last}", rest.join(", ")),
            None => "there is no choice".to_owned(),
        }
    })
}

fn switch(value: &str, yes: &str, no: &str) -> Result<bool, String> {
    match value {
        value if value == yes => Ok(true),
        value if value == no => Ok(false),
        _ => Err(format!("write {yes} or {no}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAC: Mac = Mac([0x52, 0x54, 0, 1, 2, 3]);

    fn read(device: &str, all: &[&str]) -> Result<DeviceKind, String> {
        let all: Vec<Said> = all.iter().map(|text| said(text).unwrap()).collect();
        altered(plain(device, MAC)?, &all)
    }

    #[test]
    fn devices_are_read_with_what_is_said_of_them() {
        let nic = Nic {
            model: NicModel::Pcnet,
            network: NicNetwork::None,
            link: false,
            ..Nic::new(Mac([2, 0, 0, 0, 0, 1]))
        };
        let all = [
            "model=pcnet",
            "network=none",
            "link=down",
            "mac=02:00:00:00:00:01",
        ];
        assert_eq!(read("nic", &all), Ok(DeviceKind::Nic(nic)));
        let display = Display {
            model: DisplayModel::Vga,
            memory: Some(ByteSize::mib(32)),
            ..Display::new(640, 480)
        };
        let all = ["model=vga", "size=640x480", "memory=32M"];
        assert_eq!(read("display", &all), Ok(DeviceKind::Display(display)));
        let medium = Some(PathBuf::from("a=b.img"));
        let floppy = DeviceKind::Floppy(Floppy { medium });
        assert_eq!(read("floppy", &["medium=a=b.img"]), Ok(floppy));
        for word in ["keyboard", "old-usb", "scsi", "generation-id"] {
            assert_eq!(super::word(&read(word, &[]).unwrap()), word);
        }
    }

    #[test]
    fn what_is_not_understood_names_the_choices() {
        let refused = |device: &str, all: &[&str]| read(device, all).unwrap_err();
        assert!(refused("disk", &[]).contains("orangery disk add"));
        assert!(refused("modem", &[]).contains("write one of nic, cd, floppy"));
        assert_eq!(
            refused("nic", &["model=ne2000"]),
            "model: write virtio, e1000e, e1000, rtl8139 or pcnet"
        );
        assert_eq!(refused("nic", &["link=maybe"]), "link: write up or down");
        assert_eq!(refused("rng", &["model=x"]), "a rng has no “model”");
        assert!(refused("nic", &["mac=1"]).starts_with("mac: Write six pairs"));
        assert!(refused("display", &["size=big"]).starts_with("size: write pixels"));
        assert!(said("link").unwrap_err().starts_with("write KEY=VALUE"));
    }
}
