//! The guest's serial console over the whole page, and what to say when there is none.

use egui::{Key, Margin, Panel, RichText, TextEdit, Ui, vec2};

use super::MachinePage;
use crate::language::{fill, tr};
use crate::model::{Action, DeviceKind, Machine, MachineReport};
use crate::terminal::Terminal;
use crate::ui::actions::{self, Shape};
use crate::ui::icon::{self, Icon};
use crate::ui::terminal::{TerminalView, has_focus};
use crate::ui::theme::palette;
use crate::ui::view::View;
use crate::ui::{Ask, kit};

pub(super) fn terminal_tab_ui(
    ui: &mut Ui,
    page: &mut MachinePage,
    view: &View,
    report: &MachineReport,
    asks: &mut Vec<Ask>,
) {
    let shown = view
        .terminal
        .as_ref()
        .filter(|(machine, _)| *machine == report.id);
    let Some((_, terminal)) = shown.filter(|(_, terminal)| terminal.has_heard() || runs(report))
    else {
        nothing_ui(ui, view, report, asks);
        return;
    };
    let p = palette(ui);
    let bar = egui::Frame::NONE
        .fill(p.card)
        .inner_margin(Margin::symmetric(16, 6));
    Panel::bottom("terminal bar")
        .exact_size(50.0)
        .frame(bar)
        .show(ui, |ui| {
            bar_ui(ui, &mut page.terminal, view, report, terminal, asks)
        });
    if page.terminal.search.is_some() {
        Panel::top("terminal search")
            .exact_size(46.0)
            .frame(bar)
            .show(ui, |ui| search_ui(ui, &mut page.terminal, terminal));
    }
    let response = page.terminal.ui(ui, terminal);
    if page.terminal.menu_may_open(ui) {
        response.context_menu(|ui| menu_ui(ui, &mut page.terminal, report, terminal, asks));
    }
    if !terminal.has_heard() {
        hint_ui(ui, response.rect);
    }
}

/// Whether the guest's console can say something.
fn runs(report: &MachineReport) -> bool {
    report.state.has_screen()
}

fn has_serial(machine: &Machine) -> bool {
    let is_serial = |kind: &DeviceKind| matches!(kind, DeviceKind::Serial);
    machine.devices.iter().any(|device| is_serial(&device.kind))
}

/// Whether what runs has a serial port, or what would run.
pub(super) fn present(report: &MachineReport) -> bool {
    report.hardware().is_some_and(has_serial)
}

/// In the middle of the empty grid, until the guest says something.
fn hint_ui(ui: &mut Ui, room: egui::Rect) {
    let room = egui::Rect::from_center_size(room.center(), vec2(420.0, 120.0));
    ui.scope_builder(egui::UiBuilder::new().max_rect(room), |ui| {
        ui.vertical_centered(|ui| {
            let p = palette(ui);
            let line = |text| egui::Label::new(RichText::new(text).color(p.dim)).wrap();
            ui.add(line(tr("The guest has said nothing here yet")));
            ui.add(line(tr("Press Enter to wake a login prompt. A Linux guest needs console=ttyS0 on its kernel's command line.")));
        });
    });
}

fn bar_ui(
    ui: &mut Ui,
    terminal_view: &mut TerminalView,
    view: &View,
    report: &MachineReport,
    terminal: &Terminal,
    asks: &mut Vec<Ask>,
) {
    let p = palette(ui);
    let typing = has_focus(ui.ctx());
    ui.horizontal_centered(|ui| {
        let text = if !runs(report) || terminal.has_ended() {
            tr("The console is closed; this is what the guest said last").to_owned()
        } else if typing {
            let key = tr(view.settings.release_key.label());
            fill(
                "Keyboard goes to the guest: press {key} to release",
                &[("key", &key)],
            )
        } else {
            tr("Click the terminal to type into it").to_owned()
        };
        let color = if typing { p.accent_text } else { p.dim };
        icon::show(ui, Icon::Keyboard, 17.0, color);
        let room = ui.available_width() - 210.0;
        ui.allocate_ui(vec2(room, 24.0), |ui| {
            ui.set_width(room);
            let text = RichText::new(text).color(if typing { p.text } else { p.dim });
            ui.add(egui::Label::new(text).truncate());
        });
        ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
            kit::menu_button(ui, true, Icon::Ellipsis, tr("More for the console"), |ui| {
                menu_ui(ui, terminal_view, report, terminal, asks);
            });
            if kit::icon_button(ui, true, Icon::Search, tr("Search the console")).clicked() {
                terminal_view.open_search();
            }
            if let Some((columns, rows)) = terminal_view.size() {
                ui.label(RichText::new(format!("{columns} × {rows}")).color(p.dim));
            }
        });
    });
}

