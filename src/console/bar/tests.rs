//! The bar and the card, driven by label.

use egui_kittest::Harness;
use egui_kittest::kittest::Queryable;

use super::*;
use crate::display::keys;
use crate::model::{Settings, ThemeChoice, Zoom};

fn view() -> BarView {
    BarView {
        name: "Debian".to_owned(),
        standing: Some(Standing {
            state: State::Running,
            trashed: false,
            disposable: false,
        }),
        look: ScreenSettings::default(),
        badge: "Fit 62 %".to_owned(),
        following: "The guest has 1280 × 800".to_owned(),
        full_screen: false,
        monitors: Vec::new(),
        heads: 1,
        head: 0,
        free_heads: Vec::new(),
        way: Way::Copied,
        share: None,
        live: true,
        message: Message::Hint("Press Right Ctrl to release the keyboard".to_owned()),
        muted: Some(false),
        microphone_on: false,
        recording: None,
        no_engine: None,
        job: None,
        keys: keys::offered(&Settings::default()),
    }
}

/// Shows the bar, clicks what is labelled so, and returns what was asked for.
fn click(view: &BarView, labels: &[&str]) -> Vec<Request> {
    let build = |ui: &mut Ui, requests: &mut Vec<Request>| {
        theme::install(ui.ctx());
        bar_ui(ui, view, requests);
    };
    let mut harness = Harness::builder()
        .with_size(vec2(1000.0, 1000.0)) // The whole menu of keys is in sight.
        .build_ui_state(build, Vec::new());
    for label in labels {
        harness.run();
        harness.get_by_label(label).click();
        harness.run();
    }
    std::mem::take(harness.state_mut())
}

#[test]
fn each_button_asks_for_what_it_says() {
    let exact = ScreenSettings {
        zoom: Zoom::Times(1),
        ..ScreenSettings::default()
    };
    let chosen = click(&view(), &["Fit 62 %", "1:1"]);
    assert_eq!(chosen, [Request::Choose(exact)]);
    let alone = ScreenSettings {
        follow: false,
        ..ScreenSettings::default()
    };
    let chosen = click(&view(), &["Fit 62 %", "The guest follows the window"]);
    assert_eq!(chosen, [Request::Choose(alone)]);
    assert_eq!(
        click(&view(), &["Full screen"]),
        [Request::FullScreen(true)]
    );
    assert_eq!(click(&view(), &["Pause"]), [Request::Act(Action::Pause)]);
    assert_eq!(click(&view(), &["Mute"]), [Request::Mute(true)]);
    let muted = BarView {
        muted: Some(true),
        ..view()
    };
    assert_eq!(click(&muted, &["Sound on"]), [Request::Mute(false)]);
    assert_eq!(
        click(&view(), &["Shut down"]),
        [Request::Act(Action::ShutDown)]
    );
    let shot = click(
        &view(),
        &["Screenshot: kept in Pictures/Orangery and copied"],
    );
    assert_eq!(shot, [Request::Screenshot]);
    let keys = click(&view(), &["Send keys", "Ctrl+Alt+F2"]);
    assert_eq!(
        keys,
        [Request::Press(vec![KeyCode(29), KeyCode(56), KeyCode(60)])]
    );
}

#[test]
fn a_recording_begins_tells_how_far_it_is_and_ends() {
    let begin = click(&view(), &["Record the screen into Videos/Orangery"]);
    assert_eq!(begin, [Request::Record(true)]);
    let mut recording = view();
    recording.recording = Some(Recorded {
        length: std::time::Duration::from_secs(65),
        size: crate::model::ByteSize(2 << 20),
    });
    let end = click(&recording, &["End the recording"]);
    assert_eq!(end, [Request::Record(false)]);
    let harness = Harness::new_ui(|ui| {
        theme::install(ui.ctx());
        bar_ui(ui, &recording, &mut Vec::new());
    });
    harness.get_by_label("Recording: 1:05, 2 MiB");
}

#[test]
fn words_give_way_to_buttons_in_a_narrow_window() {
    let mut long = view();
    long.name = "Build box for the nightly images of the shop".to_owned();
    let harness = Harness::builder().with_size([700.0, 300.0]).build_ui(|ui| {
        theme::install(ui.ctx());
        bar_ui(ui, &long, &mut Vec::new());
    });
    let first = harness.get_by_label(tr(Action::Snapshot.name())).rect();
    let state = harness.get_by_label(tr(State::Running.label())).rect();
    assert!(state.right() <= first.left(), "{state:?} {first:?}");
}

#[test]
fn the_console_has_the_theme_that_was_chosen() {
    let ctx = egui::Context::default();
    theme::install(&ctx);
    for (choice, dark) in [(ThemeChoice::Light, false), (ThemeChoice::Dark, true)] {
        theme::choose(&ctx, choice);
        assert_eq!(ctx.global_style().visuals.dark_mode, dark);
    }
}

