//! Pictures of every page in both themes, for a person to look at.
//!
//! `ORANGERY_LOOK=folder cargo test --test it ui_look -- --ignored` writes them.

use egui::accesskit::Role;
use egui_kittest::Harness;
use egui_kittest::kittest::{NodeT as _, Queryable as _};
use orangery::engine::message::Event;
use orangery::model::*;
use orangery::ui::actions::Errand;
use orangery::ui::theme;
use orangery::ui::view::LiveScreen;

use crate::ui_fixture::{self as fixture, Window, id, report, show};
use crate::ui_paint::Painter;

struct Scene {
    name: &'static str,
    window: fn() -> Window,
    steps: fn(&mut Harness<'_, Window>),
    size: [f32; 2],
    scale: f32,
}

const LARGE: [f32; 2] = [1280.0, 800.0];
const SMALL: [f32; 2] = [1024.0, 640.0];

fn full() -> Window {
    let mut job = report(2, "Debian build box", State::Saving);
    job.job = Some(JobId(1));
    let mut window = Window::new([
        Event::Computer(Box::new(fixture::computer())),
        Event::Load(fixture::load()),
        show(report(1, "Alpine lab", State::Running)),
        show(job),
        Event::Job(JobReport {
            id: JobId(1),
            machine: Some(id(2)),
            title: "Saving Debian build box".to_owned(),
            step: "Writing memory".to_owned(),
            done: 3,
            of: 8,
            can_cancel: true,
            state: JobState::Running,
        }),
        show(report(3, "FreeBSD router", State::Off)),
        show(report(4, "Haiku nightly", State::Saved)),
        show(report(
            5,
            "Ubuntu Desktop with a very long name that goes on",
            State::Paused,
        )),
        show(report(6, "Windows 11", State::Crashed)),
        show(report(7, "Old thing", State::Broken)),
        fixture::thumbnail(1),
        fixture::thumbnail(5),
        Event::Trash(TrashReport {
            machines: vec![TrashedMachine {
                id: id(9),
                name: "Fedora Rawhide".to_owned(),
                since: Timestamp(fixture::NOW.0 - 90_000),
                size: ByteSize(19_541_262_336),
                kept_for: vec!["Fedora fork".to_owned()],
            }],
        }),
    ]);
    window.view.settings.theme = ThemeChoice::System;
    window
}

fn empty() -> Window {
    Window::new([
        Event::Computer(Box::new(fixture::computer())),
        Event::Load(fixture::load()),
    ])
}

fn errand(harness: &mut Harness<'_, Window>, errand: Errand) {
    let window = harness.state_mut();
    window.shell.run_errand(&window.view, errand);
    harness.run_ok();
}

fn click(harness: &mut Harness<'_, Window>, label: &str) {
    let roles = [Role::Button, Role::Tab, Role::ListItem];
    harness
        .get_all_by_label(label)
        .find(|node| roles.contains(&node.accesskit_node().role()))
        .unwrap()
        .click();
    harness.run_ok();
}

/// A live picture for the first machine.
fn live(harness: &mut Harness<'_, Window>) {
    let mut image = egui::ColorImage::filled([640, 400], theme::DARK.leaf);
    for (n, pixel) in image.pixels.iter_mut().enumerate() {
        let (x, y) = (n % 640, n / 640);
        if x / 40 % 2 == y / 40 % 2 {
            *pixel = theme::DARK.accent;
        }
    }
    let texture = harness
        .ctx
        .load_texture("guest", image, egui::TextureOptions::LINEAR);
    harness.state_mut().view.screen = Some(LiveScreen {
        absolute: true,
        caps_lock: None,
        machine: id(1),
        texture,
        width: 640,
        height: 400,
        cursor: None,
    });
    harness.run_ok();
}

/// Five busy minutes of the first machine, and the pointer on a graph.
fn busy(harness: &mut Harness<'_, Window>) {
    let minutes = crate::ui_graphs::busy_minutes();
    harness.state_mut().events.extend(minutes);
    harness.run_ok();
    let graph = harness.get_by_label_contains("Disk, Read").rect();
    harness.hover_at(graph.center());
    harness.run_ok();
}

fn busy_each(harness: &mut Harness<'_, Window>) {
    busy(harness);
    harness.get_by_label("Each").click();
    harness.run_ok();
}

const SCENES: &[Scene] = &[
    Scene {
        name: "graphs",
        window: full,
        steps: busy,
        size: LARGE,
        scale: 1.0,
    },
    Scene {
        name: "graphs-small",
        window: full,
        steps: busy_each,
        size: SMALL,
        scale: 1.0,
    },
    Scene {
        name: "graphs-large",
        window: full,
        steps: busy_each,
        size: [1920.0, 1080.0],
        scale: 1.0,
    },
    Scene {
        name: "graphs-double",
        window: full,
        steps: busy,
        size: SMALL,
        scale: 2.0,
    },
    Scene {
        name: "main",
        window: full,
        steps: live,
        size: LARGE,
        scale: 1.0,
    },
    Scene {
        name: "main-2x",
        window: full,
        steps: |_| {},
        size: [1024.0, 640.0],
        scale: 2.0,
    },
    Scene {
        name: "small",
        window: full,
        steps: live,
        size: SMALL,
        scale: 1.0,
    },
    Scene {
        name: "empty",
        window: empty,
        steps: |_| {},
        size: SMALL,
        scale: 1.0,
    },
    Scene {
        name: "off",
        window: full,
        steps: |h| click(h, "FreeBSD router"),
        size: LARGE,
        scale: 1.0,
    },
    Scene {
        name: "saved",
        window: full,
        steps: |h| click(h, "Haiku nightly"),
        size: LARGE,
        scale: 1.0,
    },
    Scene {
        name: "long-name",
        window: full,
        steps: |h| click(h, "Ubuntu Desktop with a very long name that goes on"),
        size: SMALL,
        scale: 1.0,
    },
    Scene {
        name: "crashed",
        window: || {
            let mut window = full();
            let mut crashed = report(6, "Windows 11", State::Crashed);
            crashed.generation = 2;
            crashed.trouble = Some(fixture::failure());
            window.events.push(show(crashed));
            window.events.push(Event::Notice(fixture::failure()));
            window
        },
        steps: |h| click(h, "Windows 11"),
        size: LARGE,
        scale: 1.0,
    },
    Scene {
        name: "broken",
        window: full,
        steps: |h| click(h, "Old thing"),
        size: SMALL,
        scale: 1.0,
    },
    Scene {
        name: "stopping",
        window: || {
            let mut window = full();
            let mut stopping = report(1, "Alpine lab", State::Stopping);
            stopping.generation = 2;
            stopping.force_after = Some(Timestamp(fixture::NOW.0 - 3));
            window.events.push(show(stopping));
            window
        },
        steps: |_| {},
        size: LARGE,
        scale: 1.0,
    },
    Scene {
        name: "hardware",
        window: full,
        steps: |h| click(h, "Hardware"),
        size: LARGE,
        scale: 1.0,
    },
    Scene {
        name: "log",
        window: full,
        steps: |h| click(h, "Log"),
        size: SMALL,
        scale: 1.0,
    },
    Scene {
        name: "screen",
        window: full,
        steps: |h| {
            live(h);
            click(h, "Screen");
        },
        size: LARGE,
        scale: 1.0,
    },
    Scene {
        name: "more",
        window: full,
        steps: |h| click(h, "More actions"),
        size: LARGE,
        scale: 1.0,
    },
    Scene {
        name: "keys",
        window: full,
        steps: |h| click(h, "Send keys"),
        size: LARGE,
        scale: 1.0,
    },
    Scene {
        name: "jobs",
        window: full,
        steps: |h| click(h, "1 job"),
        size: LARGE,
        scale: 1.0,
    },
    Scene {
        name: "new",
        window: full,
        steps: |h| click(h, "New machine"),
        size: LARGE,
        scale: 1.0,
    },
    Scene {
        name: "new-small",
        window: full,
        steps: |h| click(h, "New machine"),
        size: SMALL,
        scale: 1.0,
    },
    Scene {
        name: "computer",
        window: full,
        steps: |h| errand(h, Errand::ShowComputer),
        size: LARGE,
        scale: 1.0,
    },
    Scene {
        name: "trash",
        window: full,
        steps: |h| errand(h, Errand::ShowTrash),
        size: LARGE,
        scale: 1.0,
    },
    Scene {
        name: "settings",
        window: full,
        steps: |h| errand(h, Errand::ShowSettings),
        size: SMALL,
        scale: 1.0,
    },
    Scene {
        name: "help",
        window: full,
        steps: |h| errand(h, Errand::ShowHelp),
        size: LARGE,
        scale: 1.0,
    },
    Scene {
        name: "close",
        window: || {
            let mut window = full();
            window.view.leaving = Some(orangery::ui::view::Leaving {
                asking: true,
                ..Default::default()
            });
            window
        },
        steps: |_| {},
        size: SMALL,
        scale: 1.0,
    },
];

#[test]
#[ignore = "writes pictures for a person to look at; checks nothing"]
fn every_page_in_both_themes() {
    let folder = std::env::var("ORANGERY_LOOK").expect("ORANGERY_LOOK names a folder");
    let only = std::env::var("ORANGERY_SCENES").unwrap_or_default();
    for scene in SCENES {
        if !only.is_empty() && !only.split(',').any(|name| name == scene.name) {
            continue;
        }
        for dark in [true, false] {
            let image = picture(scene, dark);
            let theme = if dark { "dark" } else { "light" };
            let path = format!("{folder}/{}-{theme}.png", scene.name);
            image.save(path).unwrap();
        }
    }
}

fn picture(scene: &Scene, dark: bool) -> image::RgbaImage {
    let painter = Painter::default();
    let mut window = (scene.window)();
    window.view.settings.theme = if dark {
        ThemeChoice::Dark
    } else {
        ThemeChoice::Light
    };
    let mut harness = Harness::builder()
        .with_size(scene.size)
        .with_pixels_per_point(scene.scale)
        .with_context_setup(theme::install)
        .renderer(painter.clone())
        .build_ui_state(|ui, window: &mut Window| window.ui(ui), window);
    harness.run_ok();
    (scene.steps)(&mut harness);
    harness.run_ok();
    let palette = if dark { &theme::DARK } else { &theme::LIGHT };
    painter.paint(&harness.ctx, harness.output(), palette.background)
}
