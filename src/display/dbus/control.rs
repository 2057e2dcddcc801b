//! The main connection: input to the machine, facts from it, and the listener's coming and going.

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

use serde::Serialize;
use zbus::export::futures_core::Stream;
use zbus::message::{Flags, Type};
use zbus::zvariant::{DynamicType, Fd, OwnedObjectPath, OwnedValue};
use zbus::{Connection, Message, MessageStream, connection};

use super::listener::Listener;
use super::{MAX_QUEUED, Offer, driven, wire};
use crate::display::DisplayError;
use crate::display::frame::{FrameSlot, Leds, ScreenStatus};
use crate::display::input::{Button, InputQueue, Order};
use crate::display::screen::ANSWER_DEADLINE;

/// QEMU answers in a millisecond unless it hangs.
const CALL_TIMEOUT: Duration = Duration::from_secs(10);
/// A list of objects takes a few KiB; more is not QEMU.
const MAX_OBJECTS_BYTES: usize = 1 << 20;
const ROOT: &str = "/org/qemu/Display1";
const CONSOLE: &str = "org.qemu.Display1.Console";
const KEYBOARD: &str = "org.qemu.Display1.Keyboard";
const MOUSE: &str = "org.qemu.Display1.Mouse";
/// More heads than any card has.
const MAX_HEADS: u32 = 32;

/// What the control thread works on.
pub(in crate::display) struct Link {
    pub slot: Arc<FrameSlot>,
    pub queue: Arc<InputQueue>,
    pub offer: Offer,
}

/// Serves the connection until the queue is closed or QEMU is gone.
pub(in crate::display) fn run(stream: UnixStream, link: &Link) -> Result<(), DisplayError> {
    let served = wire::run(stream, async |wire| {
        let messages = connection::Builder::socket(wire)
            .p2p()
            .internal_executor(false)
            .max_queued(MAX_QUEUED)
            .method_timeout(CALL_TIMEOUT)
            .build_message_stream()
            .await
            .map_err(failed("greet the machine's screen"))?;
        let connection = Connection::from(&messages);
        let control = Control {
            link,
            connection: connection.clone(),
            head: 0,
            listener: None,
            registering: None,
            resizing: None,
        };
        driven(&connection, control.serve(messages)).await
    });
    served.unwrap_or_else(|error| {
        Err(DisplayError::Start {
            reason: error.to_string(),
        })
    })
}

fn failed(doing: &'static str) -> impl Fn(zbus::Error) -> DisplayError {
    move |error| DisplayError::Peer {
        doing,
        reason: error.to_string(),
    }
}

struct Control<'a> {
    link: &'a Link,
    connection: Connection,
    head: u32,
    listener: Option<Listener>,
    /// The call whose answer tells whether QEMU took the listener.
    registering: Option<NonZeroU32>,
    /// The call whose answer tells whether the graphics card can be told a size.
    resizing: Option<NonZeroU32>,
}

enum Event {
    Message(Message),
    Order(Order),
    /// The queue is closed.
    Close,
    /// QEMU is gone.
    Gone,
}

type Properties = HashMap<String, OwnedValue>;
type Objects = HashMap<OwnedObjectPath, HashMap<String, Properties>>;

