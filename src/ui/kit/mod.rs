//! The small widget kit that all screens are built from.

mod button;
mod card;
mod feedback;
mod field;
pub mod graph;
mod pick;

pub use button::{
    bare_icon, danger, focus_ring, hint_ui, icon_button, index_item, link, menu_button, menu_item,
    name, primary, primary_wide, secondary, segmented, shortcut_text, sized, tab,
};
pub use card::{Tone, callout, card, columns, fact, section};
pub use feedback::{Choice, confirm, copy_line, footer, modal, progress, sentence, state_word};
pub use field::{Field, browse_field, check, field, label, number_field, radio, text_field};
pub use pick::{
    Scale, button_or_why, chip, choice, complaint, help, hint, icon_or_why, pill, row, slider,
    small_icon, switch, tile, warning,
};
