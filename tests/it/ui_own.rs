//! The app itself: settings, shortcuts, questions, help, reports, driven by label as a person would.

use egui_kittest::Harness;
use egui_kittest::kittest::Queryable as _;
use orangery::engine::message::{Command, Event};
use orangery::model::*;
use orangery::ui::actions::Errand;
use orangery::ui::{Ask, FilePick};

use crate::ui_fixture::{Window, harness, id, report, show, with};

fn click(harness: &mut Harness<'_, Window>, label: &str) {
    harness.get_by_label(label).scroll_to_me();
    harness.run_ok();
    harness.get_by_label(label).click();
    harness.run_ok();
}

fn errand(harness: &mut Harness<'_, Window>, errand: Errand) {
    let window = harness.state_mut();
    window.shell.run_errand(&window.view, errand);
    harness.run_ok();
}

/// The settings page at one of its parts.
fn settings(part: &str) -> Harness<'static, Window> {
    let mut harness = with([report(1, "Debian", State::Running)]);
    errand(&mut harness, Errand::ShowSettings);
    click(&mut harness, part);
    harness
}

/// Takes the settings that were to be saved and makes them those in use.
#[track_caller]
fn save(harness: &mut Harness<'_, Window>) -> Settings {
    let window = harness.state_mut();
    let mut last = None;
    for ask in window.asks.drain(..) {
        if let Ask::Engine(Command::SaveSettings(settings)) = ask {
            last = Some(settings);
        }
    }
    let settings = last.expect("nothing was to be saved");
    window.events.push(Event::Settings(settings.clone()));
    harness.run_ok();
    settings
}

#[test]
fn what_is_chosen_is_saved_at_once_and_goes_back_to_the_defaults() {
    let mut harness = settings("Look and language");
    for label in ["Dark", "125 %", "Deutsch"] {
        click(&mut harness, label);
        save(&mut harness);
    }
    let chosen = harness.state().view.settings.clone();
    assert_eq!(chosen.theme, ThemeChoice::Dark);
    assert_eq!(
        (chosen.scale, chosen.language),
        (125, LanguageChoice::German)
    );
    click(&mut harness, "Reset to defaults");
    assert_eq!(save(&mut harness), Settings::default());
}

#[test]
fn ctrl_plus_minus_and_zero_change_the_scale() {
    let mut harness = with([report(1, "Debian", State::Off)]);
    for (key, scale) in [
        (egui::Key::Plus, 125),
        (egui::Key::Plus, 150),
        (egui::Key::Minus, 125),
        (egui::Key::Num0, 100),
    ] {
        harness.key_press_modifiers(egui::Modifiers::COMMAND, key);
        harness.run_ok();
        assert_eq!(save(&mut harness).scale, scale);
    }
}

#[test]
fn what_can_lose_data_asks_first_until_told_not_to() {
    let mut harness = settings("Closing and questions");
    errand(&mut harness, Errand::Back);
    let reset = |harness: &mut Harness<'_, Window>| {
        let shift = egui::Modifiers::COMMAND | egui::Modifiers::SHIFT;
        harness.key_press_modifiers(shift, egui::Key::R);
        harness.run_ok();
    };
    let act = Ask::Engine(Command::Act {
        machine: id(1),
        action: Action::Reset,
    });
    reset(&mut harness);
    harness.get_by_label("Reset Debian?");
    click(&mut harness, "Cancel");
    assert!(!harness.state().asks.contains(&act), "it was cancelled");
    reset(&mut harness);
    click(&mut harness, "Don't ask again");
    click(&mut harness, "Reset");
    assert!(harness.state().asks.contains(&act));
    assert!(!save(&mut harness).confirm.reset);
    reset(&mut harness);
    assert_eq!(harness.state().asks, [act], "not asked any more");
}

