//! The library at the left: all machines with picture, name and state.

use egui::{
    Align2, CornerRadius, Margin, Pos2, Rect, RichText, ScrollArea, Sense, Stroke, StrokeKind,
    TextEdit, Ui, WidgetInfo, accesskit::Role, pos2, vec2,
};

use super::actions::{self, Errand, Shape};
use super::brand::Brand;
use super::icon::{self, Icon};
use super::theme::{self, Palette, palette};
use super::view::View;
use super::{Ask, kit};
use crate::model::{Action, JobReport, MachineId, MachineReport};

/// What only the library remembers between frames.
#[derive(Default)]
pub struct LibraryList {
    pub filter: String,
    focus_search: bool,
    brand: Brand,
    /// The machines whose rows were last in sight.
    pub in_sight: Vec<MachineId>,
}

impl LibraryList {
    pub fn focus_search(&mut self) {
        self.focus_search = true;
    }

    pub fn ui(&mut self, ui: &mut Ui, view: &View, shown: Option<MachineId>, asks: &mut Vec<Ask>) {
        head_ui(ui, &mut self.brand, asks);
        ui.add_space(4.0);
        let new = kit::primary_wide(ui, !view.handed_over, Icon::Plus, Errand::NewMachine.word());
        if new.clicked() {
            asks.push(Ask::Errand(Errand::NewMachine));
        }
        self.search_ui(ui);
        egui::Panel::bottom("library end")
            .frame(egui::Frame::NONE)
            .show_separator_line(false)
            .show(ui, |ui| trash_link_ui(ui, view, asks));
        self.rows_ui(ui, view, shown, asks);
    }

    fn search_ui(&mut self, ui: &mut Ui) {
        let p = palette(ui);
        let (word, look) = Errand::Search.look();
        let edit = TextEdit::singleline(&mut self.filter)
            .prefix(icon::text(look.icon, 15.0).color(p.dim))
            .hint_text(word)
            .char_limit(80)
            .desired_width(f32::INFINITY)
            .margin(Margin::symmetric(10, 8));
        let response = ui.add(edit);
        let filter = self.filter.clone();
        response.widget_info(|| {
            let mut info = WidgetInfo::text_edit(true, &filter, &filter, word);
            info.label = Some(word.to_owned());
            info
        });
        if std::mem::take(&mut self.focus_search) {
            response.request_focus();
        }
    }

    fn rows_ui(&mut self, ui: &mut Ui, view: &View, shown: Option<MachineId>, asks: &mut Vec<Ask>) {
        let filter = self.filter.trim().to_lowercase();
        let machines: Vec<&MachineReport> = view
            .machines()
            .filter(|report| report.name.to_lowercase().contains(&filter))
            .collect();
        heading_ui(ui, machines.len());
        if machines.is_empty() && !view.is_empty() {
            ui.label(RichText::new("No machine has this in its name").color(palette(ui).dim));
        }
        ui.spacing_mut().item_spacing.y = 4.0;
        self.in_sight.clear();
        ScrollArea::vertical().auto_shrink(false).show_rows(
            ui,
            theme::ROW,
            machines.len(),
            |ui, rows| {
                for report in machines.get(rows).unwrap_or_default() {
                    self.in_sight.push(report.id);
                    row_ui(ui, view, report, shown == Some(report.id), asks);
                }
            },
        );
    }
}

fn head_ui(ui: &mut Ui, brand: &mut Brand, asks: &mut Vec<Ask>) {
    let p = palette(ui);
    ui.horizontal(|ui| {
        brand.ui(ui, 30.0);
        ui.label(
            RichText::new("Orangery")
                .font(theme::semibold(18.0))
                .color(p.text),
        );
        ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
            ui.spacing_mut().item_spacing.x = 2.0;
            for errand in [Errand::ShowHelp, Errand::ShowSettings] {
                let (word, look) = errand.look();
                let button = egui::Button::new(icon::text(look.icon, 17.0).color(p.dim))
                    .frame_when_inactive(false);
                let button = ui
                    .scope(|ui| {
                        ui.spacing_mut().button_padding = vec2(7.0, 6.0);
                        ui.add(button)
                    })
                    .inner;
                if kit::name(button, word).on_hover_text(word).clicked() {
                    asks.push(Ask::Errand(errand));
                }
            }
        });
    });
}

fn heading_ui(ui: &mut Ui, count: usize) {
    let p = palette(ui);
    ui.add_space(2.0);
    ui.horizontal(|ui| {
        ui.set_height(20.0);
        let text = RichText::new("Machines").font(theme::semibold(13.0));
        ui.label(text.color(p.dim));
        ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
            ui.label(RichText::new(count.to_string()).size(13.0).color(p.dim));
        });
    });
}

fn trash_link_ui(ui: &mut Ui, view: &View, asks: &mut Vec<Ask>) {
    ui.add_space(6.0);
    ui.horizontal(|ui| {
        if kit::link(ui, Some(Icon::Trash2), Errand::ShowTrash.word()).clicked() {
            asks.push(Ask::Errand(Errand::ShowTrash));
        }
        let count = view.trash.machines.len();
        if count > 0 {
            let text = format!("{count} · {}", view.trash.size());
            ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
                ui.label(RichText::new(text).size(13.0).color(palette(ui).dim));
            });
        }
    });
}

