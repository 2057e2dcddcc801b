//! The one integration test binary: more binaries would each link all of egui again.

mod card;
mod card_tests;
mod cli;
mod display_live;
mod guests;
mod tidy;
mod ui_app;
mod ui_fixture;
mod ui_look;
mod ui_paint;
mod ui_screens;
