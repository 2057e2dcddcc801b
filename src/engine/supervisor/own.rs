//! What concerns the app itself: its settings, its log, reports of problems.

use std::time::Duration;

use super::Supervisor;
use crate::engine::hub::Asker;
use crate::engine::message::{Command, Event};
use crate::engine::redact::Secrets;
use crate::engine::{launches, report};
use crate::library::{self, Library};
use crate::model::{Answer, Failure, Machine, MachineId, Settings};

impl Supervisor {
    pub(super) fn own(&mut self, asker: Asker, command: Command) {
        let result = match command {
            Command::SaveSettings(settings) => self.save_settings(settings),
            Command::ReadLog => Ok(Answer::Log(self.hub.chronicle.lines())),
            Command::ReadQemuLog { machine } => Ok(Answer::QemuLog(self.qemu_log(machine))),
            Command::Report { machine } => self.report(machine).map(Answer::Report),
            Command::Note(text) => {
                self.hub.chronicle.note(&text);
                Ok(Answer::Done)
            }
            _ => return, // Others do those.
        };
        self.hub.answer(asker, result, None);
    }

    /// How often rows in sight get a new thumbnail; `None` for never.
    pub(super) fn thumbnail_every(&self) -> Option<Duration> {
        let seconds = self.settings.thumbnails;
        (seconds > 0).then(|| Duration::from_secs(u64::from(seconds)))
    }

    fn save_settings(&mut self, mut settings: Settings) -> Result<Answer, Failure> {
        settings.scale = settings
            .scale
            .clamp(*Settings::SCALES.start(), *Settings::SCALES.end());
        if let Some(folder) = &settings.library
            && settings.library != self.settings.library
        {
            Library::may_be_at(folder).map_err(|why| {
                Failure::new(
                    "The library folder was not changed",
                    format!("“{}” can't be used: {why}", folder.display()),
                )
                .fix("Choose an empty folder, a new one, or one that holds a library already")
            })?;
        }
        library::save_settings(&self.places.settings, &settings)
            .map_err(|error| error.failure("The settings were not saved"))?;
        self.settings = settings.clone();
        if let Some(every) = self.thumbnail_every() {
            let next = std::time::Instant::now() + every;
            self.next_thumbnail = self.next_thumbnail.min(next);
        }
        self.hub.publish(&Event::Settings(settings));
        Ok(Answer::Done)
    }

    /// The end of what the machine's QEMU wrote, at most 16 KiB.
    fn qemu_log(&self, machine: MachineId) -> String {
        launches::log_of(&self.runtime.join("m"), machine)
    }

    fn report(&self, machine: Option<MachineId>) -> Result<String, Failure> {
        let about = match machine.map(|id| (id, self.slots.get(&id))) {
            None => None,
            Some((id, Some(slot))) => Some((slot.report(id), self.qemu_log(id))),
            Some((_, None)) => {
                return Err(Failure::new("There is no report", "The machine is gone"));
            }
        };
        let log = self.hub.chronicle.lines();
        let machines: Vec<&Machine> = self
            .slots
            .values()
            .filter_map(|slot| slot.machine.as_ref())
            .collect();
        let material = report::Material {
            computer: self.computer.as_deref(),
            settings: &self.settings,
            whereabouts: &self.places.whereabouts(),
            machine: about.as_ref().map(|(report, log)| (report, log.as_str())),
            log: &log,
            machines,
        };
        Ok(report::text(&material, self.secrets()))
    }

    fn secrets(&self) -> Secrets {
        let set = |name: &str| {
            let value = std::env::var_os(name)?.into_string().ok()?;
            (!value.is_empty()).then_some(value)
        };
        let home = set("HOME").map(|home| home.trim_end_matches('/').to_owned());
        let library = self.places.library.display().to_string();
        let below = home.as_ref().is_some_and(|home| library.starts_with(home));
        let system = rustix::system::uname();
        Secrets {
            user: set("USER")
                .or_else(|| set("LOGNAME"))
                .or_else(|| home.as_ref()?.rsplit('/').next().map(str::to_owned)),
            home,
            host: Some(system.nodename().to_string_lossy().into_owned()),
            library: (!below).then_some(library),
            ..Secrets::default()
        }
    }
}
