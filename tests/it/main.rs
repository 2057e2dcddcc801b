//! The one integration test binary: more binaries would each link all of egui again.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod confine_live;
mod qemu_live;
