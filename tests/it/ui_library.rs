//! The library and the command palette as a person uses them: by name, by mouse, by keyboard.

use egui::accesskit::Role;
use egui::{Event as Input, Key, Modifiers};
use egui_kittest::Harness;
use egui_kittest::kittest::{NodeT as _, Queryable as _};
use orangery::engine::message::{Command, Event};
use orangery::model::*;
use orangery::ui::Ask;

use crate::ui_fixture::{Window, check_shown, harness, id, report, show, with};

fn tagged(number: u128, name: &str, state: State, tags: &[&str]) -> MachineReport {
    let mut report = report(number, name, state);
    if let Some(machine) = &mut report.machine {
        machine.tags = tags.iter().map(|tag| (*tag).to_owned()).collect();
    }
    report
}

/// Five machines: two run, one is saved, two are off.
pub fn five() -> Harness<'static, Window> {
    with([
        tagged(1, "Alpha", State::Running, &["web"]),
        tagged(2, "Beta", State::Off, &["web", "test"]),
        tagged(3, "Gamma", State::Saved, &[]),
        tagged(4, "Delta", State::Running, &["test"]),
        tagged(5, "Epsilon", State::Off, &[]),
    ])
}

/// The names in the list, from the top.
fn names(harness: &Harness<'_, Window>) -> Vec<String> {
    let mut rows: Vec<(i32, String)> = harness
        .get_all_by(|node| node.role() == Role::ListItem)
        .map(|node| {
            (
                node.rect().top() as i32,
                node.accesskit_node().label().unwrap(),
            )
        })
        .collect();
    rows.sort();
    rows.into_iter().map(|(_, name)| name).collect()
}

#[track_caller]
pub fn row<'a>(harness: &'a Harness<'_, Window>, name: &'a str) -> egui_kittest::Node<'a> {
    harness.get_by(|node| node.role() == Role::ListItem && node.label().as_deref() == Some(name))
}

/// The name of the row with the keyboard.
fn focused(harness: &Harness<'_, Window>) -> Option<String> {
    let mut found = harness.query_all_by(|node| node.is_focused() && node.label().is_some());
    found.next().and_then(|node| node.accesskit_node().label())
}

#[track_caller]
fn click(harness: &mut Harness<'_, Window>, name: &str) {
    harness
        .get_by(|node| {
            node.label().as_deref() == Some(name)
                && !matches!(
                    node.role(),
                    Role::Label | Role::GenericContainer | Role::ListItem
                )
        })
        .click();
    harness.run_ok();
}

pub fn press(harness: &mut Harness<'_, Window>, key: Key) {
    press_with(harness, Modifiers::NONE, key);
}

pub fn press_with(harness: &mut Harness<'_, Window>, modifiers: Modifiers, key: Key) {
    harness.key_press_modifiers(modifiers, key);
    harness.run_ok();
}

fn type_in(harness: &mut Harness<'_, Window>, field: &str, text: &str) {
    harness
        .get_by_role_and_label(Role::TextInput, field)
        .focus();
    harness.run_ok();
    harness.event(Input::Text(text.to_owned()));
    harness.run_ok();
}

pub fn take(harness: &mut Harness<'_, Window>) -> Vec<Ask> {
    std::mem::take(&mut harness.state_mut().asks)
}

pub fn act(number: u128, action: Action) -> Command {
    let machine = id(number);
    Command::Act { machine, action }
}

/// Puts the keyboard on a machine's row, as a click does.
fn focus(harness: &mut Harness<'_, Window>, name: &str) {
    row(harness, name).click();
    harness.run_ok();
    take(harness);
}

#[test]
fn a_search_finds_by_anything_shown_and_says_when_nothing_matches() {
    let mut harness = five();
    assert_eq!(
        names(&harness),
        ["Alpha", "Beta", "Delta", "Epsilon", "Gamma"]
    );
    type_in(&mut harness, "Search machines", "test running");
    assert_eq!(names(&harness), ["Delta"]);
    harness.get_by_label("1 of 5");
    type_in(&mut harness, "Search machines", " nothing");
    harness.get_by_label("No machine matches");
    click(&mut harness, "Clear search");
    assert_eq!(names(&harness).len(), 5);
}

