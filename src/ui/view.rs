//! All that the screens show, as plain data; events are folded into it, screens only read it.

use std::cell::OnceCell;
use std::collections::BTreeMap;
use std::sync::Arc;

use egui::{ColorImage, TextureHandle, TextureOptions};

use crate::display::frame::{Following, Reading};
use crate::engine::message::Event;
use crate::model::{
    Action, ClosePolicy, ComputerReport, Difference, Failure, HostLoad, JobId, JobReport, JobState,
    LabId, LabReport, MachineId, MachineReport, Recorded, Sample, Settings, SnapshotId, State,
    Timeline, Timestamp, TrashReport,
};
use crate::terminal::Terminal;

use super::album::{Album, PictureSize, Wish};
use super::browsing::Browsing;
use super::clock::Zone;
use super::history::History;
use super::program::Program;
use super::shortcuts::Shortcuts;
use super::toasts::{Toast, Toasts};

/// Larger thumbnails are refused: they are made small, and a bad one must not eat memory.
const MAX_THUMBNAIL_SIDE: u32 = 512;

/// What the window knows.
#[derive(Default)]
pub struct View {
    machines: BTreeMap<MachineId, MachineReport>,
    order: OnceCell<Order>,
    generation: u64,
    /// Everything was told once; before that machines may be missing.
    pub whole: bool,
    pub jobs: BTreeMap<JobId, JobReport>,
    pub computer: Option<ComputerReport>,
    pub load: HostLoad,
    pub trash: TrashReport,
    /// In the order of their names.
    pub labs: Vec<LabReport>,
    /// Of machines whose timeline was asked for.
    pub timelines: BTreeMap<MachineId, Timeline>,
    /// Why one could not be told.
    pub unread_timelines: BTreeMap<MachineId, Failure>,
    /// The comparison that was asked for last.
    pub comparison: Option<Comparison>,
    /// What was found inside disks, for the dialog that is open.
    pub browsing: Option<Browsing>,
    pub pictures: Album,
    pub zone: Zone,
    pub settings: Settings,
    pub program: Program,
    pub toasts: Toasts,
    thumbnails: BTreeMap<MachineId, TextureHandle>,
    histories: BTreeMap<MachineId, History>,
    pub command_lines: BTreeMap<MachineId, Vec<String>>,
    /// The live screen of the machine whose page is open.
    pub screen: Option<LiveScreen>,
    /// The serial console of the machine whose page is open.
    pub terminal: Option<(MachineId, Arc<Terminal>)>,
    /// The guest that gets the keyboard.
    pub captured: Option<MachineId>,
    /// While a guest has it: the desktop keeps its own shortcuts all the same.
    pub keys_kept: bool,
    pub full_screen: bool,
    /// Whose picture is under the files that are dragged over the window.
    pub drop_on: Option<MachineId>,
    pub now: Timestamp,
    /// Another process has the library; nothing can be changed from here.
    pub handed_over: bool,
    /// Closing waits for machines to be saved or shut down.
    pub leaving: Option<Leaving>,
}

/// What differs between two points, once it is known.
pub struct Comparison {
    /// The machine, a point, and another one or the present.
    pub key: (MachineId, SnapshotId, Option<SnapshotId>),
    pub result: Option<Result<Difference, Failure>>,
}

/// The machines outside the trash, by name. Made when it is first asked for after a change, so
/// that a library of thousands is sorted once, not with each report.
struct Order {
    all: Vec<MachineId>,
    /// Those with a process.
    running: Vec<MachineId>,
    /// Copies of which nothing is kept.
    tries: Vec<MachineId>,
}

/// A guest's screen, ready to be painted.
pub struct LiveScreen {
    pub machine: MachineId,
    pub texture: TextureHandle,
    /// In guest pixels.
    pub width: u32,
    pub height: u32,
    pub cursor: Option<GuestCursor>,
    /// The guest has a tablet: it is told where the pointer is, not how it moves.
    pub absolute: bool,
    /// Fingers that the guest's touchscreen takes at a time; 0 without one.
    pub touch_slots: u8,
    /// Caps lock is on in the guest, as far as it tells.
    pub caps_lock: Option<bool>,
    /// The size that the guest was last asked for, in its pixels.
    pub told_room: Option<(u32, u32)>,
    pub following: Following,
    /// While they are wanted.
    pub figures: Option<Reading>,
    /// While it is being recorded.
    pub recording: Option<Recorded>,
}

