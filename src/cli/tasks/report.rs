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

#[cfg(test)]
mod tests {
    use std::ffi::OsString;

    use super::*;
    use crate::cli::tasks::{Reply, perform};
    use crate::cli::{args, fake};
    use crate::model::State;

    const WEB: &str = "c0ffee00-1234-4234-8234-123456789abc";

    fn run(fake: &mut fake::Fake, words: &[&str]) -> Done {
        let words = std::iter::once("orangery").chain(words.iter().copied());
        let args = args::parse(words.map(OsString::from)).unwrap();
        let mut session = Session {
            backend: fake,
            cwd: PathBuf::from("/"),
            now: fake::NOW,
            json: args.global.json,
        };
        perform(&mut session, args).unwrap()
    }

    #[test]
    fn a_report_is_printed_or_written_to_a_file() {
        let answer = || {
            Ok(Reply::Answer(
                Answer::Report("== Orangery ==\n".to_owned()),
                None,
            ))
        };
        let mut fake = fake::Fake {
            reports: vec![fake::report("web", WEB, State::Off)],
            replies: [answer(), answer()].into(),
            ..fake::Fake::default()
        };
        assert_eq!(run(&mut fake, &["report"]).text, "== Orangery ==\n");
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("report.txt");
        let written = run(
            &mut fake,
            &["report", "web", "--output", path.to_str().unwrap()],
        );
        assert_eq!(written, Done::default());
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "== Orangery ==\n");
        let about = |machine| Command::Report { machine };
        let asked: Vec<&Command> = fake.asked.iter().map(|(command, _)| command).collect();
        assert_eq!(asked, [&about(None), &about(Some(WEB.parse().unwrap()))]);
    }
}