impl Control<'_> {
    async fn serve(mut self, mut messages: MessageStream) -> Result<(), DisplayError> {
        self.read_objects().await?;
        let ended = self.control(&mut messages).await;
        if ended == Err(DisplayError::Closed) && self.listener.is_some() {
            return self.only_watch().await;
        }
        ended
    }

    /// QEMU serves one controlling connection, the last that was added, and closes the others. A listener lives on, so
    /// somebody else having taken the controls leaves us the picture. If QEMU is gone, the listener reports it.
    async fn only_watch(&mut self) -> Result<(), DisplayError> {
        self.link.slot.edit_info(|info| info.takes_input = false);
        let queue = &self.link.queue;
        while let Some(order) = std::future::poll_fn(|context| queue.poll_next(context)).await {
            if order == Order::Show(None) {
                self.listener = None;
                return Err(DisplayError::Closed); // It could not be shown again.
            }
        }
        Ok(())
    }

    async fn control(&mut self, messages: &mut MessageStream) -> Result<(), DisplayError> {
        loop {
            match self.next_event(messages).await {
                Event::Message(message) => self.take_message(&message)?,
                Event::Order(order) => self.obey(order).await?,
                Event::Close => return Ok(()),
                Event::Gone => return Err(DisplayError::Closed),
            }
        }
    }

    async fn next_event(&self, messages: &mut MessageStream) -> Event {
        std::future::poll_fn(|context| {
            match Pin::new(&mut *messages).poll_next(context) {
                Poll::Ready(Some(Ok(message))) => return Poll::Ready(Event::Message(message)),
                Poll::Ready(Some(Err(_)) | None) => return Poll::Ready(Event::Gone),
                Poll::Pending => {}
            }
            let order = self.link.queue.poll_next(context);
            order.map(|order| order.map_or(Event::Close, Event::Order))
        })
        .await
    }

    /// Which heads there are, and what their mouse and keyboard are like.
    async fn read_objects(&self) -> Result<(), DisplayError> {
        let doing = "list the machine's screens";
        let interface = Some("org.freedesktop.DBus.ObjectManager");
        let reply =
            self.connection
                .call_method(None::<&str>, ROOT, interface, "GetManagedObjects", &());
        let reply = reply.await.map_err(failed(doing))?;
        if reply.data().len() > MAX_OBJECTS_BYTES {
            let reason = format!("the list has {} bytes", reply.data().len());
            return Err(DisplayError::Peer { doing, reason });
        }
        let objects: Objects = reply.body().deserialize().map_err(failed(doing))?;
        let heads = objects.values().filter(|object| is_graphic(object)).count();
        let heads = u32::try_from(heads)
            .unwrap_or(MAX_HEADS)
            .clamp(1, MAX_HEADS);
        self.link.slot.edit_info(|info| info.heads = heads);
        let path = console_path(self.head);
        let console = objects.iter().find(|(known, _)| known.as_str() == path);
        for (interface, properties) in console.into_iter().flat_map(|(_, object)| object) {
            self.take_properties(interface, properties);
        }
        Ok(())
    }

    fn take_message(&mut self, message: &Message) -> Result<(), DisplayError> {
        let header = message.header();
        match message.message_type() {
            Type::Signal
                if header
                    .member()
                    .is_some_and(|member| member == "PropertiesChanged") =>
            {
                let ours = header
                    .path()
                    .is_some_and(|path| path.as_str() == console_path(self.head));
                if ours && message.data().len() <= MAX_OBJECTS_BYTES {
                    let body = message.body();
                    let parts: Result<(String, Properties, Vec<String>), _> = body.deserialize();
                    if let Ok((interface, properties, _)) = parts {
                        self.take_properties(&interface, &properties);
                    }
                }
            }
            Type::Error
                if header.reply_serial() == self.registering && self.registering.is_some() =>
            {
                let reason: String = message.body().deserialize().unwrap_or_default();
                let doing = "show the machine's screen";
                return Err(DisplayError::Peer { doing, reason });
            }
            Type::MethodReturn if header.reply_serial() == self.registering => self.registered(),
            Type::Error | Type::MethodReturn
                if header.reply_serial() == self.resizing && self.resizing.is_some() =>
            {
                self.resizing = None;
                let able = message.message_type() == Type::MethodReturn;
                let slot = &self.link.slot;
                slot.edit_info(|info| info.resizable = Some(able));
            }
            Type::Signal | Type::Error | Type::MethodReturn | Type::MethodCall => {}
        }
        Ok(())
    }

    /// QEMU draws for us now. The first picture may have come before this answer.
    fn registered(&mut self) {
        self.registering = None;
        self.link.slot.edit_info(|info| {
            if info.status == ScreenStatus::Connecting {
                info.status = ScreenStatus::Blank;
            }
        });
    }

    fn take_properties(&self, interface: &str, properties: &Properties) {
        let slot = &self.link.slot;
        if interface == MOUSE
            && let Some(Ok(absolute)) = properties.get("IsAbsolute").map(bool::try_from)
        {
            slot.edit_info(|info| info.absolute_pointer = absolute);
        }
        if interface == KEYBOARD
            && let Some(Ok(bits)) = properties.get("Modifiers").map(u32::try_from)
        {
            slot.edit_info(|info| info.leds = Some(leds(bits)));
        }
    }

    async fn obey(&mut self, order: Order) -> Result<(), DisplayError> {
        match order {
            Order::Key { code, down } => {
                let Some(qnum) = code.qnum() else {
                    return Ok(());
                };
                let verb = if down { "Press" } else { "Release" };
                self.tell(KEYBOARD, verb, &(u32::from(qnum),)).await
            }
            Order::Button { button, down } => self.press(button_number(button), down).await,
            Order::Wheel { dx, dy } => self.turn_wheel(dx, dy).await,
            Order::PointerAbs { x, y } => {
                // QEMU refuses positions outside its picture.
                let size = self.link.slot.info().size;
                let at = (
                    x.min(size.width.saturating_sub(1)),
                    y.min(size.height.saturating_sub(1)),
                );
                self.tell(MOUSE, "SetAbsPosition", &at).await
            }
            Order::PointerRel { dx, dy } => self.tell(MOUSE, "RelMotion", &(dx, dy)).await,
            Order::Resize { w, h } => {
                // Physical size in mm and offset: unknown.
                let wish = (0_u16, 0_u16, 0_i32, 0_i32, w, h);
                let call = call(self.head, CONSOLE, "SetUIInfo", &wish, None)?;
                self.resizing = Some(call.primary_header().serial_num());
                self.send(&call).await
            }
            Order::Show(head) => self.show(head).await,
            Order::Refresh { .. } => Ok(()), // Only RFB asks for pictures.
        }
    }

    async fn turn_wheel(&self, dx: i32, dy: i32) -> Result<(), DisplayError> {
        // InputButton in qapi/ui.json: 3 up, 4 down, 7 left, 8 right.
        for (steps, positive, negative) in [(dy, 3, 4), (dx, 8, 7)] {
            let button = if steps > 0 { positive } else { negative };
            for _ in 0..steps.unsigned_abs() {
                self.press(button, true).await?;
                self.press(button, false).await?;
            }
        }
        Ok(())
    }

    async fn press(&self, button: u32, down: bool) -> Result<(), DisplayError> {
        let verb = if down { "Press" } else { "Release" };
        self.tell(MOUSE, verb, &(button,)).await
    }

    /// Shows a head, or nothing.
    async fn show(&mut self, head: Option<u32>) -> Result<(), DisplayError> {
        if self.listener.is_some() && head == Some(self.head) {
            return Ok(());
        }
        self.listener = None; // Closes the old one first.
        self.registering = None;
        let Some(head) = head else {
            self.link.slot.set_status(ScreenStatus::Hidden);
            return Ok(());
        };
        if head != self.head {
            self.head = head;
            self.read_objects().await?;
        }
        self.link
            .slot
            .expect_answer(Instant::now() + ANSWER_DEADLINE);
        let start = |error: std::io::Error| DisplayError::Start {
            reason: error.to_string(),
        };
        let (ours, theirs) = UnixStream::pair().map_err(start)?;
        let listener = Listener::start(ours, Arc::clone(&self.link.slot), self.link.offer);
        self.listener = Some(listener.map_err(start)?);
        let fd = Fd::from(OwnedFd::from(theirs));
        let call = call(self.head, CONSOLE, "RegisterListener", &(fd,), None)?;
        self.registering = Some(call.primary_header().serial_num());
        self.send(&call).await
    }

    /// A call without an answer.
    async fn tell<B>(&self, interface: &str, verb: &str, body: &B) -> Result<(), DisplayError>
    where
        B: Serialize + DynamicType,
    {
        let message = call(
            self.head,
            interface,
            verb,
            body,
            Some(Flags::NoReplyExpected),
        )?;
        self.send(&message).await
    }

    async fn send(&self, message: &Message) -> Result<(), DisplayError> {
        let sent = self.connection.send(message).await;
        sent.map_err(|_gone| DisplayError::Closed)
    }
}

