//! The real backend: the owner of the library when there is one, its files when there is none.

use std::io::{BufRead as _, IsTerminal as _, Write as _};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::doors;
use super::owner::{Owner, Trouble};
use super::progress::Progress;
use super::serial::{Console, End, Raw};
use super::tasks::{Backend, Reply, SHORT};
use crate::engine::Command;
use crate::engine::client::Client;
use crate::engine::message::LabCommand;
use crate::model::{
    Action, Answer, ByteSize, ComputerReport, Failure, LabReport, MachineId, MachineReport, State,
    Timeline,
};

/// How long a new owner may take to adopt what the last one let go.
const ADOPTION: Duration = Duration::from_secs(30);
/// How often to look at a machine whose owner changed.
const LOOK_AGAIN: Duration = Duration::from_millis(250);

/// The rest of the program as the subcommands use it.
#[derive(Debug)]
pub struct Live {
    library: Option<PathBuf>,
    owner: Option<Owner>,
    /// Finds the owner, or starts an agent.
    ensure: fn(Option<&Path>) -> Result<Client, Failure>,
}

impl Live {
    /// `library` is a folder chosen by the user; `None` is the one in the home folder.
    pub fn new(library: Option<PathBuf>) -> Self {
        Self {
            library,
            owner: None,
            ensure: doors::ensure,
        }
    }

    /// The owner, or an agent that this starts.
    fn owner(&mut self) -> Result<&mut Owner, Failure> {
        match &mut self.owner {
            Some(owner) => Ok(owner),
            none => {
                let client = (self.ensure)(self.library.as_deref())?;
                Ok(none.insert(Owner::new(client)))
            }
        }
    }

    /// A connection to the machine's serial port. The owner is let go meanwhile: nobody would read its news.
    fn open_serial(&mut self, machine: MachineId) -> Result<UnixStream, Failure> {
        let history = false;
        let reply = self.call(Command::OpenSerial { machine, history }, Some(SHORT));
        self.owner = None;
        match reply? {
            Reply::Answer(Answer::Serial { .. }, Some(socket)) => Ok(UnixStream::from(socket)),
            Reply::Answer(..) => Err(super::tasks::unexpected()),
            Reply::Late => Err(Failure::new(
                "No serial console",
                "The machine does not answer",
            )),
        }
    }

    /// Goes on with the console after its connection closed: `None` if the machine stopped, another connection if
    /// only the library changed hands.
    fn serial_again(&mut self, machine: MachineId) -> Result<Option<UnixStream>, Failure> {
        let adopted = Instant::now() + ADOPTION;
        loop {
            std::thread::sleep(LOOK_AGAIN);
            let reports = self.reports()?;
            let state = reports.iter().find(|known| known.id == machine);
            let runs = state.is_some_and(|report| report.state.has_process());
            self.owner = None;
            if !runs {
                return Ok(None);
            }
            match self.open_serial(machine) {
                Ok(stream) => return Ok(Some(stream)),
                Err(failure) if Instant::now() > adopted => return Err(failure),
                Err(_) => {} // The next owner is about to adopt it, or it is about to end.
            }
        }
    }

    /// Goes on waiting for `action` after its owner let the library go: a window was opened or
    /// closed meanwhile. Machines outlive their owner, so the next one knows what became of it.
    fn follow(
        &mut self,
        machine: MachineId,
        action: Action,
        deadline: Option<Instant>,
        lost: Failure,
    ) -> Result<Reply, Failure> {
        let adopted = Instant::now() + ADOPTION;
        let mut pressed = false;
        while deadline.is_none_or(|deadline| Instant::now() < deadline) {
            std::thread::sleep(LOOK_AGAIN);
            let state = match self.owner()?.reports() {
                Ok(reports) => reports
                    .iter()
                    .find(|known| known.id == machine)
                    .map(|known| known.state),
                Err(Trouble::Refused(failure)) => return Err(failure),
                Err(Trouble::Lost(_)) => {
                    self.owner = None;
                    if Instant::now() > adopted {
                        return Err(lost);
                    }
                    continue;
                }
            };
            match state.map(|state| progress_of(action, state)) {
                Some(Way::Arrived) => return Ok(Reply::Answer(Answer::Done, None)),
                Some(Way::Moving) => {}
                // The new owner does not know that the power button was pressed: press again.
                Some(Way::Still) if action == Action::ShutDown && !pressed => {
                    pressed = true;
                    self.owner()?.order(Command::Act { machine, action })?;
                }
                Some(Way::Still) if action == Action::ShutDown => {}
                Some(Way::Still) | None => return Err(lost),
            }
        }
        Ok(Reply::Late)
    }
}

