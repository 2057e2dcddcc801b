//! The words of the command line: subcommands, options and their help.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::error::ErrorKind;
use clap::{CommandFactory as _, Parser, Subcommand};

use super::clone::{CloneTask, TemplateTask};
use super::fork::ForkTask;
use super::hardware::{DeviceTask, DiskTask, Eject, Insert};
use super::lab::LabTask;
use super::making::Create;
use super::set;
use super::sharing::ClipboardTask;
use super::snapshot::{SnapshotTask, TIMELINE_JSON};
use super::typing::TypeTask;
use crate::model::Action;

const EXAMPLES: &str = "\
Examples:
  orangery                                         open the window
  orangery create Debian --iso debian-12.iso --start
  orangery create Card --test-card --start         a machine that needs no download
  orangery list --json
  orangery shutdown Debian --timeout 60

A machine is named by its name (upper and lower case are alike), its id, or the first
digits of its id, four or more.

Exit status: 0 when it is done, 2 when the command line is wrong, 1 for everything else.

Environment: ORANGERY_LIBRARY names the library when --library does not.";

const LIST_JSON: &str = "\
With --json, prints an array of objects:
  id, name         strings
  state            off, starting, running, paused, saving, saved, stopping, crashed,
                   not-responding, broken (its file) or unavailable (its disk)
  since, trashed   seconds since 1970; trashed only in the trash
  memory_mib, cpus numbers; null when the file is broken
  pid, accelerator only while it has a process; accelerator is kvm or tcg
  path             the machine's folder
  error            what is wrong, if something is";

/// Where the options that go everywhere stand in the help.
const GLOBAL: &str = "For every subcommand";

/// Virtual machines on the desktop.
///
/// Without a subcommand, opens the window. Every subcommand does what the window does, by the
/// same rules, whether the window is open or not.
#[derive(Debug, Parser)]
#[command(name = "orangery", version, after_long_help = EXAMPLES, max_term_width = 96)]
pub struct Args {
    #[command(flatten)]
    pub global: Global,
    #[command(subcommand)]
    pub task: Option<Task>,
}

/// What goes with every subcommand.
#[derive(Clone, Debug, Default, PartialEq, Eq, clap::Args)]
pub struct Global {
    /// The folder of the library, instead of the one in your home.
    #[arg(long, global = true, value_name = "DIR", help_heading = GLOBAL)]
    pub library: Option<PathBuf>,
    /// Print JSON, for scripts.
    #[arg(long, global = true, help_heading = GLOBAL)]
    pub json: bool,
    /// With an error, print all that is known about it.
    #[arg(long, short, global = true, help_heading = GLOBAL)]
    pub verbose: bool,
}

/// The machine a subcommand works on.
#[derive(Clone, Debug, PartialEq, Eq, clap::Args)]
pub struct Target {
    /// Name, id, or the first digits of the id.
    #[arg(value_name = "NAME")]
    pub name: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Subcommand)]
