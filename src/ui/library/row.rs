//! How one line of the list looks.

use egui::text::{LayoutJob, TextWrapping};
use egui::{
    Align2, Color32, CornerRadius, Galley, Pos2, Rect, Response, Stroke, StrokeKind, Ui, pos2, vec2,
};

use super::arrange::{Group, tags_of};
use crate::language::{told, tr};
use crate::model::{Birth, JobReport, Machine, MachineReport, SoundState, State};
use crate::ui::album::asleep;
use crate::ui::icon::{self, Icon};
use crate::ui::kit;
use crate::ui::theme::{self, Palette, palette};
use crate::ui::view::View;

/// The width at the right of a running machine's second line that its sparkline takes.
pub const SPARKLINE: f32 = 64.0;
const TEXT: f32 = 13.0;

/// What a row shows.
pub struct Row<'a> {
    pub view: &'a View,
    pub report: &'a MachineReport,
    pub state: &'a str,
    /// Its page is open.
    pub open: bool,
    /// It is marked for a common verb.
    pub marked: bool,
    /// The name is written; it is not while a field for a new one stands there.
    pub named: bool,
}

/// Where the name of a machine stands in its row.
pub fn name_room(row: Rect) -> Rect {
    let left = row.left() + 8.0 + theme::THUMBNAIL.x + 11.0;
    Rect::from_min_max(
        pos2(left, row.top() + 8.0),
        pos2(row.right() - 10.0, row.top() + 30.0),
    )
}

pub fn machine_ui(ui: &Ui, row: &Row<'_>, response: &Response) {
    let p = palette(ui);
    let rect = response.rect;
    ground_ui(ui, row, response);
    let picture = Rect::from_min_size(rect.min + vec2(8.0, 9.0), theme::THUMBNAIL);
    thumbnail_ui(ui, picture, row);
    let room = name_room(rect);
    if row.named {
        let name = line(
            ui,
            &row.report.name,
            theme::semibold(theme::BODY),
            p.text,
            room.width(),
        );
        ui.painter()
            .galley(pos2(room.left(), rect.top() + 11.0), name, p.text);
    }
    let at = pos2(room.left(), rect.top() + 41.0);
    match row.view.job_of(row.report) {
        Some(job) => job_ui(ui, p, job, at, room.right()),
        None => {
            state_ui(ui, p, row, at, room.right());
            if let (Some(history), Some(machine)) =
                (row.view.history(row.report.id), &row.report.machine)
            {
                let line = Rect::from_min_max(
                    pos2(room.right() - SPARKLINE + 4.0, rect.top() + 32.0),
                    pos2(room.right(), rect.top() + 50.0),
                );
                kit::graph::sparkline(ui, line, history, machine.cpu.count);
            }
        }
    }
}

/// One line of text that ends with an ellipsis where it does not fit.
fn line(
    ui: &Ui,
    text: &str,
    font: egui::FontId,
    color: Color32,
    width: f32,
) -> std::sync::Arc<Galley> {
    let mut job = LayoutJob::simple_singleline(text.to_owned(), font, color);
    job.wrap = TextWrapping::truncate_at_width(width);
    ui.ctx().fonts_mut(|fonts| fonts.layout_job(job))
}

fn ground_ui(ui: &Ui, row: &Row<'_>, response: &Response) {
    let p = palette(ui);
    let rect = response.rect;
    if row.open || row.marked {
        let line = if row.open {
            p.edge(p.accent)
        } else {
            Color32::TRANSPARENT
        };
        ui.painter().rect(
            rect,
            10.0,
            p.tint(p.accent),
            Stroke::new(1.0, line),
            StrokeKind::Inside,
        );
    } else if response.hovered() {
        ui.painter().rect_filled(rect, 10.0, p.hover);
    }
    focus_ring(ui, response);
}

fn focus_ring(ui: &Ui, response: &Response) {
    if response.has_focus() {
        let ring = Stroke::new(2.0, palette(ui).accent_text);
        ui.painter()
            .rect_stroke(response.rect, 10.0, ring, StrokeKind::Inside);
    }
}

fn thumbnail_ui(ui: &Ui, rect: Rect, row: &Row<'_>) {
    let p = palette(ui);
    let radius = CornerRadius::same(5);
    match row.view.face(row.report) {
        Some(texture) => {
            let whole = Rect::from_min_max(pos2(0.0, 0.0), pos2(1.0, 1.0));
            ui.painter().add(
                egui::epaint::RectShape::filled(rect, radius, Color32::WHITE)
                    .with_texture(texture.id(), whole),
            );
            if row.report.state == State::Saved {
                asleep(ui.painter(), rect, radius, 18.0);
            }
        }
        None => {
            ui.painter().rect_filled(rect, radius, p.well);
            let glyph = match row.report.state {
                State::Broken => Icon::FileX2,
                State::Unavailable => Icon::Unplug,
                State::Saved => Icon::Moon,
                _ => machine_icon(row.report),
            };
            icon::paint(ui.painter(), rect.center(), glyph, 18.0, p.edge(p.dim));
        }
    }
    let line = Stroke::new(1.0, p.line);
    ui.painter()
        .rect_stroke(rect, radius, line, StrokeKind::Inside);
    if row.marked {
        let corner = rect.left_top() + vec2(3.0, 3.0);
        ui.painter().circle_filled(corner, 8.5, p.accent);
        icon::paint(ui.painter(), corner, Icon::Check, 12.0, p.on_accent);
    }
}

