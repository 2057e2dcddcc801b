//! Peers that misbehave in every way we could think of.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::*;

const SOON: Duration = Duration::from_secs(5);
const GREETING_LINE: &str =
    r#"{"QMP": {"version": {"qemu": {"micro": 2, "minor": 0, "major": 10}}, "capabilities": []}}"#;

/// The peer's end of the connection.
struct Peer {
    lines: BufReader<UnixStream>,
    out: UnixStream,
}

impl Peer {
    fn say(&mut self, line: &str) {
        // A client that gave up on nonsense has hung up.
        self.out.write_all(format!("{line}\r\n").as_bytes()).ok();
    }

    /// The next command, or `Null` at the end.
    fn hear(&mut self) -> Value {
        let mut line = String::new();
        match self.lines.read_line(&mut line) {
            Ok(1..) => serde_json::from_str(&line).unwrap(),
            Ok(0) | Err(_) => Value::Null,
        }
    }

    fn answer(&mut self, command: &Value, result: Value) {
        self.say(&json!({"return": result, "id": command["id"]}).to_string());
    }

    fn greet(&mut self) {
        self.say(GREETING_LINE);
        let command = self.hear();
        assert_eq!(command["execute"], "qmp_capabilities");
        self.answer(&command, json!({}));
    }
}

fn peer(script: impl FnOnce(&mut Peer) + Send + 'static) -> (UnixStream, JoinHandle<()>) {
    let (ours, theirs) = UnixStream::pair().unwrap();
    let thread = std::thread::Builder::new()
        .name("peer".to_owned())
        .spawn(move || {
            let out = theirs.try_clone().unwrap();
            script(&mut Peer {
                lines: BufReader::new(theirs),
                out,
            });
        })
        .unwrap();
    (ours, thread)
}

/// A client whose peer greets and then follows `script`.
fn connected(
    script: impl FnOnce(&mut Peer) + Send + 'static,
) -> (Client, Receiver<QmpEvent>, JoinHandle<()>) {
    let (ours, thread) = peer(move |peer| {
        peer.greet();
        script(peer);
    });
    let (client, events) = Client::over(ours, SOON).unwrap();
    (client, events, thread)
}

#[test]
fn a_greeting_a_typed_reply_and_a_refusal() {
    let (client, _events, thread) = connected(|peer| {
        let command = peer.hear();
        assert_eq!(command["execute"], "query-status");
        peer.answer(
            &command,
            json!({"status": "running", "running": true, "new-field": 1}),
        );
        let command = peer.hear();
        let error = json!({"class": "CommandNotFound", "desc": "no such command"});
        peer.say(&json!({"error": error, "id": command["id"]}).to_string());
    });
    assert_eq!(client.version().major, 10);
    let status = client.call(&qapi::qmp::query_status {}, SOON).unwrap();
    assert!(status.running);
    assert_eq!(
        client.call_raw("nonsense", json!({}), SOON),
        Err(QmpError::Refused {
            command: "nonsense".to_owned(),
            class: "CommandNotFound".to_owned(),
            desc: "no such command".to_owned(),
        })
    );
    drop(client);
    thread.join().unwrap();
}

#[test]
fn a_silent_monitor_times_out() {
    let (ours, thread) = peer(|peer| {
        peer.hear();
    });
    let started = Instant::now();
    let error = Client::over(ours, Duration::from_millis(100)).unwrap_err();
    assert!(matches!(error, QmpError::Timeout { .. }), "{error}");
    assert!(started.elapsed() < SOON);
    thread.join().unwrap();
}

#[test]
fn a_late_reply_is_discarded_and_the_stream_stays_in_step() {
    let (client, _events, thread) = connected(|peer| {
        let slow = peer.hear();
        let next = peer.hear();
        peer.answer(&slow, json!("late"));
        peer.answer(&next, json!("in time"));
        let last = peer.hear();
        peer.answer(&next, json!("twice"));
        peer.answer(&last, json!("last"));
    });
    let late = client.call_raw("slow", json!({}), Duration::from_millis(50));
    assert!(matches!(late, Err(QmpError::Timeout { .. })));
    assert_eq!(
        client.call_raw("next", json!({}), SOON),
        Ok(json!("in time"))
    );
    assert_eq!(client.call_raw("last", json!({}), SOON), Ok(json!("last")));
    drop(client);
    thread.join().unwrap();
}

