//! The files inside the disks of a snapshot, or of the present: disks, partitions, and folders as they are opened.

use std::ops::Range;

use egui::{Align2, Key, Modifiers, ScrollArea, Sense, Ui, WidgetInfo, accesskit::Role, vec2};

use super::files::{self, LINE, Wish, disk_ui, entry_ui, partition_ui};
use super::{compare, words};
use crate::engine::message::Command;
use crate::language::{count, fill, told, tr};
use crate::model::{
    DiskContents, DiskPlace, Failure, Folder, FolderEntry, MachineReport, Partition, SnapshotId,
    Timeline,
};
use crate::ui::browsing::Browsing;
use crate::ui::icon::{self, Icon};
use crate::ui::kit::{self, Field, Tone};
use crate::ui::theme::{self, palette};
use crate::ui::view::View;
use crate::ui::{Ask, InsideFile};

/// The open dialog.
pub struct BrowseDialog {
    /// `None` is the present.
    point: Option<SnapshotId>,
    /// `None` shows the disks.
    place: Option<DiskPlace>,
    filter: String,
    /// What is shown of a folder, for the place and filter that it was found for.
    found: Option<(DiskPlace, String, Vec<usize>)>,
}

impl BrowseDialog {
    /// Asks what disks there are.
    pub fn new(report: &MachineReport, point: Option<SnapshotId>, asks: &mut Vec<Ask>) -> Self {
        let machine = report.id;
        asks.push(Ask::Engine(Command::ListDisks { machine, point }));
        Self {
            point,
            place: None,
            filter: String::new(),
            found: None,
        }
    }

    /// The dialog; returns whether it stays open.
    pub fn ui(
        &mut self,
        ui: &Ui,
        view: &View,
        report: &MachineReport,
        timeline: &Timeline,
        asks: &mut Vec<Ask>,
    ) -> bool {
        let snapshot = self.point.and_then(|id| timeline.snapshot(id));
        let heading = match snapshot {
            Some(snapshot) => {
                let title = words::title(view, snapshot);
                fill("Files of “{title}”", &[("title", &title)])
            }
            None => fill("Files of {name} as it is now", &[("name", &report.name)]),
        };
        let key = (report.id, self.point);
        let found = view.browsing.as_ref().filter(|it| it.point == key);
        let room = ui.ctx().content_rect();
        let width = (room.width() - 120.0).min(860.0);
        let (closed, dismissed) = kit::modal(ui, "browse", width, &heading, |ui| {
            ui.spacing_mut().item_spacing.y = 8.0;
            let height = (room.height() - 290.0).clamp(LINE * 4.0, 560.0);
            let opened = self.way_ui(ui, found);
            let opened = opened.or(match (found, self.place.clone()) {
                (Some(found), Some(place)) => {
                    self.folder_ui(ui, view, report, (found, &place, height), asks)
                }
                (found, _) => disks_ui(ui, view, report, found, height),
            });
            if let Some(step) = opened {
                self.go(report, found, step, asks);
            }
            kit::footer(ui, |ui| {
                kit::secondary(ui, true, None, tr("Close")).clicked()
            })
        });
        let ends = closed || dismissed;
        if ends && self.waits(found) {
            let machine = report.id;
            asks.push(Ask::Engine(Command::StopLooking { machine }));
        }
        !ends
    }

    /// Whether something is being read for it.
    fn waits(&self, found: Option<&Browsing>) -> bool {
        let Some(found) = found else { return true };
        match &self.place {
            None => found.disks.is_none(),
            Some(place) => found.folder(place).is_none(),
        }
    }

    fn go(
        &mut self,
        report: &MachineReport,
        found: Option<&Browsing>,
        step: Step,
        asks: &mut Vec<Ask>,
    ) {
        let (machine, point) = (report.id, self.point);
        self.filter.clear();
        self.place = match step {
            Step::Disks => None,
            Step::Folder(place) => {
                if !found.is_some_and(|found| found.knows(&place)) {
                    let place = place.clone();
                    asks.push(Ask::Engine(Command::ListFiles {
                        machine,
                        point,
                        place,
                    }));
                }
                Some(place)
            }
        };
        if self.place.is_none() && found.is_some_and(|it| matches!(it.disks, Some(Err(_)))) {
            asks.push(Ask::Engine(Command::ListDisks { machine, point }));
        }
    }

