//! The D-Bus display against a scripted QEMU.

use std::collections::HashMap;
use std::io::Write;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, bounded};
use zbus::message::{Flags, Type};
use zbus::zvariant::{Fd, OwnedFd, OwnedValue, Structure, Value};
use zbus::{Connection, Guid, Message, MessageStream, connection};

use crate::display::frame::{Rect, ScreenStatus, Size, Want};
use crate::display::keys::KeyCode;
use crate::display::{Button, Input, Screen};

const PATIENCE: Duration = Duration::from_secs(5);
const XRGB: u32 = 0x2002_0888;
const CONSOLE_PATH: &str = "/org/qemu/Display1/Console_0";

type Objects<'a> = HashMap<&'a str, HashMap<&'a str, Value<'a>>>;

/// What QEMU never gets to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stall {
    Never,
    /// The list of its objects.
    Objects,
    /// The answer to our registering a listener.
    Register,
    /// Greeting the listener that it took.
    Greeting,
}

/// QEMU's side, as far as it matters here.
pub(super) struct FakeQemu {
    main: Connection,
    /// Connections to the listeners we registered, the oldest first.
    listeners: Receiver<Connection>,
    /// Calls we made, as "Member(arguments)".
    calls: Receiver<String>,
}

impl FakeQemu {
    pub(super) fn start() -> (Screen, Self) {
        Self::start_with(Stall::Never)
    }

    fn start_with(stall: Stall) -> (Screen, Self) {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let screen = Screen::dbus(ours, Arc::new(|| {})).unwrap();
        let (listener_out, listeners) = bounded(8);
        let (call_out, calls) = bounded(1024);
        let messages = zbus::block_on(serve(theirs)).unwrap();
        let main = Connection::from(&messages);
        std::thread::Builder::new()
            .name("fake-qemu".to_owned())
            .spawn(move || zbus::block_on(answer(messages, stall, &listener_out, &call_out)))
            .unwrap();
        let fake = Self {
            main,
            listeners,
            calls,
        };
        (screen, fake)
    }

    /// The listener, after asking what it can take, as QEMU does.
    pub(super) fn listener(&self) -> Listener {
        let listener = Listener(self.listeners.recv_timeout(PATIENCE).unwrap());
        let reply = listener.ask(
            "org.freedesktop.DBus.Properties",
            "GetAll",
            &("org.qemu.Display1.Listener",),
        );
        let all: HashMap<String, OwnedValue> = reply.unwrap().body().deserialize().unwrap();
        let interfaces: Vec<String> = all["Interfaces"].try_clone().unwrap().try_into().unwrap();
        assert_eq!(interfaces, ["org.qemu.Display1.Listener.Unix.Map"]);
        listener
    }

    fn call(&self) -> String {
        self.calls.recv_timeout(PATIENCE).unwrap()
    }

    fn change(&self, interface: &str, name: &str, value: Value<'_>) {
        let body = (
            interface,
            HashMap::from([(name, value)]),
            Vec::<&str>::new(),
        );
        let signal = self.main.emit_signal(
            None::<&str>,
            CONSOLE_PATH,
            "org.freedesktop.DBus.Properties",
            "PropertiesChanged",
            &body,
        );
        zbus::block_on(signal).unwrap();
    }
}

pub(super) async fn serve(stream: UnixStream) -> zbus::Result<MessageStream> {
    let builder = connection::Builder::async_io_unix_stream(stream);
    builder
        .server(Guid::generate())?
        .p2p()
        .build_message_stream()
        .await
}

