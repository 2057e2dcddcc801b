//! The one integration test binary: more binaries would each link all of egui again.
#![expect(clippy::unwrap_used, reason = "a test that fails should say where")]

mod card;
mod card_tests;
mod cli;
mod confine_live;
mod console_desktop;
mod console_owner;
mod console_window;
mod display_live;
mod faults;
mod guests;
mod language;
mod library_kill;
mod own_files;
mod qemu_live;
mod story;
mod tidy;
mod ui_app;
mod ui_fixture;
mod ui_look;
mod ui_own;
mod ui_paint;
mod ui_screens;
mod window;
mod window_accessible;
mod window_installer;
mod window_pictures;
mod window_stage;
mod window_tree;