    /// Where one is: the disks, a partition, folders; each leads back there.
    fn way_ui(&self, ui: &mut Ui, found: Option<&Browsing>) -> Option<Step> {
        let mut step = None;
        ui.horizontal_wrapped(|ui| {
            ui.spacing_mut().item_spacing.x = 2.0;
            let glyph = Some(Icon::HardDrive);
            if kit::link(ui, glyph, tr("Disks")).clicked() {
                step = Some(Step::Disks);
            }
            let Some(place) = &self.place else { return };
            let root = partition_of(found, place);
            let root = root.map_or_else(String::new, compare::partition_name);
            let root = format!("{}, {root}", place.disk);
            let parts = place.path.split('/').filter(|part| !part.is_empty());
            let mut path = String::new();
            for (depth, part) in std::iter::once(root.as_str()).chain(parts).enumerate() {
                if depth > 0 {
                    if depth > 1 {
                        path.push('/');
                    }
                    path += part;
                }
                let (rect, _) = ui.allocate_exact_size(vec2(14.0, 24.0), Sense::hover());
                let dim = palette(ui).dim;
                icon::paint(ui.painter(), rect.center(), Icon::ChevronRight, 13.0, dim);
                if kit::link(ui, None, part).clicked() {
                    let path = path.clone();
                    step = Some(Step::Folder(DiskPlace {
                        path,
                        ..place.clone()
                    }));
                }
            }
        });
        let typing = ui.ctx().text_edit_focused();
        let up =
            !typing && ui.input_mut(|input| input.consume_key(Modifiers::NONE, Key::Backspace));
        step.or_else(|| up.then(|| self.above()).flatten())
    }

    /// One step up.
    fn above(&self) -> Option<Step> {
        let place = self.place.as_ref()?;
        if place.path.is_empty() {
            return Some(Step::Disks);
        }
        let path = place.path.rsplit_once('/').map_or("", |(above, _)| above);
        let path = path.to_owned();
        Some(Step::Folder(DiskPlace {
            path,
            ..place.clone()
        }))
    }

    fn filter_ui(&mut self, ui: &mut Ui, folder: &Folder) {
        let spec = Field {
            label: tr("Filter"),
            hint: tr("A part of a name"),
            complaint: None,
        };
        kit::text_field(ui, &spec, &mut self.filter);
        for note in &folder.notes {
            kit::hint(ui, &told(&note.to_string()));
        }
    }

    fn folder_ui(
        &mut self,
        ui: &mut Ui,
        view: &View,
        report: &MachineReport,
        (found, place, height): (&Browsing, &DiskPlace, f32),
        asks: &mut Vec<Ask>,
    ) -> Option<Step> {
        let folder = match found.folder(place) {
            None => {
                waiting_ui(ui, view, report, height);
                return None;
            }
            Some(Err(failure)) => return failure_ui(ui, failure, Step::Folder(place.clone())),
            Some(Ok(folder)) => folder,
        };
        self.filter_ui(ui, folder);
        let height = height - 58.0;
        if folder.entries.is_empty() {
            empty_ui(ui, tr("The folder is empty"), height);
            return None;
        }
        let filter = self.filter.to_lowercase();
        let same = |it: &mut (DiskPlace, String, Vec<usize>)| it.0 == *place && it.1 == filter;
        let known = self.found.take_if(same);
        let shown = known.unwrap_or_else(|| {
            let shown = matching(folder, &filter);
            (place.clone(), filter, shown)
        });
        let (.., shown) = self.found.insert(shown);
        if shown.is_empty() {
            empty_ui(ui, tr("Nothing here has that in its name"), height);
            return None;
        }
        let mut step = None;
        let (machine, point) = (report.id, self.point);
        scrolled(ui, height, shown.len(), |ui, seen| {
            for entry in shown[seen].iter().filter_map(|at| folder.entries.get(*at)) {
                let path = match place.path.as_str() {
                    "" => entry.name.clone(),
                    path => format!("{path}/{}", entry.name),
                };
                let place = DiskPlace {
                    path,
                    ..place.clone()
                };
                match entry_ui(ui, view, entry) {
                    Some(Wish::Open) => step = Some(Step::Folder(place)),
                    Some(Wish::Save) => asks.push(Ask::SaveCopy(InsideFile {
                        machine,
                        point,
                        place,
                    })),
                    None => {}
                }
            }
        });
        if folder.more > 0 {
            kit::hint(
                ui,
                &count(folder.more, "and {count} more", "and {count} more"),
            );
        }
        step
    }
}

/// Where to go.
enum Step {
    Disks,
    Folder(DiskPlace),
}

/// The places of entries whose names have `filter`, in small letters.
fn matching(folder: &Folder, filter: &str) -> Vec<usize> {
    let entries = folder.entries.iter().enumerate();
    let has = |entry: &FolderEntry| filter.is_empty() || entry.name.to_lowercase().contains(filter);
    entries
        .filter(|(_, entry)| has(entry))
        .map(|(at, _)| at)
        .collect()
}

