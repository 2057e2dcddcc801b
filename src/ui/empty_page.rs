//! The page of an empty library: what to do first, in three ways.

use std::sync::Arc;

use egui::{
    Align2, CornerRadius, Galley, Rect, RichText, Sense, Stroke, StrokeKind, Ui, WidgetInfo, pos2,
    vec2,
};

use super::actions::Errand;
use super::brand::Brand;
use super::icon::{self, Icon};
use super::kit;
use super::theme::{self, palette};
use super::view::View;
use super::{Ask, FilePick, computer_page};
use crate::engine::message::Command;
use crate::language::{fill, later, told, tr};
use crate::model::{Accelerator, ByteSize, CheckLevel, NewMachine, Source, free_name};

/// One way to a first machine.
struct Way {
    icon: Icon,
    title: &'static str,
    text: &'static str,
}

const DROP: Way = Way {
    icon: Icon::Disc3,
    title: later("Drop or choose a file"),
    text: later(
        "An installer ISO or a disk image: drop it anywhere on this window, or click to choose it",
    ),
};
const CARD: Way = Way {
    icon: Icon::FlaskConical,
    title: later("Start the test card"),
    text: later("A tiny built-in guest that shows whether everything works. No download"),
};
const NO_FILE: Way = Way {
    icon: Icon::CircleQuestionMark,
    title: later("No file yet?"),
    text: later("What an installer image is, and where to get one"),
};

/// How high the page is before it was drawn once, in points.
const HEIGHT: f32 = 470.0;

pub fn empty_ui(ui: &mut Ui, brand: &mut Brand, view: &View, asks: &mut Vec<Ask>) {
    let room = ui.available_rect_before_wrap();
    let width = (room.width() - 48.0).min(760.0);
    // In the middle as long as it fits, by its height in the last frame.
    let id = ui.scope_id().with("height of the first page");
    let height = ui.data(|data| data.get_temp(id)).unwrap_or(HEIGHT);
    let above = ((room.height() - height) / 2.0).max(16.0);
    egui::ScrollArea::vertical()
        .auto_shrink(false)
        .show(ui, |ui| {
            ui.add_space(above);
            let corner = pos2(room.center().x - width / 2.0, ui.cursor().top());
            let area = Rect::from_min_size(corner, vec2(width, f32::INFINITY));
            let content = ui.scope_builder(egui::UiBuilder::new().max_rect(area), |ui| {
                welcome_ui(ui, brand);
                ways_ui(ui, view, asks);
                ui.add_space(8.0);
                computer_ui(ui, view, asks);
            });
            let now = content.response.rect.height();
            if (now - height).abs() > 1.0 {
                ui.data_mut(|data| data.insert_temp(id, now));
                ui.ctx()
                    .request_discard("the first page has another height");
            }
            ui.add_space(16.0);
        });
}

fn welcome_ui(ui: &mut Ui, brand: &mut Brand) {
    let p = palette(ui);
    ui.vertical_centered(|ui| {
        brand.ui(ui, 84.0);
        ui.add_space(6.0);
        let title = RichText::new(tr("Nothing grows here yet"));
        ui.label(title.font(theme::semibold(24.0)).color(p.text));
        let text = tr("A machine is a computer inside a window. What you do in it stays in it");
        ui.add(egui::Label::new(RichText::new(text).color(p.dim)).wrap());
    });
    ui.add_space(18.0);
}

/// How this computer stands: what is missing with the command for it, or how fast guests run.
fn computer_ui(ui: &mut Ui, view: &View, asks: &mut Vec<Ask>) {
    let Some(computer) = &view.computer else {
        return;
    };
    let bad = computer.checks.iter();
    let bad = bad.filter(|check| check.level == CheckLevel::Bad);
    let mut missing = false;
    for check in bad.take(2) {
        missing = true;
        ui.push_id(&check.id, |ui| {
            kit::callout(ui, kit::Tone::Error, &told(&check.finding), |ui| {
                if let Some(fix) = &check.fix {
                    computer_page::fix_ui(ui, fix, &told(&check.title));
                }
            });
        });
    }
    let fast = computer.accelerator.choice == Accelerator::Kvm;
    if !missing {
        let (glyph, color) = if fast {
            (Icon::CircleCheck, palette(ui).leaf)
        } else {
            (Icon::TriangleAlert, palette(ui).warn)
        };
        ui.horizontal_top(|ui| {
            icon::show(ui, glyph, 18.0, color);
            let text = told(&computer.accelerator.reason);
            let text = RichText::new(text).color(palette(ui).dim);
            ui.add(egui::Label::new(text).wrap());
        });
    }
    if (missing || !fast)
        && kit::link(ui, Some(Icon::Monitor), tr("More about this computer")).clicked()
    {
        asks.push(Ask::Errand(Errand::ShowComputer));
    }
}

