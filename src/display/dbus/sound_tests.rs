//! The sound's listeners against a peer that speaks as QEMU does, and one that does not.

use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, bounded};
use zbus::message::Type;
use zbus::zvariant::OwnedFd;
use zbus::{Connection, Message};

use super::SoundLink;
use super::tests::serve;
use crate::display::DisplayError;
use crate::display::sound::{Frame, Mixer};
use crate::model::SoundSettings;

const PATIENCE: Duration = Duration::from_secs(10);

struct FakeQemu {
    link: SoundLink,
    mixer: Arc<Mixer>,
    out: Connection,
    input: Connection,
}

impl FakeQemu {
    fn start() -> Self {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let (listener_out, listeners) = bounded(2);
        let qemu = std::thread::Builder::new().name("fake-qemu".to_owned());
        let qemu = qemu.spawn(move || {
            zbus::block_on(async {
                let mut messages = serve(theirs).await.unwrap();
                let connection = Connection::from(&messages);
                while let Some(message) = super::next_message(&mut messages).await {
                    if message.message_type() != Type::MethodCall {
                        continue;
                    }
                    let (fd,): (OwnedFd,) = message.body().deserialize().unwrap();
                    connection.reply(&message.header(), &()).await.unwrap();
                    let stream = UnixStream::from(std::os::fd::OwnedFd::from(fd));
                    let listener = Connection::from(&serve(stream).await.unwrap());
                    let verb = message.header().member().unwrap().to_string();
                    listener_out.send((verb, listener)).unwrap();
                }
            });
        });
        let mixer = Mixer::new(SoundSettings {
            microphone: true,
            ..SoundSettings::default()
        });
        let link = SoundLink::open(ours, &mixer).unwrap();
        qemu.unwrap().join().unwrap(); // Our side of the first connection is closed already.
        let take = |listeners: &Receiver<(String, Connection)>, verb| {
            let (said, listener) = listeners.recv_timeout(PATIENCE).unwrap();
            assert_eq!(said, verb);
            listener
        };
        let out = take(&listeners, "RegisterOutListener");
        let input = take(&listeners, "RegisterInListener");
        Self {
            link,
            mixer,
            out,
            input,
        }
    }

    fn level(&self) -> Frame {
        let mut frames = [[9.0; 2]; 4];
        self.mixer.fill(&mut frames);
        frames[3]
    }
}

fn ask<B>(peer: &Connection, member: &str, body: &B) -> zbus::Result<Message>
where
    B: serde::Serialize + zbus::zvariant::DynamicType,
{
    let path = "/org/qemu/Display1/Listener";
    zbus::block_on(peer.call_method(None::<&str>, path, None::<&str>, member, body))
}

/// Calls and waits until the call has had its effect: the answer comes before the work.
fn tell<B>(peer: &Connection, member: &str, body: &B) -> zbus::Result<Message>
where
    B: serde::Serialize + zbus::zvariant::DynamicType,
{
    let reply = ask(peer, member, body)?;
    ask(peer, "Nothing", &())?;
    Ok(reply)
}

/// Id, bits, signed, float, frequency, channels, bytes a frame, bytes a second, big-endian.
fn init(id: u64, rate: u32, channels: u8) -> (u64, u8, bool, bool, u32, u8, u32, u32, bool) {
    (id, 16, true, false, rate, channels, 4, 192_000, false)
}

fn samples(count: usize) -> Vec<u8> {
    16_384_i16.to_le_bytes().repeat(2 * count)
}

#[test]
fn what_the_guest_plays_is_heard_as_loud_as_its_mixer_says() {
    let qemu = FakeQemu::start();
    ask(
        &qemu.out,
        "GetAll",
        &("org.qemu.Display1.AudioOutListener",),
    )
    .unwrap();
    tell(&qemu.out, "Init", &init(7, 48_000, 2)).unwrap();
    assert!(!qemu.mixer.wanted().playing);
    tell(&qemu.out, "SetEnabled", &(7_u64, true)).unwrap();
    assert!(qemu.mixer.wanted().playing);
    tell(&qemu.out, "Write", &(7_u64, samples(4_800))).unwrap();
    assert_eq!(qemu.level(), [0.5; 2]);
    tell(&qemu.out, "SetVolume", &(7_u64, false, vec![255_u8, 0])).unwrap();
    assert_eq!(qemu.level(), [0.5, 0.0]);
    tell(&qemu.out, "SetVolume", &(7_u64, true, vec![255_u8])).unwrap();
    assert_eq!(qemu.level(), [0.0; 2]);
    tell(&qemu.out, "Fini", &(7_u64,)).unwrap();
    assert!(!qemu.mixer.wanted().playing);
}

#[test]
fn the_guest_records_at_the_pace_of_time_and_only_while_it_records() {
    let qemu = FakeQemu::start();
    let read = || -> Vec<u8> {
        let reply = ask(&qemu.input, "Read", &(3_u64, 4_000_u64)).unwrap();
        let (bytes,) = reply.body().deserialize().unwrap();
        bytes
    };
    assert!(read().is_empty());
    tell(&qemu.input, "Init", &init(3, 48_000, 2)).unwrap();
    tell(&qemu.input, "SetEnabled", &(3_u64, true)).unwrap();
    assert!(qemu.mixer.wanted().listening);
    qemu.mixer.hear(&[[0.5; 2]; 4_800]);
    std::thread::sleep(Duration::from_millis(30));
    assert!(read().starts_with(&samples(100)));
    tell(&qemu.input, "SetEnabled", &(3_u64, false)).unwrap();
    assert!(read().is_empty() && !qemu.mixer.wanted().listening);
}

#[test]
fn hostile_calls_are_refused_and_the_sound_goes_on() {
    let qemu = FakeQemu::start();
    let refused = |body| {
        let error = ask(&qemu.out, "Init", &body).unwrap_err();
        error.to_string()
    };
    assert!(refused(init(1, 48_000, 0)).contains("0 channels"));
    assert!(refused(init(1, 1_000_000_000, 2)).contains("1000000000 samples"));
    assert!(ask(&qemu.out, "Init", &("nonsense",)).is_err());
    assert!(ask(&qemu.out, "SetVolume", &(1_u8,)).is_err());
    tell(&qemu.out, "Write", &(99_u64, samples(10))).unwrap();
    tell(&qemu.out, "Write", &("nonsense",)).unwrap();
    for id in 0..3_000 {
        ask(&qemu.out, "Init", &init(id, 48_000, 2)).unwrap();
    }
    tell(&qemu.out, "SetEnabled", &(1_u64, true)).unwrap();
    tell(&qemu.out, "Write", &(1_u64, samples(2_000_000))).unwrap();
    let mut frames = vec![[0.0; 2]; 48_000];
    qemu.mixer.fill(&mut frames);
    let heard = frames.iter().filter(|frame| frame[0] > 0.0).count();
    assert_eq!(heard, 9_599); // 200 ms, of which the last frame waits for its neighbour: the rest was dropped.
    for _ in 0..2_000 {
        ask(&qemu.input, "Read", &(1_u64, u64::MAX)).unwrap();
    }
    drop(qemu.link);
    assert!(ask(&qemu.out, "Fini", &(1_u64,)).is_err());
}

#[test]
fn a_peer_that_says_nothing_is_given_up() {
    let (ours, _silent) = UnixStream::pair().unwrap();
    let begun = Instant::now();
    let opened = SoundLink::open(ours, &Mixer::new(SoundSettings::default()));
    assert!(matches!(opened.err(), Some(DisplayError::Start { .. })));
    assert!(begun.elapsed() < PATIENCE);
}
