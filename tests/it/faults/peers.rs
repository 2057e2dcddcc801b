//! Clients of the owner's socket that talk nonsense, come in crowds, or never read.

use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use rustix::net::{AddressFamily, SendFlags, SocketAddrUnix, SocketFlags, SocketType};

use crate::story::House;

fn connect(house: &House) -> Option<OwnedFd> {
    let kind = (AddressFamily::UNIX, SocketType::SEQPACKET);
    let socket = rustix::net::socket_with(kind.0, kind.1, SocketFlags::CLOEXEC, None).unwrap();
    let path = SocketAddrUnix::new(house.runtime().join("control")).unwrap();
    rustix::net::connect(&socket, &path).ok().map(|()| socket)
}

fn send(socket: &OwnedFd, bytes: &[u8]) {
    rustix::net::send(socket, bytes, SendFlags::NOSIGNAL).ok(); // It may have hung up already.
}

/// How long the owner takes for a change.
fn change(house: &House) -> Duration {
    let before = Instant::now();
    house.done(&["set", "Card", "notes=still here"]);
    before.elapsed()
}

#[test]
fn nonsense_and_strange_packets_do_not_disturb_the_owner() {
    let house = House::with_card();
    let agent = house.agent_pid();
    let hello = br#"{"Hello":{"protocol":1,"pid":1,"events":true}}"#;
    let deep = "[".repeat(100_000);
    let packets: [&[u8]; 8] = [
        b"",
        b"\0\xff\xfe nonsense",
        b"{\"Hello\":",
        deep.as_bytes(),
        br#"{"Hello":{"protocol":4294967295,"pid":0,"events":false}}"#,
        br#"{"Request":{"id":1,"command":"EmptyTrash"}}"#,
        br#"{"Request":{"id":-1,"command":{"Act":{"machine":"x","action":"Explode"}}}}"#,
        &[b'x'; 130_000],
    ];
    for first in packets {
        for second in packets {
            let Some(socket) = connect(&house) else {
                continue;
            };
            send(&socket, first);
            send(&socket, second);
            let Some(socket) = connect(&house) else {
                continue;
            };
            send(&socket, hello);
            send(&socket, second);
        }
    }
    assert!(change(&house) < Duration::from_secs(5));
    assert_eq!(house.agent_pid(), agent);
    house.card("Card");
}

#[test]
fn a_hundred_silent_connections_hold_nobody_up_for_long() {
    let house = House::with_card();
    let agent = house.agent_pid();
    let crowd: Vec<_> = (0..100).map(|_| connect(&house)).collect();
    assert_eq!(house.state("Card"), "running");
    assert!(change(&house) < Duration::from_secs(15));
    assert_eq!(house.agent_pid(), agent);
    drop(crowd);
    assert!(change(&house) < Duration::from_secs(5));
}

#[test]
fn a_client_that_never_reads_costs_the_owner_neither_time_nor_memory() {
    let house = House::with_card();
    let lazy: Vec<_> = (0..8).filter_map(|_| connect(&house)).collect();
    for socket in &lazy {
        send(socket, br#"{"Hello":{"protocol":1,"pid":1,"events":true}}"#);
    }
    let notes = format!("notes={}", "x".repeat(60_000));
    house.done(&["set", "Card", &notes]);
    let agent = house.agent_pid().unwrap();
    for number in 0..60 {
        house.done(&["set", "Card", &format!("tags=t{number}")]);
    }
    assert!(change(&house) < Duration::from_secs(5));
    house.card("Card");
    let status = std::fs::read_to_string(format!("/proc/{agent}/status")).unwrap();
    let resident = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .unwrap();
    let kib: u64 = resident.trim().trim_end_matches(" kB").parse().unwrap();
    assert!(kib < 300 * 1024, "the owner has {kib} KiB");
}