fn ways_ui(ui: &mut Ui, view: &View, asks: &mut Vec<Ask>) {
    let enabled = !view.handed_over;
    ui.horizontal_top(|ui| {
        ui.spacing_mut().item_spacing.x = theme::GAP;
        let width = ((ui.available_width() - 2.0 * theme::GAP) / 3.0).floor();
        let heights = [&DROP, &CARD, &NO_FILE].map(|way| height(ui, way, width));
        let size = vec2(width, heights.into_iter().fold(150.0, f32::max));
        if way_ui(ui, size, &DROP, enabled, false) {
            asks.push(Ask::Errand(Errand::NewMachine));
            asks.push(Ask::Pick(FilePick::NewMachine));
        }
        if way_ui(ui, size, &CARD, enabled, true) {
            asks.push(test_card(view));
        }
        if way_ui(ui, size, &NO_FILE, true, false) {
            asks.push(Ask::Errand(Errand::ShowHelp));
        }
    });
}

/// Makes and starts the test card.
fn test_card(view: &View) -> Ask {
    let source = Source::TestCard {
        ballast: ByteSize(0),
    };
    let (cpus, memory) = view
        .computer
        .as_ref()
        .map_or((1, ByteSize::gib(4)), |computer| {
            (computer.cpus, computer.memory_total)
        });
    let mut spec = NewMachine::suggest(source, cpus, memory);
    spec.name = free_name(&spec.name, &view.names());
    Ask::Engine(Command::Create { spec, start: true })
}

/// Title and text of a way, in lines that fit a card of `width`.
fn galleys(ui: &Ui, way: &Way, width: f32) -> (Arc<Galley>, Arc<Galley>) {
    let p = palette(ui);
    let lay = |text: &str, font, color| {
        let room = width - 34.0;
        ui.painter().layout(text.to_owned(), font, color, room)
    };
    let title = lay(tr(way.title), theme::semibold(15.0), p.text);
    (title, lay(tr(way.text), theme::regular(13.0), p.dim))
}

fn height(ui: &Ui, way: &Way, width: f32) -> f32 {
    let (title, text) = galleys(ui, way, width);
    64.0 + title.size().y + 6.0 + text.size().y + 18.0
}

/// A large button; returns whether it was clicked.
fn way_ui(ui: &mut Ui, size: egui::Vec2, way: &Way, enabled: bool, best: bool) -> bool {
    let p = palette(ui);
    let sense = if enabled {
        Sense::click()
    } else {
        Sense::hover()
    };
    let (rect, response) = ui.allocate_exact_size(size, sense);
    response.widget_info(|| WidgetInfo::labeled(egui::Role::Button, enabled, tr(way.title)));
    let lit = response.hovered() || response.has_focus();
    let border = match (lit, best) {
        (true, _) => Stroke::new(1.5, p.accent_text),
        (false, true) => Stroke::new(1.0, p.edge(p.accent)),
        (false, false) => Stroke::new(1.0, p.line),
    };
    let radius = CornerRadius::same(theme::CARD_RADIUS);
    ui.painter()
        .rect(rect, radius, p.card, border, StrokeKind::Inside);
    icon::paint(
        ui.painter(),
        rect.left_top() + vec2(33.0, 36.0),
        way.icon,
        28.0,
        p.accent_text,
    );
    let (title, text) = galleys(ui, way, size.x);
    let at = rect.left_top() + vec2(18.0, 64.0);
    let below = at + vec2(0.0, title.size().y + 6.0);
    ui.painter().galley(at, title, p.text);
    ui.painter().galley(below, text, p.dim);
    response.clicked() && enabled
}

/// The window is open but nothing is chosen.
pub fn nothing_chosen_ui(ui: &mut Ui) {
    let p = palette(ui);
    ui.centered_and_justified(|ui| {
        ui.label(RichText::new(tr("Choose a machine at the left")).color(p.dim));
    });
}

/// Shown over the window while a file is dragged over it.
pub fn drop_hint_ui(ui: &Ui, view: &View) {
    let p = palette(ui);
    let (glyph, text) = match view.drop_on {
        Some(guest) => {
            let name = view.name(guest);
            let text = fill("Drop to send it into {name}", &[("name", &name)]);
            (Icon::MonitorDown, text)
        }
        None => (
            Icon::Disc3,
            tr("Drop to make a machine from this file").to_owned(),
        ),
    };
    let room = ui.ctx().content_rect();
    let layer = egui::LayerId::new(egui::Order::Tooltip, egui::Id::unique("drop hint"));
    let painter = ui.ctx().layer_painter(layer);
    painter.rect_filled(room, 0.0, p.backdrop);
    let frame = room.shrink(24.0);
    let border = Stroke::new(3.0, p.accent);
    painter.rect(frame, 18.0, p.tint(p.accent), border, StrokeKind::Inside);
    icon::paint(
        &painter,
        room.center() - vec2(0.0, 26.0),
        glyph,
        56.0,
        p.accent,
    );
    let badge = Rect::from_center_size(room.center() + vec2(0.0, 34.0), vec2(380.0, 44.0));
    painter.rect_filled(badge, 22.0, p.card);
    painter.text(
        badge.center(),
        Align2::CENTER_CENTER,
        text,
        theme::semibold(theme::TITLE),
        p.text,
    );
}