fn partition_of<'a>(found: Option<&'a Browsing>, place: &DiskPlace) -> Option<&'a Partition> {
    let disks = found?.disks.as_ref()?.as_ref().ok()?;
    let disk = disks.iter().find(|disk| disk.device == place.disk)?;
    let mut partitions = disk.partitions.iter();
    partitions.find(|partition| partition.start == place.partition)
}

fn scrolled(ui: &mut Ui, height: f32, lines: usize, content: impl FnOnce(&mut Ui, Range<usize>)) {
    ui.scope(|ui| {
        ui.spacing_mut().item_spacing.y = 0.0;
        let area = ScrollArea::vertical().auto_shrink(false);
        // A dialog is as high as what is in it; one that changes with each folder would jump about.
        let area = area.max_height(height).min_scrolled_height(height);
        area.show_rows(ui, LINE, lines, content);
    });
}

fn waiting_ui(ui: &mut Ui, view: &View, report: &MachineReport, height: f32) {
    let job = report.job.and_then(|id| view.jobs.get(&id));
    let word = job.map_or(tr("Looking at the disks").into(), |job| told(&job.step));
    empty_ui(ui, &word, height);
}

/// A sentence in the middle of where lines would be.
fn empty_ui(ui: &mut Ui, text: &str, height: f32) {
    let size = vec2(ui.available_width(), height);
    let (rect, response) = ui.allocate_exact_size(size, Sense::hover());
    response.widget_info(|| WidgetInfo::labeled(Role::Label, true, text));
    let font = theme::regular(theme::BODY);
    let dim = palette(ui).dim;
    ui.painter()
        .text(rect.center(), Align2::CENTER_CENTER, text, font, dim);
}

/// What it means that nothing is there to be browsed, and what can be done.
fn nothing_ui(ui: &mut Ui, disks: &[DiskContents]) {
    let names: Vec<&str> = disks.iter().map(|disk| disk.device.as_str()).collect();
    let names = names.join(", ");
    let title = fill("There is no file system on {disks}", &[("disks", &names)]);
    kit::callout(ui, Tone::Info, &title, |ui| {
        kit::hint(
            ui,
            tr(
                "Nothing was installed yet, or all of it is encrypted, or its kind can't be read here.",
            ),
        );
        kit::hint(
            ui,
            tr(
                "A machine that can read it can look into it: copy the disk of a snapshot as a new one, and plug that in.",
            ),
        );
    });
    ui.add_space(8.0);
}

/// Why it could not be read; `again` is what a click tries anew.
fn failure_ui(ui: &mut Ui, failure: &Failure, again: Step) -> Option<Step> {
    kit::callout(ui, Tone::Error, &told(&failure.what), |ui| {
        kit::hint(ui, &kit::sentence(&told(&failure.why)));
        let word = tr("Try again");
        let retry = kit::secondary(ui, true, Some(Icon::RotateCcw), word);
        retry.clicked().then_some(again)
    })
}

fn disks_ui(
    ui: &mut Ui,
    view: &View,
    report: &MachineReport,
    found: Option<&Browsing>,
    height: f32,
) -> Option<Step> {
    let disks = match found.and_then(|found| found.disks.as_ref()) {
        None => {
            waiting_ui(ui, view, report, height);
            return None;
        }
        Some(Err(failure)) => return failure_ui(ui, failure, Step::Disks),
        Some(Ok(disks)) if disks.is_empty() => {
            empty_ui(ui, tr("The machine had no disk then"), height);
            return None;
        }
        Some(Ok(disks)) if disks.iter().all(files::has_nothing) => {
            nothing_ui(ui, disks);
            return None;
        }
        Some(Ok(disks)) => disks,
    };
    let lines: Vec<(&DiskContents, Option<&Partition>)> = disks
        .iter()
        .flat_map(|disk| {
            let partitions = disk.partitions.iter().map(Some);
            std::iter::once(None)
                .chain(partitions)
                .map(move |partition| (disk, partition))
        })
        .collect();
    let mut step = None;
    scrolled(ui, height, lines.len(), |ui, seen| {
        for (disk, partition) in &lines[seen] {
            match partition {
                None => disk_ui(ui, disk),
                Some(partition) => {
                    if partition_ui(ui, partition) {
                        step = Some(Step::Folder(DiskPlace {
                            disk: disk.device.clone(),
                            partition: partition.start,
                            path: String::new(),
                        }));
                    }
                }
            }
        }
    });
    step
}
