//! Dark or light, how large, in which language.

use egui::{RichText, Ui, Vec2, vec2};

use super::choice_ui;
use crate::language::{fill, tr};
use crate::model::{LanguageChoice, Settings, ThemeChoice};
use crate::ui::kit;
use crate::ui::theme::palette;

/// The steps of the scale, in percent.
const SCALES: [(u16, &str); 6] = [
    (75, "75 %"),
    (100, "100 %"),
    (125, "125 %"),
    (150, "150 %"),
    (175, "175 %"),
    (200, "200 %"),
];

/// The next step of the scale above or below `scale`.
pub(in crate::ui) fn next_scale(scale: u16, larger: bool) -> u16 {
    let mut steps = SCALES.map(|(percent, _)| percent).into_iter();
    let next = if larger {
        steps.find(|step| *step > scale)
    } else {
        steps.rev().find(|step| *step < scale)
    };
    next.unwrap_or(scale)
}

/// The smallest window, in points, that all pages have room in.
const LEAST_ROOM: Vec2 = vec2(800.0, 500.0);

/// `scale`, or the largest step below it at which a window of `size` has room for the pages. `size` is in points of
/// the desktop's own scale.
pub fn fitting_scale(scale: u16, size: Vec2) -> u16 {
    let most = (size / LEAST_ROOM).min_elem() * 100.0;
    let steps = SCALES.map(|(percent, _)| percent);
    let fits = |step: &u16| *step <= scale && f32::from(*step) <= most.max(100.0);
    if f32::from(scale) <= most.max(100.0) {
        return scale;
    }
    steps.into_iter().rev().find(fits).unwrap_or(scale)
}

pub(super) fn look_ui(ui: &mut Ui, settings: &mut Settings) {
    let text = tr("System follows your desktop where it says what it wants");
    choice_ui(ui, tr("Theme"), text, |ui| {
        let choices = [
            (ThemeChoice::System, tr("System")),
            (ThemeChoice::Dark, tr("Dark")),
            (ThemeChoice::Light, tr("Light")),
        ];
        kit::segmented(ui, &mut settings.theme, &choices);
    });
    let text = tr("On top of what your desktop says. Ctrl+Plus, Ctrl+Minus and Ctrl+0 do the same");
    choice_ui(ui, tr("Scale"), text, |ui| {
        ui.horizontal_wrapped(|ui| {
            kit::segmented(ui, &mut settings.scale, &SCALES);
        });
        let shown = (ui.ctx().zoom_factor() * 100.0).round() as u16;
        if shown < settings.scale {
            let text = fill(
                "This window is too small for that: it is shown at {percent} %",
                &[("percent", &shown)],
            );
            ui.add(egui::Label::new(RichText::new(text).color(palette(ui).warn)).wrap());
        }
    });
    let text = tr("System takes the language of your desktop, if Orangery speaks it");
    choice_ui(ui, tr("Language"), text, |ui| {
        let choices = LanguageChoice::ALL.map(|choice| (choice, language_word(choice)));
        kit::segmented(ui, &mut settings.language, &choices);
    });
}

/// Languages are called what their speakers call them, so that they are found in any language.
fn language_word(choice: LanguageChoice) -> &'static str {
    match choice {
        LanguageChoice::System => tr("System"),
        LanguageChoice::English => "English",
        LanguageChoice::German => "Deutsch",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scale_goes_by_steps_and_stops_at_its_ends() {
        assert_eq!(next_scale(100, true), 125);
        assert_eq!(next_scale(100, false), 75);
        assert_eq!(next_scale(130, true), 150);
        assert_eq!(next_scale(200, true), 200);
        assert_eq!(next_scale(75, false), 75);
    }

    #[test]
    fn a_small_window_is_never_scaled_beyond_use() {
        assert_eq!(fitting_scale(200, vec2(1920.0, 1080.0)), 200);
        assert_eq!(fitting_scale(200, vec2(1024.0, 640.0)), 125);
        assert_eq!(fitting_scale(110, vec2(1024.0, 640.0)), 110);
        assert_eq!(fitting_scale(100, vec2(300.0, 200.0)), 100);
        assert_eq!(fitting_scale(75, vec2(300.0, 200.0)), 75);
    }
}
