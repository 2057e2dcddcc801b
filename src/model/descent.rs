//! Where a machine comes from, if that is another machine.

use serde::{Deserialize, Serialize};

use super::{
    Checkpoints, DeviceKind, DiskSource, LayerRef, Mac, Machine, MachineId, Overlay, SnapshotId,
    SoundSettings, Timestamp,
};

/// How a machine was made of another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Birth {
    /// It goes on from a moment of the other, and rests on its layers.
    Fork,
    /// Its disks rest on the other's layers.
    LinkedClone,
    /// Its disks are copies.
    FullClone,
}

impl Birth {
    /// The word in front of the other machine's name.
    pub fn label(self) -> &'static str {
        match self {
            Self::Fork => "Fork of",
            Self::LinkedClone => "Linked clone of",
            Self::FullClone => "Clone of",
        }
    }
}

/// The machine that another one was made of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Descent {
    pub from: MachineId,
    /// What it was called then.
    pub name: String,
    pub birth: Birth,
    /// The snapshot, if not the present of then.
    #[serde(default)]
    pub at: Option<SnapshotId>,
    pub when: Timestamp,
    /// The moment that it goes on from is not there yet, its guest could not go on from it, or nothing of it is to be kept
    /// any more: an owner that finds it so was killed before, and removes it.
    #[serde(default)]
    pub unborn: bool,
}

/// What is asked for: machines that go on from another one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fork {
    /// The snapshot to go on from; without one the present.
    pub at: Option<SnapshotId>,
    /// How many, up to [`Fork::MOST`].
    pub count: u32,
    /// What the first is called; empty for the other's name with a number.
    pub name: String,
    /// They go when their guests end.
    pub disposable: bool,
    /// Their network cables are in.
    pub online: bool,
}

impl Fork {
    pub const MOST: u32 = 32;

    /// One of the present, off the network.
    pub fn once(disposable: bool) -> Self {
        Self {
            at: None,
            count: 1,
            name: String::new(),
            disposable,
            online: false,
        }
    }
}

/// What is asked for: a machine with the disks of another one, that does not run yet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cloning {
    /// The snapshot whose disks it gets; without one the present.
    pub at: Option<SnapshotId>,
    /// Empty for the other's name with a number.
    pub name: String,
    /// Its disks are copies; otherwise they rest on the other's.
    pub full: bool,
    /// It gets the firmware's variables; otherwise they begin anew.
    pub keep_variables: bool,
    /// It gets what the TPM keeps; otherwise that begins anew.
    pub keep_tpm: bool,
}

/// A moment of a machine that new ones go on from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WarmTemplate {
    pub name: String,
    /// One with memory, of the machine that names it. It can't be deleted meanwhile.
    pub snapshot: SnapshotId,
}

/// A machine to be made of another one.
#[derive(Clone, Debug)]
pub struct Newborn {
    pub id: MachineId,
    pub name: String,
    pub descent: Descent,
    /// It goes when its guest ends.
    pub disposable: bool,
    /// Its network cables are in; they never are where the other's are not.
    pub online: bool,
    /// A new layer of its own on each layer that the other wrote to.
    pub overlays: Vec<Overlay>,
    /// For new network addresses.
    pub random: [u8; 3],
}

impl Machine {
    /// The machine that goes on from this one in disks of its own. Its TPM has no state yet.
    pub fn newborn(&self, newborn: &Newborn) -> Self {
        let mut machine = Self {
            id: newborn.id,
            name: newborn.name.clone(),
            created: newborn.descent.when,
            descent: Some(newborn.descent.clone()),
            disposable: newborn.disposable,
            detached: Vec::new(),
            saved: None,
            point: None,
            tpm: None,
            checkpoints: Checkpoints::default(),
            templates: Vec::new(),
            trashed: None,
            sound: SoundSettings {
                microphone: false,
                ..self.sound
            },
            ..self.clone()
        };
        machine.grow(&newborn.overlays);
        let [first, second, third] = newborn.random;
        let nics = machine.devices.iter_mut();
        let nics = nics.filter_map(|device| match &mut device.kind {
            DeviceKind::Nic(nic) => Some(nic),
            _ => None,
        });
        for (place, nic) in (0_u8..).zip(nics) {
            nic.mac = Mac::local([first, second, third.wrapping_add(place)]);
            nic.link &= newborn.online;
        }
        machine
    }
}

