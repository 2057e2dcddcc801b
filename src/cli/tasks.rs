//! One function for each subcommand, over a backend that stands for the engine.

mod outcome;
mod report;

use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::time::Duration;

pub(super) use outcome::outcome;

use super::args::{Args, Combination, Serial, ShutDown, Target, Task, Trash};
use super::making::Create;
use super::pick::{Prefer, pick};
use super::text::{clean, shell_line};
use super::{doctor, file, show};
use crate::engine::Command;
use crate::model::{
    Action, Answer, ByteSize, ComputerReport, Failure, LabReport, MachineId, MachineReport,
    Timeline, Timestamp, TrashReport, permit,
};

/// How long short requests may take; each has a shorter deadline of its own in the engine.
pub(super) const SHORT: Duration = Duration::from_secs(60);

/// What came of a request.
#[derive(Debug)]
pub enum Reply {
    Answer(Answer, Option<OwnedFd>),
    /// The time was over first; the request goes on in the engine.
    Late,
}

/// What the subcommands need from the rest of the program.
pub trait Backend {
    /// Every machine of the library: from its owner, or from its files when nobody owns it.
    fn reports(&mut self) -> Result<Vec<MachineReport>, Failure>;

    /// Sends `command` to the owner, starting an agent when there is none, and waits at most
    /// `patience` for the answer.
    fn call(&mut self, command: Command, patience: Option<Duration>) -> Result<Reply, Failure>;

    /// Examines this computer now.
    fn computer(&mut self) -> Result<ComputerReport, Failure>;

    /// Processors and memory of this computer.
    fn size(&self) -> (u32, ByteSize);

    /// Turns a binary PPM into a PNG.
    fn png(&mut self, ppm: OwnedFd) -> Result<Vec<u8>, Failure>;

    /// What standard input holds, up to `limit` bytes.
    fn input(&mut self, limit: u64) -> Result<Vec<u8>, Failure>;

    /// Asks the user at the terminal; `None` when there is no terminal.
    fn confirm(&mut self, question: &str) -> Option<bool>;

    /// Says something before the work that it is about.
    fn tell(&mut self, text: &str);

    /// Shows the machine's screen in a window of its own until that is closed.
    fn console(&mut self, machine: MachineId, name: String, head: u32) -> Result<(), Failure>;

    /// Connects this terminal, or a pipe, with the machine's serial console until one of them ends.
    fn serial(&mut self, machine: MachineId, name: &str) -> Result<(), Failure>;

    /// What a machine's timeline holds.
    fn timeline(&mut self, machine: MachineId) -> Result<Timeline, Failure>;

    /// How all labs stand.
    fn labs(&mut self) -> Result<Vec<LabReport>, Failure>;

    /// Prints what a machine said on its serial port; `folder` is the machine's.
    fn serial_log(&mut self, folder: &Path) -> Result<(), Failure>;

    /// Opens the window, until it is closed; `file` is one to make a machine from.
    fn window(&mut self, file: Option<PathBuf>) -> Result<(), Failure>;

    /// Owns the library without a window, until nothing runs.
    fn agent(&mut self) -> Result<(), Failure>;
}

/// What a subcommand did.
#[derive(Debug, Default, PartialEq)]
pub struct Done {
    /// For stdout.
    pub text: String,
    /// What is wrong although it was done: `doctor` on a computer that can't run machines.
    pub complaint: Option<Failure>,
}

impl From<String> for Done {
    fn from(text: String) -> Self {
        Self {
            text,
            complaint: None,
        }
    }
}

/// One run of the program.
pub struct Session<'a> {
    pub backend: &'a mut dyn Backend,
    /// Relative paths start here.
    pub cwd: PathBuf,
    pub now: Timestamp,
    pub json: bool,
}

