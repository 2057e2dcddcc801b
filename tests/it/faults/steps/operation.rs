//! What is carried out, from where it begins, and what goes wrong meanwhile.

use std::process::Command;

use crate::story::House;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The owner is killed.
    Owner,
    /// The QEMU of the machine is killed.
    Qemu,
    /// The QEMU of a machine that is made of it is killed, or the program that copies its disks.
    Newborn,
    /// The owner and every QEMU.
    Both,
    /// Nothing more fits on the disk, until the operation is over.
    Full,
    /// Writing fails.
    Error,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Begin {
    Off,
    Saved,
    Running,
    /// It runs, and a try of it, which is called "Kid".
    Trying,
}

pub struct Operation {
    pub name: &'static str,
    pub begin: Begin,
    args: &'static [&'static str],
    /// Something is made of the machine.
    pub bears: bool,
}

impl Operation {
    const fn new(name: &'static str, begin: Begin, args: &'static [&'static str]) -> Self {
        let bears = false;
        Self {
            name,
            begin,
            args,
            bears,
        }
    }

    pub const fn off(name: &'static str, args: &'static [&'static str]) -> Self {
        Self::new(name, Begin::Off, args)
    }

    pub const fn saved(name: &'static str, args: &'static [&'static str]) -> Self {
        Self::new(name, Begin::Saved, args)
    }

    pub const fn running(name: &'static str, args: &'static [&'static str]) -> Self {
        Self::new(name, Begin::Running, args)
    }

    pub const fn trying(name: &'static str, args: &'static [&'static str]) -> Self {
        Self::new(name, Begin::Trying, args)
    }

    pub const fn bearing(self) -> Self {
        Self {
            bears: true,
            ..self
        }
    }

    pub fn has_qemu(&self) -> bool {
        matches!(self.begin, Begin::Running | Begin::Trying)
    }

    /// Whether the machine itself is only looked at: its QEMU, its guest and all that it had stay.
    pub fn spares_it(&self) -> bool {
        self.bears || self.begin == Begin::Trying
    }

    /// Whether a guest goes on from the moment of one that runs.
    pub fn is_of_the_moment(&self) -> bool {
        self.begin == Begin::Trying || (self.bears && self.begin == Begin::Running)
    }

    /// Whether the fault can hit it, at that step.
    pub fn meets(&self, fault: Fault, step: &str) -> bool {
        match fault {
            Fault::Owner | Fault::Full => true,
            Fault::Qemu => self.has_qemu(),
            Fault::Newborn => self.spares_it(),
            Fault::Both => self.has_qemu() || self.bears,
            Fault::Error => step.starts_with("write "),
        }
    }

    pub fn command(&self, house: &House) -> Command {
        house.command(self.args)
    }
}
