//! Copies: a try, families small and large, the questions about tries, files inside disks.

use egui_kittest::kittest::Queryable as _;
use orangery::engine::message::Event;
use orangery::model::{JobId, JobReport, JobState, MachineReport, SavedState, State};
use orangery::ui::browsing::Browsing;
use orangery::ui::view::Leaving;

use super::scenes::{Scene, Shown, click, scene};
use super::timelines;
use crate::ui_copies::copy;
use crate::ui_files::{disks, folder_of, place};
use crate::ui_fixture::{Window, id, report, show};
use crate::ui_library::row;
use crate::ui_timeline::{one, snapshot_id, window};

/// All of them.
pub fn all() -> Vec<Scene> {
    vec![
        scene("try", family, |h| row(h, "playground").click()),
        scene("asleep", asleep, timelines::see_pictures),
        scene("family", family, |h| row(h, "web-2").click()),
        scene("family-20", large, |h| row(h, "web").click()),
        scene("close-work", working, |_| {}),
        scene("close-tries", leaving, |_| {}),
        scene("try-ended", ended, |_| {}),
        scene("files-disks", files, browse),
        scene("files", files, |h| {
            browse(h);
            h.get_by_label("Partition 1, ext4, 16 GiB, root").click();
            h.run_ok();
            let browsing = h.state_mut().view.browsing.as_mut().unwrap();
            browsing.ask(place(""));
            browsing.put(&place(""), Ok(folder_of(40)));
        }),
    ]
}

fn of(machines: impl IntoIterator<Item = MachineReport>) -> Window {
    let web = report(1, "web", State::Off);
    Window::new(std::iter::once(web).chain(machines).map(show))
}

/// A machine that is saved, with what it showed last.
fn asleep() -> Window {
    let mut web = report(1, "web", State::Saved);
    web.machine.as_mut().unwrap().saved = Some(SavedState {
        snapshot: snapshot_id(1),
        when: web.since,
    });
    Window::new([show(web)])
}

/// The window is to close once a clone is made.
fn working() -> Window {
    let mut window = family();
    window.view.leaving = Some(Leaving::default());
    window.events.push(Event::Job(JobReport {
        id: JobId(1),
        machine: Some(id(1)),
        title: "Cloning web".to_owned(),
        step: "Copying disks".to_owned(),
        done: 3,
        of: 8,
        can_cancel: true,
        state: JobState::Running,
    }));
    window
}

fn family() -> Window {
    let mut third = copy(4, "web-2 with another certificate", false);
    third
        .machine
        .as_mut()
        .unwrap()
        .descent
        .as_mut()
        .unwrap()
        .from = id(2);
    of([copy(2, "web-2", false), copy(3, "playground", true), third])
}

fn large() -> Window {
    of((2..22).map(|number| copy(number, &format!("web-{number:02}"), false)))
}

fn leaving() -> Window {
    let mut window = family();
    window.view.leaving = Some(Leaving {
        asking: true,
        ..Leaving::default()
    });
    window
}

fn ended() -> Window {
    let mut ended = copy(3, "playground", true);
    ended.state = State::Off;
    of([ended])
}

fn files() -> Window {
    window(one())
}

fn browse(h: &mut Shown<'_>) {
    click(h, "Timeline");
    click(h, "Browse files…");
    let mut browsing = Browsing::new((id(1), Some(snapshot_id(1))));
    browsing.disks = Some(Ok(disks()));
    h.state_mut().view.browsing = Some(browsing);
    h.run_ok();
}