#[test]
fn the_clipboards_text_is_typed_with_progress_and_can_be_stopped() {
    let typed = click(&view(), &["Send keys", "Type the clipboard's text"]);
    assert_eq!(typed, [Request::TypeClipboard]);
    let mut typing = view();
    typing.job = Some(JobReport {
        id: JobId(7),
        machine: None,
        title: "Typing into Debian".to_owned(),
        step: String::new(),
        done: 30,
        of: 120,
        can_cancel: true,
        state: crate::model::JobState::Running,
    });
    Harness::new_ui(|ui| {
        theme::install(ui.ctx());
        bar_ui(ui, &typing, &mut Vec::new());
    })
    .get_by_label("Typing into Debian · 25 %");
    assert_eq!(click(&typing, &["Stop"]), [Request::CancelJob(JobId(7))]);
    typing.no_engine = Some("Orangery's engine is gone");
    let labels = ["Send keys", "Type the clipboard's text"];
    assert_eq!(click(&typing, &labels), []);
}

#[test]
fn a_long_menu_leaves_the_button_that_closes_it() {
    let build = |ui: &mut Ui, requests: &mut Vec<Request>| {
        theme::install(ui.ctx());
        bar_ui(ui, &view(), requests);
    };
    let mut harness = Harness::builder()
        .with_size(vec2(1000.0, 500.0))
        .build_ui_state(build, Vec::new());
    harness.run();
    harness.get_by_label("Send keys").click();
    harness.run();
    let first = harness.get_by_label("Type the clipboard's text").rect();
    let button = harness.get_by_label("Send keys").rect();
    assert!(first.top() >= button.bottom(), "{first} covers {button}");
}

#[test]
fn more_monitors_and_more_heads_are_offered_by_name() {
    let mut rich = view();
    rich.monitors = vec!["DP-1".to_owned(), "HDMI-2".to_owned()];
    rich.heads = 3;
    rich.free_heads = vec![1, 2];
    let on = click(&rich, &["Fit 62 %", "Full screen on HDMI-2"]);
    assert_eq!(on, [Request::FullScreenOn(1)]);
    let head = click(&rich, &["Fit 62 %", "The guest's screen 2"]);
    assert_eq!(head, [Request::Head(1)]);
    let own = click(&rich, &["Fit 62 %", "Open screen 3 in its own window"]);
    assert_eq!(own, [Request::OpenHeads(vec![2])]);
    let each = click(&rich, &["Fit 62 %", "A window for each screen"]);
    assert_eq!(each, [Request::OpenHeads(vec![1, 2])]);
    rich.free_heads.clear();
    assert_eq!(click(&rich, &["Fit 62 %", "A window for each screen"]), []);
    let single = click(&view(), &["Fit 62 %", "A window for each screen"]);
    assert_eq!(single, [], "a machine with one screen");
}

#[test]
fn what_is_not_permitted_or_possible_is_grey() {
    let mut paused = view();
    paused.standing = Some(Standing {
        state: State::Paused,
        trashed: false,
        disposable: false,
    });
    assert_eq!(click(&paused, &["Shut down"]), []);
    assert_eq!(click(&paused, &["Resume"]), [Request::Act(Action::Resume)]);
    let mut alone = view();
    alone.no_engine = Some("Orangery's engine is gone");
    assert_eq!(click(&alone, &["Pause"]), []);
    assert_eq!(
        allowed(&alone, Action::Pause),
        Err("Orangery's engine is gone".to_owned())
    );
}

#[test]
fn the_card_of_an_off_machine_offers_start_and_close() {
    let card = Card {
        title: "The machine is off".to_owned(),
        text: String::new(),
        start: Some(Ok(())),
        again: false,
    };
    let build = |ui: &mut Ui, requests: &mut Vec<Request>| card_ui(ui.ctx(), &card, requests);
    let mut harness = Harness::new_ui_state(build, Vec::new());
    for label in ["Start", "Close"] {
        harness.run();
        harness.get_by_label(label).click();
        harness.run();
    }
    assert_eq!(
        *harness.state(),
        [Request::Act(Action::Start), Request::Close]
    );
}

#[test]
fn of_a_copy_that_is_closed_it_is_asked_what_becomes_of_it() {
    let ask = |state, label: &str| {
        let mut view = view();
        view.standing = Some(Standing {
            state,
            trashed: false,
            disposable: true,
        });
        let build = |ui: &mut Ui, requests: &mut Vec<Request>| {
            theme::install(ui.ctx());
            farewell_ui(ui.ctx(), &view, requests);
        };
        let mut harness = Harness::builder()
            .with_size(vec2(640.0, 480.0))
            .build_ui_state(build, Vec::new());
        harness.run();
        harness.get_by_label(label).click();
        harness.run();
        std::mem::take(harness.state_mut())
    };
    for (label, action) in [
        ("Keep as a machine", Action::Keep),
        ("Keep this moment", Action::KeepMoment),
        ("Throw away", Action::Discard),
    ] {
        assert_eq!(ask(State::Running, label), [Request::Part(action)]);
        assert_eq!(ask(State::Off, label), [Request::Part(action)]);
    }
    assert_eq!(ask(State::Running, "Leave it running"), [Request::Close]);
    assert_eq!(ask(State::Running, "Cancel"), [Request::Stay]);
    assert_eq!(ask(State::Off, "Decide later"), [Request::Close]);
}
