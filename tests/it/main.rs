//! The one integration test binary: more binaries would each link all of egui again.

mod ui_fixture;
mod ui_look;
mod ui_paint;
