//! Talks to an owner that a thread plays, packet by packet.

use std::os::fd::OwnedFd;
use std::path::Path;
use std::thread::JoinHandle;

use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketAddrUnix, SocketFlags, SocketType};

use super::*;
use crate::cli::fake;
use crate::engine::client::{Ask, PROTOCOL, Say};
use crate::model::{Action, Answer, State, TrashReport};

pub const ID: &str = "c0ffee00-1234-4234-8234-123456789abc";

/// What an owner says on one connection: the n-th request is followed by the n-th list of events,
/// in which `None` stands for the answer. Then it goes away.
pub type Script = Vec<Vec<Option<Event>>>;

/// Plays owners at `path`, one after the other. Ends with all that was asked.
pub fn play(path: &Path, scripts: Vec<Script>) -> JoinHandle<Vec<Command>> {
    let listener = rustix::net::socket_with(
        AddressFamily::UNIX,
        SocketType::SEQPACKET,
        SocketFlags::CLOEXEC,
        None,
    )
    .unwrap();
    rustix::net::bind(&listener, &SocketAddrUnix::new(path).unwrap()).unwrap();
    rustix::net::listen(&listener, 4).unwrap();
    std::thread::Builder::new()
        .name("played owner".to_owned())
        .spawn(move || {
            let mut heard = Vec::new();
            for script in scripts {
                let socket = rustix::net::accept(&listener).unwrap();
                follow(&socket, script, &mut heard);
            }
            heard
        })
        .unwrap()
}

fn follow(socket: &OwnedFd, script: Script, heard: &mut Vec<Command>) {
    assert!(matches!(hear(socket), Ask::Hello { events: true, .. }));
    let welcome = Say::Welcome {
        protocol: PROTOCOL,
        pid: 7,
        window: true,
    };
    say(socket, &welcome);
    for events in script {
        let Ask::Request { id, command } = hear(socket) else {
            panic!("not a request");
        };
        heard.push(command);
        for event in events {
            let answer = || Event::Answer {
                request: id,
                result: Ok(Answer::Trash(TrashReport::default())),
            };
            say(socket, &Say::Event(event.unwrap_or_else(answer)));
        }
    }
}

fn hear(socket: &OwnedFd) -> Ask {
    let mut bytes = vec![0; 65536];
    let (_, length) = rustix::net::recv(socket, &mut bytes, RecvFlags::empty()).unwrap();
    serde_json::from_slice(&bytes[..length]).unwrap()
}

fn say(socket: &OwnedFd, say: &Say) {
    let bytes = serde_json::to_vec(say).unwrap();
    rustix::net::send(socket, &bytes, SendFlags::NOSIGNAL).unwrap();
}

fn played(script: Script) -> (Owner, JoinHandle<Vec<Command>>) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("control");
    let thread = play(&path, vec![script]);
    (Owner::new(Client::connect(&path, true).unwrap()), thread)
}

pub fn machine(state: State) -> Option<Event> {
    Some(Event::Machine(Box::new(fake::report("web", ID, state))))
}

#[test]
fn reports_are_what_the_owner_told_up_to_now() {
    let (mut owner, thread) = played(vec![
        vec![machine(State::Off), machine(State::Starting), None],
        vec![machine(State::Running), None],
        vec![Some(Event::Gone(ID.parse().unwrap())), None],
    ]);
    let states = |owner: &mut Owner| -> Vec<State> {
        let reports = owner.reports().unwrap();
        reports.iter().map(|report| report.state).collect()
    };
    assert_eq!(states(&mut owner), [State::Starting]);
    assert_eq!(states(&mut owner), [State::Running]);
    assert_eq!(states(&mut owner), []);
    assert_eq!(thread.join().unwrap(), vec![Command::ShowTrash; 3]);
}

#[test]
fn waiting_ends_in_time_and_a_lost_owner_is_told_from_a_refusal() {
    let command = Command::Act {
        machine: ID.parse().unwrap(),
        action: Action::ShutDown,
    };
    let (mut owner, thread) = played(vec![vec![machine(State::Stopping)], vec![]]);
    let mut seen = 0;
    let reply = owner.ask(command, Some(Duration::from_millis(50)), |_| seen += 1);
    assert!(matches!(reply, Ok(Reply::Late)));
    assert_eq!(seen, 1);
    assert!(matches!(owner.reports(), Err(Trouble::Lost(_))));
    thread.join().unwrap();
}
