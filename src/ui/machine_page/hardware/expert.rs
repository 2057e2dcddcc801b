//! For experts: arguments for QEMU, and the whole command line of the next start.

use egui::{RichText, Ui};

use super::draft::Typed;
use super::{Desk, HardwareForm, Section};
use crate::language::tr;
use crate::model::{Change, Machine, Part};
use crate::ui::Ask;
use crate::ui::icon::Icon;
use crate::ui::kit;
use crate::ui::theme::palette;

const SECTION: Section = Section::Expert;
const FIELD: &str = "arguments";

/// The record whose command line was asked for last.
#[derive(Default)]
pub(super) struct ExpertForm {
    asked: Option<Box<Machine>>,
}

pub(super) fn expert_ui(ui: &mut Ui, form: &mut HardwareForm, desk: &mut Desk<'_>) {
    kit::warning(
        ui,
        tr(
            "Wrong arguments keep the machine from starting, and some weaken what protects this computer",
        ),
    );
    arguments_ui(ui, form);
    ui.separator();
    let known = desk.tab.expert.asked.as_deref();
    if known != Some(&form.base) {
        desk.tab.expert.asked = Some(Box::new(form.base.clone()));
        desk.asks.push(Ask::CommandLine(desk.report.id));
    }
    kit::section(ui, tr("Command line of the next start"));
    if form.edited() {
        kit::hint(ui, tr("Without the edits that are not applied yet"));
    }
    match desk.view.command_lines.get(&desk.report.id) {
        Some(arguments) => command_line_ui(ui, arguments),
        None => kit::hint(ui, tr("Not known yet")),
    }
}

fn arguments_ui(ui: &mut Ui, form: &mut HardwareForm) {
    let shown = lines_of(&form.draft.arguments);
    let mut typed = form.text(SECTION, FIELD, &shown);
    let complaint = typed.complaint.clone();
    let complaint = complaint.or_else(|| form.complaint(&Part::Arguments));
    let label = tr("Arguments for QEMU");
    kit::field(ui, label, complaint.as_deref(), |ui, id| {
        let edit = egui::TextEdit::multiline(&mut typed.text)
            .font(egui::TextStyle::Monospace)
            .desired_width(f32::INFINITY)
            .desired_rows(3)
            .margin(egui::Margin::symmetric(10, 7))
            .char_limit(100_000)
            .hint_text("-device pvpanic");
        let response = ui.add(edit).labelled_by(id);
        if response.changed() {
            take(form, typed);
        } else if response.lost_focus() && typed.complaint.is_none() {
            form.forget_text(SECTION, FIELD);
        }
    });
    kit::hint(
        ui,
        tr("As in a shell, on one line or several; quote what contains spaces. They come last"),
    );
}

fn take(form: &mut HardwareForm, mut typed: Typed) {
    match shell_words::split(&typed.text) {
        Ok(arguments) => {
            typed.complaint = None;
            form.edit(Change::Arguments(arguments));
        }
        Err(shell_words::ParseError) => {
            typed.complaint = Some(tr("A quote is not closed").to_owned());
        }
    }
    form.keep_text(SECTION, FIELD, typed);
}

/// One option with its values per line, each as a shell takes it.
fn lines_of(arguments: &[String]) -> String {
    let mut text = String::new();
    for argument in arguments {
        if !text.is_empty() {
            text.push(if argument.starts_with('-') { '\n' } else { ' ' });
        }
        text.push_str(&shell_words::quote(argument));
    }
    text
}

/// The command line as people read it; copying gives one line for a shell.
fn command_line_ui(ui: &mut Ui, arguments: &[String]) {
    let p = palette(ui);
    if kit::secondary(ui, true, Some(Icon::Copy), tr("Copy the command line")).clicked() {
        ui.ctx().copy_text(shell_words::join(arguments));
    }
    super::fields::inset(ui, |ui| {
        let text = RichText::new(lines_of(arguments)).monospace().color(p.text);
        ui.add(egui::Label::new(text).wrap().selectable(true));
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_survive_being_shown_and_read_again() {
        let arguments = [
            "-device",
            "pvpanic",
            "-fw_cfg",
            "name=opt/a,string=it's here",
            "",
        ];
        let arguments: Vec<String> = arguments.iter().map(|&word| word.to_owned()).collect();
        let text = lines_of(&arguments);
        assert_eq!(text.lines().count(), 2);
        assert_eq!(shell_words::split(&text).unwrap(), arguments);
    }
}