fn call<B>(
    head: u32,
    interface: &str,
    verb: &str,
    body: &B,
    flag: Option<Flags>,
) -> Result<Message, DisplayError>
where
    B: Serialize + DynamicType,
{
    let build = || {
        let mut builder = Message::method_call(console_path(head), verb)?.interface(interface)?;
        if let Some(flag) = flag {
            builder = builder.with_flags(flag)?;
        }
        builder.build(body)
    };
    build().map_err(failed("write a message to the machine"))
}

fn console_path(head: u32) -> String {
    format!("{ROOT}/Console_{head}")
}

fn is_graphic(object: &HashMap<String, Properties>) -> bool {
    let console = object.get(CONSOLE);
    let kind = console.and_then(|properties| properties.get("Type"));
    kind.is_some_and(|kind| <&str>::try_from(kind).is_ok_and(|kind| kind == "Graphic"))
}

/// Keyboard.Modifiers: bits 0 scroll lock, 1 num lock, 2 caps lock.
fn leds(bits: u32) -> Leds {
    Leds {
        scroll_lock: bits & 1 != 0,
        num_lock: bits & 2 != 0,
        caps_lock: bits & 4 != 0,
    }
}

/// InputButton in qapi/ui.json.
fn button_number(button: Button) -> u32 {
    match button {
        Button::Left => 0,
        Button::Middle => 1,
        Button::Right => 2,
        Button::Side => 5,
        Button::Extra => 6,
    }
}
