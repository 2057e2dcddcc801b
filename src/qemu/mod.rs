//! Everything that knows QEMU: finding it, its command line, its process, its protocol.
//!
//! Uses `confine` to run programs and `model` for the nouns. Knows nothing of the library's
//! folders, of threads that own machines, or of egui.

pub mod command_line;
pub mod defaults;
pub mod memory;
pub mod process;
pub mod qmp;
