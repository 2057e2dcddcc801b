//! What a window does in each situation.

use uuid::Uuid;

use super::*;
use crate::model::{AgentState, DesktopAgent, Machine, Origin, State};

fn report(sharing: Sharing, offers: Option<GuestClip>) -> MachineReport {
    let id = MachineId(Uuid::from_u128(1));
    let mut machine = Machine::new(id, "Debian", "pc-q35-10.0", Origin::Empty);
    machine.sharing = sharing;
    MachineReport {
        machine: Some(machine),
        agent: Some(DesktopAgent {
            state: AgentState::Ready { files: true },
            offers,
        }),
        ..MachineReport::new(id, "Debian", State::Running)
    }
}

fn sharing(to_guest: Share, from_guest: Share) -> Sharing {
    Sharing {
        to_guest,
        from_guest,
    }
}

fn copied(number: u64) -> Option<GuestClip> {
    let kind = ClipKind::Text;
    Some(GuestClip { number, kind })
}

/// A window with the keyboard, and what it did to get there.
fn relay(sharing: Sharing, now: Instant) -> (Relay, Vec<Do>) {
    let mut relay = Relay::default();
    let mut todo = relay.see(Some(&report(sharing, None)), now);
    todo.extend(relay.focus(true, now));
    (relay, todo)
}

fn failure() -> Failure {
    Failure::new("It was not done", "The agent is gone")
}

#[track_caller]
fn offer(todo: &[Do]) -> Vec<u8> {
    match todo {
        [Do::Engine(Command::OfferClipboard { content, .. })] => content.unpack(1000).unwrap(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn pasting_reads_offers_waits_a_moment_and_lets_the_key_go() {
    let now = Instant::now();
    let (mut relay, todo) = relay(Sharing::default(), now);
    assert_eq!(todo, [], "nothing is read before it is pasted");
    assert!(relay.wants_paste());
    assert_eq!(relay.paste(now), [Do::Read]);
    let todo = relay.ours(Ok(Some(Clip::text("secret"))));
    assert_eq!(offer(&todo), b"secret");
    assert_eq!(relay.offered(Ok(Answer::Done), now), []);
    assert_eq!(relay.tick(now), []);
    assert_eq!(relay.due(), Some(now + SETTLE));
    assert_eq!(relay.tick(now + SETTLE), [Do::LetKeysGo]);
    relay.paste(now);
    relay.ours(Ok(Some(Clip::text("secret"))));
    let todo = relay.offered(Ok(Answer::Unchanged), now);
    assert_eq!(todo, [Do::LetKeysGo], "the guest has it: no need to wait");
}

#[test]
fn whatever_goes_wrong_the_key_goes_all_the_same() {
    let now = Instant::now();
    let (mut relay, _) = relay(Sharing::default(), now);
    relay.paste(now);
    assert_eq!(
        relay.ours(Ok(None)),
        [Do::LetKeysGo],
        "the guest pastes its own"
    );
    relay.paste(now);
    assert_eq!(relay.ours(Err("no display".to_owned())), [Do::LetKeysGo]);
    relay.paste(now);
    relay.ours(Ok(Some(Clip::text("x"))));
    let todo = relay.offered(Err(failure()), now);
    assert_eq!(todo, [Do::LetKeysGo, Do::Tell(failure())]);
    relay.paste(now);
    assert_eq!(relay.tick(now + PATIENCE), [Do::LetKeysGo]);
    assert_eq!(relay.ours(Ok(Some(Clip::text("late")))), []);
    relay.paste(now);
    assert_eq!(relay.focus(false, now), [Do::LetKeysGo]);
    relay.focus(true, now);
    relay.paste(now);
    assert_eq!(relay.see(None, now), [Do::LetKeysGo], "its screen is gone");
    assert!(!relay.wants_paste());
}

#[test]
fn off_means_that_nothing_is_read_and_nothing_taken() {
    let now = Instant::now();
    let off = sharing(Share::Off, Share::Off);
    let (mut relay, todo) = relay(off, now);
    assert_eq!(todo, []);
    assert!(!relay.wants_paste());
    assert_eq!(relay.paste(now), [Do::LetKeysGo]);
    assert_eq!(relay.see(Some(&report(off, copied(1))), now), []);
}

#[test]
fn always_reads_whenever_the_window_gets_the_keyboard_but_gives_nothing_twice() {
    let now = Instant::now();
    let on = sharing(Share::On, Share::On);
    let (mut relay, todo) = relay(on, now);
    assert_eq!(todo, [Do::Read]);
    assert_eq!(offer(&relay.ours(Ok(Some(Clip::text("one"))))), b"one");
    assert_eq!(relay.offered(Ok(Answer::Done), now), []);
    relay.focus(false, now);
    assert_eq!(relay.focus(true, now), [Do::Read]);
    assert_eq!(relay.ours(Ok(Some(Clip::text("one")))), []);
    // What came from the guest does not go back to it.
    let todo = relay.see(Some(&report(on, copied(1))), now);
    let machine = MachineId(Uuid::from_u128(1));
    assert_eq!(todo, [Do::Engine(Command::TakeClipboard { machine })]);
    let clip = Clip::text("guest's");
    assert_eq!(relay.taken(Ok(clip.clone())), [Do::Write(clip.clone())]);
    relay.focus(false, now);
    relay.focus(true, now);
    assert_eq!(relay.ours(Ok(Some(clip))), []);
}

#[test]
fn what_the_guest_copies_is_asked_about_only_while_it_is_used() {
    let now = Instant::now();
    let ask = Sharing::default();
    let (mut relay, _) = relay(ask, now);
    let text = || Do::Ask(ClipKind::Text);
    assert_eq!(relay.see(Some(&report(ask, copied(1))), now), [text()]);
    assert_eq!(relay.see(Some(&report(ask, copied(1))), now), []);
    let again = relay.see(Some(&report(ask, copied(2))), now);
    assert_eq!(again, [Do::Unask, text()]);
    let machine = MachineId(Uuid::from_u128(1));
    let take = Do::Engine(Command::TakeClipboard { machine });
    assert_eq!(relay.take(), [Do::Unask, take]);
    // An old copy must not take the place of what was copied here meanwhile.
    relay.focus(false, now);
    assert_eq!(relay.see(Some(&report(ask, copied(3))), now), []);
    assert_eq!(relay.focus(true, now), []);
    assert_eq!(relay.see(Some(&report(ask, None)), now), []);
}

#[test]
fn a_guest_that_was_not_shown_before_is_not_taken_from() {
    let now = Instant::now();
    let on = sharing(Share::Ask, Share::On);
    let mut relay = Relay::default();
    relay.focus(true, now);
    assert_eq!(relay.see(Some(&report(on, copied(1))), now), []);
}

#[test]
fn the_menu_tells_what_came_of_it() {
    let now = Instant::now();
    let (mut relay, _) = relay(Sharing::default(), now);
    assert_eq!(relay.give(now), [Do::Read]);
    let todo = relay.ours(Ok(None));
    assert!(
        matches!(&todo[..], [Do::LetKeysGo, Do::Tell(_)]),
        "{todo:?}"
    );
    relay.give(now);
    relay.ours(Ok(Some(Clip::text("x"))));
    assert_eq!(relay.offered(Ok(Answer::Done), now), [Do::Given]);
}
