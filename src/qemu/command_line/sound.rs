//! Sound cards. What they play goes nowhere yet: the guest finds the card and its clock runs.

use super::places::on_pci;
use super::{CommandLineError, Launch, Line};
use crate::model::{Device, Sound, SoundModel};

pub(super) fn add(
    launch: &Launch<'_>,
    device: &Device,
    sound: Sound,
    line: &mut Line,
) -> Result<(), CommandLineError> {
    let id = device.id.as_str();
    let source = format!("{id}-out");
    line.option("-audiodev", format!("none,id={source}"));
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
