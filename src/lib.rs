//! Orangery.

pub mod app;
pub mod display;
pub mod engine;
pub mod model;
pub mod ui;
