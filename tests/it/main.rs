//! The one integration test binary: more binaries would each link all of egui again.

mod display_live;
mod guests;
mod tidy;
