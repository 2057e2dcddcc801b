//! Above the tree: how to take a snapshot, what all of it takes on disk, what is kept by itself, and notices; and what
//! stands there while there is nothing to show.

use egui::{RichText, Ui, vec2};

use super::checkpoints::{self, CheckpointsDialog};
use super::{DEEP, TimelineTab};
use crate::engine::message::Command;
use crate::language::{fill, told, tr};
use crate::model::{Action, MachineReport, Timeline};
use crate::ui::actions::{self, Shape};
use crate::ui::icon::{self, Icon};
use crate::ui::kit::{self, Tone};
use crate::ui::theme::{self, palette};
use crate::ui::view::View;
use crate::ui::{Ask, snapshot_dialog};

pub(super) fn head_ui(
    ui: &mut Ui,
    tab: &mut TimelineTab,
    view: &View,
    report: &MachineReport,
    timeline: &Timeline,
    asks: &mut Vec<Ask>,
) {
    ui.horizontal(|ui| {
        ui.set_height(theme::CONTROL);
        if !timeline.snapshots.is_empty() {
            take_ui(ui, view, report, asks);
        }
        ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
            checkpoints_ui(ui, tab, view, report);
            ui.with_layout(
                egui::Layout::left_to_right(egui::Align::Center),
                |ui| match view.job_of(report) {
                    Some(job) => job_ui(ui, job, asks),
                    None => total_ui(ui, timeline),
                },
            );
        });
    });
    deep_ui(ui, tab, view, report, timeline, asks);
}

/// The ways to a snapshot.
fn take_ui(ui: &mut Ui, view: &View, report: &MachineReport, asks: &mut Vec<Ask>) {
    let free = view.handed_over;
    actions::button(ui, report, Action::Snapshot, Shape::Primary, free, asks);
    let verdict = actions::verdict(report, Action::Snapshot, view.handed_over);
    let named = kit::secondary(ui, verdict.is_ok(), Some(Icon::BookmarkPlus), tr("Named…"));
    let named = match &verdict {
        Ok(()) => named.on_hover_text(tr(snapshot_dialog::TAKE)),
        Err(why) => named.on_disabled_hover_text(told(why)),
    };
    if named.clicked() {
        asks.push(Ask::NewSnapshot(report.id));
    }
}

/// The room of both buttons.
fn take_width(ui: &Ui) -> f32 {
    let words = [tr(Action::Snapshot.name()), tr("Named…")];
    let width = |word: &str| {
        let font = theme::semibold(theme::BODY);
        let galley = ui
            .painter()
            .layout_no_wrap(word.to_owned(), font, palette(ui).text);
        galley.size().x + 2.0 * ui.spacing().button_padding.x + 24.0
    };
    words.map(width).iter().sum::<f32>() + ui.spacing().item_spacing.x
}

fn total_ui(ui: &mut Ui, timeline: &Timeline) {
    if timeline.snapshots.is_empty() {
        return;
    }
    let text = fill("{size} on disk", &[("size", &timeline.total)]);
    let label = egui::Label::new(RichText::new(text).color(palette(ui).dim)).truncate();
    ui.add(label.sense(egui::Sense::hover())).on_hover_text(tr(
        "Everything of this machine: its disks, its snapshots and their memory",
    ));
}

fn job_ui(ui: &mut Ui, job: &crate::model::JobReport, asks: &mut Vec<Ask>) {
    let p = palette(ui);
    ui.spacing_mut().item_spacing.x = 8.0;
    let title = told(&job.title);
    if job.can_cancel {
        let stop = fill("Cancel: {job}", &[("job", &title)]);
        if kit::small_icon(ui, Icon::X, &stop).clicked() {
            asks.push(Ask::Engine(Command::CancelJob(job.id)));
        }
    }
    kit::progress(ui, job, 90.0);
    let text = match job.percent() {
        Some(percent) => format!("{title} · {percent} %"),
        None => title.into_owned(),
    };
    ui.add(egui::Label::new(RichText::new(&text).color(p.dim)).truncate())
        .on_hover_text(text);
}

/// What is kept by itself, and the way to change it.
fn checkpoints_ui(ui: &mut Ui, tab: &mut TimelineTab, view: &View, report: &MachineReport) {
    let Some(machine) = &report.machine else {
        return;
    };
    let word = checkpoints::summary(&machine.checkpoints);
    let button = kit::secondary(ui, !view.handed_over, Some(Icon::Timer), &word);
    let button = button
        .on_hover_text(tr(
            "When checkpoints are taken by themselves, and how much room they may take",
        ))
        .on_disabled_hover_text(tr("Another Orangery process has the library now"));
    if button.clicked() {
        tab.checkpoints = Some(CheckpointsDialog::new(machine.checkpoints.clone()));
    }
}

