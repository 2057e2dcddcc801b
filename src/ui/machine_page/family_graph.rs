//! The drawing of a machine's family: who was made of whom, at which moment, and who rests on whose disks.

use egui::text::{LayoutJob, TextWrapping};
use egui::{
    Color32, CornerRadius, Rect, ScrollArea, Sense, Shape, Stroke, StrokeKind, Ui, WidgetInfo,
    accesskit::Role, pos2, vec2,
};

use super::kinship::{Branch, Kinship, Line, Node};
use super::timeline::text_line;
use crate::engine::message::Command;
use crate::language::{count, fill, told, tr};
use crate::model::{Birth, MachineId, MachineReport, SnapshotId};
use crate::ui::Ask;
use crate::ui::actions::Errand;
use crate::ui::icon::{self, Icon, machine_icon};
use crate::ui::kit;
use crate::ui::theme::{self, Palette, palette};
use crate::ui::view::View;

const ROW: f32 = 36.0;
const BOX: f32 = 30.0;
/// How far what hangs on something stands to its right.
const STEP: f32 = 22.0;
/// Rows that are seen at a time.
const MOST_ROWS: f32 = 12.0;

/// Draws it; a click leads to the machine.
pub(super) fn graph_ui(
    ui: &mut Ui,
    kinship: &mut Kinship,
    view: &View,
    report: &MachineReport,
    asks: &mut Vec<Ask>,
) {
    if kinship.lines.is_empty() {
        return;
    }
    let mut unfold = None;
    ui.scope(|ui| {
        ui.spacing_mut().item_spacing.y = 0.0;
        let height = ROW * MOST_ROWS.min(kinship.lines.len() as f32);
        let area = ScrollArea::vertical().id_salt("family").max_height(height);
        let area = area.min_scrolled_height(height).auto_shrink([false, true]);
        area.show_rows(ui, ROW, kinship.lines.len(), |ui, seen| {
            for line in &kinship.lines[seen] {
                unfold = line_ui(ui, view, report, line, asks).or(unfold);
            }
        });
    });
    if let Some(branch) = unfold {
        kinship.unfold(branch);
    }
    ask_for_names(kinship, view, asks);
    legend_ui(ui, kinship);
}

/// Names of moments are in the timelines of their machines.
fn ask_for_names(kinship: &mut Kinship, view: &View, asks: &mut Vec<Ask>) {
    let moments = kinship.lines.iter().filter_map(|line| match line.node {
        Node::Snapshot(machine, _) => Some(machine),
        _ => None,
    });
    let unknown = |id: &MachineId| {
        !view.timelines.contains_key(id) && !view.unread_timelines.contains_key(id)
    };
    for machine in moments.filter(unknown) {
        if kinship.asked.insert(machine) {
            asks.push(Ask::Engine(Command::ShowTimeline { machine }));
        }
    }
}

/// One line; returns what is to be unfolded.
fn line_ui(
    ui: &mut Ui,
    view: &View,
    shown: &MachineReport,
    line: &Line,
    asks: &mut Vec<Ask>,
) -> Option<Branch> {
    let size = vec2(ui.available_width(), ROW);
    let (row, _) = ui.allocate_exact_size(size, Sense::hover());
    edges_ui(ui, row, line);
    let left = row.left() + line.depth as f32 * STEP;
    let room = Rect::from_min_max(
        pos2(left, row.center().y - BOX / 2.0),
        pos2(row.right() - 2.0, row.center().y + BOX / 2.0),
    );
    match &line.node {
        Node::Machine(id) => {
            if let Some(relative) = view.machine(*id) {
                machine_ui(ui, view, (room, line), relative, shown.id == *id, asks);
            }
        }
        Node::Gone(name) => {
            let word = fill("{name} is deleted", &[("name", name)]);
            quiet_ui(ui, room, Icon::Ghost, &word, None);
        }
        Node::Snapshot(machine, at) => {
            let title = moment_name(view, *machine, *at);
            let leads = view.machine(*machine).is_some();
            let hint = leads.then(|| tr("Show it in the timeline"));
            if quiet_ui(ui, room, Icon::Bookmark, &title, hint) {
                asks.push(Ask::ShowTimeline(*machine));
            }
        }
        Node::Folded(number, branch) => {
            let word = count(*number as u64, "and {count} more", "and {count} more");
            if quiet_ui(ui, room, Icon::ChevronDown, &word, Some(tr("Unfold"))) {
                return Some(*branch);
            }
        }
    }
    None
}

