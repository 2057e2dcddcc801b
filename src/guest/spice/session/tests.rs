//! The session against an agent of our own making, honest and hostile.

use super::*;
use crate::guest::spice::decoder::tests::chunks;
use crate::guest::spice::message::{CLIENT_PORT, HEADER, kind};
use crate::library::tests::Chance;

/// An agent as spice-vdagent 0.22: selection and serials.
const MODERN: Caps = Caps(1 << 1 | 1 << 2 | 1 << 5 | 1 << 6 | 1 << 10 | 1 << 16 | 1 << 17);

/// The same of Windows: its lines end in CRLF.
const WINDOWS: Caps = Caps(MODERN.0 | 1 << 9);

fn numbers(numbers: &[u32]) -> Vec<u8> {
    numbers.iter().flat_map(|it| it.to_le_bytes()).collect()
}

fn hear(session: &mut Session, kind: u32, body: &[u8]) -> Vec<News> {
    let bytes = chunks(CLIENT_PORT, kind, body, 1000).concat();
    session.receive(&bytes, Instant::now()).unwrap()
}

/// What waits to be sent: type and data.
fn sent(session: &mut Session) -> Vec<(u32, Vec<u8>)> {
    let mut all = Vec::new();
    while let Some(message) = session.next() {
        let mut bytes = Vec::new();
        while bytes.len() < message.len() {
            bytes.extend(&message.chunk(bytes.len())[8..]);
        }
        let kind = u32::from_le_bytes(bytes[4..8].try_into().unwrap());
        all.push((kind, bytes.split_off(HEADER)));
    }
    all
}

fn ready(caps: Caps) -> Session {
    let mut session = Session::default();
    session.open(Instant::now());
    let news = hear(
        &mut session,
        kind::ANNOUNCE_CAPABILITIES,
        &numbers(&[0, caps.0]),
    );
    assert_eq!(news, [News::Changed]);
    assert!(session.state().is_ready());
    sent(&mut session);
    session
}

/// The guest copies something of these formats.
fn copy(session: &mut Session, serial: u32, formats: &[u32]) -> Vec<News> {
    let mut body = vec![0, 0, 0, 0];
    body.extend(numbers(&[serial]));
    body.extend(numbers(formats));
    hear(session, kind::CLIPBOARD_GRAB, &body)
}

fn paste(session: &mut Session, format: u32) -> Vec<(u32, Vec<u8>)> {
    let body = [vec![0, 0, 0, 0], numbers(&[format])].concat();
    hear(session, kind::CLIPBOARD_REQUEST, &body);
    sent(session)
}

fn data(session: &mut Session, format: u32, bytes: &[u8]) -> Vec<News> {
    let body = [&[0, 0, 0, 0], &numbers(&[format])[..], bytes].concat();
    hear(session, kind::CLIPBOARD, &body)
}

#[test]
fn an_agent_is_greeted_when_it_opens_the_port_and_again_while_it_is_silent() {
    let mut session = Session::default();
    let start = Instant::now();
    assert_eq!(session.tick(start), []);
    assert_eq!(session.state(), AgentState::Absent);
    session.open(start);
    let (kind, body) = sent(&mut session).remove(0);
    assert_eq!(kind, kind::ANNOUNCE_CAPABILITIES);
    assert_eq!(body[..4], [1, 0, 0, 0], "it is asked for its own");
    for round in 1..20 {
        session.tick(start + ANNOUNCE_PATIENCE * round);
    }
    assert_eq!(session.state(), AgentState::Silent);
    assert_eq!(sent(&mut session).len() as u32, MAX_ANNOUNCEMENTS - 1);
    hear(
        &mut session,
        kind::ANNOUNCE_CAPABILITIES,
        &numbers(&[1, MODERN.0]),
    );
    let answers: Vec<u32> = sent(&mut session).iter().map(|(kind, _)| *kind).collect();
    assert_eq!(answers, [kind::ANNOUNCE_CAPABILITIES, kind::MAX_CLIPBOARD]);
    assert_eq!(session.close(), [News::Changed]);
    assert_eq!(session.state(), AgentState::Absent);
}

