//! A text typed into a guest.

use clap::Args;

use super::args::Target;
use super::pick::Prefer;
use super::tasks::{Done, Session};
use crate::engine::Command;
use crate::model::{Failure, Typing};

#[derive(Clone, Debug, PartialEq, Eq, Args)]
pub struct TypeTask {
    #[command(flatten)]
    target: Target,
    /// The text; a line break presses Enter.
    #[arg(allow_hyphen_values = true, value_parser = text_to_type)]
    text: String,
    /// The guest's keyboard layout, as X11 names it: us, de, ch-fr, … [default: the machine's]
    #[arg(long, value_name = "LAYOUT")]
    layout: Option<String>,
    /// A quarter of the usual speed, for guests that lose keys.
    #[arg(long)]
    slow: bool,
    /// Press Enter at the end.
    #[arg(long)]
    enter: bool,
    /// Caps lock is on in the guest: switch it off for the text.
    #[arg(long)]
    caps_lock: bool,
}

fn text_to_type(text: &str) -> Result<String, String> {
    match text.chars().count() {
        0 => Err("there is no text to type".to_owned()),
        count if count > Typing::MAX_TEXT => Err(format!(
            "the text has {count} characters, and at most {} can be typed in one go",
            Typing::MAX_TEXT
        )),
        _ => Ok(text.to_owned()),
    }
}

impl Session<'_> {
    pub(super) fn type_text(&mut self, task: TypeTask) -> Result<Done, Failure> {
        let report = self.find(&task.target, Prefer::InUse)?;
        let command = Command::TypeText {
            machine: report.id,
            typing: Typing {
                text: task.text,
                layout: task.layout.unwrap_or_default(),
                slow: task.slow,
                enter: task.enter,
                caps_lock: task.caps_lock,
            },
        };
        self.finish(command, None, &report.name)?; // It shows how far it is.
        Ok(Done::default())
    }
}