fn row_ui(ui: &mut Ui, view: &View, report: &MachineReport, selected: bool, asks: &mut Vec<Ask>) {
    let size = vec2(ui.available_width(), theme::ROW);
    let (_, rect) = ui.allocate_space(size);
    // The id follows the machine, not its place: rows move when names change.
    let response = ui.interact(rect, ui.scope_id().with(report.id), Sense::click());
    let state = report.state.label();
    response.widget_info(|| {
        let mut info = WidgetInfo::selected(Role::ListItem, true, selected, &report.name);
        info.hint_text = Some(state.to_owned());
        info
    });
    let p = palette(ui);
    row_ground(ui, rect, selected, &response);
    let picture = Rect::from_min_size(rect.min + vec2(8.0, 9.0), theme::THUMBNAIL);
    thumbnail_ui(ui, picture, view, report);
    let left = picture.right() + 11.0;
    let right = rect.right() - 10.0;
    name_ui(
        ui,
        &report.name,
        Rect::from_x_y_ranges(left..=right, rect.top()..=rect.bottom()),
    );
    match view.job_of(report) {
        Some(job) => job_line_ui(ui, p, job, pos2(left, rect.top() + 41.0), right),
        None => {
            state_line_ui(ui, p, report, pos2(left, rect.top() + 41.0));
            if let (Some(history), Some(machine)) = (view.history(report.id), &report.machine) {
                let line = Rect::from_min_max(
                    pos2(right - 60.0, rect.top() + 32.0),
                    pos2(right, rect.top() + 50.0),
                );
                kit::graph::sparkline(ui, line, history, machine.cpu.count);
            }
        }
    }
    if response.clicked() {
        asks.push(Ask::Select(report.id));
    }
    response.context_menu(|ui| row_menu_ui(ui, view, report, asks));
}

fn row_ground(ui: &Ui, rect: Rect, selected: bool, response: &egui::Response) {
    let p = palette(ui);
    if selected {
        ui.painter().rect(
            rect,
            10.0,
            p.tint(p.accent),
            Stroke::new(1.0, p.edge(p.accent)),
            StrokeKind::Inside,
        );
    } else if response.hovered() {
        ui.painter().rect_filled(rect, 10.0, p.hover);
    }
    if response.has_focus() {
        let ring = Stroke::new(2.0, p.accent_text);
        ui.painter()
            .rect_stroke(rect, 10.0, ring, StrokeKind::Inside);
    }
}

fn thumbnail_ui(ui: &Ui, rect: Rect, view: &View, report: &MachineReport) {
    let p = palette(ui);
    let radius = CornerRadius::same(5);
    match view.thumbnail(report.id) {
        Some(texture) => {
            let whole = Rect::from_min_max(pos2(0.0, 0.0), pos2(1.0, 1.0));
            ui.painter().add(
                egui::epaint::RectShape::filled(rect, radius, egui::Color32::WHITE)
                    .with_texture(texture.id(), whole),
            );
        }
        None => {
            ui.painter().rect_filled(rect, radius, p.well);
            let glyph = match report.state {
                crate::model::State::Broken => Icon::FileX2,
                crate::model::State::Unavailable => Icon::Unplug,
                crate::model::State::Saved => Icon::Moon,
                _ => Icon::Monitor,
            };
            icon::paint(ui.painter(), rect.center(), glyph, 18.0, p.edge(p.dim));
        }
    }
    let line = Stroke::new(1.0, p.line);
    ui.painter()
        .rect_stroke(rect, radius, line, StrokeKind::Inside);
}

fn name_ui(ui: &Ui, name: &str, room: Rect) {
    let mut job = egui::text::LayoutJob::simple_singleline(
        name.to_owned(),
        theme::semibold(theme::BODY),
        palette(ui).text,
    );
    job.wrap = egui::text::TextWrapping::truncate_at_width(room.width());
    let galley = ui.ctx().fonts_mut(|fonts| fonts.layout_job(job));
    let color = palette(ui).text;
    ui.painter()
        .galley(pos2(room.left(), room.top() + 11.0), galley, color);
}

fn state_line_ui(ui: &Ui, p: &Palette, report: &MachineReport, at: Pos2) {
    let color = p.state(report.state);
    ui.painter().circle_filled(at + vec2(4.0, 0.0), 4.0, color);
    ui.painter().text(
        at + vec2(14.0, 0.5),
        Align2::LEFT_CENTER,
        report.state.label(),
        theme::regular(theme::SMALL + 0.5),
        p.dim,
    );
}

fn job_line_ui(ui: &Ui, p: &Palette, job: &JobReport, at: Pos2, right: f32) {
    let mut text = egui::text::LayoutJob::simple_singleline(
        job.step.clone(),
        theme::regular(theme::SMALL),
        p.dim,
    );
    text.wrap = egui::text::TextWrapping::truncate_at_width(right - at.x);
    let galley = ui.ctx().fonts_mut(|fonts| fonts.layout_job(text));
    ui.painter().galley(at - vec2(0.0, 9.0), galley, p.dim);
    let bar = Rect::from_min_max(at + vec2(0.0, 7.0), pos2(right, at.y + 10.0));
    ui.painter().rect_filled(bar, 1.5, p.line);
    let share = if job.of > 0 {
        (job.done as f32 / job.of as f32).clamp(0.0, 1.0)
    } else {
        0.3
    };
    let done = Rect::from_min_size(bar.min, vec2(bar.width() * share, bar.height()));
    ui.painter().rect_filled(done, 1.5, p.accent);
}

/// Every action that the list offers, by right click.
fn row_menu_ui(ui: &mut Ui, view: &View, report: &MachineReport, asks: &mut Vec<Ask>) {
    ui.spacing_mut().item_spacing.y = 2.0;
    for action in [
        Action::Start,
        Action::Resume,
        Action::Pause,
        Action::ShutDown,
        Action::Save,
        Action::OpenConsole,
        Action::Edit,
        Action::Delete,
    ] {
        actions::button(ui, report, action, Shape::MenuItem, view.handed_over, asks);
    }
}