/// The lines that lead here, and those that go on to others.
fn edges_ui(ui: &Ui, row: Rect, line: &Line) {
    let p = palette(ui);
    let stem = Stroke::new(1.5, p.card.blend(p.edge(p.dim))); // Full, so that its pieces do not show.
    let column = |depth: usize| row.left() + depth as f32 * STEP + 13.0;
    let painter = ui.painter();
    for (depth, goes_on) in line.rails.iter().skip(1).enumerate() {
        if *goes_on {
            painter.vline(column(depth), row.y_range(), stem);
        }
    }
    let Some(above) = line.depth.checked_sub(1) else {
        return;
    };
    let (x, y) = (column(above), row.center().y);
    let top = row.top() - (ROW - BOX) / 2.0;
    let bottom = if line.goes_on { row.bottom() } else { y };
    painter.vline(x, top..=bottom, stem);
    let end = pos2(row.left() + line.depth as f32 * STEP, y);
    arm_ui(ui, pos2(x, y), end, line.rests);
}

/// Full for what rests on disks of the other, dashed for what was only made of it.
fn arm_ui(ui: &Ui, from: egui::Pos2, to: egui::Pos2, rests: bool) {
    let p = palette(ui);
    if rests {
        let stroke = Stroke::new(2.0, p.accent_text);
        ui.painter().line_segment([from, to], stroke);
        ui.painter().circle_filled(from, 3.0, p.accent_text);
    } else {
        let stroke = Stroke::new(1.5, p.dim);
        ui.painter()
            .extend(Shape::dashed_line(&[from, to], stroke, 3.0, 2.0));
    }
}

fn machine_ui(
    ui: &Ui,
    view: &View,
    (room, line): (Rect, &Line),
    relative: &MachineReport,
    is_shown: bool,
    asks: &mut Vec<Ask>,
) {
    let p = palette(ui);
    let sense = if is_shown {
        Sense::hover()
    } else {
        Sense::click()
    };
    let id = ui.scope_id().with(("relative", relative.id));
    let response = ui.interact(room, id, sense);
    let badges = badges(p, relative);
    let state = tr(relative.state.label());
    let name = spoken_name(view, relative, &badges, is_shown, line.rests);
    let role = if is_shown { Role::Label } else { Role::Button };
    response.widget_info(|| WidgetInfo::labeled(role, true, &name));
    let (ground, edge) = match (is_shown, response.hovered()) {
        (true, _) => (p.card.blend(p.tint(p.accent)), p.accent_text),
        (false, true) => (p.hover, p.accent_text),
        (false, false) => (p.card.blend(p.hover), p.line),
    };
    let radius = CornerRadius::same(theme::CONTROL_RADIUS);
    let stroke = Stroke::new(1.0, edge);
    ui.painter()
        .rect(room, radius, ground, stroke, StrokeKind::Inside);
    kit::focus_ring(ui, &response);
    let machine = relative.machine.as_ref();
    let glyph = machine.and_then(|machine| machine_icon(&machine.icon));
    let glyph = glyph.unwrap_or(Icon::Monitor);
    let middle = room.center().y;
    let at = pos2(room.left() + 17.0, middle);
    icon::paint(ui.painter(), at, glyph, 15.0, p.state(relative.state));
    let mut right = room.right() - 10.0;
    for (word, color) in badges.iter().rev() {
        let font = theme::regular(theme::SMALL);
        let galley = ui
            .painter()
            .layout_no_wrap((*word).to_owned(), font, *color);
        let begin = right - galley.size().x;
        if begin < room.left() + 110.0 {
            break; // A screen reader has it, and the tooltip.
        }
        let text = pos2(begin, middle - galley.size().y / 2.0);
        ui.painter().galley(text, galley, *color);
        right = begin - 10.0;
    }
    let font = match is_shown {
        true => theme::semibold(theme::BODY),
        false => theme::regular(theme::BODY),
    };
    let text = pos2(room.left() + 32.0, middle - 8.5);
    let width = right - text.x - 4.0;
    text_line(ui, text, &relative.name, font, p.text, width);
    let hint = format!("{}, {}", relative.name, state.to_lowercase());
    let response = response.on_hover_text(hint);
    if response.clicked() {
        asks.push(match relative.trashed() {
            Some(_) => Ask::Errand(Errand::ShowTrash),
            None => Ask::Select(relative.id),
        });
    }
}

/// How it came to be and what else it is, with a colour for each.
fn badges(p: &Palette, relative: &MachineReport) -> Vec<(&'static str, Color32)> {
    let Some(machine) = &relative.machine else {
        return Vec::new();
    };
    let mut badges = Vec::new();
    if !machine.templates.is_empty() {
        badges.push((tr("template"), p.leaf));
    }
    if let Some(descent) = &machine.descent {
        badges.push(match (machine.disposable, descent.birth) {
            (true, _) => (tr("try"), p.warn),
            (false, Birth::Fork) => (tr("fork"), p.dim),
            (false, Birth::LinkedClone) => (tr("linked clone"), p.dim),
            (false, Birth::FullClone) => (tr("full clone"), p.dim),
        });
    }
    if machine.trashed.is_some() {
        badges.push((tr("in the trash"), p.error));
    }
    badges
}

