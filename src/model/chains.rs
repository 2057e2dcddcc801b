//! How a machine's chains of layers change when time does: a snapshot puts new layers on top, going back begins again on
//! old ones.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::{DeviceKind, Disk, DiskSource, LayerRef, Machine, TpmId};

/// A new layer, and the one that it rests on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Overlay {
    pub below: LayerRef,
    pub new: LayerRef,
}

/// How chains get shorter once layers were merged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Relayering {
    /// No chain needs the layer any more.
    Without(LayerRef),
    /// A chain that ends in the layer needs no other.
    Alone(LayerRef),
    /// A chain that ends in the layer and has others ends one earlier.
    Before(LayerRef),
}

impl Relayering {
    /// Whether the chain is another one then.
    pub fn apply(self, chain: &mut Vec<LayerRef>) -> bool {
        let before = chain.len();
        match self {
            Self::Without(layer) => chain.retain(|other| *other != layer),
            Self::Alone(layer) => {
                if chain.last() == Some(&layer) {
                    *chain = vec![layer];
                }
            }
            Self::Before(layer) => {
                if chain.len() > 1 && chain.last() == Some(&layer) {
                    chain.pop();
                }
            }
        }
        chain.len() != before
    }
}

/// Puts the overlay on a chain that ends where it begins.
fn grow(chain: &mut Vec<LayerRef>, overlays: &[Overlay]) {
    let top = chain.last();
    let overlay = overlays.iter().find(|overlay| Some(&overlay.below) == top);
    chain.extend(overlay.map(|overlay| overlay.new));
}

fn grow_disk(disk: &mut Disk, overlays: &[Overlay]) {
    if let DiskSource::Layers(chain) = &mut disk.source {
        grow(chain, overlays);
    }
}

impl Machine {
    /// The tops of the chains that a guest writes to: what a snapshot freezes.
    pub fn tops(&self) -> Vec<LayerRef> {
        let disks = self.disks().filter_map(|disk| disk.layers().last());
        disks
            .chain(self.firmware.variables.last())
            .copied()
            .collect()
    }

    /// Every layer that it names.
    pub fn layers(&self) -> BTreeSet<LayerRef> {
        let chains = self.chains();
        chains.flat_map(|(_, chain)| chain).copied().collect()
    }

    /// Layers of its deepest disk.
    pub fn depth(&self) -> usize {
        let depths = self.disks().map(|disk| disk.layers().len());
        depths.max().unwrap_or(0)
    }

    /// Plugged disks that lie outside the library, by device id: they can't be frozen.
    pub fn disks_in_place(&self) -> Vec<&str> {
        let in_place = self.devices.iter().filter(|device| match &device.kind {
            DeviceKind::Disk(disk) => {
                matches!(disk.source, DiskSource::InPlace(_)) && !disk.read_only
            }
            _ => false,
        });
        in_place.map(|device| device.id.as_str()).collect()
    }

    /// The machine with its disk `id` and nothing else: what a snapshot of that disk keeps. `None` if it has no such disk.
    pub fn only_disk(&self, id: &str) -> Option<Self> {
        let DeviceKind::Disk(_) = self.device(id)?.kind else {
            return None;
        };
        let mut alone = self.clone();
        alone.devices.retain(|device| device.id == id);
        alone.detached.clear();
        alone.firmware.variables.clear();
        alone.tpm = None;
        Some(alone)
    }

    /// Takes the disk `id` of an earlier time, on a fresh layer; everything else stays. `false` if there is no such disk
    /// now or was none then.
    pub fn disk_back(&mut self, then: &Self, id: &str, overlays: &[Overlay]) -> bool {
        let of_then = then.device(id).map(|device| &device.kind);
        let now = self.devices.iter_mut().find(|device| device.id == id);
        let (Some(DeviceKind::Disk(then)), Some(DeviceKind::Disk(now))) =
            (of_then, now.map(|device| &mut device.kind))
        else {
            return false;
        };
        now.source = then.source.clone();
        now.size = then.size;
        grow_disk(now, overlays);
        true
    }

    /// Every chain that ends in a layer below an overlay goes on in it.
    pub fn grow(&mut self, overlays: &[Overlay]) {
        self.grow_plugged(overlays);
        for disk in &mut self.detached {
            grow_disk(disk, overlays);
        }
    }

    fn grow_plugged(&mut self, overlays: &[Overlay]) {
        for device in &mut self.devices {
            if let DeviceKind::Disk(disk) = &mut device.kind {
                grow_disk(disk, overlays);
            }
        }
        grow(&mut self.firmware.variables, overlays);
    }

    /// Says whether one of its chains is another one then.
    pub fn relayer(&mut self, relayering: Relayering) -> bool {
        let plugged = self
            .devices
            .iter_mut()
            .filter_map(|device| match &mut device.kind {
                DeviceKind::Disk(disk) => Some(disk),
                _ => None,
            });
        let disks = plugged.chain(&mut self.detached);
        let chains = disks.filter_map(|disk| match &mut disk.source {
            DiskSource::Layers(chain) => Some(chain),
            DiskSource::InPlace(_) => None,
        });
        let mut changed = false;
        for chain in chains.chain(std::iter::once(&mut self.firmware.variables)) {
            changed |= relayering.apply(chain);
        }
        changed
    }

