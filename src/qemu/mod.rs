//! Everything that knows QEMU: finding it, its command line, its process, its protocol.
//!
//! Uses `confine` to run programs and `model` for the nouns. Knows nothing of the library's
//! folders, of threads that own machines, or of egui.

pub mod binary;
mod cache;
pub mod command_line;
mod cpu_models;
pub mod defaults;
pub mod doctor;
pub mod explain;
pub mod firmware;
pub mod guest_agent;
pub mod kvm;
pub mod media;
pub mod memory;
pub mod memory_store;
pub mod merge;
pub mod packets;
pub mod pivot;
mod proc;
pub mod process;
pub mod qmp;
pub mod ram;
