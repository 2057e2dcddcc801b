//! Icons: one font, one weight, in a family of its own.

use egui::{Color32, RichText};
pub use lucide_icons::Icon;

use super::theme;

/// `icon` as text of `size` points, in the colour of the surrounding text.
pub fn text(icon: Icon, size: f32) -> RichText {
    RichText::new(char::from(icon)).font(theme::icons(size))
}

/// Shows `icon` in `color`; decoration only, so screen readers pass over it.
pub fn show(ui: &mut egui::Ui, icon: Icon, size: f32, color: Color32) {
    let (rect, _) = ui.allocate_exact_size(egui::Vec2::splat(size), egui::Sense::hover());
    paint(ui.painter(), rect.center(), icon, size, color);
}

/// Paints `icon` around `center`.
pub fn paint(painter: &egui::Painter, center: egui::Pos2, icon: Icon, size: f32, color: Color32) {
    painter.text(
        center,
        egui::Align2::CENTER_CENTER,
        char::from(icon),
        theme::icons(size),
        color,
    );
}

/// The pictures that a machine can have in the list: the word in its file, and the picture.
pub const MACHINE_ICONS: [(&str, Icon); 20] = [
    ("desktop", Icon::Monitor),
    ("laptop", Icon::Laptop),
    ("server", Icon::Server),
    ("terminal", Icon::SquareTerminal),
    ("router", Icon::Router),
    ("shield", Icon::Shield),
    ("database", Icon::Database),
    ("globe", Icon::Globe),
    ("cloud", Icon::Cloud),
    ("container", Icon::Container),
    ("code", Icon::Code),
    ("hammer", Icon::Hammer),
    ("flask", Icon::FlaskConical),
    ("bug", Icon::Bug),
    ("rocket", Icon::Rocket),
    ("gamepad", Icon::Gamepad2),
    ("school", Icon::GraduationCap),
    ("work", Icon::Briefcase),
    ("home", Icon::House),
    ("leaf", Icon::Leaf),
];

/// The picture that a machine's `icon` names; `None` for the usual one.
pub fn machine_icon(word: &str) -> Option<Icon> {
    let known = MACHINE_ICONS.iter().find(|(known, _)| *known == word)?;
    Some(known.1)
}