#[test]
fn a_guest_that_ignored_the_power_button_is_cut_off_without_a_second_question() {
    let mut stopping = report(1, "Debian", State::Stopping);
    stopping.force_after = Some(Timestamp(1));
    let mut harness = with([stopping]);
    harness.get_by_label("The guest did not shut down");
    let cut = harness.get_all_by_label("Power off").last();
    cut.unwrap().click();
    harness.run_ok();
    let machine = id(1);
    let action = Action::PowerOff;
    assert_eq!(
        harness.state().asks,
        [Ask::Engine(Command::Act { machine, action })]
    );
}

#[test]
fn new_keys_are_pressed_and_from_then_on_named_and_obeyed() {
    let mut harness = settings("Keyboard shortcuts");
    click(&mut harness, "Change the keys of Screenshot");
    harness.get_by_label("Press the keys…");
    harness.key_press_modifiers(egui::Modifiers::COMMAND, egui::Key::J);
    harness.run_ok();
    assert_eq!(save(&mut harness).shortcuts["Screenshot"], "Ctrl+J");
    harness.get_by_label("Ctrl+J");
    errand(&mut harness, Errand::Back);
    harness.key_press_modifiers(egui::Modifiers::COMMAND, egui::Key::J);
    harness.run_ok();
    assert_eq!(harness.state().asks, [Ask::Screenshot(id(1))]);
    errand(&mut harness, Errand::ShowHelp);
    click(&mut harness, "Shortcuts");
    harness.get_by_label("Ctrl+J");
}

#[test]
fn keys_of_another_command_are_named_and_swapped_only_if_wanted() {
    let mut harness = settings("Keyboard shortcuts");
    let press = |harness: &mut Harness<'_, Window>, key| {
        click(harness, "Change the keys of Pause");
        harness.key_press_modifiers(egui::Modifiers::COMMAND, key);
        harness.run_ok();
    };
    press(&mut harness, egui::Key::R);
    harness.get_by_label("Ctrl+R stands for “Start” already");
    click(&mut harness, "Cancel");
    assert_eq!(harness.state().asks, []);
    press(&mut harness, egui::Key::R);
    click(&mut harness, "Swap");
    let saved = save(&mut harness).shortcuts;
    assert_eq!((&*saved["Pause"], &*saved["Start"]), ("Ctrl+R", "Ctrl+P"));
    press(&mut harness, egui::Key::C);
    harness.get_by_label("Ctrl+C can't be used");
    assert_eq!(harness.state().asks, []);
    click(&mut harness, "Reset to defaults");
    assert!(save(&mut harness).shortcuts.is_empty());
}

#[test]
fn a_shortcut_can_be_taken_away() {
    let mut harness = settings("Keyboard shortcuts");
    click(&mut harness, "No keys for Help");
    assert_eq!(save(&mut harness).shortcuts["Help"], "");
    errand(&mut harness, Errand::Back);
    harness.key_press(egui::Key::F1);
    harness.run_ok();
    harness.get_by_label("Overview");
}

#[test]
fn the_library_folder_is_shown_and_another_is_asked_for() {
    let mut harness = settings("Library");
    harness
        .state_mut()
        .events
        .push(Event::Whereabouts(Whereabouts {
            library: "/data/lib".into(),
            library_from: LibraryFrom::Start,
            usual_library: "/home/ada/.local/share/orangery".into(),
            ..Whereabouts::default()
        }));
    harness.run_ok();
    harness.get_by_label("/data/lib");
    harness.get_by_label_contains("That wins over what is chosen here");
    harness.get_by_label("The next start opens another library");
    click(&mut harness, "Browse…");
    assert_eq!(harness.state().asks, [Ask::Pick(FilePick::LibraryFolder)]);
    let window = harness.state_mut();
    let path = std::path::Path::new("/mnt/vms");
    window
        .shell
        .picked(&window.view, FilePick::LibraryFolder, path);
    harness.run_ok();
    click(&mut harness, "Use this folder");
    assert_eq!(save(&mut harness).library.as_deref(), Some(path));
}