#[test]
fn enter_in_the_search_opens_what_was_found_and_escape_clears_it() {
    let mut harness = five();
    type_in(&mut harness, "Search machines", "delt");
    press(&mut harness, Key::Enter);
    check_shown(&harness, 4);
    assert_eq!(focused(&harness).as_deref(), Some("Delta"));
    harness
        .get_by_role_and_label(Role::TextInput, "Search machines")
        .focus();
    harness.run_ok();
    press(&mut harness, Key::Escape);
    assert_eq!(names(&harness).len(), 5);
}

#[test]
fn filters_by_state_and_tag_are_chips_that_go_away() {
    let mut harness = five();
    click(&mut harness, "Filter and sort");
    click(&mut harness, "Running");
    click(&mut harness, "web");
    press(&mut harness, Key::Escape);
    assert_eq!(names(&harness), ["Alpha"]);
    click(&mut harness, "Remove the filter Running");
    assert_eq!(names(&harness), ["Alpha", "Beta"]);
    click(&mut harness, "Remove the filter web");
    assert_eq!(names(&harness).len(), 5);
}

/// The settings that were asked to be saved.
fn saved(harness: &mut Harness<'_, Window>) -> Vec<ListSettings> {
    let asks = take(harness).into_iter();
    asks.filter_map(|ask| match ask {
        Ask::Engine(Command::SaveSettings(settings)) => Some(settings.list),
        _ => None,
    })
    .collect()
}

#[test]
fn order_groups_and_folds_are_chosen_in_the_menu_and_by_a_click() {
    let mut harness = five();
    click(&mut harness, "Filter and sort");
    click(&mut harness, "Running first");
    click(&mut harness, "Group by tag");
    press(&mut harness, Key::Escape);
    click(&mut harness, "test, 2");
    assert_eq!(names(&harness), ["Alpha", "Beta", "Gamma", "Epsilon"]);
    harness.run_steps(20);
    let list = saved(&mut harness).pop().unwrap();
    assert_eq!((list.sort, list.group), (SortBy::State, GroupBy::Tag));
    assert_eq!(list.folded, ["tag:test"]);
}

#[test]
fn changes_in_quick_succession_are_saved_once() {
    let mut harness = five();
    for sort in [SortBy::State, SortBy::Created, SortBy::Recent] {
        let library = &mut harness.state_mut().shell.library;
        library.arrange_by(|list| list.sort = sort);
        harness.step();
    }
    assert_eq!(saved(&mut harness), []);
    harness.run_steps(20);
    let lists = saved(&mut harness);
    assert_eq!(lists.len(), 1);
    assert_eq!(lists[0].sort, SortBy::Recent);
}

#[test]
fn settings_decide_how_the_list_begins() {
    let settings = Settings {
        list: ListSettings {
            sort: SortBy::Name,
            group: GroupBy::State,
            folded: vec!["state:off".to_owned()],
        },
        ..Settings::default()
    };
    let window = Window::new([
        Event::Settings(settings),
        show(report(1, "Alpha", State::Off)),
        show(report(2, "Beta", State::Running)),
    ]);
    let mut harness = harness(window);
    harness.run_ok();
    assert_eq!(names(&harness), ["Beta"]);
    harness.get_by_label("Off, 1").click();
    harness.run_ok();
    assert_eq!(names(&harness), ["Beta", "Alpha"]);
}

#[test]
fn marked_machines_start_together_and_the_rest_has_a_reason() {
    let mut harness = five();
    row(&harness, "Beta").click();
    harness.run_ok();
    for name in ["Delta", "Epsilon"] {
        row(&harness, name).click_modifiers(Modifiers::COMMAND);
        harness.run_ok();
    }
    harness.get_by_label("3 machines selected");
    harness.get_by_label("Start 2 of 3").hover();
    harness.run_ok();
    harness.run_steps(60);
    harness.get_by_label("1: The machine is already running");
    take(&mut harness);
    click(&mut harness, "Start 2 of 3");
    let starts = vec![act(2, Action::Start), act(5, Action::Start)];
    assert_eq!(take(&mut harness), [Ask::Many(starts)]);
    click(&mut harness, "Shut down 1 of 3");
    assert_eq!(
        take(&mut harness),
        [Ask::Many(vec![act(4, Action::ShutDown)])]
    );
    click(&mut harness, "Select nothing");
    assert!(harness.query_by_label("3 machines selected").is_none());
}

