//! Typing text, own key combinations and the pointer of a guest without a tablet, by label.

use egui::{Event as Input, pos2};
use egui_kittest::Harness;
use egui_kittest::kittest::{NodeT as _, Queryable as _};
use orangery::engine::message::{Command, Event};
use orangery::model::*;
use orangery::ui::Ask;
use orangery::ui::actions::Errand;
use orangery::ui::pointer::Pointer;
use orangery::ui::settings_page::Section;
use orangery::ui::view::LiveScreen;

use crate::ui_fixture::{Window, id, live, report, show, with};

fn errand(harness: &mut Harness<'_, Window>, errand: Errand) {
    let Window { shell, view, .. } = harness.state_mut();
    shell.run_errand(view, errand);
    harness.run_ok();
}

fn click(harness: &mut Harness<'_, Window>, label: &str) {
    harness.get_all_by_label(label).last().unwrap().click();
    harness.run_ok();
}

/// A running machine whose record names this layout.
fn running(keyboard: &str) -> MachineReport {
    let mut report = report(1, "Debian", State::Running);
    report.machine.as_mut().unwrap().keyboard = keyboard.to_owned();
    report
}

fn commands(harness: &Harness<'_, Window>) -> Vec<Command> {
    let asks = harness.state().asks.iter();
    asks.filter_map(|ask| match ask {
        Ask::Engine(command) => Some(command.clone()),
        _ => None,
    })
    .collect()
}

#[test]
fn a_text_is_typed_with_the_machines_layout_and_refused_before_the_first_key() {
    let mut harness = with([running("us")]);
    harness.run_ok();
    errand(&mut harness, Errand::TypeText);
    harness.get_by_label("Text to type").type_text("grün");
    harness.run_ok();
    let why = "“ü”, character 3, can't be typed with the layout English (US)";
    harness.get_by_label_contains(why);
    assert!(harness.get_by_label("Type").accesskit_node().is_disabled());
    harness.state_mut().asks.clear();

    let mut harness = with([running("de")]);
    harness.run_ok();
    errand(&mut harness, Errand::TypeText);
    harness.get_by_label("Text to type").type_text("grün");
    harness.run_ok();
    click(&mut harness, "Press Enter at the end");
    click(&mut harness, "Type");
    let typing = Typing {
        layout: "de".to_owned(),
        enter: true,
        ..Typing::new("grün".to_owned())
    };
    let machine = id(1);
    assert_eq!(commands(&harness), [Command::TypeText { machine, typing }]);
}

#[test]
fn typing_shows_how_far_it_is_and_can_be_stopped() {
    let mut harness = with([running("us")]);
    harness.run_ok();
    errand(&mut harness, Errand::TypeText);
    harness.get_by_label("Text to type").type_text("hello");
    harness.run_ok();
    click(&mut harness, "Type");
    let mut busy = running("us");
    (busy.generation, busy.job) = (2, Some(JobId(7)));
    let job = JobReport {
        id: JobId(7),
        machine: Some(id(1)),
        title: "Typing into Debian".to_owned(),
        step: String::new(),
        done: 2,
        of: 5,
        can_cancel: true,
        state: JobState::Running,
    };
    harness.state_mut().events = vec![show(busy), Event::Job(job)];
    harness.run_ok();
    harness.get_by_label("2 of 5 keystrokes");
    click(&mut harness, "Stop typing");
    assert_eq!(
        commands(&harness).last(),
        Some(&Command::CancelJob(JobId(7)))
    );

    let why = Failure::new("The text was not typed to its end", "You stopped it");
    let Window { shell, .. } = harness.state_mut();
    assert_eq!(shell.typed(id(1), Err(why)), None);
    harness.run_ok();
    harness.get_by_label_contains("You stopped it");
    assert_eq!(harness.state_mut().shell.typed(id(1), Ok(())), None);
    harness.run_ok();
    assert!(harness.query_by_label("Text to type").is_none());
}

#[test]
fn an_own_combination_is_made_in_the_settings_and_sent_from_the_menu() {
    let mut harness = with([running("us")]);
    harness.run_ok();
    errand(&mut harness, Errand::ShowSettings);
    click(&mut harness, Section::Screens.word());
    harness.get_by_label("Keys of a new combination").focus();
    harness.run_ok();
    let field = harness.get_by_label("Keys of a new combination");
    field.type_text("ctrl-alt-foo");
    harness.run_ok();
    harness.get_by_label_contains("there is no key called \"foo\"");
    let field = harness.get_by_label("Keys of a new combination");
    field.focus();
    harness.run_ok();
    harness.key_press_modifiers(egui::Modifiers::COMMAND, egui::Key::A);
    let field = harness.get_by_label("Keys of a new combination");
    field.type_text("ctrl-alt-l");
    harness.run_ok();
    harness.get_all_by_label("Add").next().unwrap().click();
    harness.run_ok();
    let saved = commands(&harness)
        .into_iter()
        .find_map(|command| match command {
            Command::SaveSettings(settings) => Some(settings),
            _ => None,
        });
    let saved = saved.unwrap();
    assert_eq!(saved.combinations[0].keys, "Ctrl+Alt+L");
    harness.state_mut().events.push(Event::Settings(saved));
    errand(&mut harness, Errand::Back);
    click(&mut harness, "Send keys");
    click(&mut harness, "Ctrl+Alt+L");
    let keys = ["ctrl", "alt", "l"].map(str::to_owned).to_vec();
    let machine = id(1);
    let pressed = Command::PressKeys { machine, keys };
    assert_eq!(commands(&harness).last(), Some(&pressed));
}

