//! The page of an empty library: what to do first, in three ways.

use egui::{Align2, CornerRadius, Rect, RichText, Sense, Stroke, StrokeKind, Ui, WidgetInfo, vec2};

use super::Ask;
use super::actions::Errand;
use super::brand::Brand;
use super::icon::{self, Icon};
use super::kit;
use super::theme::{self, palette};
use super::view::View;
use crate::engine::message::Command;
use crate::language::{told, tr};
use crate::model::{ByteSize, CheckLevel, NewMachine, Source, free_name};

/// One way to a first machine.
struct Way {
    icon: Icon,
    title: &'static str,
    text: &'static str,
}

const DROP: Way = Way {
    icon: Icon::Disc3,
    title: "Drop a file",
    text: "Drop an installer ISO or a disk image anywhere on this window",
};
const NEW: Way = Way {
    icon: Icon::Plus,
    title: "New machine",
    text: "Choose what it runs and how big it is, on one page",
};
const CARD: Way = Way {
    icon: Icon::FlaskConical,
    title: "Start the test card",
    text: "A tiny built-in guest that shows whether everything works. No download",
};

pub fn empty_ui(ui: &mut Ui, brand: &mut Brand, view: &View, asks: &mut Vec<Ask>) {
    let p = palette(ui);
    let room = ui.available_rect_before_wrap();
    let width = (room.width() - 48.0).min(760.0);
    let height = 380.0_f32.min(room.height());
    let area = Rect::from_center_size(room.center(), vec2(width, height));
    ui.scope_builder(egui::UiBuilder::new().max_rect(area), |ui| {
        ui.vertical_centered(|ui| {
            brand.ui(ui, 84.0);
            ui.add_space(6.0);
            let title = RichText::new(tr("Nothing grows here yet"));
            ui.label(title.font(theme::semibold(24.0)).color(p.text));
            ui.label(RichText::new(tr("Three ways to a first machine")).color(p.dim));
        });
        ui.add_space(18.0);
        ways_ui(ui, view, asks);
        trouble_ui(ui, view, asks);
    });
}

/// A first machine would fail: says so before it is made.
fn trouble_ui(ui: &mut Ui, view: &View, asks: &mut Vec<Ask>) {
    let checks = view.computer.iter().flat_map(|computer| &computer.checks);
    let Some(worst) = checks
        .into_iter()
        .find(|check| check.level == CheckLevel::Bad)
    else {
        return;
    };
    ui.add_space(10.0);
    kit::callout(ui, kit::Tone::Error, &told(&worst.finding), |ui| {
        if kit::secondary(ui, true, None, tr("What to do")).clicked() {
            asks.push(Ask::Errand(Errand::ShowComputer));
        }
    });
}

fn ways_ui(ui: &mut Ui, view: &View, asks: &mut Vec<Ask>) {
    let enabled = !view.handed_over;
    ui.horizontal_top(|ui| {
        ui.spacing_mut().item_spacing.x = theme::GAP;
        let size = vec2((ui.available_width() - 2.0 * theme::GAP) / 3.0, 172.0);
        for way in [&DROP, &NEW] {
            if way_ui(ui, size, way, enabled, false) {
                asks.push(Ask::Errand(Errand::NewMachine));
            }
        }
        if way_ui(ui, size, &CARD, enabled, true) {
            asks.push(test_card(view));
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
    ui.painter().text(
        rect.left_top() + vec2(18.0, 66.0),
        Align2::LEFT_TOP,
        tr(way.title),
        theme::semibold(15.0),
        p.text,
    );
    let text = ui.painter().layout(
        tr(way.text).to_owned(),
        theme::regular(13.0),
        p.dim,
        size.x - 34.0,
    );
    ui.painter()
        .galley(rect.left_top() + vec2(18.0, 92.0), text, p.dim);
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
pub fn drop_hint_ui(ui: &Ui) {
    let p = palette(ui);
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
        Icon::Disc3,
        56.0,
        p.accent,
    );
    let badge = Rect::from_center_size(room.center() + vec2(0.0, 34.0), vec2(380.0, 44.0));
    painter.rect_filled(badge, 22.0, p.card);
    painter.text(
        badge.center(),
        Align2::CENTER_CENTER,
        tr("Drop to make a machine from this file"),
        theme::semibold(theme::TITLE),
        p.text,
    );
}