#[test]
fn shift_click_marks_a_range_and_delete_moves_it_to_the_trash() {
    let mut harness = five();
    focus(&mut harness, "Beta");
    row(&harness, "Gamma").click_modifiers(Modifiers::SHIFT);
    harness.run_ok();
    harness.get_by_label("4 machines selected");
    press(&mut harness, Key::Delete);
    let deletes = [2, 5, 3].map(|number| act(number, Action::Delete));
    assert_eq!(take(&mut harness), [Ask::Many(deletes.to_vec())]);
}

#[test]
fn many_machines_are_asked_about_once_where_the_settings_want_it() {
    let mut harness = five();
    harness.state_mut().view.settings.confirm.delete = true;
    focus(&mut harness, "Beta");
    row(&harness, "Gamma").click_modifiers(Modifiers::SHIFT);
    harness.run_ok();
    press(&mut harness, Key::Delete);
    assert_eq!(take(&mut harness), []);
    harness.get_by_label("Move 3 machines to the trash?");
    click(&mut harness, "Move to trash");
    let deletes = [2, 5, 3].map(|number| act(number, Action::Delete));
    assert_eq!(take(&mut harness), [Ask::Many(deletes.to_vec())]);
}

#[test]
fn the_keyboard_moves_marks_and_opens() {
    let mut harness = five();
    focus(&mut harness, "Alpha");
    press(&mut harness, Key::ArrowDown);
    press(&mut harness, Key::ArrowDown);
    assert_eq!(focused(&harness).as_deref(), Some("Delta"));
    press(&mut harness, Key::Enter);
    check_shown(&harness, 4);
    press(&mut harness, Key::End);
    assert_eq!(focused(&harness).as_deref(), Some("Gamma"));
    press(&mut harness, Key::Home);
    assert_eq!(focused(&harness).as_deref(), Some("Alpha"));
    press(&mut harness, Key::PageDown);
    assert_eq!(focused(&harness).as_deref(), Some("Gamma"));
    press(&mut harness, Key::Space);
    harness.get_by_label("1 machine selected");
    press_with(&mut harness, Modifiers::SHIFT, Key::ArrowUp);
    press_with(&mut harness, Modifiers::SHIFT, Key::ArrowUp);
    harness.get_by_label("3 machines selected");
    press(&mut harness, Key::Escape);
    assert!(harness.query_by_label_contains("selected").is_none());
    press_with(&mut harness, Modifiers::COMMAND, Key::A);
    harness.get_by_label("5 machines selected");
    press(&mut harness, Key::Escape);
    harness.event(Input::Text("de".to_owned()));
    harness.run_ok();
    assert_eq!(focused(&harness).as_deref(), Some("Delta"));
}

#[test]
fn the_tab_key_leaves_the_list_and_comes_back_to_the_same_row() {
    let mut harness = five();
    focus(&mut harness, "Delta");
    press(&mut harness, Key::Tab);
    let after = focused(&harness);
    assert!(after.is_some() && after.as_deref() != Some("Delta"));
    assert!(
        !names(&harness).contains(&after.unwrap()),
        "one stop for all rows"
    );
    press_with(&mut harness, Modifiers::SHIFT, Key::Tab);
    assert_eq!(focused(&harness).as_deref(), Some("Delta"));
}

#[test]
fn groups_fold_by_keyboard() {
    let mut harness = five();
    let list = ListSettings {
        group: GroupBy::State,
        ..ListSettings::default()
    };
    let settings = Settings {
        list,
        ..Settings::default()
    };
    harness.state_mut().events.push(Event::Settings(settings));
    harness.run_ok();
    focus(&mut harness, "Beta");
    press(&mut harness, Key::ArrowLeft);
    assert_eq!(focused(&harness).as_deref(), Some("Off, 2"));
    assert_eq!(names(&harness), ["Alpha", "Delta", "Gamma"]);
    press(&mut harness, Key::ArrowRight);
    press(&mut harness, Key::ArrowDown);
    assert_eq!(focused(&harness).as_deref(), Some("Beta"));
}

