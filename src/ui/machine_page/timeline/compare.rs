//! What differs between two points: asked for, waited for, and shown file by file.

use std::ops::Range;

use egui::{Color32, RichText, ScrollArea, Ui, vec2};

use super::words;
use crate::engine::message::Command;
use crate::language::{count, fill, later, told, tr};
use crate::model::{
    ChangeKind, Difference, DifferenceNote, DiskDifference, DiskPlace, FileChange, FileSort,
    JobReport, JobState, MachineReport, Partition, PartitionDifference, SnapshotId, Timeline,
};
use crate::ui::icon::{self, Icon};
use crate::ui::kit::{self, Field, Tone};
use crate::ui::theme::{self, palette};
use crate::ui::view::View;
use crate::ui::{Ask, InsideFile};

const LINE: f32 = 28.0;
/// Room for a mark and its word.
const MARK: f32 = 104.0;

/// The open comparison.
pub struct CompareDialog {
    from: SnapshotId,
    /// `None` is the present.
    to: Option<SnapshotId>,
    search: String,
    /// What is shown for the search that it was made for.
    lines: Option<(String, Vec<Line>)>,
}

/// A line of the result, by its place in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Line {
    Disk(usize),
    Partition(usize, usize),
    Note(DifferenceNote),
    Change(usize, usize, usize),
    More(u64),
}

impl CompareDialog {
    /// Asks for what differs between two points, the earlier one first.
    pub fn new(
        report: &MachineReport,
        from: SnapshotId,
        to: Option<SnapshotId>,
        asks: &mut Vec<Ask>,
    ) -> Self {
        let machine = report.id;
        asks.push(Ask::Engine(Command::Compare { machine, from, to }));
        Self {
            from,
            to,
            search: String::new(),
            lines: None,
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
        let title = |id| match timeline.snapshot(id) {
            Some(snapshot) => words::title(view, snapshot),
            None => String::new(),
        };
        let from = title(self.from);
        let heading = match self.to {
            None => fill("What changed since “{from}”", &[("from", &from)]),
            Some(to) => fill(
                "What changed from “{from}” to “{to}”",
                &[("from", &from), ("to", &title(to))],
            ),
        };
        let key = (report.id, self.from, self.to);
        let found = view.comparison.as_ref().filter(|it| it.key == key);
        let result = found.and_then(|found| found.result.as_ref());
        let room = ui.ctx().content_rect();
        let width = (room.width() - 120.0).min(900.0);
        let (closed, dismissed) = kit::modal(ui, "compare", width, &heading, |ui| {
            ui.spacing_mut().item_spacing.y = 8.0;
            match result {
                None => waiting_ui(ui, view, report),
                Some(Err(failure)) => {
                    kit::callout(ui, Tone::Error, &told(&failure.what), |ui| {
                        kit::hint(ui, &kit::sentence(&told(&failure.why)));
                    });
                }
                Some(Ok(difference)) => {
                    let height = room.height() - 260.0;
                    self.result_ui(ui, report, difference, height, asks);
                }
            }
            kit::footer(ui, |ui| {
                let word = match result {
                    None => tr("Cancel"),
                    Some(_) => tr("Close"),
                };
                kit::secondary(ui, true, None, word).clicked()
            })
        });
        let ends = closed || dismissed;
        if ends && result.is_none() {
            let machine = report.id;
            asks.push(Ask::Engine(Command::StopLooking { machine }));
        }
        !ends
    }

    fn result_ui(
        &mut self,
        ui: &mut Ui,
        report: &MachineReport,
        difference: &Difference,
        height: f32,
        asks: &mut Vec<Ask>,
    ) {
        let mut partitions = difference.disks.iter().flat_map(|disk| &disk.partitions);
        if partitions.any(|partition| !partition.changes.is_empty()) {
            let spec = Field {
                label: tr("Search"),
                hint: tr("A part of a name or a path"),
                complaint: None,
            };
            kit::text_field(ui, &spec, &mut self.search);
        }
        let known = self.lines.take_if(|(search, _)| *search == self.search);
        let (_, lines) = self.lines.insert(known.unwrap_or_else(|| {
            (
                self.search.clone(),
                lines(difference, &self.search.to_lowercase()),
            )
        }));
        let sides = Sides {
            report,
            from: self.from,
            to: self.to,
        };
        ui.spacing_mut().item_spacing.y = 0.0;
        let area = ScrollArea::vertical().auto_shrink([false, true]);
        let height = height.max(LINE * 3.0);
        // A dialog is as high as what is in it; left alone, the area would stay as small as it began.
        let area = area.max_height(height).min_scrolled_height(height);
        area.show_rows(ui, LINE, lines.len(), |ui, seen: Range<usize>| {
            for line in &lines[seen] {
                ui.allocate_ui(vec2(ui.available_width(), LINE), |ui| {
                    ui.set_min_height(LINE);
                    line_ui(ui, *line, difference, &sides, asks);
                });
            }
        });
        ui.add_space(8.0);
    }
}

/// Where files can be copied from.
struct Sides<'a> {
    report: &'a MachineReport,
    from: SnapshotId,
    to: Option<SnapshotId>,
}