/// Does what the command line says.
pub fn perform(session: &mut Session<'_>, args: Args) -> Result<Done, Failure> {
    let Some(task) = args.task else {
        return session.backend.window(None).map(|()| Done::default());
    };
    match task {
        Task::List { all } => session.list(all),
        Task::Show(target) => session.show(&target),
        Task::Create(create) => session.create(create),
        Task::Recognise { file } => session.recognise(&file),
        Task::Set(set) => session.set(set),
        Task::Device(task) => session.device(task),
        Task::Disk(task) => session.disk(task),
        Task::Insert(insert) => session.insert(&insert),
        Task::Eject(eject) => session.eject(&eject),
        Task::DropPending(target) => session.drop_pending(&target),
        Task::Start(target) => session.act(&target, Action::Start, None),
        Task::Pause(target) => session.act(&target, Action::Pause, Some(SHORT)),
        Task::Resume(target) => session.act(&target, Action::Resume, None),
        Task::Shutdown(shut_down) => session.shut_down(&shut_down),
        Task::PowerOff(target) => session.act(&target, Action::PowerOff, Some(SHORT)),
        Task::Reset(target) => session.act(&target, Action::Reset, Some(SHORT)),
        Task::Save(target) => session.act(&target, Action::Save, None),
        Task::Snapshot(task) => session.snapshot(task),
        Task::Fork(task) => session.fork(task, false),
        Task::Try(task) => session.fork(task, true),
        Task::Clone(task) => session.clone_machine(task),
        Task::Template(task) => session.template(task),
        Task::Keep {
            target,
            as_snapshot: false,
        } => session.act(&target, Action::Keep, Some(SHORT)),
        Task::Keep {
            target,
            as_snapshot: true,
        } => session.act(&target, Action::KeepMoment, None),
        Task::ThrowAway(target) => session.act(&target, Action::Discard, None),
        Task::Timeline(target) => session.timeline(&target),
        Task::Lab(task) => session.lab(task),
        Task::Repair(target) => session.act(&target, Action::Repair, Some(SHORT)),
        Task::Discard(target) => session.act(&target, Action::DiscardSaved, Some(SHORT)),
        Task::Screenshot { target, file } => session.screenshot(&target, &file),
        Task::Type(task) => session.type_text(task),
        Task::Key { target, keys } => session.press(&target, keys),
        Task::Clipboard(task) => session.clipboard(task),
        Task::Send { target, files } => session.send(&target, files),
        Task::Stats { target, watch } => session.stats(&target, watch),
        Task::Delete(target) => session.act(&target, Action::Delete, Some(SHORT)),
        Task::Restore(target) => session.act(&target, Action::Restore, Some(SHORT)),
        Task::Trash(trash) => session.trash(&trash),
        Task::Doctor => session.doctor(),
        Task::Report { name, output } => session.report(name, output),
        Task::Console { target, head } => session.console(&target, head - 1),
        Task::Serial(serial) => session.serial(&serial),
        Task::CommandLine(target) => session.command_line(&target),
        Task::Agent => session.backend.agent().map(|()| Done::default()),
        Task::Window { file } => {
            let file = file.map(|file| std::path::absolute(&file).unwrap_or(file));
            session.backend.window(file).map(|()| Done::default())
        }
    }
}

