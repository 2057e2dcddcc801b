//! Shows how far a job is, on one line of the terminal that is wiped at the end.

use std::io::{IsTerminal as _, Write as _};

use super::text::clean;
use crate::engine::message::Event;
use crate::model::{JobReport, JobState, MachineId};

/// Longest line, so that it never wraps and can be wiped.
const WIDTH: usize = 78;

/// The line on stderr; silent when that is not a terminal.
#[derive(Debug)]
pub struct Progress {
    /// Jobs of other machines are not shown; `None` shows all.
    about: Option<MachineId>,
    terminal: bool,
    shown: bool,
}

impl Progress {
    pub fn new(about: Option<MachineId>) -> Self {
        Self {
            about,
            terminal: std::io::stderr().is_terminal(),
            shown: false,
        }
    }

    /// Shows `event` if it is news of a job.
    pub fn see(&mut self, event: &Event) {
        if !self.terminal {
            return;
        }
        if let Event::Job(job) = event
            && job.state == JobState::Running
            && (self.about.is_none() || self.about == job.machine)
        {
            self.shown = true;
            self.write(&format!("\r{:<WIDTH$}", line(job)));
        }
    }

    fn write(&self, text: &str) {
        let mut out = std::io::stderr().lock();
        out.write_all(text.as_bytes()).ok(); // Progress is a courtesy.
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.shown {
            self.write(&format!("\r{:WIDTH$}\r", ""));
        }
    }
}

/// "Saving Debian: Writing memory, 42 %".
fn line(job: &JobReport) -> String {
    let mut text = clean(&job.title);
    if !job.step.is_empty() {
        text.push_str(": ");
        text.push_str(&clean(&job.step));
    }
    if let Some(percent) = job.percent() {
        text.push_str(&format!(", {percent} %"));
    }
    text.chars().take(WIDTH).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::JobId;

    #[test]
    fn a_job_is_one_short_line() {
        let mut job = JobReport {
            id: JobId(1),
            machine: None,
            title: "Saving Debian".to_owned(),
            step: "Writing memory".to_owned(),
            done: 42,
            of: 100,
            can_cancel: true,
            state: JobState::Running,
        };
        assert_eq!(line(&job), "Saving Debian: Writing memory, 42 %");
        job.of = 0;
        job.step.clear();
        assert_eq!(line(&job), "Saving Debian");
        job.title = "x\n".repeat(200);
        assert_eq!(line(&job).chars().count(), WIDTH);
    }
}