/// Looks for text in what was said, the newest first.
fn search_ui(ui: &mut Ui, terminal_view: &mut TerminalView, terminal: &Terminal) {
    let mut needle = terminal_view.search.clone().unwrap_or_default();
    let mut close = false;
    let mut step = None;
    ui.horizontal_centered(|ui| {
        let p = palette(ui);
        icon::show(ui, Icon::Search, 17.0, p.dim);
        let edit = TextEdit::singleline(&mut needle)
            .id_salt("terminal search")
            .hint_text(tr("Search the console"))
            .char_limit(200)
            .desired_width(260.0);
        let field = ui.add(edit).accessible_name(tr("Search the console"));
        if ui.memory(|memory| memory.focused().is_none()) || has_focus(ui.ctx()) {
            field.request_focus();
        }
        let (enter, shift, escape) = ui.input(|input| {
            (
                input.key_pressed(Key::Enter),
                input.modifiers.shift,
                input.key_pressed(Key::Escape),
            )
        });
        if field.changed() {
            terminal.emulator().look_for(&needle);
            step = Some(true);
        }
        if field.lost_focus() && enter {
            step = Some(!shift);
            field.request_focus();
        }
        close = field.lost_focus() && escape;
        let any = !needle.is_empty();
        if kit::icon_button(ui, any, Icon::ChevronUp, tr("Older match")).clicked() {
            step = Some(true);
        }
        if kit::icon_button(ui, any, Icon::ChevronDown, tr("Newer match")).clicked() {
            step = Some(false);
        }
        if terminal_view.missing && any {
            ui.label(RichText::new(tr("Not found")).color(p.warn));
        }
        ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
            close |= kit::icon_button(ui, true, Icon::X, tr("Close the search")).clicked();
        });
    });
    if let Some(older) = step {
        terminal_view.missing = !terminal.emulator().find(older);
    }
    terminal_view.search = Some(needle);
    if close {
        terminal_view.search = None;
        terminal.emulator().look_for("");
        terminal_view.focus();
    }
}

fn menu_ui(
    ui: &mut Ui,
    terminal_view: &mut TerminalView,
    report: &MachineReport,
    terminal: &Terminal,
    asks: &mut Vec<Ask>,
) {
    let keys =
        |key| egui::KeyboardShortcut::new(egui::Modifiers::CTRL | egui::Modifiers::SHIFT, key);
    let item = |ui: &mut Ui, enabled, icon, word, key: Option<Key>| {
        let shortcut = key.map(keys);
        let clicked = kit::menu_item(ui, enabled, Some(icon), word, shortcut.as_ref()).clicked();
        if clicked {
            ui.close();
        }
        clicked
    };
    let live = runs(report) && !terminal.has_ended();
    if item(
        ui,
        terminal_view.has_selection(),
        Icon::Copy,
        tr("Copy"),
        Some(Key::C),
    ) {
        terminal_view.copy(ui, terminal);
    }
    if item(ui, live, Icon::ClipboardPaste, tr("Paste"), Some(Key::V)) {
        terminal_view.paste(ui);
    }
    if item(ui, true, Icon::TextSelect, tr("Select all"), Some(Key::A)) {
        terminal.emulator().select_all();
    }
    if item(ui, true, Icon::Search, tr("Search…"), Some(Key::F)) {
        terminal_view.open_search();
    }
    if item(ui, true, Icon::Eraser, tr("Clear"), None) {
        terminal.emulator().clear();
    }
    ui.separator();
    let word = tr("Tell the guest the size");
    let size = kit::menu_item(ui, live, Some(Icon::Scaling), word, None).on_hover_text(tr(
        "A serial port can't tell a guest how large its terminal is. This types a command for it into the shell: stty rows … cols …",
    ));
    if size.clicked() {
        if let Some((columns, rows)) = terminal_view.size() {
            terminal.send(format!("stty rows {rows} cols {columns}\r").as_bytes());
        }
        ui.close();
    }
    ui.separator();
    if item(ui, true, Icon::Save, tr("Save the log"), None) {
        asks.push(Ask::SaveSerialLog(report.id));
    }
    if item(
        ui,
        true,
        Icon::FolderOpen,
        tr("Open the log's folder"),
        None,
    ) {
        asks.push(Ask::OpenFolder(report.path.join("log/serial.log")));
    }
}

/// No console: why, and what helps.
fn nothing_ui(ui: &mut Ui, view: &View, report: &MachineReport, asks: &mut Vec<Ask>) {
    let p = palette(ui);
    let next = report.machine.as_ref().is_some_and(has_serial);
    let running = runs(report);
    let room =
        egui::Rect::from_center_size(ui.available_rect_before_wrap().center(), vec2(440.0, 170.0));
    let text = match (present(report), running) {
        (true, true) => tr("Connecting…"),
        (true, false) => tr("The serial console is there while the machine runs"),
        (false, true) if next => tr("The serial port is there from the machine's next start on"),
        (false, _) => tr("This machine has no serial port, and so no console"),
    };
    ui.scope_builder(egui::UiBuilder::new().max_rect(room), |ui| {
        ui.vertical_centered(|ui| {
            icon::show(ui, Icon::SquareTerminal, 40.0, p.dim);
            ui.label(RichText::new(text).color(p.dim));
            ui.add_space(6.0);
            if !next {
                let why_not = actions::verdict(report, Action::Edit, view.handed_over).err();
                let word = tr("Add a serial port…");
                if kit::button_or_why(ui, Icon::Plus, word, why_not.as_deref()) {
                    asks.push(Ask::ShowHardware(report.id));
                }
            } else if !report.state.has_process() {
                ui.push_id("terminal", |ui| {
                    let start = Action::Start;
                    actions::button(ui, report, start, Shape::Secondary, view.handed_over, asks);
                });
            }
        });
    });
}