pub enum Task {
    /// List the machines and what they do.
    #[command(after_long_help = LIST_JSON)]
    List {
        /// Also those in the trash.
        #[arg(long)]
        all: bool,
    },
    /// Show one machine: its hardware, state and troubles.
    ///
    /// A machine whose file can't be read is named by its folder.
    Show(Target),
    Create(Create),
    /// Say what a file is and what suits a machine made from it.
    #[command(
        after_long_help = "With --json: path, kind (Iso, Disk, Foreign or Unusable, with what is \
                           known of it), size in bytes, system (name, cpus, memory, disk, \
                           firmware, era, note) or null, and firmware or null."
    )]
    Recognise {
        /// An ISO or a disk image of any format.
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
    Set(Set),
    /// List, add, change or remove a machine's devices.
    #[command(subcommand)]
    Device(DeviceTask),
    /// Make, attach, list or delete a machine's disks.
    #[command(subcommand)]
    Disk(DiskTask),
    Insert(Insert),
    Eject(Eject),
    /// Forget the changes that wait for the next start.
    ///
    /// Disks that were added meanwhile stay, detached.
    DropPending(Target),
    #[command(
        about = Action::Start.explain(),
        long_about = "Start the machine, or go on from its saved state. Returns when it runs."
    )]
    Start(Target),
    #[command(about = Action::Pause.explain())]
    Pause(Target),
    #[command(about = Action::Resume.explain())]
    Resume(Target),
    Shutdown(ShutDown),
    #[command(about = Action::PowerOff.explain())]
    PowerOff(Target),
    #[command(about = Action::Reset.explain())]
    Reset(Target),
    #[command(
        about = Action::Save.explain(),
        long_about = "Write the running guest to disk and stop; start goes on from there. \
                      Returns when the data is safe."
    )]
    Save(Target),
    #[command(about = Action::DiscardSaved.explain())]
    Discard(Target),
    /// Take, list and delete snapshots, and go back to them.
    #[command(subcommand)]
    Snapshot(SnapshotTask),
    /// Make machines that go on from a machine's present moment, or from a snapshot; the machine itself goes on, too
    Fork(ForkTask),
    /// The same with nothing kept: what was done in it is gone when it ends, unless `keep` comes before
    Try(ForkTask),
    /// Make a machine with the same hardware and disks, that does not run yet; the machine itself may run
    Clone(CloneTask),
    /// Moments that new machines go on from at once
    #[command(subcommand)]
    Template(TemplateTask),
    /// Keep a machine that `try` made
    Keep {
        #[command(flatten)]
        target: Target,
        /// Put its moment into the timeline of the machine that it came from instead, and end it
        #[arg(long)]
        as_snapshot: bool,
    },
    /// End a machine that `try` made, now
    ThrowAway(Target),
    /// List the machine's snapshots, oldest first.
    #[command(after_long_help = TIMELINE_JSON)]
    Timeline(Target),
    /// Start, keep and take back several machines together.
    #[command(subcommand)]
    Lab(LabTask),
    #[command(about = Action::Repair.explain())]
    Repair(Target),
    /// Keep the guest's screen as a PNG picture.
    ///
    /// A file that is there already is replaced, in one step.
    #[command(after_long_help = "Example:\n  orangery screenshot Debian desktop.png")]
    Screenshot {
        #[command(flatten)]
        target: Target,
        /// Where to write the picture.
        #[arg(value_name = "FILE.png")]
        file: PathBuf,
    },
    /// Type text into the guest, key by key, where no clipboard reaches: a login screen.
    ///
    /// The guest must have the keyboard layout that is named here or kept with the machine; what
    /// the layout can't type is refused before the first key. Interrupting ends this command, not
    /// the typing.
    #[command(
        after_long_help = "Examples:\n  orangery type Debian 'ls -l' --enter\n  \
                           orangery type Debian 'Größe: 25 €' --layout de\n  \
                           orangery set Debian keyboard=de"
    )]
    Type(TypeTask),
    /// Press keys in the guest, one combination after the other.
    ///
    /// Keys have the names that QEMU gives them (a, f2, ret, meta_l, minus, …), and enter. Keys
    /// joined by dashes are held together.
    #[command(
        after_long_help = "Examples:\n  orangery key Debian ctrl-alt-delete\n  \
                           orangery key Debian ctrl-alt-f2 enter"
    )]
    Key {
        #[command(flatten)]
        target: Target,
        /// Keys joined by dashes: ctrl-alt-delete.
        #[arg(required = true, num_args = 1..=64, value_parser = combination)]
        keys: Vec<Combination>,
    },
    /// Read or write the guest's clipboard, through the agent in its desktop.
    #[command(subcommand)]
    Clipboard(ClipboardTask),
    /// Send files into the guest, to where its agent keeps them: the downloads, mostly.
    #[command(after_long_help = "Example:\n  orangery send Debian report.pdf photo.jpg")]
    Send {
        #[command(flatten)]
        target: Target,
        /// Files, not folders.
        #[arg(required = true, num_args = 1..=1000, value_name = "FILE")]
        files: Vec<PathBuf>,
    },
    /// Measure a running machine: processors, memory, disks, and with --watch network.
    #[command(
        after_long_help = "With --json: processor times are shares of one processor, sizes are in \
                           bytes; bytes of disks count from the start of the machine, bytes of \
                           network cards from the start of --watch. With --watch each measurement \
                           is one line."
    )]
    Stats {
        #[command(flatten)]
        target: Target,
        /// Measure once a second until Ctrl+C.
        #[arg(long)]
        watch: bool,
    },
    #[command(about = Action::Delete.explain())]
    Delete(Target),
    #[command(about = Action::Restore.explain())]
    Restore(Target),
    Trash(Trash),
    /// Say what this computer can do, what is missing, and how to mend it.
    ///
    /// Exit status 0 means that machines can run.
    #[command(
        after_long_help = "With --json: accelerator has choice (kvm or tcg) and reason; each of \
                           checks has id, title, level (good, note or bad), finding and fix; \
                           sizes are in bytes."
    )]
    Doctor,
    /// Collect what others need to help with a problem, without names and addresses of yours.
    ///
    /// Prints the report, or writes it to a file. Nothing is sent anywhere.
    #[command(after_long_help = "Example:\n  orangery report Debian --output report.txt")]
    Report {
        /// The machine it is about: name, id, or the first digits of the id.
        #[arg(value_name = "NAME")]
        name: Option<String>,
        /// Where to write the report. A file that is there already is replaced.
        #[arg(long, short, value_name = "FILE")]
        output: Option<PathBuf>,
    },
    #[command(about = Action::OpenConsole.explain())]
    Console {
        #[command(flatten)]
        target: Target,
        /// Which of its screens, counted from 1.
        #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=16))]
        head: u32,
    },
    Serial(Serial),
    /// Print the QEMU command line of the machine's next start.
    CommandLine(Target),
    /// Run the engine without a window.
    ///
    /// Other subcommands start it when it is needed. It ends by itself 30 seconds after nothing
    /// runs any more. Machines outlive it.
    Agent,
    /// Open the window, with a new machine from FILE.
    Window {
        /// An ISO or a disk image.
        #[arg(value_name = "FILE")]
        file: Option<PathBuf>,
    },
}

