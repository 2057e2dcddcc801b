//! A lab's page, without moments and with some, and its questions.

use egui_kittest::kittest::Queryable as _;
use orangery::engine::message::Event;

use super::scenes::{Scene, Shown, click, scene};
use crate::ui_fixture::Window;
use crate::ui_labs::{LAB, mark, shop, window};

/// All of them.
pub fn all() -> Vec<Scene> {
    vec![
        scene("lab", page, |_| {}),
        scene("lab-new", without_moments, |_| {}),
        scene("lab-make", window, |h| {
            mark(h, ["Frontend", "Mail"]);
            click(h, "Make a lab of these…");
        }),
        scene("lab-add", page, |h| {
            let button = h.get_by(|node| {
                node.role() == egui::accesskit::Role::Button
                    && node.label().as_deref() == Some("Add a machine")
            });
            button.click_accesskit();
        }),
        scene("lab-keep", page, |h| click(h, "Keep this moment…")),
        scene("lab-rewind", page, |h: &mut Shown<'_>| click(h, "Go back…")),
        scene("lab-delete", page, |h| click(h, "Delete the lab…")),
    ]
}

fn page() -> Window {
    let mut window = window();
    window.shell.show_lab(LAB);
    window
}

fn without_moments() -> Window {
    let mut window = page();
    let mut lab = shop();
    lab.lab.sets.clear();
    lab.sets.clear();
    window.events.push(Event::Labs(vec![lab]));
    window
}
