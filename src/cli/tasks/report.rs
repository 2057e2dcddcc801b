//! `report`: what others need to help with a problem.

use std::path::PathBuf;

use super::{Done, Prefer, SHORT, Session, file, show, unexpected};
use crate::cli::args::Target;
use crate::engine::Command;
use crate::model::{Answer, Failure};

impl Session<'_> {
    pub(super) fn report(
        &mut self,
        name: Option<String>,
        output: Option<PathBuf>,
    ) -> Result<Done, Failure> {
        let target = output.map(|file| self.cwd.join(file));
        if let Some(path) = &target {
            file::check_target(path)?;
        }
        let machine = match name {
            Some(name) => Some(self.find(&Target { name }, Prefer::InUse)?.id),
            None => None,
        };
        let command = Command::Report { machine };
        let Answer::Report(text) = self.finish(command, Some(SHORT), "The report")? else {
            return Err(unexpected());
        };
        Ok(match target {
            Some(path) => {
                file::replace(&path, text.as_bytes())?;
                Done::default()
            }
            None if self.json => Done::from(show::json(&text)?),
            None => Done::from(text),
        })
    }
}