/// Change a machine's hardware, name or notes.
///
/// Either all changes are made or none. What a running machine can't take at once it gets at
/// its next start.
#[derive(Clone, Debug, PartialEq, Eq, clap::Args)]
#[command(after_long_help = set::KEYS_HELP)]
pub struct Set {
    #[command(flatten)]
    pub target: Target,
    /// What to change: cpus=4 memory=8G.
    #[arg(value_name = "KEY=VALUE", required = true, value_parser = set::assignment)]
    pub changes: Vec<set::Assignment>,
}

/// Use the machine's serial console here: ttyS0 of a Linux guest.
///
/// In a terminal every key goes to the guest; Ctrl+] leaves. Otherwise what comes in goes to the
/// guest and what the guest says comes out, until the machine stops. Any number may watch and type
/// at a time, the window too.
#[derive(Clone, Debug, PartialEq, Eq, clap::Args)]
#[command(after_long_help = "\
The guest shows a login there if it is told to: a Linux kernel by console=ttyS0.

What a guest says is kept in the machine's folder, at most 3 MiB of it: passwords that it shows
are in there too. The folder is yours alone.

Examples:
  orangery serial Debian
  orangery serial Debian --log | grep -i error
  echo reboot | timeout 5 orangery serial Debian")]
pub struct Serial {
    #[command(flatten)]
    pub target: Target,
    /// Print what was said in this run or the last one, at most 1 MiB, and end.
    #[arg(long)]
    pub log: bool,
}

/// Press the guest's power button and wait until it is off.
///
/// A guest can ignore the button. When the time is over the machine stays on and the exit
/// status is 1, unless --force is given.
#[derive(Clone, Debug, PartialEq, Eq, clap::Args)]
#[command(after_long_help = "Example:\n  orangery shutdown Debian --timeout 30 --force")]
pub struct ShutDown {
    #[command(flatten)]
    pub target: Target,
    /// How long to wait.
    #[arg(long, value_name = "SECONDS", default_value_t = 120,
          value_parser = clap::value_parser!(u64).range(1..=86_400))]
    pub timeout: u64,
    /// Cut the power when the time is over; the guest may lose what it has not written.
    #[arg(long)]
    pub force: bool,
}