impl Session<'_> {
    pub(super) fn find(
        &mut self,
        target: &Target,
        prefer: Prefer,
    ) -> Result<MachineReport, Failure> {
        let reports = self.backend.reports()?;
        pick(&reports, &target.name, prefer).cloned()
    }

    fn list(&mut self, all: bool) -> Result<Done, Failure> {
        let mut reports = self.backend.reports()?;
        reports.retain(|report| all || report.trashed().is_none());
        reports.sort_by_cached_key(|report| (report.name.to_lowercase(), report.id));
        Ok(Done::from(if self.json {
            show::list_json(&reports)?
        } else {
            show::list_text(&reports, self.now)
        }))
    }

    fn show(&mut self, target: &Target) -> Result<Done, Failure> {
        let report = self.find(target, Prefer::InUse)?;
        Ok(Done::from(if self.json {
            show::show_json(&report)?
        } else {
            show::show_text(&report, self.now)
        }))
    }

    fn create(&mut self, create: Create) -> Result<Done, Failure> {
        let start = create.start;
        let spec = self.new_machine(create)?;
        let name = spec.name.clone();
        // Started by a request of its own, whose answer comes when it runs.
        let create = Command::Create { spec, start: false };
        let Answer::Created(id) = self.finish(create, None, &name)? else {
            return Err(unexpected());
        };
        if start {
            let action = Action::Start;
            let machine = id;
            self.finish(Command::Act { machine, action }, None, &name)?;
        }
        let what = if start {
            "is created and running"
        } else {
            "is created"
        };
        self.said(id, &name, what, "create")
    }

    fn act(
        &mut self,
        target: &Target,
        action: Action,
        patience: Option<Duration>,
    ) -> Result<Done, Failure> {
        let prefer = match action {
            Action::Restore => Prefer::InTrash,
            _ => Prefer::InUse,
        };
        let report = self.find(target, prefer)?;
        let command = Command::Act {
            machine: report.id,
            action,
        };
        self.finish(command, patience, &report.name)?;
        let (what, word) = outcome(action);
        self.said(report.id, &report.name, what, word)
    }

    fn shut_down(&mut self, shut_down: &ShutDown) -> Result<Done, Failure> {
        let &ShutDown {
            ref target,
            timeout,
            force,
        } = shut_down;
        let report = self.find(target, Prefer::InUse)?;
        let command = Command::Act {
            machine: report.id,
            action: Action::ShutDown,
        };
        let (what, word) = outcome(Action::ShutDown);
        match self
            .backend
            .call(command, Some(Duration::from_secs(timeout)))?
        {
            Reply::Answer(..) => self.said(report.id, &report.name, what, word),
            Reply::Late if force => self.act(
                &Target {
                    name: report.id.to_string(),
                },
                Action::PowerOff,
                Some(SHORT),
            ),
            Reply::Late => Err(Failure::new(
                format!("{} is still on", report.name),
                format!("The guest did not shut down within {timeout} seconds"),
            )
            .fix(format!(
                "Wait, or cut the power: orangery power-off {}",
                shell_line(&[report.name])
            ))),
        }
    }

    fn screenshot(&mut self, target: &Target, path: &Path) -> Result<Done, Failure> {
        let path = self.cwd.join(path);
        file::check_target(&path)?;
        let report = self.find(target, Prefer::InUse)?;
        let command = Command::Screenshot { machine: report.id };
        let Reply::Answer(Answer::Picture, Some(ppm)) = self.backend.call(command, Some(SHORT))?
        else {
            return Err(late(&report.name));
        };
        let png = self.backend.png(ppm)?;
        file::replace(&path, &png)?;
        Ok(Done::default())
    }

    fn press(&mut self, target: &Target, combinations: Vec<Combination>) -> Result<Done, Failure> {
        let report = self.find(target, Prefer::InUse)?;
        for Combination(keys) in combinations {
            let command = Command::PressKeys {
                machine: report.id,
                keys,
            };
            self.finish(command, Some(SHORT), &report.name)?;
        }
        Ok(Done::default())
    }

    fn command_line(&mut self, target: &Target) -> Result<Done, Failure> {
        let report = self.find(target, Prefer::InUse)?;
        let command = Command::CommandLine { machine: report.id };
        let Answer::CommandLine(args) = self.finish(command, Some(SHORT), &report.name)? else {
            return Err(unexpected());
        };
        Ok(Done::from(if self.json {
            show::json(&args)?
        } else {
            clean(&shell_line(&args)) + "\n"
        }))
    }

    fn console(&mut self, target: &Target, head: u32) -> Result<Done, Failure> {
        let report = self.find(target, Prefer::InUse)?;
        if head > 0 && head >= report.heads() {
            return Err(no_such_screen(&report, head));
        }
        self.backend.console(report.id, report.name, head)?;
        Ok(Done::default())
    }

    fn serial(&mut self, serial: &Serial) -> Result<Done, Failure> {
        let report = self.find(&serial.target, Prefer::InUse)?;
        if serial.log {
            self.backend.serial_log(&report.path)?;
            return Ok(Done::default());
        }
        if let Err(denied) = permit(report.standing(), Action::SendKeys) {
            let what = format!("{}: there is no serial console now", report.name);
            let name = shell_line(&[report.name]);
            return Err(Failure::new(what, denied.to_string())
                .fix(format!("What it said last: orangery serial {name} --log")));
        }
        self.backend.serial(report.id, &report.name)?;
        Ok(Done::default())
    }

    fn doctor(&mut self) -> Result<Done, Failure> {
        let report = self.backend.computer()?;
        Ok(Done {
            text: if self.json {
                doctor::doctor_json(&report)?
            } else {
                doctor::doctor_text(&report)
            },
            complaint: doctor::verdict(&report),
        })
    }

    fn trash(&mut self, trash: &Trash) -> Result<Done, Failure> {
        let before = self.look_into_trash()?;
        if !trash.empty {
            return self.print_trash(&before);
        }
        if !before.machines.is_empty() && !trash.yes {
            self.confirm_emptying(&before)?;
        }
        self.finish(Command::EmptyTrash, None, "the trash")?;
        let after = self.look_into_trash()?;
        self.print_trash(&after)
    }

    fn look_into_trash(&mut self) -> Result<TrashReport, Failure> {
        match self.finish(Command::ShowTrash, Some(SHORT), "the trash")? {
            Answer::Trash(trash) => Ok(trash),
            _ => Err(unexpected()),
        }
    }

    fn print_trash(&self, trash: &TrashReport) -> Result<Done, Failure> {
        Ok(Done::from(if self.json {
            show::trash_json(trash)?
        } else {
            show::trash_text(trash, self.now)
        }))
    }

    fn confirm_emptying(&mut self, trash: &TrashReport) -> Result<(), Failure> {
        let question = format!(
            "Remove {} machines ({}) for good? This can't be undone.",
            trash.machines.len(),
            trash.size()
        );
        self.confirm(&question, "The trash was not emptied")
    }

    /// Asks before what can't be undone; `kept` says what was not done without a yes.
    pub(super) fn confirm(&mut self, question: &str, kept: &str) -> Result<(), Failure> {
        let kept = |why: &str| Failure::new(kept, why);
        match self.backend.confirm(question) {
            Some(true) => Ok(()),
            Some(false) => Err(kept("You did not say yes")),
            None => {
                Err(kept("It can't be undone, and there is no terminal to ask at").fix("Add --yes"))
            }
        }
    }

    /// Sends `command` and insists on an answer.
    pub(super) fn finish(
        &mut self,
        command: Command,
        patience: Option<Duration>,
        subject: &str,
    ) -> Result<Answer, Failure> {
        match self.backend.call(command, patience)? {
            Reply::Answer(answer, _) => Ok(answer),
            Reply::Late => Err(late(subject)),
        }
    }

    /// The line that tells what was done to a machine.
    pub(super) fn said(
        &self,
        id: MachineId,
        name: &str,
        what: &str,
        done: &str,
    ) -> Result<Done, Failure> {
        #[derive(serde::Serialize)]
        struct Said<'a> {
            id: MachineId,
            name: &'a str,
            done: &'a str,
        }
        Ok(Done::from(if self.json {
            show::json(&Said { id, name, done })?
        } else {
            format!("{} {what}\n", clean(name))
        }))
    }
}

/// `path` seen from `cwd`, as text that the owner of the library understands.
pub(super) fn absolute(cwd: &Path, path: &Path) -> Result<PathBuf, Failure> {
    let whole = cwd.join(path);
    if whole.to_str().is_none() {
        return Err(Failure::new(
            format!("{} can't be used", whole.display()),
            "Its path is not valid UTF-8 text",
        )
        .fix("Rename the file or a folder above it"));
    }
    Ok(whole)
}

fn late(subject: &str) -> Failure {
    Failure::new(
        format!("{subject}: no answer"),
        "It took longer than it ever should",
    )
    .fix("Look at it with orangery list, then try again")
}

pub(super) fn unexpected() -> Failure {
    Failure::new(
        "The answer makes no sense",
        "The process that owns the library seems to be of another version",
    )
    .fix("Close all windows of Orangery and try again")
}

fn no_such_screen(report: &MachineReport, head: u32) -> Failure {
    let (number, heads) = (head + 1, report.heads());
    Failure::new(
        format!("{} has no screen {number}", report.name),
        format!("Its graphics card has {heads}"),
    )
    .fix(format!(
        "Give it more: orangery device set {} display0 heads={number}",
        report.name
    ))
}
