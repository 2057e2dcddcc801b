//! The machine as QEMU sees it: folder, process, its last words, the command line of the next start.

use egui::{RichText, Ui};

use super::MachinePage;
use crate::engine::message::Command;
use crate::language::{fill, tr};
use crate::model::MachineReport;
use crate::ui::icon::Icon;
use crate::ui::theme::palette;
use crate::ui::view::View;
use crate::ui::{Ask, kit};

pub(super) fn log_ui(
    ui: &mut Ui,
    page: &mut MachinePage,
    view: &View,
    report: &MachineReport,
    asks: &mut Vec<Ask>,
) {
    if !page.asked_command_line && report.machine.is_some() {
        page.asked_command_line = true;
        asks.push(Ask::CommandLine(report.id));
    }
    if page.asked_log != Some(report.pid) {
        page.asked_log = Some(report.pid);
        asks.push(read_log(report));
    }
    kit::card(ui, tr("Where it is"), |ui| {
        let path = report.path.display().to_string();
        kit::copy_line(ui, &path, tr("the folder's path"));
        let process = match report.pid {
            Some(pid) => fill("QEMU is process {pid}", &[("pid", &pid)]),
            None => tr("No QEMU process").to_owned(),
        };
        ui.label(RichText::new(process).color(palette(ui).dim));
        let id = fill("Id {id}", &[("id", &report.id)]);
        ui.label(RichText::new(id).color(palette(ui).dim));
        let word = tr("Report a problem with this machine…");
        if kit::secondary(ui, true, Some(Icon::Flag), word).clicked() {
            let machine = Some(report.id);
            asks.push(Ask::Engine(Command::Report { machine }));
        }
    });
    ui.add_space(6.0);
    qemu_log_ui(ui, view, report, asks);
    ui.add_space(6.0);
    kit::card(ui, tr("Command line of the next start"), |ui| {
        match view.command_lines.get(&report.id) {
            Some(arguments) => arguments_ui(ui, arguments),
            None => {
                ui.label(RichText::new(tr("Not known yet")).color(palette(ui).dim));
            }
        }
        if report.machine.is_some()
            && kit::secondary(ui, true, Some(Icon::RefreshCw), tr("Refresh")).clicked()
        {
            asks.push(Ask::CommandLine(report.id));
        }
    });
}

fn read_log(report: &MachineReport) -> Ask {
    let machine = report.id;
    Ask::Engine(Command::ReadQemuLog { machine })
}

/// What QEMU wrote last: of the process that runs, or of the one that crashed.
fn qemu_log_ui(ui: &mut Ui, view: &View, report: &MachineReport, asks: &mut Vec<Ask>) {
    let crashed = report.trouble.as_ref().and_then(|it| it.details.as_deref());
    let log = view.program.qemu_logs.get(&report.id).map(String::as_str);
    let log = log.filter(|log| !log.is_empty()).or(crashed);
    kit::card(ui, tr("What QEMU said last"), |ui| {
        match log.map(str::trim_end).filter(|log| !log.is_empty()) {
            None => {
                let text = tr("Nothing: QEMU speaks only when something is odd");
                ui.label(RichText::new(text).color(palette(ui).dim));
            }
            Some(log) => {
                let area = egui::ScrollArea::vertical().id_salt("QEMU's log");
                area.max_height(240.0).stick_to_bottom(true).show(ui, |ui| {
                    let text = RichText::new(log).monospace().size(13.0);
                    ui.add(egui::Label::new(text).wrap().selectable(true));
                });
            }
        }
        ui.horizontal(|ui| {
            let refresh = kit::secondary(ui, true, Some(Icon::RefreshCw), tr("Read again"));
            if refresh.clicked() {
                asks.push(read_log(report));
            }
            let word = tr("Copy what QEMU said");
            if let Some(log) = log
                && kit::secondary(ui, true, Some(Icon::Copy), word).clicked()
            {
                ui.ctx().copy_text(log.to_owned());
            }
        });
    });
}

/// One option with its values per line, as people read it; copying gives one line for a shell.
fn arguments_ui(ui: &mut Ui, arguments: &[String]) {
    let mut lines: Vec<String> = Vec::new();
    for argument in arguments {
        match lines.last_mut() {
            Some(line) if !argument.starts_with('-') => {
                line.push(' ');
                line.push_str(argument);
            }
            _ => lines.push(argument.clone()),
        }
    }
    let text = RichText::new(lines.join("\n")).monospace().size(13.0);
    ui.add(egui::Label::new(text).wrap().selectable(true));
    if kit::secondary(ui, true, Some(Icon::Copy), tr("Copy the command line")).clicked() {
        ui.ctx().copy_text(shell_words::join(arguments));
    }
}
