//! "Type text": what the clipboard can't reach is typed key by key, with the guest's keyboard layout.

use egui::{Event, RichText, ScrollArea, TextEdit, Ui, ViewportCommand};

use super::icon::Icon;
use super::theme::{self, palette};
use super::view::View;
use super::{Ask, kit};
use crate::display::keys::{Layout, UntypableChar, type_text};
use crate::engine::message::Command;
use crate::language::{count, fill, told, tr};
use crate::model::{Change, Failure, JobReport, MachineId, MachineReport, Typing};

/// The dialog. What was written is kept nowhere else, and is gone when it closes.
pub struct TypeDialog {
    machine: MachineId,
    text: String,
    /// The text can't be read over a shoulder.
    hide: bool,
    layout: &'static str,
    slow: bool,
    enter: bool,
    /// Why the text can't be typed, and for which layout that was found out.
    checked: Option<(&'static str, Result<usize, UntypableChar>)>,
    /// It was sent to the engine, whose answer is due.
    sent: bool,
    failure: Option<Failure>,
}

impl TypeDialog {
    pub fn new(report: &MachineReport) -> Self {
        let kept = report
            .machine
            .as_ref()
            .and_then(|record| Layout::find(&record.keyboard));
        Self {
            machine: report.id,
            text: String::new(),
            hide: false,
            layout: kept.unwrap_or_else(Layout::of_environment).id,
            slow: false,
            enter: false,
            checked: None,
            sent: false,
            failure: None,
        }
    }

    /// The engine's answer; returns whether the dialog is done.
    pub fn answered(&mut self, machine: MachineId, result: Result<(), Failure>) -> bool {
        if self.machine != machine {
            return false;
        }
        self.sent = false;
        self.failure = result.err();
        self.failure.is_none()
    }

    /// Returns whether the dialog stays.
    pub fn ui(&mut self, ui: &Ui, view: &View, asks: &mut Vec<Ask>) -> bool {
        let Some(report) = view.machine(self.machine) else {
            return false;
        };
        let title = fill("Type text into {name}", &[("name", &report.name)]);
        let (stays, dismissed) = kit::modal(ui, "type text", 560.0, &title, |ui| {
            if self.sent {
                under_way_ui(ui, view.job_of(report), asks)
            } else {
                self.form_ui(ui, view, report, asks)
            }
        });
        stays && !dismissed
    }