#[test]
fn a_name_is_changed_in_its_row_and_a_taken_one_is_refused() {
    let mut harness = five();
    focus(&mut harness, "Beta");
    press(&mut harness, Key::F2);
    harness.event(Input::Text("alpha".to_owned()));
    harness.run_ok();
    press(&mut harness, Key::Enter);
    harness.get_by_label_contains("already a machine called");
    assert_eq!(take(&mut harness), []);
    harness.event(Input::Text(" two".to_owned()));
    harness.run_ok();
    press(&mut harness, Key::Enter);
    let changes = vec![Change::Name("alpha two".to_owned())];
    let machine = id(2);
    assert_eq!(
        take(&mut harness),
        [Ask::Engine(Command::Change { machine, changes })]
    );
    press(&mut harness, Key::F2);
    harness.event(Input::Text("never".to_owned()));
    harness.run_ok();
    press(&mut harness, Key::Escape);
    assert_eq!(take(&mut harness), []);
    assert_eq!(focused(&harness).as_deref(), Some("Beta"));
}

/// The page at the right may have a button of that name too.
#[track_caller]
fn click_in_menu(harness: &mut Harness<'_, Window>, name: &str) {
    let item = harness
        .get_all_by_label(name)
        .min_by_key(|node| node.rect().left() as i32);
    item.unwrap().click();
    harness.run_ok();
}

#[test]
fn the_row_menu_opens_by_mouse_and_by_keyboard() {
    let mut harness = five();
    row(&harness, "Epsilon").click_secondary();
    harness.run_ok();
    click_in_menu(&mut harness, "Rename");
    harness.get_by_role_and_label(Role::TextInput, "New name");
    press(&mut harness, Key::Escape);
    focus(&mut harness, "Alpha");
    press_with(&mut harness, Modifiers::SHIFT, Key::F10);
    click_in_menu(&mut harness, "Pause");
    assert_eq!(take(&mut harness), [Ask::Engine(act(1, Action::Pause))]);
    assert!(
        harness.query_by_label("Copy folder path").is_none(),
        "it closed"
    );
    press(&mut harness, Key::Menu);
    click_in_menu(&mut harness, "Copy id");
    let copied = harness.output().platform_output.commands.iter().any(|command| {
        matches!(command, egui::OutputCommand::CopyText(text) if *text == id(1).to_string())
    });
    assert!(copied || harness.query_by_label("Copy folder path").is_none());
}

#[test]
fn tags_of_several_machines_are_added_and_taken_away() {
    let mut harness = five();
    focus(&mut harness, "Alpha");
    row(&harness, "Beta").click_modifiers(Modifiers::COMMAND);
    harness.run_ok();
    click(&mut harness, "Tags…");
    harness.get_by_label("Tags of 2 machines");
    click(&mut harness, "web");
    click(&mut harness, "test · 1 of 2");
    type_in(&mut harness, "New tag", "prod");
    click(&mut harness, "Save tags");
    let change = |number, tags: &[&str]| Command::Change {
        machine: id(number),
        changes: vec![Change::Tags(
            tags.iter().map(|tag| (*tag).to_owned()).collect(),
        )],
    };
    let expected = vec![change(1, &["prod", "test"]), change(2, &["test", "prod"])];
    assert_eq!(take(&mut harness), [Ask::Many(expected)]);
    assert!(harness.query_by_label("Tags of 2 machines").is_none());
}

#[test]
fn ten_thousand_machines_lay_out_a_screenful() {
    let reports = (0..10_000).map(|number| report(number, &format!("m{number:05}"), State::Off));
    let window = Window::new([Event::Machines(reports.collect())]);
    let mut harness = harness(window);
    harness.run_ok();
    assert!(names(&harness).len() < 20, "{}", names(&harness).len());
    focus(&mut harness, "m00000");
    press(&mut harness, Key::End);
    assert_eq!(focused(&harness).as_deref(), Some("m09999"));
    assert!(names(&harness).len() < 20);
    type_in(&mut harness, "Search machines", "m0777");
    assert_eq!(names(&harness).len(), 10);
    harness.get_by_label("10 of 10000");
}

#[test]
fn until_everything_was_told_the_library_is_not_called_empty() {
    let mut window = Window::new([]);
    window.view.whole = false;
    let mut harness = harness(window);
    harness.run_ok();
    harness.get_by_label("Reading the library…");
    assert!(harness.query_by_label("Nothing grows here yet").is_none());
    harness.state_mut().events.push(Event::Whole);
    harness.run_ok();
    harness.get_by_label("Nothing grows here yet");
}
