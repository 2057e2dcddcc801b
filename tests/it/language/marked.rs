//! Draws each page in a language that marks what went through the layer, and looks for what did not.

use egui_kittest::Harness;
use egui_kittest::kittest::{NodeT as _, Queryable as _};
use orangery::engine::message::Event;
use orangery::language::{Language, choose};
use orangery::model::*;
use orangery::ui::actions::Errand;
use orangery::ui::help_page::Topic;
use orangery::ui::settings_page::Section;
use orangery::ui::theme;

use crate::ui_fixture::{Window, computer, failure, harness, id, load, report, show, with};

/// What the user or this computer named, and what is the same in every language.
const SAME_EVERYWHERE: &[&str] = &[
    "Debian",
    "Old",
    "Deutsch",
    "English",
    "D-Bus",
    "RFB",
    "Orangery",
    "/home",
    "/usr/bin",
    "qemu-system-x86_64",
    "sudo apt",
    "ISO",
    ".iso",
    "pc-q35",
];

fn is_data(text: &str) -> bool {
    !text.chars().any(char::is_alphabetic)
        // Icons have characters of their own.
        || text.chars().all(|c| !c.is_alphabetic() || ('\u{e000}'..'\u{f8ff}').contains(&c))
        || SAME_EVERYWHERE.iter().any(|data| text.contains(data))
        || text.split(['+', ' ']).all(|word| word.is_empty() || word.starts_with('⟦') || is_key(word))
}

fn is_key(word: &str) -> bool {
    egui::Key::from_name(word).is_some()
        || word.parse::<f64>().is_ok()
        || ["kB", "MiB", "GiB", "s", "%"].contains(&word)
}

/// What stands on the window without a mark.
fn unmarked(harness: &Harness<'_, Window>, whole: bool) -> Vec<String> {
    let mut found = Vec::new();
    for node in harness.query_all_by(|_| true) {
        let access = node.accesskit_node();
        // The list at the left and the footer are others' pages.
        let inside = access.bounding_box().is_some_and(|place| {
            place.x0 >= f64::from(theme::SIDEBAR) && place.y1 <= f64::from(790.0 - theme::FOOTER)
        });
        if !whole && !inside {
            continue;
        }
        for text in [access.label(), access.value()].into_iter().flatten() {
            if !text.contains('⟦') && !is_data(&text) {
                found.push(text);
            }
        }
    }
    found.sort();
    found.dedup();
    found
}

#[track_caller]
fn check(harness: &mut Harness<'_, Window>, page: &str) {
    harness.run_ok();
    let found = unmarked(harness, false);
    assert!(
        found.is_empty(),
        "{page} shows texts that did not go through `language`: {found:#?}"
    );
}

fn errand(harness: &mut Harness<'_, Window>, errand: Errand) {
    let window = harness.state_mut();
    window.shell.run_errand(&window.view, errand);
    harness.run_ok();
}

/// Speaks the language that marks; its marks are in no font of ours.
fn marked(harness: Harness<'static, Window>) -> Harness<'static, Window> {
    harness
        .ctx
        .set_missing_glyph_policy(egui::epaint::text::MissingGlyphPolicy::Tofu);
    choose(Language::Marked);
    harness
}

fn full() -> Harness<'static, Window> {
    choose(Language::English); // The first frame comes before missing glyphs are allowed.
    let trashed = TrashedMachine {
        id: id(9),
        name: "Old".to_owned(),
        since: Timestamp(1),
        size: ByteSize::gib(2),
        kept_for: vec!["Debian".to_owned()],
    };
    marked(harness(Window::new([
        show(report(1, "Debian", State::Off)),
        Event::Computer(Box::new(computer())),
        Event::Load(load()),
        Event::Trash(TrashReport {
            machines: vec![trashed],
        }),
        Event::Timeline {
            machine: id(1),
            timeline: Box::new(crate::ui_timeline::dozen()),
        },
        Event::Whereabouts(Whereabouts {
            library: "/home/ada/vms".into(),
            library_from: LibraryFrom::Start,
            usual_library: "/home/ada/.local/share/orangery".into(),
            settings: "/home/ada/.config/orangery/settings.ron".into(),
            log: Some("/home/ada/.local/state/orangery/log".into()),
        }),
    ])))
}

#[test]
fn the_pages_of_the_app_itself_speak_the_chosen_language() {
    let mut harness = full();
    errand(&mut harness, Errand::ShowSettings);
    for section in Section::ALL {
        let word = format!("⟦{}⟧", section.word());
        harness.get_by_label(&word).click();
        check(&mut harness, section.word());
    }
    errand(&mut harness, Errand::ShowHelp);
    for topic in Topic::ALL {
        let word = format!("⟦{}⟧", topic.word());
        harness.get_by_label(&word).click();
        check(&mut harness, topic.word());
    }
    for page in [Errand::ShowComputer, Errand::ShowTrash] {
        errand(&mut harness, page);
        check(&mut harness, page.word());
    }
}

#[test]
fn the_first_page_and_messages_speak_the_chosen_language() {
    let mut harness = marked(harness(Window::new([
        Event::Computer(Box::new(computer())),
        Event::Notice(failure()),
    ])));
    check(&mut harness, "the first page");
}

#[test]
fn questions_speak_the_chosen_language() {
    let mut harness = marked(with([report(1, "Debian", State::Saved)]));
    harness.run_ok();
    harness.get_by_label("⟦Discard saved state⟧").click();
    harness.run_ok();
    harness.get_by_label_contains("⟦Discard the saved state of");
    harness.get_by_label("⟦Don't ask again⟧");
    harness.get_by_label("⟦Cancel⟧").click();
    harness.run_ok();
    harness.state_mut().view.program.report = Some("Orangery 0".to_owned());
    harness.run_ok();
    harness.get_by_label("⟦Save to a file⟧");
    harness.get_by_label("⟦Report a problem⟧");
}

#[test]
fn every_part_of_the_window_speaks_the_chosen_language() {
    for state in State::ALL {
        let mut harness = full();
        harness.state_mut().events = vec![show(report(1, "Debian", state))];
        harness.run_ok();
        for tab in [
            "Screen", "Terminal", "Timeline", "Hardware", "Log", "Overview",
        ] {
            let label = format!("⟦{tab}⟧");
            let tab = harness.get_by_role_and_label(egui::accesskit::Role::Tab, &label);
            tab.click();
            harness.run_ok();
            let found = unmarked(&harness, true);
            assert!(found.is_empty(), "{state:?}, {label}: {found:#?}");
        }
    }
}