#[test]
fn every_hint_names_the_chosen_release_key() {
    let mut harness = with([report(1, "Debian", State::Off)]);
    let settings = Settings {
        release_key: ReleaseKey::ScrollLock,
        ..Settings::default()
    };
    harness.state_mut().events.push(Event::Settings(settings));
    errand(&mut harness, Errand::ShowHelp);
    harness.get_by_label_contains("Scroll Lock, tapped alone");
    assert!(harness.query_by_label_contains("Right Ctrl").is_none());
}

#[test]
fn the_help_is_searched_in_headings_and_texts_of_all_topics() {
    let mut harness = with([report(1, "Debian", State::Off)]);
    errand(&mut harness, Errand::ShowHelp);
    errand(&mut harness, Errand::Search);
    harness.event(egui::Event::Text("WATCHDOG".to_owned()));
    harness.run_ok();
    harness.get_by_label("Other devices");
    assert!(harness.query_by_label("Use its screen").is_none());
    harness.event(egui::Event::Text(" xyzzy".to_owned()));
    harness.run_ok();
    harness.get_by_label("Nothing in the help has “WATCHDOG xyzzy”");
    harness.key_press(egui::Key::Escape);
    harness.run_ok();
    harness.get_by_label("Use its screen");
    errand(&mut harness, Errand::Search);
    harness.event(egui::Event::Text("full screen".to_owned()));
    harness.run_ok();
    harness.get_by_label("F11");
    assert!(harness.query_by_label("Ctrl+N").is_none());
    click(&mut harness, "First steps");
    harness.get_by_label("Use its screen");
}

#[test]
fn a_report_is_shown_whole_before_it_is_saved() {
    let mut harness = with([report(1, "Debian", State::Off)]);
    errand(&mut harness, Errand::ShowHelp);
    click(&mut harness, "Report a problem…");
    let about_none = Ask::Engine(Command::Report { machine: None });
    assert_eq!(harness.state().asks, [about_none]);
    harness.state_mut().asks.clear();
    let text = "== Orangery ==\nOrangery 0.1.0\n".repeat(200);
    harness.state_mut().view.program.report = Some(text.clone());
    harness.run_ok();
    let shown = harness.get_by_label("The report").value();
    assert_eq!(shown.as_deref(), Some(text.as_str()));
    click(&mut harness, "Save to a file");
    assert_eq!(
        harness.state().asks,
        [Ask::SaveReport(text), Ask::CloseReport]
    );
}

#[test]
fn the_log_is_searched() {
    let mut harness = harness(Window::new([show(report(1, "Debian", State::Off))]));
    errand(&mut harness, Errand::ShowHelp);
    click(&mut harness, "Log and reports");
    assert!(
        harness
            .state()
            .asks
            .contains(&Ask::Engine(Command::ReadLog))
    );
    harness.state_mut().view.program.log = vec![
        "2026-11-25 22:00:00 Asked for Debian: Start".to_owned(),
        "2026-11-25 22:00:01 Failed: Debian did not start".to_owned(),
    ];
    harness.run_ok();
    harness.get_by_label("2 lines");
    harness.get_by_label("Search").focus();
    harness.run_ok();
    harness.get_by_label("Search").type_text("failed");
    harness.run_ok();
    harness.get_by_label("1 of 2 lines");
    harness.get_by_label_contains("Debian did not start");
    assert!(harness.query_by_label_contains("Asked for").is_none());
}

#[test]
fn what_qemu_said_and_a_report_are_on_the_machines_log_page() {
    let mut harness = with([report(1, "Debian", State::Running)]);
    click(&mut harness, "Log");
    let machine = id(1);
    let ask = Ask::Engine(Command::ReadQemuLog { machine });
    assert!(harness.state().asks.contains(&ask));
    let logs = &mut harness.state_mut().view.program.qemu_logs;
    logs.insert(machine, "qemu: odd thing\n".to_owned());
    harness.run_ok();
    harness.get_by_label_contains("odd thing");
    click(&mut harness, "Report a problem with this machine…");
    let machine = Some(machine);
    let ask = Ask::Engine(Command::Report { machine });
    assert!(harness.state().asks.contains(&ask));
}