impl Backend for Live {
    fn reports(&mut self) -> Result<Vec<MachineReport>, Failure> {
        if self.owner.is_none() {
            self.owner = doors::connect(self.library.as_deref())?.map(Owner::new);
        }
        if let Some(owner) = &mut self.owner {
            match owner.reports() {
                Ok(reports) => return Ok(reports),
                Err(Trouble::Refused(failure)) => return Err(failure),
                Err(Trouble::Lost(_)) => self.owner = None, // It ended; the files tell.
            }
        }
        doors::reports(self.library.as_deref())
    }

    fn call(&mut self, command: Command, patience: Option<Duration>) -> Result<Reply, Failure> {
        let deadline = patience.map(|patience| Instant::now() + patience);
        let about = command.machine();
        let mut progress = Progress::new(about);
        let owner = self.owner()?;
        let lost = match owner.ask(command.clone(), patience, |event| progress.see(event)) {
            Ok(reply) => return Ok(reply),
            Err(Trouble::Refused(failure)) => return Err(failure),
            Err(Trouble::Lost(error)) => error.into(),
        };
        self.owner = None;
        match command {
            Command::Act { machine, action } => self.follow(machine, action, deadline, lost),
            _ => Err(lost),
        }
    }

    fn computer(&mut self) -> Result<ComputerReport, Failure> {
        doors::examine(self.library.as_deref())
    }

    fn size(&self) -> (u32, ByteSize) {
        let cpus = std::thread::available_parallelism()
            .map_or(1, |count| u32::try_from(count.get()).unwrap_or(u32::MAX));
        let info = rustix::system::sysinfo();
        let unit = u64::from(info.mem_unit);
        (cpus, ByteSize(info.totalram.saturating_mul(unit)))
    }

    fn png(&mut self, ppm: OwnedFd) -> Result<Vec<u8>, Failure> {
        doors::png(ppm)
    }

    fn input(&mut self, limit: u64) -> Result<Vec<u8>, Failure> {
        let mut bytes = Vec::new();
        let input = std::io::stdin().lock();
        std::io::Read::read_to_end(&mut std::io::Read::take(input, limit), &mut bytes)
            .map_err(|error| Failure::new("Standard input can't be read", error.to_string()))?;
        Ok(bytes)
    }

    fn confirm(&mut self, question: &str) -> Option<bool> {
        let input = std::io::stdin();
        let mut out = std::io::stderr().lock();
        if !input.is_terminal() || !out.is_terminal() {
            return None;
        }
        write!(out, "{question} [y/N] ").ok()?;
        out.flush().ok()?;
        let mut answer = String::new();
        input.lock().read_line(&mut answer).ok()?;
        let answer = answer.trim().to_lowercase();
        Some(answer == "y" || answer == "yes")
    }

    fn tell(&mut self, text: &str) {
        eprintln!("{text}");
    }

    fn console(&mut self, machine: MachineId, name: String, head: u32) -> Result<(), Failure> {
        doors::console(self.library.as_deref(), machine, name, head)
    }

    fn serial(&mut self, machine: MachineId, name: &str) -> Result<(), Failure> {
        let broken = |error: std::io::Error| {
            Failure::new(
                format!("{name}: the serial console broke off"),
                error.to_string(),
            )
        };
        let first = self.open_serial(machine)?;
        let raw = Raw::begin().map_err(broken)?;
        if raw.is_some() {
            let name = super::text::clean(name);
            eprint!("Serial console of {name}. Ctrl+] leaves. If nothing shows, press Enter.\r\n");
        }
        let mut console = Console::default();
        let mut stream = first;
        while console.run(stream, raw.is_some()).map_err(broken)? == End::Closed {
            match self.serial_again(machine)? {
                Some(next) => stream = next,
                None => return Ok(()),
            }
        }
        if raw.is_some() {
            eprint!("\r\n");
        }
        Ok(())
    }

    fn timeline(&mut self, machine: MachineId) -> Result<Timeline, Failure> {
        if self.owner.is_none() {
            return doors::timeline(self.library.as_deref(), machine);
        }
        match self.call(Command::ShowTimeline { machine }, Some(SHORT))? {
            Reply::Answer(Answer::Timeline(timeline), _) => Ok(timeline),
            Reply::Answer(..) => Err(super::tasks::unexpected()),
            Reply::Late => Err(Failure::new(
                "No timeline",
                "The library's owner does not answer",
            )),
        }
    }