/// "web-2, fork, running, made of web, rests on its disks".
fn spoken_name(
    view: &View,
    relative: &MachineReport,
    badges: &[(&str, Color32)],
    is_shown: bool,
    rests: bool,
) -> String {
    let mut words = vec![relative.name.clone()];
    words.extend(is_shown.then(|| tr("this machine").to_owned()));
    words.extend(badges.iter().map(|(word, _)| (*word).to_owned()));
    words.push(tr(relative.state.label()).to_lowercase());
    let machine = relative.machine.as_ref();
    if let Some(descent) = machine.and_then(|machine| machine.descent.as_ref()) {
        let parent = view.machine(descent.from);
        let name = parent.map_or(&descent.name, |parent| &parent.name);
        words.push(fill("made of {name}", &[("name", name)]));
        words.extend(rests.then(|| tr("rests on its disks").to_owned()));
    }
    words.join(", ")
}

/// What is no machine; returns whether it was clicked. `leads` says where to.
fn quiet_ui(ui: &Ui, room: Rect, glyph: Icon, word: &str, leads: Option<&str>) -> bool {
    let p = palette(ui);
    let sense = match leads {
        Some(_) => Sense::click(),
        None => Sense::hover(),
    };
    let galley = {
        let font = theme::regular(13.0);
        let mut job = LayoutJob::simple_singleline(word.to_owned(), font, p.dim);
        job.wrap = TextWrapping::truncate_at_width((room.width() - 40.0).max(20.0));
        ui.ctx().fonts_mut(|fonts| fonts.layout_job(job))
    };
    let place = room.with_max_x((room.left() + 40.0 + galley.size().x).min(room.right()));
    let id = ui.scope_id().with(("quiet", word, room.top() as i32));
    let response = ui.interact(place, id, sense);
    let role = if leads.is_some() {
        Role::Button
    } else {
        Role::Label
    };
    response.widget_info(|| WidgetInfo::labeled(role, true, word));
    if leads.is_some() && response.hovered() {
        ui.painter().rect_filled(place, 8.0, p.hover);
    }
    kit::focus_ring(ui, &response);
    let middle = place.center().y;
    icon::paint(
        ui.painter(),
        pos2(place.left() + 13.0, middle),
        glyph,
        14.0,
        p.dim,
    );
    let text = pos2(place.left() + 28.0, middle - galley.size().y / 2.0);
    ui.painter().galley(text, galley, p.dim);
    match leads {
        Some(hint) => response.on_hover_text(hint).clicked(),
        None => false,
    }
}

fn moment_name(view: &View, machine: MachineId, at: SnapshotId) -> String {
    let timeline = view.timelines.get(&machine);
    let snapshot = timeline.and_then(|timeline| timeline.snapshot(at));
    if let Some(snapshot) = snapshot {
        return fill("at “{title}”", &[("title", &told(snapshot.title()))]);
    }
    let record = view
        .machine(machine)
        .and_then(|report| report.machine.as_ref());
    let mut templates = record.into_iter().flat_map(|machine| &machine.templates);
    match templates.find(|template| template.snapshot == at) {
        Some(template) => fill("at “{title}”", &[("title", &template.name)]),
        None => tr("at a snapshot").to_owned(),
    }
}

/// What the two kinds of lines mean, as far as there are any.
fn legend_ui(ui: &mut Ui, kinship: &Kinship) {
    let hangs = |line: &&Line| line.depth > 0 && matches!(line.node, Node::Machine(_));
    let any = |rests: bool| {
        let mut hanging = kinship.lines.iter().filter(hangs);
        hanging.any(|line| line.rests == rests)
    };
    ui.add_space(4.0);
    for (rests, word) in [
        (true, tr("made of it, and rests on its disks")),
        (false, tr("made of it, with disks of its own")),
    ] {
        if !any(rests) {
            continue;
        }
        ui.horizontal(|ui| {
            ui.spacing_mut().interact_size.y = 18.0;
            let (place, _) = ui.allocate_exact_size(vec2(22.0, 16.0), Sense::hover());
            let from = place.left_center() + vec2(3.0, 0.0);
            arm_ui(ui, from, place.right_center(), rests);
            kit::hint(ui, word);
        });
    }
    ui.add_space(4.0);
}