/// The pointer as the guest draws it.
pub struct GuestCursor {
    pub texture: TextureHandle,
    /// The point that points, in guest pixels from the picture's corner.
    pub hot: (i32, i32),
}

/// How far closing is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Leaving {
    /// The question is open.
    pub asking: bool,
    /// What comes first, and is not done yet.
    pub partings: Vec<Parting>,
    /// What comes then.
    pub policy: ClosePolicy,
    /// Machines that still have to be saved or shut down.
    pub waiting_for: Vec<MachineId>,
    /// Those of them that were paused: a guest hears its power button once it goes on.
    pub resuming: Vec<MachineId>,
    /// Some of them ignored the power button.
    pub overdue: bool,
}

/// What becomes of a copy of which nothing is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parting {
    pub machine: MachineId,
    pub action: Action,
    /// The engine has said that it is done.
    pub answered: bool,
}

impl View {
    /// Folds one piece of news in. Answers to requests are the app's, not the view's.
    pub fn apply(&mut self, event: Event, ctx: &egui::Context) {
        match event {
            Event::Machine(report) => self.put_machine(*report),
            Event::Machines(reports) => {
                for report in reports {
                    self.put_machine(report);
                }
            }
            Event::Whole => self.whole = true,
            Event::Gone(id) => {
                self.machines.remove(&id);
                self.thumbnails.remove(&id);
                self.histories.remove(&id);
                self.command_lines.remove(&id);
                self.timelines.remove(&id);
                self.unread_timelines.remove(&id);
                self.generation += 1;
                self.order.take();
            }
            Event::Job(job) => self.put_job(job),
            Event::Computer(report) => self.computer = Some(*report),
            Event::Load(load) => self.load = load,
            Event::Sample { machine, sample } => self.put_sample(machine, sample),
            Event::Trash(report) => self.trash = report,
            Event::Timeline { machine, timeline } => {
                self.put_timeline(machine, *timeline);
            }
            Event::Settings(settings) => {
                self.program.shortcuts = Shortcuts::of(&settings.shortcuts);
                self.settings = settings;
            }
            Event::Whereabouts(whereabouts) => self.program.whereabouts = whereabouts,
            Event::Thumbnail {
                machine,
                width,
                height,
                rgba,
            } => self.put_thumbnail(ctx, machine, (width, height), &rgba),
            Event::Answer { .. } | Event::Raise | Event::Picture { .. } => {}
            Event::HandedOver => self.handed_over = true,
            Event::Notice(failure) => self.fail(failure),
            Event::Labs(labs) => self.labs = labs,
        }
    }

    pub fn put_timeline(&mut self, machine: MachineId, timeline: Timeline) {
        self.unread_timelines.remove(&machine);
        self.timelines.insert(machine, timeline);
    }

    /// Shows a failure until it is dismissed.
    pub fn fail(&mut self, failure: Failure) {
        self.toasts.push(Toast::failure(failure));
    }

    fn put_machine(&mut self, report: MachineReport) {
        let newest = self
            .machines
            .get(&report.id)
            .is_none_or(|known| known.generation <= report.generation);
        if newest {
            if !report.state.has_process() {
                self.thumbnails.remove(&report.id);
                self.histories.remove(&report.id); // What was is not shown as what is.
            }
            let place = |report: &MachineReport| {
                (
                    report.name.clone(),
                    report.trashed().is_some(),
                    report.state.has_process(),
                    report.is_disposable(),
                )
            };
            let new = place(&report);
            let old = self.machines.insert(report.id, report);
            self.generation += 1;
            if old.as_ref().map(place) != Some(new) {
                self.order.take();
            }
        }
    }

    fn order(&self) -> &Order {
        self.order.get_or_init(|| {
            let mut named: Vec<(String, &MachineReport)> = self
                .machines
                .values()
                .filter(|report| report.trashed().is_none())
                .map(|report| (report.name.to_lowercase(), report))
                .collect();
            named.sort_by(|(name, report), (other_name, other)| {
                (name, report.id).cmp(&(other_name, other.id))
            });
            Order {
                all: named.iter().map(|(_, report)| report.id).collect(),
                running: named
                    .iter()
                    .filter(|(_, report)| report.state.has_process())
                    .map(|(_, report)| report.id)
                    .collect(),
                tries: named
                    .iter()
                    .filter(|(_, report)| report.is_disposable())
                    .map(|(_, report)| report.id)
                    .collect(),
            }
        })
    }