#[test]
fn our_text_goes_over_when_the_guest_pastes() {
    let mut session = ready(MODERN);
    let clip = Clip::text("äpfel\nbirnen");
    assert_eq!(session.offer(clip.clone()), Some(true));
    let grab = sent(&mut session).remove(0);
    assert_eq!(
        grab,
        (
            kind::CLIPBOARD_GRAB,
            [vec![0; 4], numbers(&[0, 1])].concat()
        )
    );
    assert_eq!(session.offer(clip.clone()), Some(false), "it has it");
    let (kind, body) = paste(&mut session, format::UTF8_TEXT).remove(0);
    assert_eq!(kind, kind::CLIPBOARD);
    assert_eq!(body[8..], clip.bytes[..]);
    let (_, body) = paste(&mut session, format::IMAGE_PNG).remove(0);
    assert_eq!(body, [vec![0; 4], numbers(&[format::NONE])].concat());
    let mut windows = ready(WINDOWS);
    windows.offer(clip);
    sent(&mut windows);
    let (_, body) = paste(&mut windows, format::UTF8_TEXT).remove(0);
    assert_eq!(body[8..], *"äpfel\r\nbirnen".as_bytes());
}

#[test]
fn what_the_guest_copies_is_fetched_on_request_only() {
    let mut session = ready(WINDOWS);
    assert_eq!(session.take(Instant::now()), Err(TakeError::Nothing));
    assert_eq!(copy(&mut session, 0, &[2, 1]), [News::Changed]);
    let offers = session.offers().unwrap();
    assert_eq!(
        offers.kind,
        ClipKind::Text,
        "text is what most programs want"
    );
    assert_eq!(sent(&mut session), []);
    assert_eq!(data(&mut session, 1, b"unasked"), []);
    session.take(Instant::now()).unwrap();
    assert_eq!(session.take(Instant::now()), Err(TakeError::Busy));
    assert_eq!(sent(&mut session)[0].0, kind::CLIPBOARD_REQUEST);
    let news = data(&mut session, 1, b"one\r\ntwo\0");
    assert_eq!(news, [News::Taken(Ok(Clip::text("one\ntwo")))]);
    copy(&mut session, 1, &[3]);
    assert_ne!(session.offers().unwrap().number, offers.number);
    session.take(Instant::now()).unwrap();
    let news = data(&mut session, 3, b"BM");
    let Some(News::Taken(Ok(clip))) = news.into_iter().next() else {
        panic!("no picture");
    };
    assert_eq!(clip.kind, ClipKind::Image);
}

#[test]
fn of_two_grabs_that_cross_ours_wins_and_wrong_serials_are_dropped() {
    let mut session = ready(MODERN);
    session.offer(Clip::text("ours")); // Serial 0.
    sent(&mut session);
    assert_eq!(copy(&mut session, 0, &[1]), []);
    assert_eq!(session.offers(), None);
    assert_eq!(copy(&mut session, 7, &[1]), []);
    assert_eq!(copy(&mut session, 1, &[1]), [News::Changed]);
    let (_, body) = paste(&mut session, format::UTF8_TEXT).remove(0);
    assert_eq!(
        body,
        [vec![0; 4], numbers(&[format::NONE])].concat(),
        "ours is gone"
    );
    sent(&mut session);
    session.offer(Clip::text("again"));
    let (_, grab) = sent(&mut session).remove(0);
    assert_eq!(
        grab[4..8],
        [2, 0, 0, 0],
        "both sides have counted two grabs"
    );
}

#[test]
fn a_guest_that_hands_over_too_much_nothing_or_no_text_is_refused() {
    let refusal = |news: Vec<News>| match news.into_iter().next() {
        Some(News::Taken(Err(error))) => error,
        other => panic!("{other:?}"),
    };
    let mut session = ready(MODERN);
    copy(&mut session, 0, &[1]);
    session.take(Instant::now()).unwrap();
    let mut claim = chunks(CLIENT_PORT, kind::CLIPBOARD, &[], 64).concat();
    claim[8 + 16..].copy_from_slice(&(17_u32 << 20).to_le_bytes());
    claim[4..8].copy_from_slice(&(18_u32 << 20).to_le_bytes());
    let news = session.receive(&claim, Instant::now()).unwrap();
    assert!(
        matches!(refusal(news), TakeError::TooLarge { .. }),
        "before a byte of it came"
    );
    let mut session = ready(MODERN);
    copy(&mut session, 0, &[1]);
    for (format, bytes, expected) in [
        (1, &b""[..], TakeError::Empty),
        (0, b"", TakeError::Empty),
        (2, b"another format", TakeError::Empty),
        (1, b"\xff\xfe", TakeError::NoText),
    ] {
        session.take(Instant::now()).unwrap();
        assert_eq!(refusal(data(&mut session, format, bytes)), expected);
    }
}

