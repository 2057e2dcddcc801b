//! Orangery.

pub mod display;
pub mod engine;
pub mod model;