#[test]
fn fingers_on_the_picture_are_the_touchscreens_and_no_mouse() {
    use egui::{TouchDeviceId, TouchId, TouchPhase};
    use orangery::display::touch::{Phase, Touch};
    let mut harness = with([running("us")]);
    harness.run_ok();
    let image = egui::ColorImage::filled([640, 400], egui::Color32::BLACK);
    let screen = LiveScreen {
        touch_slots: 10,
        ..live(&harness.ctx, image)
    };
    harness.state_mut().view.screen = Some(screen);
    let tab = harness.get_by_role_and_label(egui::accesskit::Role::Tab, "Screen");
    tab.click();
    harness.run_ok();
    let middle = harness.get_by_label("The guest's screen").rect().center();
    harness.state_mut().asks.clear();
    let touch = |harness: &mut Harness<'_, Window>, finger, phase, pos| {
        harness.event(Input::Touch {
            device_id: TouchDeviceId(1),
            id: TouchId(finger),
            phase,
            pos,
            force: None,
        });
        // As winit's bridge to egui does for the first finger.
        harness.event(Input::PointerMoved(pos));
        harness.run_ok();
    };
    touch(&mut harness, 77, TouchPhase::Start, middle);
    touch(&mut harness, 8, TouchPhase::Start, middle);
    touch(&mut harness, 9, TouchPhase::Start, pos2(5.0, 5.0));
    touch(&mut harness, 77, TouchPhase::Move, pos2(-900.0, 9000.0));
    harness.input_mut().focused = false;
    harness.run_ok();
    let done = |slot, phase, (x, y)| Pointer::Finger(Touch { slot, phase, x, y });
    let (middle, corner) = ((320, 200), (0, 399));
    let expected = [
        done(0, Phase::Begin, middle),
        done(1, Phase::Begin, middle),
        done(0, Phase::Move, corner),
        done(1, Phase::End, middle),
        done(0, Phase::End, corner),
    ];
    let asks = harness.state().asks.iter();
    let pointed: Vec<Pointer> = asks
        .filter_map(|ask| match ask {
            Ask::Pointer(_, pointer) => Some(*pointer),
            _ => None,
        })
        .collect();
    assert_eq!(pointed, expected);
}

#[test]
fn a_guest_without_a_tablet_gets_motion_once_it_has_the_keyboard() {
    let mut harness = with([running("us")]);
    harness.run_ok();
    let image = egui::ColorImage::filled([640, 400], egui::Color32::BLACK);
    let screen = LiveScreen {
        absolute: false,
        ..live(&harness.ctx, image)
    };
    harness.state_mut().view.screen = Some(screen);
    let tab = harness.get_by_role_and_label(egui::accesskit::Role::Tab, "Screen");
    tab.click();
    harness.run_ok();
    harness.get_by_label("Click the screen to give it keyboard and pointer");
    let middle = harness.get_by_label("The guest's screen").rect().center();
    click(&mut harness, "The guest's screen");
    let pointed = |harness: &Harness<'_, Window>| -> Vec<Pointer> {
        let asks = harness.state().asks.iter();
        asks.filter_map(|ask| match ask {
            Ask::Pointer(_, pointer) => Some(*pointer),
            _ => None,
        })
        .collect()
    };
    assert_eq!(pointed(&harness), [], "the click only begins");
    assert!(harness.state().asks.contains(&Ask::Capture(Some(id(1)))));
    harness.state_mut().view.captured = Some(id(1));
    harness.run_ok();
    harness.get_by_label_contains("Keyboard and pointer go to the guest");
    for way in [0.0, 30.0] {
        harness.event(Input::PointerMoved(pos2(middle.x + way, middle.y)));
        harness.run_ok();
    }
    let motion: i32 = pointed(&harness)
        .iter()
        .map(|pointer| match pointer {
            Pointer::Shifted { dx, .. } => *dx,
            _ => 0,
        })
        .sum();
    assert!(motion > 0, "{:?}", pointed(&harness));
}