#[test]
fn a_guest_that_stops_handing_over_is_given_up() {
    let mut session = ready(MODERN);
    copy(&mut session, 0, &[1]);
    let start = Instant::now();
    session.take(start).unwrap();
    let body = [vec![0; 4], numbers(&[1]), vec![b'x'; 5000]].concat();
    let bytes = chunks(CLIENT_PORT, kind::CLIPBOARD, &body, 8192).concat();
    session
        .receive(&bytes[..2000], start + TAKE_PATIENCE / 2)
        .unwrap();
    assert_eq!(
        session.tick(start + TAKE_PATIENCE),
        [],
        "it moved meanwhile"
    );
    let late = start + TAKE_PATIENCE * 2;
    assert_eq!(session.tick(late), [News::Taken(Err(TakeError::TooSlow))]);
    assert_eq!(session.receive(&bytes[2000..], late).unwrap(), []);
}

#[test]
fn a_flood_of_requests_is_answered_a_few_times() {
    let mut session = ready(MODERN);
    session.offer(Clip::text("x"));
    sent(&mut session);
    for _ in 0..10_000 {
        let body = [vec![0, 0, 0, 0], numbers(&[format::UTF8_TEXT])].concat();
        hear(&mut session, kind::CLIPBOARD_REQUEST, &body);
    }
    assert!(session.waiting() <= MAX_WAITING + MAX_CONTENTS);
    let contents = sent(&mut session);
    let full = contents.iter().filter(|(_, body)| body.len() > 8).count();
    assert_eq!(full, MAX_CONTENTS);
}

#[test]
fn files_wait_for_the_agents_word_and_end_with_it() {
    let mut session = ready(MODERN);
    let id = session.begin_file("Grüße\\1.txt", 3).unwrap();
    let (kind, body) = sent(&mut session).remove(0);
    assert_eq!(kind, kind::FILE_XFER_START);
    let text = "[vdagent-file-xfer]\nname=Grüße\\\\1.txt\nsize=3\n\0";
    assert_eq!(body[4..], *text.as_bytes());
    let status = |session: &mut Session, id: u32, result: u32| {
        hear(session, kind::FILE_XFER_STATUS, &numbers(&[id, result]));
    };
    status(&mut session, id + 1, 0);
    assert_eq!(session.file(id), FileState::Asked, "that was another");
    status(&mut session, id, 0);
    assert_eq!(session.file(id), FileState::Sending);
    status(&mut session, id, 3);
    status(&mut session, id, 0);
    assert_eq!(session.file(id), FileState::Ended(FileStatus::Success));
    session.end_file(id, false);
    let ids: Vec<_> = (0..5).map(|_| session.begin_file("x", 1)).collect();
    assert_eq!(ids.iter().flatten().count(), MAX_FILES);
    session.close();
    let gone = FileState::Ended(FileStatus::NoSession);
    assert_eq!(session.file(ids[0].unwrap()), gone);
}

#[test]
fn a_hostile_agent_changes_nothing_but_its_own_state() {
    let mut chance = Chance::new();
    let start = Instant::now();
    for _ in 0..400 {
        let mut session = ready(Caps(chance.next() as u32));
        for step in 0..60 {
            let length = chance.below(40) as usize;
            let mut body: Vec<u8> = (0..length).map(|_| chance.below(4) as u8).collect();
            if chance.below(8) == 0 {
                body = vec![chance.next() as u8; 6000];
            }
            let bytes = chunks(CLIENT_PORT, chance.below(16) as u32, &body, 3000).concat();
            session.receive(&bytes, start).unwrap();
            match chance.below(6) {
                0 => drop(session.offer(Clip::text("mine"))),
                1 => drop(session.take(start)),
                2 => drop(session.begin_file("f", 9)),
                3 => drop(session.tick(start + Duration::from_secs(step))),
                _ => {}
            }
            assert!(session.waiting() <= MAX_WAITING + MAX_CONTENTS);
            assert!(session.files.len() <= MAX_FILES);
            assert!(session.decoder().memory() < 64 * 1024);
        }
    }
}
