//! Orangery.

pub mod app;
pub mod cli;
pub mod confine;
pub mod console;
pub mod desktop;
pub mod display;
pub mod engine;
pub mod library;
pub mod model;
pub mod qemu;
pub mod storage;
pub mod ui;