/// Long chains are named calmly, with the way out.
fn deep_ui(
    ui: &mut Ui,
    tab: &mut TimelineTab,
    view: &View,
    report: &MachineReport,
    timeline: &Timeline,
    asks: &mut Vec<Ask>,
) {
    if timeline.depth <= DEEP || tab.deep_is_fine {
        return;
    }
    let p = palette(ui);
    let title = fill(
        "The disks of this machine rest on {count} layers",
        &[("count", &timeline.depth)],
    );
    let frame = egui::Frame::NONE
        .fill(p.card.blend(p.tint(p.accent_text)))
        .corner_radius(theme::CARD_RADIUS)
        .stroke(egui::Stroke::new(1.0, p.edge(p.accent_text)))
        .inner_margin(egui::Margin::symmetric(12, 8));
    frame.show(ui, |ui| {
        let line = vec2(ui.available_width(), 38.0);
        let from_right = egui::Layout::right_to_left(egui::Align::Center);
        ui.allocate_ui_with_layout(line, from_right, |ui| {
            if kit::link(ui, None, tr("Not now")).clicked() {
                tab.deep_is_fine = true;
            }
            let why = actions::verdict(report, Action::Rewind, view.handed_over).err();
            if kit::button_or_why(ui, Icon::Layers, tr("Flatten"), why.as_deref()) {
                asks.push(Ask::Engine(Command::Flatten { machine: report.id }));
            }
            ui.with_layout(egui::Layout::top_down(egui::Align::Min), |ui| {
                ui.spacing_mut().item_spacing.y = 2.0;
                let title = RichText::new(title).font(theme::semibold(theme::BODY));
                ui.add(egui::Label::new(title.color(p.text)).truncate());
                let text = tr("That makes reading slower. Flattening copies the present into one, which takes room; nothing is lost");
                let hint = RichText::new(text).size(13.0).color(p.dim);
                ui.add(egui::Label::new(hint).truncate()).on_hover_text(text);
            });
        });
    });
}

/// Before the first snapshot.
pub(super) fn empty_ui(ui: &mut Ui, view: &View, report: &MachineReport, asks: &mut Vec<Ask>) {
    let p = palette(ui);
    ui.add_space((ui.available_height() / 2.0 - 130.0).clamp(8.0, 120.0));
    ui.vertical_centered(|ui| {
        ui.set_max_width(460.0);
        icon::show(ui, Icon::History, 44.0, p.accent_text);
        ui.add_space(4.0);
        let title = RichText::new(tr("Nothing is kept yet")).font(theme::semibold(theme::TITLE));
        ui.label(title.color(p.text));
        let text = tr(
            "A snapshot keeps this moment: the disks, the hardware and, while the guest runs, its memory and screen. It takes less than a second, the guest goes on, and you can come back here at any time.",
        );
        ui.add(egui::Label::new(RichText::new(text).color(p.dim)).wrap());
        ui.add_space(8.0);
        // In the middle, as the text above.
        let width = take_width(ui);
        ui.allocate_ui(vec2(width, theme::CONTROL), |ui| {
            ui.horizontal(|ui| take_ui(ui, view, report, asks));
        });
    });
}

/// Until the engine has told, or if it can't.
pub(super) fn unknown_ui(ui: &mut Ui, view: &View, report: &MachineReport, asks: &mut Vec<Ask>) {
    let Some(failure) = view.unread_timelines.get(&report.id) else {
        ui.horizontal(|ui| {
            ui.set_min_size(vec2(0.0, theme::CONTROL));
            ui.label(RichText::new(tr("Reading the timeline…")).color(palette(ui).dim));
        });
        return;
    };
    kit::callout(ui, Tone::Error, &told(&failure.what), |ui| {
        kit::hint(ui, &kit::sentence(&told(&failure.why)));
        if let Some(fix) = &failure.fix {
            kit::hint(ui, &told(fix));
        }
        if kit::secondary(ui, true, Some(Icon::RefreshCw), tr("Try again")).clicked() {
            let machine = report.id;
            asks.push(Ask::Engine(Command::ShowTimeline { machine }));
        }
    });
}
