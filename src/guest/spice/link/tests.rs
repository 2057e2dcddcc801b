//! The connection against an agent behind a real socket, in the place of QEMU.

use std::os::unix::net::UnixListener;
use std::thread::JoinHandle;

use super::*;
use crate::guest::spice::SendError;
use crate::guest::spice::decoder::tests::chunks;
use crate::guest::spice::message::{CHUNK_HEADER, CLIENT_PORT, HEADER, kind};
use crate::model::ClipKind;

const PATIENCE: Duration = Duration::from_secs(20);

/// News that a test leaves unread.
const BOUND: usize = 1024;

/// The guest's side of the channel.
struct Guest {
    _folder: tempfile::TempDir,
    listener: UnixListener,
    stream: UnixStream,
    /// Payload of chunks that is not yet a whole message.
    rest: Vec<u8>,
}

impl Guest {
    /// An agent that has said what it can do, and our side of it.
    fn new() -> (Self, Agent, crossbeam_channel::Receiver<()>) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("spice");
        let listener = UnixListener::bind(&path).unwrap();
        let (sender, changes) = crossbeam_channel::bounded(BOUND);
        let agent = Agent::start(path, move || sender.try_send(()).unwrap_or(())).unwrap();
        let (stream, _) = listener.accept().unwrap();
        let mut guest = Self {
            _folder: folder,
            listener,
            stream,
            rest: Vec::new(),
        };
        agent.port(true);
        guest.greet();
        wait(&changes, || agent.report().state.is_ready());
        (guest, agent, changes)
    }

    fn greet(&mut self) {
        assert_eq!(self.hear().0, kind::ANNOUNCE_CAPABILITIES);
        let caps: u32 = 1 << 1 | 1 << 5 | 1 << 6 | 1 << 17;
        let body = [0_u32.to_le_bytes(), caps.to_le_bytes()].concat();
        self.say(kind::ANNOUNCE_CAPABILITIES, &body);
    }

    fn say(&mut self, kind: u32, body: &[u8]) {
        let bytes = chunks(CLIENT_PORT, kind, body, 1 << 20).concat();
        self.stream.write_all(&bytes).unwrap();
    }

    fn hear(&mut self) -> (u32, Vec<u8>) {
        self.stream.set_read_timeout(Some(PATIENCE)).unwrap();
        loop {
            if self.rest.len() >= HEADER {
                let number =
                    |at: usize| u32::from_le_bytes(self.rest[at..at + 4].try_into().unwrap());
                let (kind, size) = (number(4), number(16) as usize);
                if self.rest.len() >= HEADER + size {
                    let rest = self.rest.split_off(HEADER + size);
                    let body = std::mem::replace(&mut self.rest, rest).split_off(HEADER);
                    return (kind, body);
                }
            }
            let mut head = [0; CHUNK_HEADER];
            self.stream.read_exact(&mut head).unwrap();
            let size = u32::from_le_bytes(head[4..].try_into().unwrap());
            let mut body = vec![0; size as usize];
            self.stream.read_exact(&mut body).unwrap();
            self.rest.extend(body);
        }
    }

    fn status(&mut self, id: &[u8], result: u32) {
        let body = [id, &result.to_le_bytes()].concat();
        self.say(kind::FILE_XFER_STATUS, &body);
    }
}

fn spawn<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> JoinHandle<T> {
    let thread = std::thread::Builder::new().name("sending".to_owned());
    thread.spawn(work).unwrap()
}

#[track_caller]
fn wait(changes: &crossbeam_channel::Receiver<()>, mut done: impl FnMut() -> bool) {
    while !done() {
        changes.recv_timeout(PATIENCE).expect("nothing changed");
    }
}

fn selection_and(numbers: &[u32]) -> Vec<u8> {
    let numbers = numbers.iter().flat_map(|number| number.to_le_bytes());
    [0; 4].into_iter().chain(numbers).collect()
}

#[test]
fn a_large_picture_goes_to_the_guest_and_back() {
    let (mut guest, agent, changes) = Guest::new();
    let picture: Arc<[u8]> = (0..3_000_000_u32).map(|it| (it / 7) as u8).collect();
    let clip = Clip {
        kind: ClipKind::Image,
        bytes: Arc::clone(&picture),
    };
    let (sender, told) = crossbeam_channel::bounded(BOUND);
    assert!(agent.offer(clip.clone(), move |new| sender.send(new).unwrap()));
    assert_eq!(guest.hear(), (kind::CLIPBOARD_GRAB, selection_and(&[0, 2])));
    assert!(told.recv_timeout(PATIENCE).unwrap());
    guest.say(kind::CLIPBOARD_REQUEST, &selection_and(&[2]));
    let (_, body) = guest.hear();
    assert!(body[8..] == picture[..]);
    guest.say(kind::CLIPBOARD_GRAB, &selection_and(&[1, 2]));
    wait(&changes, || agent.report().offers.is_some());
    let (sender, taken) = crossbeam_channel::bounded(BOUND);
    agent.take(move |clip| sender.send(clip).unwrap());
    assert_eq!(guest.hear(), (kind::CLIPBOARD_REQUEST, selection_and(&[2])));
    guest.say(
        kind::CLIPBOARD,
        &[&selection_and(&[2]), &picture[..]].concat(),
    );
    assert!(taken.recv_timeout(PATIENCE).unwrap().unwrap() == clip);
}

