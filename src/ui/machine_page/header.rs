//! The head of a machine's page: name, state and what can be done now.

use egui::{Key, RichText, TextEdit, Ui, vec2};

use super::MachinePage;
use super::keys;
use crate::engine::message::Command;
use crate::model::{Accelerator, Action, Change, MachineReport, State, check_name};
use crate::ui::actions::{self, Shape};
use crate::ui::icon::{self, Icon};
use crate::ui::theme::{self, palette};
use crate::ui::view::View;
use crate::ui::{Ask, kit};

/// What every machine offers in the menu behind the three dots.
const MORE: [Action; 12] = [
    Action::Start,
    Action::Pause,
    Action::Resume,
    Action::ShutDown,
    Action::Save,
    Action::DiscardSaved,
    Action::Reset,
    Action::PowerOff,
    Action::Screenshot,
    Action::OpenConsole,
    Action::Edit,
    Action::Delete,
];

pub(super) fn header_ui(
    ui: &mut Ui,
    page: &mut MachinePage,
    view: &View,
    report: &MachineReport,
    asks: &mut Vec<Ask>,
) {
    ui.horizontal(|ui| {
        let buttons = buttons_width(report.state);
        let width = (ui.available_width() - buttons).max(160.0);
        ui.allocate_ui(vec2(width, 56.0), |ui| {
            ui.set_width(width);
            ui.vertical(|ui| {
                ui.spacing_mut().item_spacing.y = 2.0;
                name_ui(ui, page, view, report, asks);
                state_ui(ui, view, report);
            });
        });
        ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
            buttons_ui(ui, view, report, asks);
        });
    });
    ui.add_space(2.0);
}

/// Room kept for the buttons at the right, so that a long name is cut and not they.
fn buttons_width(state: State) -> f32 {
    if state.has_screen() { 440.0 } else { 220.0 }
}

fn name_ui(
    ui: &mut Ui,
    page: &mut MachinePage,
    view: &View,
    report: &MachineReport,
    asks: &mut Vec<Ask>,
) {
    if page.rename.is_some() {
        rename_ui(ui, page, view, report, asks);
        return;
    }
    let p = palette(ui);
    ui.horizontal(|ui| {
        ui.set_height(30.0);
        let text = RichText::new(&report.name)
            .font(theme::semibold(22.0))
            .color(p.text);
        let room = ui.available_width() - 40.0;
        let label = ui
            .scope(|ui| {
                ui.set_max_width(room);
                ui.add(
                    egui::Label::new(text)
                        .truncate()
                        .sense(egui::Sense::click()),
                )
            })
            .inner;
        let allowed = actions::verdict(report, Action::Edit, view.handed_over);
        let pencil = egui::Button::new(icon::text(Icon::Pencil, 15.0).color(p.dim))
            .frame_when_inactive(false);
        let rename = kit::name(ui.add_enabled(allowed.is_ok(), pencil), "Rename");
        match allowed {
            Ok(()) => {
                let rename = rename.on_hover_text("Rename, or double-click the name");
                if rename.clicked() || label.double_clicked() {
                    page.rename = Some(report.name.clone());
                }
            }
            Err(reason) => {
                rename.on_disabled_hover_text(reason);
            }
        }
    });
}

fn rename_ui(
    ui: &mut Ui,
    page: &mut MachinePage,
    view: &View,
    report: &MachineReport,
    asks: &mut Vec<Ask>,
) {
    let Some(name) = &mut page.rename else { return };
    let mut done = false;
    let others = view.names().into_iter().filter(|name| *name != report.name);
    let complaint = check_name(name, others)
        .err()
        .map(|error| error.to_string());
    ui.horizontal(|ui| {
        ui.set_height(30.0);
        let edit = TextEdit::singleline(name)
            .font(theme::semibold(18.0))
            .char_limit(200)
            .desired_width((ui.available_width() - 60.0).min(360.0));
        let response = ui.add(edit);
        let value = name.clone();
        response.widget_info(|| {
            let mut info = egui::WidgetInfo::text_edit(true, &value, &value, "");
            info.label = Some("New name".to_owned());
            info
        });
        if response.lost_focus() {
            let entered = ui.input(|input| input.key_pressed(Key::Enter));
            if entered && complaint.is_none() && *name != report.name {
                asks.push(Ask::Engine(Command::Change {
                    machine: report.id,
                    changes: vec![Change::Name(name.clone())],
                }));
            }
            done = !entered || complaint.is_none();
        }
        if !response.has_focus() {
            response.request_focus();
        }
    });
    if let Some(complaint) = complaint {
        ui.label(RichText::new(complaint).size(13.0).color(palette(ui).error));
    }
    if done {
        page.rename = None;
    }
}

