//! Orangery's rooms.

pub mod display;
