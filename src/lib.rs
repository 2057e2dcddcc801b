//! Orangery.

pub mod confine;
pub mod engine;
pub mod model;
pub mod qemu;