/// What its user chose for it.
fn machine_icon(report: &MachineReport) -> Icon {
    let word = report.machine.as_ref().map(|machine| machine.icon.as_str());
    word.and_then(icon::machine_icon).unwrap_or(Icon::Monitor)
}

fn state_ui(ui: &Ui, p: &Palette, row: &Row<'_>, at: Pos2, right: f32) {
    let color = p.state(row.report.state);
    ui.painter().circle_filled(at + vec2(4.0, 0.0), 4.0, color);
    let word = ui.painter().text(
        at + vec2(14.0, 0.5),
        Align2::LEFT_CENTER,
        row.state,
        theme::regular(TEXT),
        p.dim,
    );
    let right = match row.report.state {
        State::Running => right - SPARKLINE,
        _ => right,
    };
    let mut left = word.right() + 8.0;
    for Sign { glyph, alarm, .. } in signs(row.report) {
        let color = if alarm { p.error } else { p.dim };
        icon::paint(ui.painter(), pos2(left + 7.0, at.y), glyph, 14.0, color);
        left += 20.0;
    }
    tags_ui(ui, p, tags_of(row.report), pos2(left, at.y), right);
}

/// A small picture beside the state, and what it means.
pub struct Sign {
    glyph: Icon,
    pub word: &'static str,
    /// In red.
    alarm: bool,
}

/// What is to be heard of the machine, and whether it hears us.
pub fn signs(report: &MachineReport) -> impl Iterator<Item = Sign> {
    let sound = &report.sound;
    let muted = |machine: &Machine| machine.sound.muted || machine.sound.volume == 0;
    let heard = sound.state == SoundState::Playing && !report.machine.as_ref().is_some_and(muted);
    let plays = heard.then(|| Sign {
        glyph: Icon::Volume2,
        word: tr("plays sound"),
        alarm: false,
    });
    let hears = sound.microphone_on.then(|| Sign {
        glyph: Icon::Mic,
        word: tr("Microphone on"),
        alarm: true,
    });
    let machine = report.machine.as_ref();
    let is_fork = |machine: &&Machine| {
        let descent = machine.descent.as_ref();
        descent.is_some_and(|descent| descent.birth == Birth::Fork)
    };
    let copy = match report.is_disposable() {
        true => Some(Sign {
            glyph: Icon::FlaskConical,
            word: tr("Nothing is kept"),
            alarm: true,
        }),
        false => machine.filter(is_fork).map(|_| Sign {
            glyph: Icon::GitFork,
            word: tr("fork"),
            alarm: false,
        }),
    };
    copy.into_iter().chain(hears).chain(plays)
}

/// As many tags as there is room for.
fn tags_ui(ui: &Ui, p: &Palette, tags: &[String], at: Pos2, right: f32) {
    let mut left = at.x;
    for tag in tags {
        let room = right - left - 12.0;
        if room < 24.0 {
            return;
        }
        let text = line(ui, tag, theme::regular(TEXT), p.dim, room);
        let chip = Rect::from_min_size(pos2(left, at.y - 9.0), vec2(text.size().x + 12.0, 18.0));
        ui.painter().rect_filled(chip, 5.0, p.hover);
        ui.painter().galley(
            pos2(chip.left() + 6.0, chip.center().y - text.size().y / 2.0),
            text,
            p.dim,
        );
        left = chip.right() + 4.0;
    }
}

fn job_ui(ui: &Ui, p: &Palette, job: &JobReport, at: Pos2, right: f32) {
    let text = line(
        ui,
        &told(&job.step),
        theme::regular(TEXT),
        p.dim,
        right - at.x,
    );
    ui.painter().galley(at - vec2(0.0, 10.0), text, p.dim);
    let bar = Rect::from_min_max(at + vec2(0.0, 8.0), pos2(right, at.y + 11.0));
    ui.painter().rect_filled(bar, 1.5, p.line);
    let share = if job.of > 0 {
        (job.done as f32 / job.of as f32).clamp(0.0, 1.0)
    } else {
        0.3
    };
    let done = Rect::from_min_size(bar.min, vec2(bar.width() * share, bar.height()));
    ui.painter().rect_filled(done, 1.5, p.accent);
}

/// The heading of a group that folds.
pub fn group_ui(ui: &Ui, group: &Group, response: &Response) {
    let p = palette(ui);
    let rect = response.rect;
    if response.hovered() {
        ui.painter().rect_filled(rect, 8.0, p.hover);
    }
    focus_ring(ui, response);
    let glyph = if group.folded {
        Icon::ChevronRight
    } else {
        Icon::ChevronDown
    };
    let center = pos2(rect.left() + 14.0, rect.center().y);
    icon::paint(ui.painter(), center, glyph, 15.0, p.dim);
    let title = line(
        ui,
        &group.title,
        theme::semibold(TEXT),
        p.text,
        rect.width() - 80.0,
    );
    let at = pos2(rect.left() + 28.0, rect.center().y - title.size().y / 2.0);
    ui.painter().galley(at, title, p.text);
    ui.painter().text(
        pos2(rect.right() - 10.0, rect.center().y),
        Align2::RIGHT_CENTER,
        group.count,
        theme::regular(TEXT),
        p.dim,
    );
}
