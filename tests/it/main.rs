//! The one integration test binary: more binaries would each link all of egui again.

mod card;
mod card_tests;
mod cli;
mod console_desktop;
mod console_window;
mod display_live;
mod guests;
mod tidy;