async fn answer(
    mut messages: MessageStream,
    stall: Stall,
    listeners: &Sender<Connection>,
    calls: &Sender<String>,
) {
    let connection = Connection::from(&messages);
    let mut kept = Vec::new();
    while let Some(message) = super::next_message(&mut messages).await {
        if message.message_type() != Type::MethodCall {
            continue;
        }
        let header = message.header();
        let body = message.body();
        match header.member().unwrap().as_str() {
            "GetManagedObjects" if stall == Stall::Objects => {}
            "GetManagedObjects" => {
                let console: Objects<'_> = HashMap::from([
                    (
                        "org.qemu.Display1.Console",
                        HashMap::from([("Type", Value::from("Graphic"))]),
                    ),
                    (
                        "org.qemu.Display1.Mouse",
                        HashMap::from([("IsAbsolute", Value::from(false))]),
                    ),
                    (
                        "org.qemu.Display1.Keyboard",
                        HashMap::from([("Modifiers", Value::from(2_u32))]),
                    ),
                ]);
                let path = zbus::zvariant::ObjectPath::try_from(CONSOLE_PATH).unwrap();
                connection
                    .reply(&header, &(HashMap::from([(path, console)]),))
                    .await
                    .unwrap();
            }
            "RegisterListener" => {
                let (fd,): (OwnedFd,) = body.deserialize().unwrap();
                if stall != Stall::Register {
                    connection.reply(&header, &()).await.unwrap();
                }
                if stall != Stall::Never {
                    kept.push(fd);
                    continue;
                }
                let stream = UnixStream::from(std::os::fd::OwnedFd::from(fd));
                let messages = serve(stream).await.unwrap();
                listeners.send(Connection::from(&messages)).unwrap();
            }
            member => {
                let quiet = header.primary().flags().contains(Flags::NoReplyExpected);
                assert_eq!(quiet, member != "SetUIInfo");
                if !quiet {
                    let name = "org.qemu.Display1.Error.Unsupported"; // As a std VGA says.
                    connection.reply_error(&header, name, &"").await.unwrap();
                }
                let arguments: Structure<'_> = body.deserialize().unwrap();
                // A value prints as "uint32 5"; the number is enough.
                let number =
                    |value: &Value<'_>| value.to_string().rsplit(' ').next().unwrap().to_owned();
                let fields: Vec<String> = arguments.fields().iter().map(number).collect();
                calls
                    .send(format!("{member}({})", fields.join(", ")))
                    .unwrap();
            }
        }
    }
}

pub(super) struct Listener(Connection);

impl Listener {
    pub(super) fn ask<B>(&self, interface: &str, member: &str, body: &B) -> zbus::Result<Message>
    where
        B: serde::Serialize + zbus::zvariant::DynamicType,
    {
        let path = "/org/qemu/Display1/Listener";
        zbus::block_on(
            self.0
                .call_method(None::<&str>, path, Some(interface), member, body),
        )
    }

    pub(super) fn map(
        &self,
        bytes: &[u8],
        size: Size,
        stride: u32,
        code: u32,
    ) -> zbus::Result<Message> {
        let mut file = tempfile::tempfile()?;
        file.write_all(bytes)?;
        let fd = Fd::from(std::os::fd::OwnedFd::from(file));
        let body = (fd, 0_u32, size.width, size.height, stride, code);
        self.ask("org.qemu.Display1.Listener.Unix.Map", "ScanoutMap", &body)
    }

    /// Calls and waits until the call has had its effect.
    pub(super) fn tell<B>(&self, member: &str, body: &B) -> zbus::Result<Message>
    where
        B: serde::Serialize + zbus::zvariant::DynamicType,
    {
        let reply = self.ask("org.qemu.Display1.Listener", member, body)?;
        // The answer comes before the work; the answer to the next call comes after it.
        self.ask("org.qemu.Display1.Listener", "Nothing", &())?;
        Ok(reply)
    }
}

