//! The command palette as a person uses it, and that nothing is missing from it.

use std::collections::BTreeSet;

use egui::{Event as Input, Key, Modifiers};
use egui_kittest::Harness;
use egui_kittest::kittest::{NodeT as _, Queryable as _};
use orangery::engine::message::{Command, Event};
use orangery::model::*;
use orangery::ui::Ask;
use orangery::ui::actions::Errand;
use orangery::ui::view::View;

use crate::ui_fixture::{NOW, Window, check_shown, id, report, show};
use crate::ui_library::{act, five, press, press_with, row, take};

fn open_palette(harness: &mut Harness<'_, Window>) {
    press_with(harness, Modifiers::COMMAND, Key::K);
    harness.get_by_label("Commands");
}

#[test]
fn a_few_letters_and_enter_run_a_command() {
    let mut harness = five();
    open_palette(&mut harness);
    harness.event(Input::Text("shut".to_owned()));
    harness.run_ok();
    press(&mut harness, Key::Enter);
    assert_eq!(take(&mut harness), [Ask::Engine(act(1, Action::ShutDown))]);
    assert!(harness.query_by_label("Commands").is_none());
    open_palette(&mut harness);
    harness.event(Input::Text("epsi".to_owned()));
    harness.run_ok();
    press(&mut harness, Key::Enter);
    check_shown(&harness, 5);
}

#[test]
fn arrows_choose_refused_commands_do_nothing_and_escape_closes() {
    let mut harness = five();
    open_palette(&mut harness);
    harness.event(Input::Text("start: alpha".to_owned()));
    harness.run_ok();
    press(&mut harness, Key::Enter);
    assert_eq!(take(&mut harness), []);
    let entry = row(&harness, "Start: Alpha");
    assert!(entry.accesskit_node().is_disabled());
    press(&mut harness, Key::Escape);
    assert!(harness.query_by_label("Commands").is_none());
    open_palette(&mut harness);
    harness.event(Input::Text("theme".to_owned()));
    harness.run_ok();
    press(&mut harness, Key::ArrowDown);
    press(&mut harness, Key::Enter);
    let asked = take(&mut harness);
    let [Ask::Engine(Command::SaveSettings(settings))] = asked.as_slice() else {
        panic!("{asked:?}");
    };
    assert_ne!(settings.theme, ThemeChoice::default());
}

#[test]
fn every_action_and_every_errand_is_in_the_palette() {
    use orangery::ui::palette::{Scene, entries};
    let mut seen = BTreeSet::new();
    let mut errands = Vec::new();
    for state in State::ALL {
        let mut view = View::default();
        let context = egui::Context::default();
        let mut gone = report(2, "Gone", State::Off);
        gone.machine.as_mut().unwrap().trashed = Some(NOW);
        view.apply(show(report(1, "Debian", state)), &context);
        view.apply(show(gone), &context);
        let trashed = TrashedMachine {
            id: id(2),
            name: "Gone".to_owned(),
            since: NOW,
            size: ByteSize(0),
            kept_for: Vec::new(),
        };
        view.apply(
            Event::Trash(TrashReport {
                machines: vec![trashed],
            }),
            &context,
        );
        let shown = view.machine(id(1));
        let scene = Scene {
            view: &view,
            shown,
            marked: &[],
        };
        for entry in entries(&scene) {
            for ask in &entry.asks {
                match ask {
                    Ask::Errand(errand) => errands.push(*errand),
                    Ask::Engine(Command::Act { action, .. }) => drop(seen.insert(*action)),
                    Ask::ShowTimeline(_) => drop(seen.insert(Action::Rewind)),
                    Ask::ShowHardware(_) => drop(seen.insert(Action::Edit)),
                    Ask::ShowKeys(_) => drop(seen.insert(Action::SendKeys)),
                    Ask::NewClone(..) => drop(seen.insert(Action::Clone)),
                    Ask::Screenshot(_) => drop(seen.insert(Action::Screenshot)),
                    Ask::ConfirmDelete(_) => drop(seen.insert(Action::DeleteForever)),
                    _ => {}
                }
            }
            assert!(entry.verdict.is_ok() || !entry.verdict.unwrap_err().is_empty());
        }
    }
    let missing: Vec<Action> = Action::ALL
        .into_iter()
        .filter(|action| !seen.contains(action))
        .collect();
    assert_eq!(missing, []);
    for errand in Errand::ALL {
        assert!(
            errand == Errand::Palette || errands.contains(&errand),
            "{}",
            errand.word()
        );
    }
}