fn state_ui(ui: &mut Ui, view: &View, report: &MachineReport) {
    let p = palette(ui);
    ui.horizontal(|ui| {
        ui.set_height(22.0);
        ui.spacing_mut().item_spacing.x = 7.0;
        kit::state_word(ui, report.state);
        if let Some(text) = since_text(view, report) {
            ui.label(RichText::new("·").color(p.dim));
            let exact = format!("{} seconds", view.now.0.saturating_sub(report.since.0));
            ui.label(RichText::new(text).color(p.dim))
                .on_hover_text(exact);
        }
        if let (Some(accelerator), true) = (report.accelerator, report.state.has_process()) {
            ui.label(RichText::new("·").color(p.dim));
            accelerator_ui(ui, view, accelerator);
        }
        if report.pending() {
            ui.label(RichText::new("·").color(p.dim));
            ui.label(RichText::new("changes wait for the next start").color(p.accent_text));
        }
    });
}

fn since_text(view: &View, report: &MachineReport) -> Option<String> {
    match report.state {
        State::Running => Some(format!("up {}", report.since.span_to(view.now))),
        State::Paused => Some(format!("for {}", report.since.span_to(view.now))),
        State::Off | State::Saved | State::Crashed | State::NotResponding => {
            Some(report.since.ago(view.now))
        }
        State::Stopping => report.force_after.map(|at| {
            if at > view.now {
                format!("{} left for the guest", view.now.span_to(at))
            } else {
                "the guest does not react".to_owned()
            }
        }),
        State::Starting | State::Saving | State::Broken | State::Unavailable => None,
    }
}

fn accelerator_ui(ui: &mut Ui, view: &View, accelerator: Accelerator) {
    let p = palette(ui);
    let reason = view
        .computer
        .as_ref()
        .map(|computer| computer.accelerator.reason.clone());
    match accelerator {
        Accelerator::Kvm => {
            ui.label(RichText::new("KVM").color(p.dim))
                .on_hover_text("The processor runs the guest itself");
        }
        Accelerator::Tcg => {
            let why = reason.unwrap_or_else(|| "KVM is not used".to_owned());
            ui.label(RichText::new("software emulation").color(p.warn))
                .on_hover_text(format!("Slower than KVM. {why}"));
        }
    }
}

/// The buttons at the right, from the right.
fn buttons_ui(ui: &mut Ui, view: &View, report: &MachineReport, asks: &mut Vec<Ask>) {
    let handed_over = view.handed_over;
    let button = |ui: &mut Ui, action, shape, asks: &mut Vec<Ask>| {
        actions::button(ui, report, action, shape, handed_over, asks);
    };
    kit::menu_button(ui, true, Icon::Ellipsis, "More actions", |ui| {
        for action in MORE {
            button(ui, action, Shape::MenuItem, asks);
            if matches!(
                action,
                Action::DiscardSaved | Action::PowerOff | Action::OpenConsole
            ) {
                ui.separator();
            }
        }
    });
    if report.state.has_screen() {
        keys::keys_menu_ui(ui, view, report, asks);
        button(ui, Action::Screenshot, Shape::Icon, asks);
        button(ui, Action::OpenConsole, Shape::Icon, asks);
        button(ui, Action::Save, Shape::Icon, asks);
        button(ui, Action::ShutDown, Shape::Icon, asks);
    }
    match report.state {
        State::Paused => button(ui, Action::Resume, Shape::Primary, asks),
        State::Running | State::Stopping | State::Saving => {
            button(ui, Action::Pause, Shape::Secondary, asks);
        }
        State::NotResponding => button(ui, Action::PowerOff, Shape::Danger, asks),
        State::Off
        | State::Starting
        | State::Saved
        | State::Crashed
        | State::Broken
        | State::Unavailable => button(ui, Action::Start, Shape::Primary, asks),
    }
}
