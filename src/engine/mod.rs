//! Runs commands on background threads and reports what happened.
//!
//! The engine never draws and never touches egui: it is handed a `wake` function and calls it
//! after each event, so that whoever listens can come and collect.

pub mod message;
pub mod screen;

pub use message::{Command, Event, RequestId};
