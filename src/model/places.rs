//! Where devices sit: which addresses a board has, which are free, and what fits where.

use super::{Address, Board, Device, DeviceKind, DiskBus, Machine, SoundModel};

/// The agents' channel sits in this slot of a q35 …
pub const AGENTS_SLOT_Q35: u8 = 1;
/// … and in this one of an i440fx, whose slot 1 is the board's own.
pub const AGENTS_SLOT_I440FX: u8 = 0x1e;

/// What kind of address a device has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Socket {
    Pci,
    Sata,
    Ide,
    Scsi,
    Usb,
    Floppy,
    Board,
}

fn socket(board: Board, kind: &DeviceKind) -> Socket {
    match kind {
        DeviceKind::Disk(disk) => match disk.bus {
            DiskBus::Virtio | DiskBus::Nvme => Socket::Pci,
            DiskBus::Sata => Socket::Sata,
            DiskBus::Ide => Socket::Ide,
            DiskBus::Scsi => Socket::Scsi,
            DiskBus::Usb => Socket::Usb,
        },
        DeviceKind::Cdrom(_) => match board {
            Board::Q35 => Socket::Sata,
            Board::I440fx => Socket::Ide,
        },
        DeviceKind::Floppy(_) => Socket::Floppy,
        DeviceKind::Sound(sound) => match sound.model {
            SoundModel::Hda | SoundModel::Ac97 => Socket::Pci,
            SoundModel::Sb16 => Socket::Board,
        },
        DeviceKind::Nic(_)
        | DeviceKind::Display(_)
        | DeviceKind::Keyboard
        | DeviceKind::Tablet
        | DeviceKind::Touchscreen
        | DeviceKind::UsbController
        | DeviceKind::OldUsbController
        | DeviceKind::ScsiController
        | DeviceKind::Watchdog(_)
        | DeviceKind::Rng
        | DeviceKind::Balloon => Socket::Pci,
        DeviceKind::GenerationId | DeviceKind::Serial | DeviceKind::Tpm => Socket::Board,
    }
}

/// The stem of a device's id: `disk` of `disk0`.
pub fn stem(kind: &DeviceKind) -> &'static str {
    match kind {
        DeviceKind::Disk(_) => "disk",
        DeviceKind::Cdrom(_) => "cd",
        DeviceKind::Floppy(_) => "floppy",
        DeviceKind::Nic(_) => "nic",
        DeviceKind::Display(_) => "display",
        DeviceKind::Keyboard => "keyboard",
        DeviceKind::Tablet => "tablet",
        DeviceKind::Touchscreen => "touch",
        DeviceKind::UsbController | DeviceKind::OldUsbController => "usb",
        DeviceKind::ScsiController => "scsi",
        DeviceKind::Sound(_) => "sound",
        DeviceKind::Watchdog(_) => "watchdog",
        DeviceKind::Rng => "rng",
        DeviceKind::Balloon => "balloon",
        DeviceKind::GenerationId => "generation",
        DeviceKind::Serial => "serial",
        DeviceKind::Tpm => "tpm",
    }
}

/// Every address of `socket`, in the order in which they are given.
fn addresses(board: Board, socket: Socket) -> Vec<Address> {
    match socket {
        Socket::Pci => {
            let end = match board {
                Board::Q35 => 0x1f,
                Board::I440fx => AGENTS_SLOT_I440FX,
            };
            (2..end).map(|slot| Address::Pci { slot }).collect()
        }
        Socket::Sata if board == Board::Q35 => (0..6).map(|port| Address::Sata { port }).collect(),
        Socket::Ide if board == Board::I440fx => [(0, 0), (0, 1), (1, 0), (1, 1)]
            .map(|(channel, place)| Address::Ide { channel, place })
            .to_vec(),
        Socket::Sata | Socket::Ide => Vec::new(),
        Socket::Scsi => (0..16).map(|target| Address::Scsi { target }).collect(),
        Socket::Usb => (3..=8).map(|port| Address::Usb { port }).collect(),
        Socket::Floppy => (0..2).map(|unit| Address::Floppy { unit }).collect(),
        Socket::Board => vec![Address::Board],
    }
}

impl Machine {
    /// Whether a device of this kind can sit at `address`, taken or not.
    pub fn fits(&self, kind: &DeviceKind, address: Address) -> bool {
        let board = self.board();
        addresses(board, socket(board, kind)).contains(&address)
    }

    /// The first address that a device of this kind can have and no other has.
    pub fn free_address(&self, kind: &DeviceKind) -> Option<Address> {
        let board = self.board();
        let taken = |address: &Address| {
            *address != Address::Board
                && self.devices.iter().any(|device| device.address == *address)
        };
        addresses(board, socket(board, kind))
            .into_iter()
            .find(|address| !taken(address))
    }

    /// A device of this kind with a free id and a free address; `None` where there is no room.
    pub fn new_device(&self, kind: DeviceKind) -> Option<Device> {
        let address = self.free_address(&kind)?;
        Some(Device {
            id: self.free_device_id(stem(&kind)),
            kind,
            address,
        })
    }

    /// Changes the board: SATA becomes IDE or the other way round, and what does not fit moves.
    pub(super) fn move_to(&mut self, board: Board) {
        if self.board() == board {
            return;
        }
        self.machine_type = self.machine_type.replace(self.board().word(), board.word());
        for place in 0..self.devices.len() {
            let mut device = self.devices[place].clone();
            if let DeviceKind::Disk(disk) = &mut device.kind {
                disk.bus = match (disk.bus, board) {
                    (DiskBus::Sata, Board::I440fx) => DiskBus::Ide,
                    (DiskBus::Ide, Board::Q35) => DiskBus::Sata,
                    (bus, _) => bus,
                };
            }
            if !self.fits(&device.kind, device.address)
                && let Some(address) = self.free_address(&device.kind)
            {
                device.address = address;
            }
            self.devices[place] = device;
        }
    }
}
