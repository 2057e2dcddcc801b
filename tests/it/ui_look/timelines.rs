//! The timeline with nothing, one, a dozen and two hundred snapshots, and its questions.

use egui::Modifiers;
use egui::accesskit::Role;
use egui_kittest::kittest::{NodeT as _, Queryable as _};
use orangery::language::tr;
use orangery::model::{State, Timeline};
use orangery::ui::toasts::{Offer, Toast};
use orangery::ui::view::Comparison;

use super::scenes::{Scene, Shown, click, row, scene};
use crate::ui_fixture::{Window, id};
use crate::ui_points::with_disk_elsewhere;
use crate::ui_time::difference;
use crate::ui_timeline::{LONG, dozen, many, one, picture, snapshot_id, window};

/// All of them.
pub fn all() -> Vec<Scene> {
    let mut all = trees();
    all.extend(questions());
    all.extend(words());
    all.push(comparison());
    all
}

fn trees() -> Vec<Scene> {
    vec![
        scene(
            "timeline-empty",
            || window(Timeline::default()),
            |h| {
                click(h, "Timeline");
            },
        ),
        scene("timeline-1", || window(one()), timeline),
        scene(
            "timeline-12",
            || window(dozen()),
            |h| {
                timeline(h);
                click(h, "Not now");
            },
        ),
        scene("timeline-deep", || window(dozen()), timeline),
        scene(
            "timeline-200",
            || window(many()),
            |h| {
                timeline(h);
                click(h, "Not now");
                timeline(h);
            },
        ),
        scene(
            "timeline-run",
            || window(many()),
            |h| {
                timeline(h);
                click(h, "Not now");
                let rows = h.get_all_by_role(Role::ListItem);
                let is_run = |row: &egui_kittest::Node<'_>| {
                    let label = row.accesskit_node().label().unwrap_or_default();
                    label.contains(
                        tr("{checkpoints}, {from} to {to}")
                            .split(['{', '}'])
                            .nth(4)
                            .unwrap(),
                    )
                };
                rows.filter(is_run).for_each(|run| run.click());
                timeline(h);
            },
        ),
        scene(
            "timeline-marked",
            || window(dozen()),
            |h| {
                choose(h);
                row(h, tr("Now")).click_modifiers(Modifiers::SHIFT);
                timeline(h);
            },
        ),
    ]
}

fn comparison() -> Scene {
    scene(
        "timeline-compare",
        || window(one()),
        |h| {
            timeline(h);
            click(h, "Compare with now…");
            h.state_mut().view.comparison = Some(Comparison {
                key: (id(1), snapshot_id(1), None),
                result: Some(Ok(difference())),
            });
            h.run_ok();
        },
    )
}

fn questions() -> Vec<Scene> {
    vec![
        scene(
            "timeline-rewind",
            || window(dozen()),
            |h| {
                choose(h);
                click(h, "Go back…");
            },
        ),
        scene(
            "timeline-rewind-lose",
            || window(dozen()),
            |h| {
                choose(h);
                click(h, "Go back…");
                click(h, "Keep the present as a branch");
            },
        ),
        scene(
            "timeline-menu",
            || window(dozen()),
            |h| {
                choose(h);
                let row = row(h, LONG).rect().center();
                h.hover_at(row);
                for pressed in [true, false] {
                    h.event(egui::Event::PointerButton {
                        pos: row,
                        button: egui::PointerButton::Secondary,
                        pressed,
                        modifiers: Modifiers::NONE,
                    });
                }
                h.run_ok();
            },
        ),
        scene(
            "timeline-elsewhere",
            || with_disk_elsewhere(State::Off),
            |h| {
                row(h, "Debian web server").click();
                h.run_ok();
                h.key_press_modifiers(Modifiers::COMMAND, egui::Key::B);
                h.run_ok();
            },
        ),
        scene(
            "timeline-alone",
            || {
                let mut alone = one();
                alone.snapshots[0].disk = Some("disk1".to_owned());
                alone.snapshots[0].with_memory = false;
                window(alone)
            },
            |h| {
                timeline(h);
                click(h, "Go back…");
            },
        ),
    ]
}

/// Dialogs about checkpoints, names, and what is told.
fn words() -> Vec<Scene> {
    vec![
        scene(
            "timeline-delete",
            || window(dozen()),
            |h| {
                choose(h);
                click(h, "Delete…");
            },
        ),
        scene(
            "timeline-checkpoints",
            || window(many()),
            |h| {
                row(h, "FreeBSD router").click();
                h.run_ok();
                timeline(h);
                click(h, "Checkpoints off");
            },
        ),
        scene(
            "timeline-named",
            || window(one()),
            |h| {
                timeline(h);
                click(h, "Named…");
            },
        ),
        scene(
            "timeline-edit",
            || window(one()),
            |h| {
                timeline(h);
                click(h, "Name and note");
            },
        ),
        scene(
            "timeline-toast",
            || window(one()),
            |h| {
                timeline(h);
                let view = &mut h.state_mut().view;
                let text = tr("You can come back to this moment").to_owned();
                let name = orangery::language::fill(
                    "Snapshot of {name} taken",
                    &[("name", &"Debian web server")],
                );
                let done = Toast::done(name, text, view.now);
                view.toasts
                    .push(done.offer(Offer::Name(id(1), snapshot_id(1))));
            },
        ),
    ]
}

/// Shows the timeline with all pictures it would show.
fn timeline(harness: &mut Shown<'_>) {
    click(harness, "Timeline");
    see_pictures(harness);
}

/// Has all pictures of snapshots that are wished for.
pub fn see_pictures(harness: &mut Shown<'_>) {
    for _ in 0..2 {
        let ctx = harness.ctx.clone();
        let Window { shell, view, .. } = harness.state_mut();
        for wish in view.pictures.follow(&shell.wanted_pictures(view)) {
            let number = wish.snapshot.0.as_u128() >> 96;
            let image = picture(number);
            view.pictures.put(&ctx, wish, Some(image));
        }
        harness.run_ok();
    }
}

/// Looks at one of a dozen.
fn choose(harness: &mut Shown<'_>) {
    timeline(harness);
    row(harness, LONG).click();
    harness.run_ok();
}