/// What is under way with the machine.
fn running<'a>(view: &'a View, report: &MachineReport) -> Option<&'a JobReport> {
    let job = view.jobs.get(&report.job?)?;
    (job.state == JobState::Running).then_some(job)
}

fn waiting_ui(ui: &mut Ui, view: &View, report: &MachineReport) {
    let job = running(view, report);
    let step = job.map_or(tr("Looking at the disks").into(), |job| told(&job.step));
    kit::hint(ui, &step);
    if let Some(job) = job {
        kit::progress(ui, job, ui.available_width());
    }
    ui.add_space(8.0);
}

/// The lines for a search in small letters; all of them without one.
fn lines(difference: &Difference, search: &str) -> Vec<Line> {
    let mut lines = Vec::new();
    for (place, disk) in difference.disks.iter().enumerate() {
        lines.push(Line::Disk(place));
        lines.extend(disk.notes.iter().map(|note| Line::Note(*note)));
        for (number, partition) in disk.partitions.iter().enumerate() {
            lines.push(Line::Partition(place, number));
            let notes = partition.notes.iter();
            lines.extend(notes.map(|note| Line::Note(*note)));
            let changes = partition.changes.iter().enumerate();
            let found = changes.filter(|(_, change)| {
                search.is_empty() || change.path.to_lowercase().contains(search)
            });
            lines.extend(found.map(|(change, _)| Line::Change(place, number, change)));
            lines.extend((partition.more > 0).then_some(Line::More(partition.more)));
        }
    }
    lines
}

fn line_ui(
    ui: &mut Ui,
    line: Line,
    difference: &Difference,
    sides: &Sides<'_>,
    asks: &mut Vec<Ask>,
) {
    let p = palette(ui);
    let indented = |ui: &mut Ui, text: &str, color: Color32| {
        ui.horizontal_centered(|ui| {
            ui.add_space(20.0);
            ui.add(egui::Label::new(RichText::new(text).size(13.0).color(color)).truncate());
        });
    };
    match line {
        Line::Disk(disk) => {
            let text = disk_text(&difference.disks[disk]);
            let text = RichText::new(text).font(theme::semibold(theme::BODY));
            ui.horizontal_centered(|ui| {
                icon::show(ui, Icon::HardDrive, 16.0, p.accent_text);
                ui.add(egui::Label::new(text.color(p.text)).truncate());
            });
        }
        Line::Note(note) => {
            use DifferenceNote::{JournalApplied, OnlyAfter, OnlyBefore, Same};
            let is_fine = matches!(note, Same | OnlyBefore | OnlyAfter | JournalApplied);
            let color = if is_fine { p.dim } else { p.warn };
            indented(ui, &told(&note.to_string()), color);
        }
        Line::Partition(disk, number) => {
            let partition = &difference.disks[disk].partitions[number];
            indented(ui, &partition_text(partition), p.dim);
        }
        Line::Change(disk, number, change) => {
            let disk = &difference.disks[disk];
            let partition = &disk.partitions[number];
            let place = |path: &str| DiskPlace {
                disk: disk.device.clone(),
                partition: partition.partition.start,
                path: path.to_owned(),
            };
            change_ui(ui, &partition.changes[change], place, sides, asks);
        }
        Line::More(more) => {
            let text = count(more, "and {count} more", "and {count} more");
            indented(ui, &text, p.dim);
        }
    }
}

