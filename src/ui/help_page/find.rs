//! What the help is searched for: its field, and the cards that have all of its words.

use egui::{Key, Margin, Modifiers, RichText, TextEdit, Ui};

use crate::language::{fill, tr};
use crate::ui::icon::{self, Icon};
use crate::ui::kit;
use crate::ui::theme::{self, palette};

/// The field above the topics. Escape empties it.
pub(super) fn field_ui(ui: &mut Ui, search: &mut String, focus: &mut bool) {
    let word = tr("Search the help");
    let edit = TextEdit::singleline(search)
        .prefix(icon::text(Icon::Search, 15.0).color(palette(ui).dim))
        .hint_text(word)
        .char_limit(80)
        .desired_width(f32::INFINITY)
        .margin(Margin::symmetric(10, 8));
    let response = ui.add(edit).accessible_name(word);
    let escaped =
        !search.is_empty() && ui.input_mut(|input| input.consume_key(Modifiers::NONE, Key::Escape));
    if escaped {
        search.clear();
    }
    if std::mem::take(focus) || escaped {
        response.request_focus();
    }
    ui.add_space(6.0);
}

/// The words that are looked for; without any, all is shown.
pub(super) struct Find {
    words: Vec<String>,
    /// The topic that none of the cards shown so far is of.
    topic: Option<&'static str>,
    found: bool,
}

impl Find {
    pub fn of(search: &str) -> Self {
        let words = search.split_whitespace().map(str::to_lowercase);
        Self {
            words: words.take(16).collect(), // More than fit in the field.
            topic: None,
            found: false,
        }
    }

    pub fn searches(&self) -> bool {
        !self.words.is_empty()
    }

    /// What comes next is of this topic.
    pub fn enter(&mut self, topic: &'static str) {
        self.topic = Some(topic);
    }

    /// Whether heading and text have all words, in whatever letters.
    pub fn wants(&self, heading: &str, text: &str) -> bool {
        let all = format!("{heading}\n{text}").to_lowercase();
        self.words.iter().all(|word| all.contains(word.as_str()))
    }

    /// A card, if it is wanted; the first one of a topic says which that is.
    pub fn card<R>(
        &mut self,
        ui: &mut Ui,
        heading: &str,
        text: &str,
        content: impl FnOnce(&mut Ui) -> R,
    ) -> Option<R> {
        if !self.wants(heading, text) {
            return None;
        }
        self.found = true;
        if let Some(topic) = self.topic.take() {
            let topic = RichText::new(topic).size(theme::SMALL);
            ui.label(topic.color(palette(ui).dim));
        }
        let inner = kit::card(ui, heading, content);
        ui.add_space(6.0);
        Some(inner)
    }

    /// Says so where nothing was found.
    pub fn end_ui(&self, ui: &mut Ui, search: &str) {
        if !self.found {
            let text = "Nothing in the help has “{search}”";
            kit::hint(ui, &fill(text, &[("search", &search.trim())]));
        }
    }
}