#[test]
fn replies_find_their_callers_among_a_thousand_unknown_events() {
    let (client, events, thread) = connected(|peer| {
        for number in 0..1000 {
            peer.say(&json!({"event": format!("NEW_{number}"), "data": {"x": number}}).to_string());
            let command = peer.hear();
            peer.answer(&command, command["arguments"]["number"].clone());
            if number == 500 {
                peer.say(r#"{"event": "SHUTDOWN", "data": {"guest": true}}"#);
            }
        }
    });
    for number in 0..1000 {
        let reply = client.call_raw("echo", json!({"number": number}), SOON);
        assert_eq!(reply, Ok(json!(number)));
    }
    drop(client);
    thread.join().unwrap();
    // Nobody took events until now: the queue filled up, and the important one came through.
    let names: Vec<String> = events.iter().map(|event| event.name).collect();
    assert!(names.len() <= WAITING_EVENTS + 1);
    assert_eq!(names.iter().filter(|name| *name == "SHUTDOWN").count(), 1);
}

#[test]
fn replies_are_matched_across_threads_in_any_order() {
    let (client, _events, thread) = connected(|peer| {
        let mut commands: Vec<Value> = (0..8).map(|_| peer.hear()).collect();
        commands.reverse();
        for command in commands {
            peer.answer(&command, command["arguments"]["number"].clone());
        }
    });
    std::thread::scope(|scope| {
        for number in 0..8 {
            let client = &client;
            scope.spawn(move || {
                let reply = client.call_raw("echo", json!({"number": number}), SOON);
                assert_eq!(reply, Ok(json!(number)));
            });
        }
    });
    drop(client);
    thread.join().unwrap();
}

#[test]
fn nonsense_ends_the_connection_and_says_so() {
    for nonsense in ["hello", "{\"event\":", "\u{0}\u{1}", &"[".repeat(100_000)] {
        let nonsense = nonsense.to_owned();
        let (client, events, thread) = connected(move |peer| {
            peer.hear();
            peer.say(&nonsense);
            peer.hear();
        });
        let error = client
            .call_raw("query-status", json!({}), SOON)
            .unwrap_err();
        assert!(matches!(error, QmpError::Garbled { .. }), "{error}");
        let again = client.call_raw("query-status", json!({}), SOON);
        assert_eq!(again, Err(error));
        assert!(events.recv_timeout(SOON).is_err());
        thread.join().unwrap();
    }
}

#[test]
fn well_formed_json_of_another_protocol_is_ignored() {
    let (client, _events, thread) = connected(|peer| {
        for line in [
            "null",
            "[]",
            "7",
            "{}",
            r#"{"event": 7}"#,
            r#"{"return": 1}"#,
            GREETING_LINE,
        ] {
            peer.say(line);
        }
        let command = peer.hear();
        peer.say(r#"{"return": 2, "id": "text"}"#);
        peer.say(r#"{"return": 2, "id": 18446744073709551615}"#);
        peer.answer(&command, json!(1));
    });
    assert_eq!(client.call_raw("x", json!({}), SOON), Ok(json!(1)));
    drop(client);
    thread.join().unwrap();
}

#[test]
fn an_endless_line_is_cut_off() {
    let (client, _events, thread) = connected(|peer| {
        peer.hear();
        let block = vec![b' '; 64 * 1024];
        let mut written = 0;
        while peer.out.write_all(&block).is_ok() {
            written += block.len();
            assert!(written < 64 << 20, "nobody stopped it");
        }
    });
    let error = client.call_raw("x", json!({}), SOON).unwrap_err();
    assert!(matches!(error, QmpError::Garbled { .. }), "{error}");
    thread.join().unwrap();
}

#[test]
fn a_peer_that_reads_nothing_does_not_block_for_ever() {
    let (client, _events, thread) = connected(|_| std::thread::sleep(Duration::from_secs(2)));
    let large = json!({"text": "x".repeat(8 << 20)});
    let started = Instant::now();
    let error = client
        .call_raw("x", large, Duration::from_millis(100))
        .unwrap_err();
    assert!(matches!(error, QmpError::Closed { .. }), "{error}");
    assert!(started.elapsed() < Duration::from_secs(2));
    drop(client);
    thread.join().unwrap();
}

#[test]
fn closing_wakes_everyone_and_the_last_event_still_comes() {
    let (client, events, thread) = connected(|peer| {
        peer.hear();
        peer.say(
            r#"{"event": "SHUTDOWN", "data": {"reason": "host-qmp-quit"},
            "timestamp": {"seconds": 2, "microseconds": 3}}"#
                .replace('\n', " ")
                .as_str(),
        );
    });
    let error = client.call_raw("quit", json!({}), SOON).unwrap_err();
    assert!(matches!(error, QmpError::Closed { .. }), "{error}");
    let event = events.recv_timeout(SOON).unwrap();
    assert_eq!(
        (event.name.as_str(), event.timestamp),
        ("SHUTDOWN", 2_000_003)
    );
    assert!(events.recv_timeout(SOON).is_err());
    thread.join().unwrap();
}

#[test]
fn files_travel_with_a_command() {
    let (client, _events, thread) = connected(|peer| {
        use std::os::fd::OwnedFd;
        let mut space = [std::mem::MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut ancillary = rustix::net::RecvAncillaryBuffer::new(&mut space);
        let mut text = [0; 4096];
        let got = rustix::net::recvmsg(
            &peer.out,
            &mut [std::io::IoSliceMut::new(&mut text)],
            &mut ancillary,
            rustix::net::RecvFlags::empty(),
        )
        .unwrap();
        let files: Vec<OwnedFd> = ancillary
            .drain()
            .filter_map(|message| match message {
                rustix::net::RecvAncillaryMessage::ScmRights(files) => Some(files),
                _ => None,
            })
            .flatten()
            .collect();
        assert_eq!(files.len(), 1);
        let command: Value = serde_json::from_slice(&text[..got.bytes]).unwrap();
        assert_eq!(command["execute"], "getfd");
        peer.answer(&command, json!({}));
    });
    let file = std::fs::File::open("/dev/null").unwrap();
    let reply = client.call_with_fd("getfd", json!({"fdname": "x"}), file.as_fd(), SOON);
    assert_eq!(reply, Ok(json!({})));
    drop(client);
    thread.join().unwrap();
}

#[test]
fn a_listener_with_a_full_queue_does_not_hold_us() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mon");
    let none = Client::connect(&path, SOON).unwrap_err();
    assert!(
        matches!(none, QmpError::Connect { nobody: true, .. }),
        "{none}"
    );
    let _listener = UnixListener::bind(&path).unwrap();
    // The listener never accepts: connections queue up, then `connect` itself would block.
    let mut queued = Vec::new();
    for _ in 0..5000 {
        match super::connect::connect(&path, Instant::now()) {
            Ok(stream) => queued.push(stream),
            Err(_) => break,
        }
    }
    let started = Instant::now();
    assert!(Client::connect(&path, Duration::from_millis(100)).is_err());
    assert!(started.elapsed() < Duration::from_secs(2));
}
