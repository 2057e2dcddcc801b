//! Everything that draws. Screens read plain data and push what the user asks for; they start
//! nothing: no threads, no files, no processes.

pub mod actions;
pub mod album;
pub mod brand;
pub mod browsing;
pub mod clock;
pub mod close_dialog;
pub mod computer_page;
pub mod confirmation;
pub mod copy_dialog;
pub mod empty_page;
pub mod footer;
pub mod guest_picture;
pub mod hardware_help;
pub mod help_page;
pub mod history;
pub mod icon;
pub mod kit;
pub mod lab_page;
pub mod library;
pub mod machine_page;
mod making;
pub mod new_machine;
mod page;
pub mod palette;
pub mod parting;
pub mod pointer;
pub mod program;
pub mod report_dialog;
pub mod screen_view;
mod screens;
pub mod settings_page;
pub mod shell;
pub mod shortcuts;
pub mod snapshot_dialog;
pub mod terminal;
pub mod theme;
pub mod toasts;
pub mod trash_page;
pub mod type_dialog;
pub mod view;

mod ask;

pub use ask::{Ask, FilePick, InsideFile, LeaveStep};