fn change_ui(
    ui: &mut Ui,
    change: &FileChange,
    place: impl Fn(&str) -> DiskPlace,
    sides: &Sides<'_>,
    asks: &mut Vec<Ask>,
) {
    let p = palette(ui);
    let (glyph, word, color) = match change.change {
        ChangeKind::Added => (Icon::Plus, tr("Added"), p.leaf),
        ChangeKind::Changed => (Icon::Pencil, tr("Changed"), p.warn),
        ChangeKind::Removed => (Icon::Minus, tr("Removed"), p.error),
    };
    let mut save = |ui: &mut Ui, glyph, word, point| {
        let word = fill(word, &[("path", &change.path)]);
        if kit::small_icon(ui, glyph, &word).clicked() {
            asks.push(Ask::SaveCopy(InsideFile {
                machine: sides.report.id,
                point,
                place: place(&change.path),
            }));
        }
    };
    ui.horizontal_centered(|ui| {
        ui.add_space(20.0);
        let left = ui.cursor().left();
        icon::show(ui, glyph, 14.0, color);
        ui.label(RichText::new(word).size(13.0).color(color));
        ui.add_space((left + MARK - ui.cursor().left()).max(0.0));
        ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
            if change.kind == FileSort::File {
                // A column for each, so that the sizes stand below each other.
                let none = 24.0 + ui.spacing().item_spacing.x;
                match change.change {
                    ChangeKind::Removed => ui.add_space(none),
                    ChangeKind::Added | ChangeKind::Changed => {
                        let word = later("Save a copy of {path} as it became…");
                        save(ui, Icon::Download, word, sides.to);
                    }
                }
                match change.change {
                    ChangeKind::Added => ui.add_space(none),
                    ChangeKind::Changed | ChangeKind::Removed => {
                        let word = later("Save a copy of {path} as it was…");
                        save(ui, Icon::History, word, Some(sides.from));
                    }
                }
            }
            ui.label(RichText::new(sizes(change)).size(13.0).color(p.dim));
            ui.with_layout(egui::Layout::left_to_right(egui::Align::Center), |ui| {
                let path = match change.kind {
                    FileSort::Folder => format!("{}/", change.path),
                    FileSort::File | FileSort::Link | FileSort::Other => change.path.clone(),
                };
                let text = RichText::new(&path).size(13.0).color(p.text);
                ui.add(egui::Label::new(text).truncate())
                    .on_hover_text(path);
            });
        });
    });
}

fn sizes(change: &FileChange) -> String {
    match (change.before, change.after) {
        (Some(before), Some(after)) if before != after => format!("{before} → {after}"),
        (_, Some(size)) | (Some(size), None) => size.to_string(),
        (None, None) => String::new(),
    }
}

fn disk_text(disk: &DiskDifference) -> String {
    let name = &disk.device;
    match (disk.before, disk.after) {
        (Some(_), None) => fill("{disk} is gone", &[("disk", name)]),
        (None, Some(_)) => fill("{disk} is new", &[("disk", name)]),
        _ if disk.bytes.0 == 0 => fill("{disk}: nothing differs", &[("disk", name)]),
        _ => fill(
            "{disk}: {size} differ",
            &[("disk", name), ("size", &disk.bytes)],
        ),
    }
}

/// "Partition 1".
pub(super) fn partition_name(partition: &Partition) -> String {
    match partition.number {
        0 => tr("The whole disk").to_owned(),
        number => fill("Partition {number}", &[("number", &number)]),
    }
}

/// "Partition 1, ext4, 16 GiB, system".
pub(super) fn partition_words(partition: &Partition) -> String {
    let mut words = partition_name(partition);
    for part in [
        partition.file_system.name(),
        &partition.size.to_string(),
        &partition.label,
    ] {
        if !part.is_empty() {
            words += ", ";
            words += part;
        }
    }
    words
}

/// "Partition 1, ext4, 16 GiB, system: 3 added, 1 changed, 2 removed".
fn partition_text(found: &PartitionDifference) -> String {
    let words = partition_words(&found.partition);
    if found.added + found.changed + found.removed > 0 {
        let values: [(&str, &dyn std::fmt::Display); 4] = [
            ("partition", &words),
            ("added", &found.added),
            ("changed", &found.changed),
            ("removed", &found.removed),
        ];
        return fill(
            "{partition}: {added} added, {changed} changed, {removed} removed",
            &values,
        );
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{ByteSize, FileSystem};

    #[test]
    fn a_search_leaves_the_changes_that_have_it_and_where_they_are() {
        let change = |path: &str| FileChange {
            path: path.to_owned(),
            kind: FileSort::File,
            change: ChangeKind::Added,
            before: None,
            after: Some(ByteSize(1)),
        };
        let partition = PartitionDifference {
            partition: Partition {
                number: 1,
                label: String::new(),
                start: 0,
                size: ByteSize::mib(1),
                file_system: FileSystem::Ext,
            },
            notes: vec![DifferenceNote::InUse],
            changes: vec![change("etc/Hosts"), change("var/log")],
            more: 7,
            added: 9,
            changed: 0,
            removed: 0,
        };
        let difference = Difference {
            disks: vec![DiskDifference {
                partitions: vec![partition],
                ..DiskDifference::default()
            }],
        };
        let around = |changes: &[Line]| {
            let mut all = vec![
                Line::Disk(0),
                Line::Partition(0, 0),
                Line::Note(DifferenceNote::InUse),
            ];
            all.extend(changes);
            all.push(Line::More(7));
            all
        };
        let both = [Line::Change(0, 0, 0), Line::Change(0, 0, 1)];
        assert_eq!(lines(&difference, ""), around(&both));
        assert_eq!(lines(&difference, "hosts"), around(&both[..1]));
    }
}