impl Machine {
    /// Becomes a moment of `other` again, which it was made of: its name, its network addresses and cables.
    pub fn take_identity(&mut self, other: &Self) {
        self.id = other.id;
        self.name.clone_from(&other.name);
        self.created = other.created;
        self.descent.clone_from(&other.descent);
        self.disposable = other.disposable;
        self.templates.clone_from(&other.templates);
        self.sound = other.sound;
        for device in &mut self.devices {
            let theirs = other.device(&device.id).map(|device| &device.kind);
            if let (DeviceKind::Nic(nic), Some(DeviceKind::Nic(theirs))) =
                (&mut device.kind, theirs)
            {
                nic.mac = theirs.mac;
                nic.link = theirs.link;
            }
        }
    }

    /// Gives each layer that it names another name.
    pub fn rename_layers(&mut self, to: impl Fn(LayerRef) -> LayerRef) {
        let plugged = self
            .devices
            .iter_mut()
            .filter_map(|device| match &mut device.kind {
                DeviceKind::Disk(disk) => Some(disk),
                _ => None,
            });
        let chains = plugged
            .chain(&mut self.detached)
            .filter_map(|disk| match &mut disk.source {
                DiskSource::Layers(chain) => Some(chain),
                DiskSource::InPlace(_) => None,
            });
        for chain in chains.chain(std::iter::once(&mut self.firmware.variables)) {
            for layer in chain {
                *layer = to(*layer);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::model::{Address, ByteSize, Device, Disk, LayerId, Nic, Origin};

    fn layer(machine: MachineId, number: u128) -> LayerRef {
        LayerRef {
            machine,
            layer: LayerId(Uuid::from_u128(number)),
        }
    }

    #[test]
    fn a_copy_is_another_computer_on_the_layers_of_the_first_and_becomes_it_again() {
        let (web, copy) = (MachineId(Uuid::from_u128(1)), MachineId(Uuid::from_u128(2)));
        let mut machine = Machine::new(web, "web", "pc", Origin::Empty);
        let device = |id: &str, kind| Device {
            id: id.to_owned(),
            kind,
            address: Address::Board,
        };
        let source = DiskSource::Layers(vec![layer(web, 1)]);
        machine.devices = vec![
            device(
                "disk0",
                DeviceKind::Disk(Disk::new(source, ByteSize::gib(1))),
            ),
            device("nic0", DeviceKind::Nic(Nic::new(Mac::local([1, 1, 1])))),
        ];
        machine.sound.microphone = true;
        let newborn = Newborn {
            id: copy,
            name: "web-2".to_owned(),
            descent: Descent {
                from: web,
                name: "web".to_owned(),
                birth: Birth::Fork,
                at: None,
                when: Timestamp::default(),
                unborn: true,
            },
            disposable: true,
            online: false,
            overlays: vec![Overlay {
                below: layer(web, 1),
                new: layer(copy, 2),
            }],
            random: [7, 7, 7],
        };
        let mut made = machine.newborn(&newborn);
        assert!(made.is_unborn() && made.disposable);
        assert_eq!(made.tops(), [layer(copy, 2)]);
        assert!(!made.sound.microphone, "nobody else's copy listens");
        let DeviceKind::Nic(nic) = &made.device("nic0").unwrap().kind else {
            panic!();
        };
        assert_eq!((nic.mac, nic.link), (Mac::local([7, 7, 7]), false));
        made.take_identity(&machine);
        made.rename_layers(|layer| LayerRef {
            machine: web,
            ..layer
        });
        assert_eq!(made.tops(), [layer(web, 2)]);
        assert_eq!(made.device("nic0"), machine.device("nic0"));
        assert_eq!((made.id, made.disposable, made.descent), (web, false, None));
    }
}
