//! The clipboard's chip at the guest's screen, its menu, and the question whether to take something.

use egui_kittest::Harness;
use egui_kittest::kittest::Queryable as _;
use orangery::engine::message::Command;
use orangery::model::*;
use orangery::ui::Ask;
use orangery::ui::toasts::{Offer, Toast};

use crate::ui_fixture::{NOW, Window, id, live, report, with};

const NO_AGENT: &str = "Clipboard: no agent in the guest";

/// The screen of a running machine with this agent and policy.
fn screen(state: AgentState, sharing: Sharing) -> Harness<'static, Window> {
    let mut report = report(1, "Debian", State::Running);
    let offers = Some(GuestClip {
        number: 1,
        kind: ClipKind::Text,
    });
    report.agent = Some(DesktopAgent {
        offers: offers.filter(|_| state.is_ready()),
        state,
    });
    report.machine.as_mut().unwrap().sharing = sharing;
    let mut harness = with([report]);
    harness.run();
    let image = egui::ColorImage::filled([64, 40], egui::Color32::BLACK);
    let screen = live(&harness.ctx, image);
    let window = harness.state_mut();
    window.shell.show_screen(id(1));
    window.view.screen = Some(screen);
    harness.run();
    harness
}

fn ready() -> AgentState {
    AgentState::Ready { files: true }
}

#[test]
fn the_chip_says_why_nothing_goes_over_and_what_to_install() {
    let mut harness = screen(AgentState::Absent, Sharing::default());
    harness.get_by_label(NO_AGENT).click();
    harness.run();
    harness.get_by_label("No agent in the guest: install spice-vdagent");
    let off = Sharing {
        to_guest: Share::Off,
        from_guest: Share::Off,
    };
    let harness = screen(AgentState::Absent, off);
    harness.get_by_label("Clipboard: off");
    assert!(
        harness.query_by_label(NO_AGENT).is_none(),
        "nobody misses it"
    );
}

#[test]
fn the_menu_gives_takes_and_changes_each_direction() {
    let mut harness = screen(ready(), Sharing::default());
    for (label, expected) in [
        ("Give the guest my clipboard", Ask::GiveClipboard),
        ("Take what was copied in the guest", Ask::TakeClipboard),
    ] {
        harness.get_by_label("Clipboard: both ways").click();
        harness.run();
        harness.get_by_label(label).click();
        harness.run();
        assert!(harness.state().asks.contains(&expected), "{label}");
    }
    harness.get_by_label("Clipboard: both ways").click();
    harness.run();
    let always: Vec<_> = harness.get_all_by_label("Always").collect();
    always[1].click(); // The second direction is the guest's.
    harness.run();
    let changes = vec![Change::ShareFromGuest(Share::On)];
    let machine = id(1);
    let change = Ask::Engine(Command::Change { machine, changes });
    assert!(harness.state().asks.contains(&change));
}

#[test]
fn what_the_guest_copied_is_taken_with_one_click() {
    let mut harness = screen(ready(), Sharing::default());
    let toast = Toast::done("Debian copied text".to_owned(), String::new(), NOW);
    let toast = toast.offer(Offer::Take(id(1)));
    harness.state_mut().view.toasts.push(toast);
    harness.run();
    harness.get_by_label("Take it").click();
    harness.run();
    assert!(harness.state().asks.contains(&Ask::TakeClipboard));
}
