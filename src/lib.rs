//! Orangery.

pub mod engine;
pub mod library;
pub mod model;
pub mod storage;
