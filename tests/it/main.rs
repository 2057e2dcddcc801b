//! The one integration test binary: more binaries would each link all of egui again.

mod confine_live;
mod qemu_live;