    fn form_ui(
        &mut self,
        ui: &mut Ui,
        view: &View,
        report: &MachineReport,
        asks: &mut Vec<Ask>,
    ) -> bool {
        let text = tr(
            "Key by key, where no clipboard reaches: a login screen, a boot loader. Nothing of it is kept",
        );
        kit::hint(ui, text);
        ui.add_space(4.0);
        self.text_ui(ui);
        ui.add_space(4.0);
        let layouts: Vec<(&'static str, String)> = Layout::all()
            .iter()
            .map(|layout| (layout.id, layout_word(layout).to_owned()))
            .collect();
        if kit::choice(
            ui,
            tr("Keyboard layout of the guest"),
            &mut self.layout,
            &layouts,
        ) {
            self.checked = None;
        }
        kit::hint(
            ui,
            tr("As Linux has it; on other systems some characters on AltGr lie elsewhere"),
        );
        ui.horizontal_wrapped(|ui| {
            ui.spacing_mut().item_spacing.x = 16.0;
            kit::check(ui, &mut self.enter, tr("Press Enter at the end"));
            kit::check(ui, &mut self.slow, tr("Slowly, for guests that lose keys"));
        });
        let caps_lock = view
            .screen
            .as_ref()
            .filter(|screen| screen.machine == report.id);
        let caps_lock = caps_lock.and_then(|screen| screen.caps_lock) == Some(true);
        if caps_lock {
            kit::warning(
                ui,
                tr("Caps lock is on in the guest; it is off while the text is typed"),
            );
        }
        if let Some(failure) = &self.failure {
            let text = format!("{}: {}", told(&failure.what), told(&failure.why));
            kit::complaint(ui, &text);
        }
        ui.add_space(8.0);
        self.buttons_ui(ui, report, caps_lock, asks)
    }

    fn text_ui(&mut self, ui: &mut Ui) {
        let name = tr("Text to type");
        let area = ScrollArea::vertical().max_height(150.0).id_salt("text");
        let shown = area.show(ui, |ui| {
            let edit = TextEdit::multiline(&mut self.text)
                .password(self.hide)
                .char_limit(Typing::MAX_TEXT)
                .desired_rows(5)
                .desired_width(f32::INFINITY)
                .font(egui::TextStyle::Monospace);
            ui.add(edit).accessible_name(name)
        });
        let field = shown.inner;
        if ui.memory(|memory| memory.focused().is_none()) {
            field.request_focus();
        }
        if field.changed() {
            self.checked = None;
            self.failure = None;
        }
        ui.horizontal_wrapped(|ui| {
            let paste = kit::secondary(
                ui,
                true,
                Some(Icon::ClipboardPaste),
                tr("Paste from the clipboard"),
            );
            if paste.clicked() {
                field.request_focus();
                ui.ctx().send_viewport_cmd(ViewportCommand::RequestPaste);
            }
            ui.add_space(8.0);
            kit::check(ui, &mut self.hide, tr("Hide what is written"));
        });
        let pasted = ui.input(|input| {
            input
                .events
                .iter()
                .any(|event| matches!(event, Event::Paste(_)))
        });
        if pasted {
            self.checked = None;
        }
    }

    fn buttons_ui(
        &mut self,
        ui: &mut Ui,
        report: &MachineReport,
        caps_lock: bool,
        asks: &mut Vec<Ask>,
    ) -> bool {
        let verdict = self.verdict();
        if let Err(why) = &verdict
            && !self.text.is_empty()
        {
            kit::complaint(ui, why);
        } else if let Ok(keystrokes) = verdict {
            kit::hint(
                ui,
                &count(keystrokes as u64, "{count} keystroke", "{count} keystrokes"),
            );
        }
        kit::footer(ui, |ui| {
            let word = tr("Type");
            let go = kit::primary(ui, verdict.is_ok(), Some(Icon::Keyboard), word);
            let go = match &verdict {
                Ok(_) => go,
                Err(why) => go.on_disabled_hover_text(why),
            };
            if go.clicked() {
                self.send(report, caps_lock, asks);
            }
            !kit::secondary(ui, true, None, tr("Cancel")).clicked()
        })
    }

    /// As many keystrokes as it takes, or why it can't be typed.
    fn verdict(&mut self) -> Result<usize, String> {
        if self.text.is_empty() {
            return Err(tr("There is nothing to type yet").to_owned());
        }
        let layout = Layout::find(self.layout).unwrap_or_else(Layout::of_environment);
        let (_, checked) = self.checked.get_or_insert_with(|| {
            (
                layout.id,
                type_text(layout, &self.text).map(|chords| chords.len()),
            )
        });
        checked.as_ref().copied().map_err(untypable)
    }

    fn send(&mut self, report: &MachineReport, caps_lock: bool, asks: &mut Vec<Ask>) {
        let kept = report
            .machine
            .as_ref()
            .map(|record| record.keyboard.as_str());
        let usual = kept == Some("") && self.layout == Layout::of_environment().id;
        if kept.is_some_and(|kept| kept != self.layout) && !usual {
            asks.push(Ask::Engine(Command::Change {
                machine: self.machine,
                changes: vec![Change::Keyboard(self.layout.to_owned())],
            }));
        }
        asks.push(Ask::Engine(Command::TypeText {
            machine: self.machine,
            typing: Typing {
                text: self.text.clone(),
                layout: self.layout.to_owned(),
                slow: self.slow,
                enter: self.enter,
                caps_lock,
            },
        }));
        self.sent = true;
        self.failure = None;
    }
}

/// While the keys go out. Returns whether the dialog stays.
fn under_way_ui(ui: &mut Ui, job: Option<&JobReport>, asks: &mut Vec<Ask>) -> bool {
    let p = palette(ui);
    let (done, of) = job.map_or((0, 0), |job| (job.done, job.of));
    let text = if of == 0 {
        tr("Beginning…").to_owned()
    } else {
        fill("{done} of {of} keystrokes", &[("done", &done), ("of", &of)])
    };
    ui.label(
        RichText::new(text)
            .font(theme::semibold(theme::BODY))
            .color(p.text),
    );
    if let Some(job) = job {
        kit::progress(ui, job, ui.available_width());
    }
    kit::hint(
        ui,
        tr("What you type or click in the guest meanwhile gets in between"),
    );
    ui.add_space(8.0);
    kit::footer(ui, |ui| {
        let stop = kit::secondary(ui, job.is_some(), Some(Icon::X), tr("Stop typing"));
        if let Some(job) = job.filter(|_| stop.clicked()) {
            asks.push(Ask::Engine(Command::CancelJob(job.id)));
        }
        !kit::secondary(ui, true, None, tr("Go on in the background")).clicked()
    })
}

fn untypable(error: &UntypableChar) -> String {
    let character = error.shown();
    let values: [(&str, &dyn std::fmt::Display); 3] = [
        ("character", &character),
        ("position", &error.position),
        ("layout", &layout_word(error.layout)),
    ];
    let text = fill(
        "{character}, character {position}, can't be typed with the layout {layout}",
        &values,
    );
    if error.others.is_empty() {
        return text;
    }
    let others: Vec<&str> = error
        .others
        .iter()
        .map(|layout| layout_word(layout))
        .collect();
    let others = fill("It can with {layouts}", &[("layouts", &others.join(", "))]);
    format!("{text}. {others}")
}

/// The name of a layout in the spoken language.
pub fn layout_word(layout: &Layout) -> &'static str {
    match layout.id {
        "us" => tr("English (US)"),
        "us-intl" => tr("English (US, international)"),
        "gb" => tr("English (UK)"),
        "de" => tr("German"),
        "ch" => tr("German (Switzerland)"),
        "fr" => tr("French"),
        "ch-fr" => tr("French (Switzerland)"),
        "be" => tr("Belgian"),
        "es" => tr("Spanish"),
        "latam" => tr("Spanish (Latin America)"),
        "it" => tr("Italian"),
        "pt" => tr("Portuguese"),
        "br" => tr("Portuguese (Brazil)"),
        "se" => tr("Swedish"),
        "no" => tr("Norwegian"),
        "dk" => tr("Danish"),
        "fi" => tr("Finnish"),
        "pl" => tr("Polish"),
        "cz" => tr("Czech"),
        "hu" => tr("Hungarian"),
        "tr" => tr("Turkish"),
        "ru" => tr("Russian"),
        "jp" => tr("Japanese"),
        _ => layout.name,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::language::{Language, choose};

    #[test]
    fn every_layout_has_a_name_for_the_window() {
        for layout in Layout::all() {
            choose(Language::English);
            assert_eq!(layout_word(layout), layout.name, "{}", layout.id);
            choose(Language::Marked);
            assert!(layout_word(layout).starts_with('⟦'), "{}", layout.id);
            choose(Language::English);
        }
    }
}
