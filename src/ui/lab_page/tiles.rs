//! A lab's machines: what each shows and does, a way to its page, and ways in and out of the lab.

use egui::{Align2, Rect, Sense, Stroke, StrokeKind, TextureHandle, Ui, WidgetInfo, vec2};

use super::machines;
use crate::engine::message::{Command, LabCommand};
use crate::language::{fill, tr};
use crate::model::{Lab, MachineId, MachineReport, State};
use crate::ui::album::asleep;
use crate::ui::icon::{self, Icon};
use crate::ui::theme::{self, palette};
use crate::ui::view::View;
use crate::ui::{Ask, kit};

const TILE: egui::Vec2 = vec2(196.0, 176.0);
const PICTURE: f32 = 112.0;

/// Draws the tiles; returns whose thumbnails are wanted.
pub fn tiles_ui(ui: &mut Ui, view: &View, lab: &Lab, asks: &mut Vec<Ask>) -> Vec<MachineId> {
    let free = !view.handed_over;
    ui.horizontal_wrapped(|ui| {
        ui.spacing_mut().item_spacing = vec2(12.0, 12.0);
        for (id, report) in lab.machines.iter().zip(machines(view, lab)) {
            tile_ui(ui, view, (*id, report), lab, asks);
        }
    });
    ui.add_space(8.0);
    let outside: Vec<&MachineReport> = view
        .machines()
        .filter(|report| !lab.machines.contains(&report.id))
        .collect();
    ui.horizontal(|ui| {
        let may = free && !outside.is_empty();
        kit::menu_button(ui, may, Icon::Plus, tr("Add a machine"), |ui| {
            for report in &outside {
                if kit::menu_item(ui, true, Some(Icon::Monitor), &report.name, None).clicked() {
                    let mut machines = lab.machines.clone();
                    machines.push(report.id);
                    asks.push(set_machines(lab, machines));
                    ui.close();
                }
            }
        });
        let text = match outside.is_empty() {
            true => tr("All machines are in it"),
            false => tr("Add a machine"),
        };
        kit::hint(ui, text);
    });
    lab.machines.clone()
}

fn set_machines(lab: &Lab, machines: Vec<MachineId>) -> Ask {
    let lab = lab.id;
    Ask::Engine(Command::Lab(LabCommand::SetMachines { lab, machines }))
}

/// The picture of a machine; over one that is saved a veil.
fn face_ui(ui: &Ui, picture: Rect, view: &View, report: Option<&MachineReport>) {
    let face = report.and_then(|report| view.face(report));
    picture_ui(ui, picture, face);
    if face.is_some() && report.is_some_and(|report| report.state == State::Saved) {
        asleep(ui.painter(), picture, egui::CornerRadius::same(6), 28.0);
    }
}

fn tile_ui(
    ui: &mut Ui,
    view: &View,
    (id, report): (MachineId, Option<&MachineReport>),
    lab: &Lab,
    asks: &mut Vec<Ask>,
) {
    let p = palette(ui);
    let (rect, response) = ui.allocate_exact_size(TILE, Sense::click());
    let missing = fill("{id} is missing", &[("id", &id.short())]);
    let name = report.map_or(missing.as_str(), |report| report.name.as_str());
    let state = report.map_or(tr("In the trash, or deleted"), |report| {
        tr(report.state.label())
    });
    response.widget_info(|| {
        let mut info = WidgetInfo::labeled(egui::Role::Button, report.is_some(), name);
        info.hint_text = Some(state.to_owned());
        info
    });
    let ground = if response.hovered() { p.hover } else { p.card };
    let line = Stroke::new(1.0, p.line);
    ui.painter()
        .rect(rect, 10.0, ground, line, StrokeKind::Inside);
    let picture = Rect::from_min_size(
        rect.min + vec2(8.0, 8.0),
        vec2(rect.width() - 16.0, PICTURE),
    );
    face_ui(ui, picture, view, report);
    let left = rect.left() + 12.0;
    let width = rect.width() - 56.0;
    let text = egui::text::LayoutJob::simple_singleline(
        name.to_owned(),
        theme::semibold(theme::BODY),
        p.text,
    );
    let text = egui::text::LayoutJob {
        wrap: egui::text::TextWrapping::truncate_at_width(width),
        ..text
    };
    let text = ui.ctx().fonts_mut(|fonts| fonts.layout_job(text));
    let at = egui::pos2(left, picture.bottom() + 7.0);
    ui.painter().galley(at, text, p.text);
    let at = egui::pos2(left + 4.0, picture.bottom() + 37.0);
    let color = report.map_or(p.warn, |report| p.state(report.state));
    ui.painter().circle_filled(at, 4.0, color);
    ui.painter().text(
        at + vec2(10.0, 0.5),
        Align2::LEFT_CENTER,
        state,
        theme::regular(13.0),
        p.dim,
    );
    kit::focus_ring(ui, &response);
    let cross = Rect::from_center_size(rect.right_bottom() - vec2(22.0, 30.0), vec2(28.0, 28.0));
    // A child of its own: the next tile stands beside this one, not beside its cross.
    let room = egui::UiBuilder::new().id_salt(id).max_rect(cross);
    let taken = report.map_or_else(|| id.short(), |report| report.name.clone());
    let word = fill("Take {name} out of the lab", &[("name", &taken)]);
    let out = kit::small_icon(&mut ui.new_child(room), Icon::X, &word);
    if out.clicked() && !view.handed_over {
        let mut machines = lab.machines.clone();
        machines.retain(|one| *one != id);
        asks.push(set_machines(lab, machines));
    } else if response.clicked() && report.is_some() {
        asks.push(Ask::Select(id));
    }
}

/// A picture fitted into `rect`, or a sign that there is none.
pub fn picture_ui(ui: &Ui, rect: Rect, texture: Option<&TextureHandle>) {
    let p = palette(ui);
    ui.painter().rect_filled(rect, 6.0, p.well);
    match texture {
        Some(texture) => {
            let size = texture.size_vec2();
            let scale = (rect.width() / size.x).min(rect.height() / size.y);
            let room = Rect::from_center_size(rect.center(), size * scale);
            let whole = Rect::from_min_max(egui::pos2(0.0, 0.0), egui::pos2(1.0, 1.0));
            ui.painter().add(
                egui::epaint::RectShape::filled(room, 4.0, egui::Color32::WHITE)
                    .with_texture(texture.id(), whole),
            );
        }
        None => {
            let size = (rect.height() * 0.3).min(28.0);
            icon::paint(
                ui.painter(),
                rect.center(),
                Icon::Monitor,
                size,
                p.edge(p.dim),
            );
        }
    }
}