pub(super) fn until(what: &str, mut done: impl FnMut() -> bool) {
    let start = Instant::now();
    while !done() {
        assert!(start.elapsed() < PATIENCE, "waited in vain for {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

#[test]
fn shared_pixels_are_copied_for_a_viewer_and_damage_alone_for_a_presenter() {
    let (screen, qemu) = FakeQemu::start();
    let mut page = screen.slot().watch(Want::Pixels);
    let mut presenter = screen.slot().watch(Want::Damage);
    let listener = qemu.listener();
    let bytes: Vec<u8> = (0..64).collect();
    listener.map(&bytes, Size::new(4, 4), 16, XRGB).unwrap();
    listener
        .tell("UpdateMap", &(1_i32, 1_i32, 2_i32, 900_i32))
        .unwrap();
    let mut pixels = Vec::new();
    until("pixels", || {
        page.take(|patch| pixels = patch.rgba.to_vec()).is_some()
    });
    assert_eq!(pixels[..8], [2, 1, 0, 255, 6, 5, 4, 255]);
    let change = presenter.take_damage().unwrap();
    assert!(change.whole);
    listener
        .tell("UpdateMap", &(1_i32, 1_i32, 2_i32, 900_i32))
        .unwrap();
    let damage = presenter.take_damage().unwrap().damage;
    assert_eq!(damage.rects(), [Rect::new(1, 1, 2, 3)]);
}

#[test]
fn hostile_maps_are_refused_and_the_screen_lives_on() {
    let (screen, qemu) = FakeQemu::start();
    let listener = qemu.listener();
    let refused = |bytes: usize, w, h, stride, code| {
        listener
            .map(&vec![0; bytes], Size::new(w, h), stride, code)
            .unwrap_err()
            .to_string()
    };
    assert!(refused(100, 4, 4, 64, XRGB).contains("holds 100 bytes where 208"));
    assert!(
        refused(100, u32::MAX, u32::MAX, u32::MAX, XRGB).contains("more than the screen can show")
    );
    assert!(refused(100, 16_384, 16_384, 65_536, XRGB).contains("more than the screen can show"));
    assert!(refused(100, 4, 4, 1, XRGB).contains("rows of 1 bytes"));
    assert!(refused(100, 4, 4, 16, 7).contains("unknown format"));
    assert!(listener.tell("ScanoutDMABUF", &(1_u32,)).is_err());
    assert!(listener.tell("Scanout", &("nonsense",)).is_err());
    listener
        .tell(
            "Update",
            &(
                -5_i32,
                i32::MAX,
                4_i32,
                4_i32,
                16_u32,
                XRGB,
                &[0_u8; 64][..],
            ),
        )
        .unwrap();
    listener
        .tell(
            "CursorDefine",
            &(9_000_i32, 9_000_i32, 0_i32, 0_i32, &[0_u8; 4][..]),
        )
        .unwrap();
    listener
        .tell(
            "Scanout",
            &(1_u32, 1_u32, 4_u32, XRGB, &[3_u8, 2, 1, 0][..]),
        )
        .unwrap();
    assert_eq!(screen.slot().info().status, ScreenStatus::Live);
    assert_eq!(screen.slot().info().cursor.width, 0);
    let mut page = screen.slot().watch(Want::Pixels);
    let mut seen = Vec::new();
    until("the pixel", || {
        page.take(|patch| seen = patch.rgba.to_vec()).is_some()
    });
    assert_eq!(seen, [1, 2, 3, 255]);
}

#[test]
fn qemu_gets_its_answer_even_while_the_app_reads_pixels() {
    let (screen, qemu) = FakeQemu::start();
    let listener = qemu.listener();
    listener
        .tell("Scanout", &(1_u32, 1_u32, 4_u32, XRGB, &[0_u8; 4][..]))
        .unwrap();
    let mut page = screen.slot().watch(Want::Pixels);
    let mut answered = None;
    until("a picture", || {
        page.take(|_patch| {
            let asked = Instant::now();
            listener.map(&[0; 64], Size::new(4, 4), 16, XRGB).unwrap();
            answered = Some(asked.elapsed());
        })
        .is_some()
    });
    assert!(
        answered.is_some_and(|time| time < Duration::from_secs(1)),
        "{answered:?}"
    );
}

#[test]
fn pointer_shape_status_and_lights_follow_the_machine() {
    let (screen, qemu) = FakeQemu::start();
    let listener = qemu.listener();
    let argb = 0x8001_0203_u32.to_ne_bytes();
    listener
        .tell("CursorDefine", &(1_i32, 1_i32, 0_i32, 9_i32, &argb[..]))
        .unwrap();
    listener.tell("MouseSet", &(3_i32, -4_i32, 1_i32)).unwrap();
    let info = screen.slot().info();
    let cursor = &info.cursor;
    assert_eq!(*cursor.rgba, [1, 2, 3, 0x80]);
    assert_eq!(
        (cursor.hot_y, cursor.x, cursor.y, cursor.visible),
        (0, 3, -4, true)
    );
    assert!(!info.absolute_pointer && info.leds.is_some_and(|leds| leds.num_lock));
    qemu.change("org.qemu.Display1.Mouse", "IsAbsolute", Value::from(true));
    qemu.change(
        "org.qemu.Display1.Keyboard",
        "Modifiers",
        Value::from(4_u32),
    );
    until("absolute", || screen.slot().info().absolute_pointer);
    until("caps lock", || {
        screen.slot().info().leds.is_some_and(|leds| leds.caps_lock)
    });
    listener.tell("Disable", &()).unwrap();
    assert_eq!(screen.slot().info().status, ScreenStatus::Blank);
}

#[test]
fn input_reaches_qemu_in_its_own_numbers_and_keys_are_lifted_at_the_end() {
    let (screen, qemu) = FakeQemu::start();
    let listener = qemu.listener();
    listener
        .tell("Scanout", &(1_u32, 1_u32, 4_u32, XRGB, &[0_u8; 4][..]))
        .unwrap();
    screen.send(Input::Key {
        code: KeyCode::DELETE,
        down: true,
    });
    assert_eq!(qemu.call(), "Press(211)");
    screen.send(Input::PointerAbs { x: 50, y: 50 });
    assert_eq!(qemu.call(), "SetAbsPosition(0, 0)");
    screen.send(Input::PointerRel { dx: -2, dy: 3 });
    assert_eq!(qemu.call(), "RelMotion(-2, 3)");
    screen.send(Input::Button {
        button: Button::Side,
        down: true,
    });
    assert_eq!(qemu.call(), "Press(5)");
    screen.send(Input::Wheel { dx: 0, dy: -1 });
    assert_eq!([qemu.call(), qemu.call()], ["Press(4)", "Release(4)"]);
    screen.send(Input::Resize { w: 800, h: 600 });
    assert_eq!(qemu.call(), "SetUIInfo(0, 0, 0, 0, 800, 600)");
    until("the card's answer", || {
        screen.slot().info().resizable == Some(false)
    });
    drop(screen);
    assert_eq!([qemu.call(), qemu.call()], ["Release(211)", "Release(5)"]);
}

#[test]
fn hiding_closes_the_listener_and_showing_registers_another() {
    let (screen, qemu) = FakeQemu::start();
    let first = qemu.listener();
    screen.set_visible(false);
    until("hidden", || {
        screen.slot().info().status == ScreenStatus::Hidden
    });
    until("a closed listener", || first.tell("Disable", &()).is_err());
    screen.set_visible(true);
    let second = qemu.listener();
    second
        .tell("Scanout", &(1_u32, 1_u32, 4_u32, XRGB, &[0_u8; 4][..]))
        .unwrap();
    assert_eq!(screen.slot().info().status, ScreenStatus::Live);
}

#[test]
fn a_qemu_that_goes_away_or_never_speaks_holds_nobody_up() {
    let (screen, qemu) = FakeQemu::start();
    let listener = qemu.listener();
    drop(listener);
    until("lost", || {
        matches!(screen.slot().info().status, ScreenStatus::Lost { .. })
    });
    let (ours, _silent) = UnixStream::pair().unwrap();
    let screen = Screen::dbus(ours, Arc::new(|| {})).unwrap();
    for i in 0..100_000_u32 {
        screen.send(Input::Key {
            code: KeyCode::DELETE,
            down: i % 2 == 0,
        });
    }
    assert_eq!(screen.slot().info().status, ScreenStatus::Connecting);
    let start = Instant::now();
    drop(screen);
    assert!(start.elapsed() < Duration::from_secs(1));
}

#[test]
fn a_machine_that_does_not_answer_in_time_is_a_lost_screen() {
    let (ours, _silent) = UnixStream::pair().unwrap();
    let screen = Screen::dbus(ours, Arc::new(|| {})).unwrap();
    until("the deadline", || {
        matches!(screen.slot().info().status, ScreenStatus::Lost { .. })
    });
    let ScreenStatus::Lost { why } = screen.slot().info().status else {
        panic!("it was lost a moment ago");
    };
    assert!(why.contains("did not answer within 2 seconds"), "{why}");
}

#[test]
fn a_machine_that_stalls_in_any_answer_keeps_nobody_from_typing_or_leaving() {
    for stall in [Stall::Objects, Stall::Register, Stall::Greeting] {
        let (screen, qemu) = FakeQemu::start_with(stall);
        let code = KeyCode::DELETE;
        screen.send(Input::Key { code, down: true });
        if stall != Stall::Objects {
            assert_eq!(qemu.call(), "Press(211)", "{stall:?}");
        }
        until("what becomes of it", || match screen.slot().info().status {
            ScreenStatus::Lost { .. } => stall != Stall::Greeting,
            ScreenStatus::Blank => stall == Stall::Greeting, // A picture may yet come.
            ScreenStatus::Connecting | ScreenStatus::Live | ScreenStatus::Hidden => false,
        });
        drop(screen); // Joins every thread.
    }
}
