//! What an agent may send: honest messages in any pieces, and everything else.

use super::*;
use crate::guest::spice::message::Outgoing;
use crate::library::tests::Chance;

/// One message on `port` in chunks of `piece` bytes.
pub fn chunks(port: u32, kind: u32, body: &[u8], piece: usize) -> Vec<Vec<u8>> {
    let mut message = Vec::new();
    message.extend(PROTOCOL.to_le_bytes());
    message.extend(kind.to_le_bytes());
    message.extend([0; 8]);
    message.extend((body.len() as u32).to_le_bytes());
    message.extend(body);
    let chunk = |part: &[u8]| {
        let mut chunk = port.to_le_bytes().to_vec();
        chunk.extend((part.len() as u32).to_le_bytes());
        chunk.extend(part);
        chunk
    };
    message.chunks(piece).map(chunk).collect()
}

fn feed(decoder: &mut Decoder, bytes: &[u8]) -> Result<Vec<Message>, Nonsense> {
    let mut messages = Vec::new();
    decoder.feed(bytes, &mut |message| messages.push(message))?;
    Ok(messages)
}

#[test]
fn messages_of_two_ports_in_any_pieces_come_out_whole_and_in_order() {
    let mut chance = Chance::new();
    for _ in 0..300 {
        let mut decoder = Decoder::default();
        let body = |chance: &mut Chance| {
            let length = chance.below(200) as usize;
            (0..length)
                .map(|_| chance.next() as u8)
                .collect::<Vec<u8>>()
        };
        let sent: Vec<(u32, Vec<u8>)> = (0..6)
            .map(|place| (CLIENT_PORT + place % 2, body(&mut chance)))
            .collect();
        let mut queues = [Vec::new(), Vec::new()];
        for (port, body) in &sent {
            let piece = 1 + chance.below(60) as usize;
            queues[*port as usize - 1].extend(chunks(*port, 99, body, piece));
        }
        let mut stream = Vec::new();
        while queues.iter().any(|queue| !queue.is_empty()) {
            let queue = &mut queues[chance.below(2) as usize];
            if !queue.is_empty() {
                stream.extend(queue.remove(0));
            }
        }
        let mut got = Vec::new();
        while !stream.is_empty() {
            let cut = (1 + chance.below(80) as usize).min(stream.len());
            let rest = stream.split_off(cut);
            got.extend(feed(&mut decoder, &stream).unwrap());
            stream = rest;
        }
        let mut bodies: Vec<Vec<u8>> = got
            .into_iter()
            .map(|message| match message.body {
                Body::Kept(body) => body,
                Body::Skipped(_) => panic!("it was short"),
            })
            .collect();
        let mut expected: Vec<Vec<u8>> = sent.into_iter().map(|(_, body)| body).collect();
        bodies.sort();
        expected.sort();
        assert_eq!(bodies, expected);
    }
}

#[test]
fn our_own_messages_are_read_as_they_were_written() {
    let bytes: Vec<u8> = (0..10_000_u32).map(|number| number as u8).collect();
    let message = Outgoing::file_data(7, bytes.clone());
    let mut decoder = Decoder {
        wanted: usize::MAX,
        ..Decoder::default()
    };
    let mut got = Vec::new();
    let mut at = 0;
    while at < message.len() {
        let chunk = message.chunk(at);
        at += chunk.len() - CHUNK_HEADER;
        assert!(chunk.len() <= CHUNK_HEADER + 2048, "agents take no more");
        got.extend(feed(&mut decoder, &chunk).unwrap());
    }
    assert_eq!(
        got,
        [Message {
            kind: 12,
            body: Body::Skipped(10_012)
        }],
        "and it is not for us"
    );
}

#[test]
fn what_a_message_claims_takes_no_memory() {
    let mut decoder = Decoder {
        wanted: 1 << 20,
        ..Decoder::default()
    };
    let mut endless = chunks(CLIENT_PORT, message_kind::CLIPBOARD, &[], 4096).concat();
    endless[4..8].copy_from_slice(&u32::MAX.to_le_bytes()); // The chunk,
    endless[8 + 16..8 + 20].copy_from_slice(&u32::MAX.to_le_bytes()); // and the message in it.
    let told = feed(&mut decoder, &endless).unwrap();
    assert_eq!(
        told,
        [Message {
            kind: 4,
            body: Body::Skipped(u32::MAX as usize)
        }]
    );
    for _ in 0..1000 {
        assert_eq!(feed(&mut decoder, &[7; 65_536]).unwrap(), []);
    }
    assert!(decoder.memory() < 4096, "{}", decoder.memory());
    let mut claims = chunks(CLIENT_PORT, message_kind::CLIPBOARD, &[], 4096).concat();
    claims[8 + 16..8 + 20].copy_from_slice(&(1_u32 << 20).to_le_bytes());
    claims[4..8].copy_from_slice(&(1_u32 << 20).to_le_bytes());
    let mut decoder = Decoder {
        wanted: 1 << 20,
        ..Decoder::default()
    };
    feed(&mut decoder, &claims).unwrap();
    assert!(decoder.memory() < 4096, "only what comes is kept");
}

#[test]
fn nonsense_is_told_and_random_bytes_never_grow_us() {
    let mut decoder = Decoder::default();
    let wrong = chunks(9, 1, b"", 64).concat();
    assert_eq!(feed(&mut decoder, &wrong), Err(Nonsense::Port { port: 9 }));
    let mut wrong = chunks(CLIENT_PORT, 1, b"", 64).concat();
    wrong[8] = 2;
    let mut decoder = Decoder::default();
    let protocol = Err(Nonsense::Protocol { protocol: 2 });
    assert_eq!(feed(&mut decoder, &wrong), protocol);
    let mut chance = Chance::new();
    for _ in 0..3000 {
        let mut decoder = Decoder {
            wanted: 5000,
            ..Decoder::default()
        };
        let mut stream = Vec::new();
        for _ in 0..chance.below(20) {
            let body = vec![0; chance.below(6000) as usize];
            let port = 1 + chance.below(2) as u32;
            let piece = 1 + chance.below(7000) as usize;
            stream.extend(chunks(port, chance.below(20) as u32, &body, piece).concat());
        }
        for _ in 0..chance.below(6) {
            let length = stream.len() as u64;
            if length > 0 {
                stream[chance.below(length) as usize] = chance.next() as u8;
            }
        }
        for piece in stream.chunks(1 + chance.below(3000) as usize) {
            if feed(&mut decoder, piece).is_err() {
                break;
            }
            assert!(
                decoder.memory() <= 2 * (2 * 5000) + 256,
                "{}",
                decoder.memory()
            );
        }
    }
}