    fn labs(&mut self) -> Result<Vec<LabReport>, Failure> {
        if self.owner.is_none() {
            return doors::labs(self.library.as_deref());
        }
        match self.call(Command::Lab(LabCommand::List), Some(SHORT))? {
            Reply::Answer(Answer::Labs(labs), _) => Ok(labs),
            Reply::Answer(..) => Err(super::tasks::unexpected()),
            Reply::Late => Err(Failure::new(
                "No labs",
                "The library's owner does not answer",
            )),
        }
    }

    fn serial_log(&mut self, folder: &Path) -> Result<(), Failure> {
        let said = doors::serial_log(folder)?;
        super::serial::print_log(&said)
            .map_err(|error| Failure::new("The log was not printed", error.to_string()))
    }

    fn window(&mut self, file: Option<PathBuf>) -> Result<(), Failure> {
        doors::window(self.library.as_deref(), file)
    }

    fn agent(&mut self) -> Result<(), Failure> {
        doors::agent(self.library.as_deref())
    }
}

/// How far a machine is on the way that an action sends it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Arrived,
    Moving,
    /// Not there, and not going there.
    Still,
}

fn progress_of(action: Action, state: State) -> Way {
    let goal = match action {
        Action::Start | Action::Resume => State::Running,
        Action::Pause => State::Paused,
        Action::ShutDown | Action::PowerOff => State::Off,
        Action::Save => State::Saved,
        Action::DiscardSaved
        | Action::Snapshot
        | Action::Rewind
        | Action::Fork
        | Action::Try
        | Action::Clone
        | Action::Keep
        | Action::KeepMoment
        | Action::Discard
        | Action::Reset
        | Action::OpenConsole
        | Action::Screenshot
        | Action::SendKeys
        | Action::Edit
        | Action::Delete
        | Action::Restore
        | Action::DeleteForever
        | Action::Repair => return Way::Still, // Its state does not tell.
    };
    match state {
        _ if state == goal => Way::Arrived,
        State::Starting | State::Saving | State::Stopping => Way::Moving,
        State::Off
        | State::Running
        | State::Paused
        | State::Saved
        | State::Crashed
        | State::NotResponding
        | State::Broken
        | State::Unavailable => Way::Still,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::fake;
    use crate::cli::owner::tests::{ID, Script, machine, play};
    use crate::engine::Event;

    /// Shuts down a machine while its owners come and go as in `scripts`.
    fn shut_down(scripts: Vec<Script>) -> (Result<Reply, Failure>, Vec<Command>) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("control");
        let thread = play(&path, scripts);
        let mut live = Live::new(Some(path));
        live.ensure = |path| Ok(Client::connect(path.unwrap(), true)?);
        let reply = live.call(press(), Some(Duration::from_secs(10)));
        drop(live);
        (reply, thread.join().unwrap())
    }

    fn press() -> Command {
        Command::Act {
            machine: ID.parse().unwrap(),
            action: Action::ShutDown,
        }
    }

    #[test]
    fn waiting_goes_on_when_the_library_changes_hands() {
        let (reply, heard) = shut_down(vec![
            vec![vec![machine(State::Stopping)]],
            vec![
                vec![machine(State::Running), None],
                vec![machine(State::Stopping)], // Pressed again.
                vec![None],
                vec![machine(State::Off), None],
            ],
        ]);
        assert!(
            matches!(reply, Ok(Reply::Answer(Answer::Done, None))),
            "{reply:?}"
        );
        let look = Command::ShowTrash;
        assert_eq!(heard, [press(), look.clone(), press(), look.clone(), look]);
    }

    #[test]
    fn a_machine_that_vanished_meanwhile_is_an_error() {
        let other = fake::report("mail", "abcd0000-1234-4234-8234-123456789abc", State::Off);
        let other = Some(Event::Machine(Box::new(other)));
        let (reply, _) = shut_down(vec![vec![vec![]], vec![vec![other, None]]]);
        assert_eq!(reply.unwrap_err().why, "the owner went away");
    }

    #[test]
    fn the_state_tells_whether_an_action_came_to_its_end() {
        for (action, state, way) in [
            (Action::ShutDown, State::Off, Way::Arrived),
            (Action::ShutDown, State::Stopping, Way::Moving),
            (Action::ShutDown, State::Running, Way::Still),
            (Action::Save, State::Saving, Way::Moving),
            (Action::Save, State::Saved, Way::Arrived),
            (Action::Save, State::Running, Way::Still),
            (Action::Start, State::Running, Way::Arrived),
            (Action::Start, State::Crashed, Way::Still),
            (Action::Delete, State::Off, Way::Still),
        ] {
            assert_eq!(progress_of(action, state), way, "{action:?} {state}");
        }
    }
}