/// Show what lies in the trash, or empty it.
///
/// What another machine rests on is kept until that machine is gone too.
#[derive(Clone, Debug, PartialEq, Eq, clap::Args)]
pub struct Trash {
    /// Remove for good what no other machine rests on.
    #[arg(long)]
    pub empty: bool,
    /// Do not ask.
    #[arg(long, requires = "empty")]
    pub yes: bool,
}

/// Keys held together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Combination(pub Vec<String>);

/// More fingers than anyone has.
const MAX_KEYS: usize = 10;

fn combination(text: &str) -> Result<Combination, String> {
    let keys: Vec<String> = text.split(['-', '+']).map(str::to_lowercase).collect();
    if keys.len() > MAX_KEYS {
        return Err(format!("at most {MAX_KEYS} keys can be held together"));
    }
    let is_key = |key: &String| {
        (1..=32).contains(&key.len()) && key.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
    };
    if !keys.iter().all(is_key) {
        return Err(
            "write key names joined by dashes, for example ctrl-alt-delete; \
                    the dash itself is minus"
                .to_owned(),
        );
    }
    Ok(Combination(keys))
}

/// Reads the command line, program name first.
///
/// A wrong one, `--help` and `--version` are errors that print themselves and know their exit
/// status.
pub fn parse(args: impl IntoIterator<Item = OsString>) -> Result<Args, clap::Error> {
    let args = Args::try_parse_from(args)?;
    if let Some(Task::Set(set)) = &args.task
        && let Some(key) = set::doubled(&set.changes)
    {
        return Err(Args::command().error(
            ErrorKind::ArgumentConflict,
            format!("{key} is given more than once"),
        ));
    }
    Ok(args)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(words: &[&str]) -> Result<Args, clap::Error> {
        let program = std::iter::once("orangery");
        super::parse(program.chain(words.iter().copied()).map(OsString::from))
    }

    #[test]
    fn wrong_command_lines_are_usage_errors_that_say_what_is_wrong() {
        for (words, expected) in [
            (&["shwo"][..], "shwo"),
            (&["show"], "NAME"),
            (&["create", "x", "--iso", "a", "--disk", "b"], "--disk"),
            (&["create", "x", "--ballast", "1G"], "--test-card"),
            (
                &["create", "x", "--disk", "b", "--disk-size", "1G"],
                "--disk-size",
            ),
            (&["create", "x", "--memory", "lots"], "“lots” is not a size"),
            (&["create", "x", "--cpus", "0"], "1..=255"),
            (
                &["create", "x", "--firmware", "efi"],
                "bios, uefi or secure",
            ),
            (&["set", "x"], "KEY=VALUE"),
            (&["set", "x", "cpus=none"], "cpus: write a whole number"),
            (
                &["set", "x", "cpus=1", "cpus=2"],
                "cpus is given more than once",
            ),
            (&["set", "x", "colour=red"], "there is no “colour”"),
            (&["shutdown", "x", "--timeout", "0"], "1..=86400"),
            (&["trash", "--yes"], "--empty"),
            (&["key", "x", "ctrl--"], "minus"),
            (&["key", "x", "a-a-a-a-a-a-a-a-a-a-a"], "at most 10 keys"),
            (&["type", "x", ""], "no text"),
        ] {
            let error = parse(words).unwrap_err();
            assert_eq!(error.exit_code(), 2, "{words:?}");
            let message = error.to_string();
            assert!(message.contains(expected), "{words:?}: {message}");
        }
    }

    #[test]
    fn global_options_stand_before_or_after_the_subcommand() {
        let before = parse(&["--json", "--library", "/l", "-v", "list"]).unwrap();
        let after = parse(&["list", "--library", "/l", "--json", "--verbose"]).unwrap();
        assert_eq!(before.global, after.global);
        assert_eq!(before.global.library, Some(PathBuf::from("/l")));
        assert!(before.global.json && before.global.verbose);
    }

    #[test]
    fn the_definition_of_the_command_line_is_sound() {
        <Args as clap::CommandFactory>::command().debug_assert();
    }
}
