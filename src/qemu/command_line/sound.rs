//! Sound cards. What they play goes through the D-Bus display; without one it goes nowhere, and the card's clock runs.

use super::places::on_pci;
use super::{CommandLineError, Launch, Line};
use crate::model::{Device, DeviceKind, DisplayPath, Sound, SoundModel};

/// The sound source that the display passes on: a machine has one card at most.
pub(super) fn of_display(launch: &Launch<'_>) -> Option<String> {
    if launch.display != DisplayPath::Dbus || !launch.dbus_sound {
        return None;
    }
    let is_card = |device: &&Device| matches!(device.kind, DeviceKind::Sound(_));
    let card = launch.machine.devices.iter().find(is_card)?;
    Some(format!("{}-out", card.id))
}

/// Whether a QEMU with these arguments passes its sound on.
pub fn passes_sound(arguments: &[String]) -> bool {
    let mut pairs = arguments.windows(2);
    pairs.any(|pair| pair[0] == "-audiodev" && pair[1].starts_with("dbus,"))
}

pub(super) fn add(
    launch: &Launch<'_>,
    device: &Device,
    sound: Sound,
    line: &mut Line,
) -> Result<(), CommandLineError> {
    let id = device.id.as_str();
    let source = format!("{id}-out");
    line.option(
        "-audiodev",
        match of_display(launch) {
            // At the rate of most sound cards of today, so that nobody has to change it again. A beat of QEMU's audio
            // timer moves 480 frames at most: at its usual 10 ms, which come late, less than is played.
            Some(_) => {
                format!("dbus,id={source},timer-period=5000,out.frequency=48000,in.frequency=48000")
            }
            None => format!("none,id={source}"),
        },
    );
    let audiodev = ("audiodev", source);
    match sound.model {
        SoundModel::Hda => {
            line.device("intel-hda", &on_pci(launch, device)?);
            let codec = [
                ("id", format!("{id}-codec")),
                ("bus", format!("{id}.0")),
                audiodev,
            ];
            line.device("hda-duplex", &codec);
        }
        SoundModel::Ac97 => {
            let mut properties = on_pci(launch, device)?;
            properties.push(audiodev);
            line.device("AC97", &properties);
        }
        SoundModel::Sb16 => line.device("sb16", &[("id", id.to_owned()), audiodev]),
    }
    Ok(())
}