#[test]
fn files_arrive_in_pieces_an_empty_one_too_and_a_cancel_is_told() {
    let (mut guest, agent, _changes) = Guest::new();
    for content in [vec![5; 200_000], Vec::new()] {
        let (files, size) = (agent.files(), content.len());
        let sending =
            spawn(move || files.send("a.bin", size as u64, &mut &content[..], &mut |_| true));
        let (kind, start) = guest.hear();
        assert_eq!(kind, kind::FILE_XFER_START);
        guest.status(&start[..4], 0);
        let mut got = 0;
        loop {
            let (kind, body) = guest.hear();
            assert_eq!((kind, &body[..4]), (kind::FILE_XFER_DATA, &start[..4]));
            got += body.len() - 12;
            if got == size {
                break;
            }
        }
        guest.status(&start[..4], 3);
        sending.join().unwrap().unwrap();
    }
    let files = agent.files();
    let sending = spawn(move || {
        files.send("a.bin", 1 << 40, &mut std::io::repeat(1), &mut |sent| {
            sent == 0
        })
    });
    let (_, start) = guest.hear();
    guest.status(&start[..4], 0);
    let cancelled = loop {
        match guest.hear() {
            (kind::FILE_XFER_DATA, _) => {}
            other => break other,
        }
    };
    let body = [&start[..4], &1_u32.to_le_bytes()].concat();
    assert_eq!(cancelled, (kind::FILE_XFER_STATUS, body));
    let result = sending.join().unwrap();
    assert!(matches!(result, Err(SendError::Cancelled)), "{result:?}");
}

#[test]
fn the_guests_reason_is_told_for_a_file_it_does_not_take() {
    let (mut guest, agent, _changes) = Guest::new();
    for (status, wanted) in [
        (4, "room"),
        (5, "locked"),
        (6, "logged in"),
        (7, "switched off"),
        (2, "could not write"),
    ] {
        let files = agent.files();
        let sending = spawn(move || files.send("f", 1, &mut &b"x"[..], &mut |_| true));
        let (_, start) = guest.hear();
        guest.status(&start[..4], status);
        let why = sending.join().unwrap().unwrap_err().to_string();
        assert!(why.contains(wanted), "{why}");
    }
}

#[test]
fn an_agent_that_goes_or_is_adopted_is_greeted_again_and_nothing_old_reaches_it() {
    let (mut guest, agent, changes) = Guest::new();
    let (sender, taken) = crossbeam_channel::bounded(BOUND);
    guest.say(kind::CLIPBOARD_GRAB, &selection_and(&[0, 1]));
    wait(&changes, || agent.report().offers.is_some());
    agent.take(move |clip| sender.send(clip).unwrap());
    agent.port(false);
    let gone = taken.recv_timeout(PATIENCE).unwrap();
    assert_eq!(gone, Err(TakeError::NoAgent));
    assert_eq!(agent.report(), DesktopAgent::default());
    // What was under way is not for the next one that opens the port: it gets a fresh connection.
    guest.stream = guest.listener.accept().unwrap().0;
    guest.rest.clear();
    agent.port(true);
    guest.greet();
    wait(&changes, || agent.report().state.is_ready());
}

#[test]
fn nonsense_is_said_and_the_connection_begun_anew() {
    let (mut guest, agent, changes) = Guest::new();
    guest.stream.write_all(&[0xff; 64]).unwrap();
    wait(&changes, || {
        matches!(agent.report().state, AgentState::Broken(_))
    });
    guest.stream = guest.listener.accept().unwrap().0;
    guest.greet();
    wait(&changes, || agent.report().state.is_ready());
}

#[test]
fn a_guest_that_reads_nothing_keeps_nobody_waiting() {
    let (guest, agent, _changes) = Guest::new();
    for round in 0..200 {
        let clip = Clip::text(&format!("{round}{}", "x".repeat(1 << 20)));
        agent.offer(clip, |_| {});
    }
    assert!(agent.report().state.is_ready());
    drop(agent); // Ends its threads, although one of them writes.
    drop(guest);
}
