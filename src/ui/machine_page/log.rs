//! The machine as QEMU sees it: folder, process, last messages, the command line of the next start.

use egui::{RichText, Ui};

use super::MachinePage;
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
    kit::card(ui, "Where it is", |ui| {
        kit::copy_line(ui, &report.path.display().to_string(), "the folder's path");
        let process = match report.pid {
            Some(pid) => format!("QEMU is process {pid}"),
            None => "No QEMU process".to_owned(),
        };
        ui.label(RichText::new(process).color(palette(ui).dim));
        ui.label(RichText::new(format!("Id {}", report.id)).color(palette(ui).dim));
    });
    ui.add_space(6.0);
    kit::card(ui, "Command line of the next start", |ui| {
        match view.command_lines.get(&report.id) {
            Some(arguments) => arguments_ui(ui, arguments),
            None => {
                ui.label(RichText::new("Not known yet").color(palette(ui).dim));
            }
        }
        if report.machine.is_some()
            && kit::secondary(ui, true, Some(Icon::RefreshCw), "Refresh").clicked()
        {
            asks.push(Ask::CommandLine(report.id));
        }
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
    let text = RichText::new(lines.join("\n")).monospace().size(12.5);
    ui.add(egui::Label::new(text).wrap().selectable(true));
    if kit::secondary(ui, true, Some(Icon::Copy), "Copy the command line").clicked() {
        let quoted: Vec<String> = arguments.iter().map(|word| shell_word(word)).collect();
        ui.ctx().copy_text(quoted.join(" "));
    }
}

/// `word` so that a shell takes it as one argument.
fn shell_word(word: &str) -> String {
    let plain = !word.is_empty()
        && word
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "-_./=,:+@%".contains(c));
    if plain {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::shell_word;

    #[test]
    fn copied_arguments_survive_a_shell() {
        assert_eq!(shell_word("q35,accel=tcg"), "q35,accel=tcg");
        assert_eq!(shell_word("it's here"), r"'it'\''s here'");
        assert_eq!(shell_word(""), "''");
    }
}