    fn put_job(&mut self, job: JobReport) {
        match job.state {
            JobState::Running => {
                self.jobs.insert(job.id, job);
            }
            // A failed job's failure comes as the answer or as a notice.
            JobState::Done | JobState::Cancelled | JobState::Failed(_) => {
                self.jobs.remove(&job.id);
            }
        }
    }

    fn put_thumbnail(
        &mut self,
        ctx: &egui::Context,
        machine: MachineId,
        (width, height): (u32, u32),
        rgba: &Arc<Vec<u8>>,
    ) {
        let fits = (1..=MAX_THUMBNAIL_SIDE).contains(&width)
            && (1..=MAX_THUMBNAIL_SIDE).contains(&height)
            && rgba.len() == width as usize * height as usize * 4;
        if !fits || !self.machines.contains_key(&machine) {
            return;
        }
        let image = ColorImage::from_rgba_unmultiplied([width as usize, height as usize], rgba);
        match self.thumbnails.get_mut(&machine) {
            Some(texture) => texture.set(image, TextureOptions::LINEAR),
            None => {
                let texture = ctx.load_texture("thumbnail", image, TextureOptions::LINEAR);
                self.thumbnails.insert(machine, texture);
            }
        }
    }

    fn put_sample(&mut self, machine: MachineId, sample: Sample) {
        let runs = |report: &MachineReport| report.state.has_process();
        if self.machines.get(&machine).is_some_and(runs) {
            self.histories.entry(machine).or_default().add(sample);
        }
    }

    /// What a running machine did in the last minutes, if it was measured.
    pub fn history(&self, id: MachineId) -> Option<&History> {
        self.histories.get(&id)
    }

    pub fn machine(&self, id: MachineId) -> Option<&MachineReport> {
        self.machines.get(&id)
    }

    /// The machines outside the trash, by name.
    pub fn machines(&self) -> impl DoubleEndedIterator<Item = &MachineReport> {
        self.order()
            .all
            .iter()
            .filter_map(|id| self.machines.get(id))
    }

    /// How many machines there are outside the trash.
    pub fn count(&self) -> usize {
        self.order().all.len()
    }

    /// Whether it is known that there is no machine.
    pub fn is_empty(&self) -> bool {
        self.whole && self.order().all.is_empty()
    }

    /// Grows with each news of a machine: what was made from the machines is still right as long
    /// as this is the same.
    pub fn generation(&self) -> u64 {
        self.generation
    }

    pub fn thumbnail(&self, id: MachineId) -> Option<&TextureHandle> {
        self.thumbnails.get(&id)
    }

    /// The small pictures of those of these machines that are saved.
    pub fn last_pictures(&self, machines: &[MachineId]) -> Vec<Wish> {
        let small = |id: &MachineId| Wish::last_of(self.machine(*id)?, PictureSize::Small);
        machines.iter().filter_map(small).collect()
    }

    /// The thumbnail of a machine that runs, or what one that is saved showed last.
    pub fn face(&self, report: &MachineReport) -> Option<&TextureHandle> {
        let last = || {
            self.pictures
                .get(Wish::last_of(report, PictureSize::Small)?)
        };
        self.thumbnail(report.id).or_else(last)
    }

    pub fn lab(&self, id: LabId) -> Option<&LabReport> {
        self.labs.iter().find(|report| report.lab.id == id)
    }

    /// What to call a machine in a message.
    pub fn name(&self, id: MachineId) -> String {
        self.machine(id)
            .map_or_else(|| "A machine".to_owned(), |report| report.name.clone())
    }

    /// Names that a new machine can't have; trashed ones come back, so theirs count too.
    pub fn names(&self) -> Vec<&str> {
        self.machines
            .values()
            .map(|report| report.name.as_str())
            .collect()
    }

    /// Machines with a process, in list order.
    pub fn running(&self) -> Vec<MachineId> {
        self.order().running.clone()
    }

    /// Copies of which nothing is kept, in list order.
    pub fn tries(&self) -> &[MachineId] {
        &self.order().tries
    }

    /// The job that works on a machine.
    pub fn job_of(&self, report: &MachineReport) -> Option<&JobReport> {
        report.job.and_then(|id| self.jobs.get(&id))
    }

    /// Whether something on screen changes with the clock alone: a countdown.
    pub fn counts_down(&self) -> bool {
        self.toasts.expire()
            || self
                .order()
                .running
                .iter()
                .filter_map(|id| self.machines.get(id))
                .any(|report| report.state == State::Stopping && report.force_after.is_some())
    }
}