    /// Takes the hardware of an earlier time, on fresh layers and with `tpm`, a copy of what the TPM kept then. Disks that
    /// are not plugged in stay as they are.
    pub fn go_back(&mut self, then: &Self, overlays: &[Overlay], tpm: Option<TpmId>) {
        self.take_parts(then);
        self.firmware = then.firmware.clone();
        self.tpm = tpm;
        self.grow_plugged(overlays);
        self.detached
            .retain(|disk| then.disks().all(|plugged| plugged.source != disk.source));
    }

    /// The hardware `then` on the chains that the present has for it: each one layer longer. `None` if they do not fit.
    pub fn on_chains_of(&self, present: &Self) -> Option<Self> {
        let mut resumed = self.clone();
        let longer = |then: &[LayerRef], now: &[LayerRef]| {
            now.split_last().is_some_and(|(_, below)| below == then)
        };
        for device in &mut resumed.devices {
            let DeviceKind::Disk(disk) = &mut device.kind else {
                continue;
            };
            if disk.layers().is_empty() {
                continue;
            }
            let now = match &present.device(&device.id)?.kind {
                DeviceKind::Disk(now) if longer(disk.layers(), now.layers()) => now,
                _ => return None,
            };
            disk.source = now.source.clone();
        }
        let variables = &mut resumed.firmware.variables;
        if !variables.is_empty() {
            if !longer(variables, &present.firmware.variables) {
                return None;
            }
            variables.clone_from(&present.firmware.variables);
        }
        resumed.tpm = present.tpm;
        Some(resumed)
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::model::{Address, ByteSize, Device, FirmwareKind, LayerId, MachineId, Origin};

    fn layer(number: u128) -> LayerRef {
        LayerRef {
            machine: MachineId(Uuid::nil()),
            layer: LayerId(Uuid::from_u128(number)),
        }
    }

    fn disk(layers: &[u128]) -> Disk {
        let chain = layers.iter().copied().map(layer).collect();
        Disk::new(DiskSource::Layers(chain), ByteSize::gib(1))
    }

    fn machine(disks: &[(&str, &[u128])]) -> Machine {
        let mut machine = Machine::new(MachineId(Uuid::nil()), "web", "pc", Origin::Empty);
        machine.firmware.kind = FirmwareKind::Uefi;
        machine.firmware.variables = vec![layer(90)];
        machine.devices = disks
            .iter()
            .map(|(id, layers)| Device {
                id: (*id).to_owned(),
                kind: DeviceKind::Disk(disk(layers)),
                address: Address::Board,
            })
            .collect();
        machine
    }

    fn overlay(below: u128, new: u128) -> Overlay {
        Overlay {
            below: layer(below),
            new: layer(new),
        }
    }

    #[test]
    fn a_snapshot_puts_a_layer_on_every_chain_wherever_the_disk_is() {
        let mut now = machine(&[("disk0", &[1, 2]), ("disk1", &[3])]);
        now.detached = vec![disk(&[5])];
        assert_eq!(now.tops(), [layer(2), layer(3), layer(90)]);
        now.grow(&[
            overlay(2, 12),
            overlay(3, 13),
            overlay(5, 15),
            overlay(90, 91),
        ]);
        assert_eq!(now.tops(), [layer(12), layer(13), layer(91)]);
        assert_eq!(now.detached[0].layers(), [layer(5), layer(15)]);
        assert_eq!(now.depth(), 3);
    }

    #[test]
    fn going_back_begins_on_old_layers_and_leaves_other_disks_alone() {
        let then = machine(&[("disk0", &[1])]);
        let mut now = machine(&[("disk0", &[1, 2]), ("disk1", &[3])]);
        now.name = "renamed since".to_owned();
        now.detached = vec![disk(&[7, 8])];
        let overlays = [overlay(1, 21), overlay(90, 91)];
        let tpm = Some(TpmId(Uuid::from_u128(4)));
        now.go_back(&then, &overlays, tpm);
        assert_eq!(now.devices.len(), 1);
        assert_eq!(now.tops(), [layer(21), layer(91)]);
        assert_eq!(now.name, "renamed since");
        assert_eq!(now.tpm, tpm);
        assert_eq!(now.detached, [disk(&[7, 8])]);
        // The memory of then goes on over these chains, and over no others.
        let resumed = then.on_chains_of(&now).unwrap();
        assert_eq!(resumed.tops(), now.tops());
        assert_eq!(resumed.tpm, now.tpm);
        assert_eq!(then.on_chains_of(&then), None);
        now.devices.clear();
        assert_eq!(then.on_chains_of(&now), None);
    }

    #[test]
    fn one_disk_goes_back_and_everything_else_stays() {
        let mut now = machine(&[("disk0", &[1, 2]), ("disk1", &[3])]);
        let then = now.only_disk("disk0").unwrap();
        assert_eq!(then.layers(), [layer(1), layer(2)].into());
        assert_eq!(now.only_disk("nic0"), None);
        now.grow(&[overlay(2, 12)]);
        now.name = "renamed since".to_owned();
        assert!(now.disk_back(&then, "disk0", &[overlay(2, 22)]));
        assert_eq!(now.tops(), [layer(22), layer(3), layer(90)]);
        assert_eq!(now.name, "renamed since");
        now.devices.remove(0);
        assert!(!now.disk_back(&then, "disk0", &[overlay(2, 32)]));
    }

    #[test]
    fn a_disk_that_was_unplugged_since_is_not_there_twice() {
        let then = machine(&[("disk0", &[1])]);
        let mut now = machine(&[]);
        now.detached = vec![disk(&[1])];
        now.go_back(&then, &[overlay(1, 21)], None);
        assert_eq!(now.detached, []);
        assert_eq!(now.depth(), 2);
    }
}
