//! The main connection: input to the machine, facts from it, and the listener's coming and going.
//!
//! ```text
//!   controls ──another connection has them──▶ idles, the listener goes on
//!      ▲                                         │
//!      └── a new connection, as input wants it ──┘
//! ```

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
use zbus::zvariant::{DynamicType, Fd};
use zbus::{Connection, Message, MessageStream};

use super::calls::{
    CONSOLE, Objects, Properties, ROOT, button_number, call, console_path, console_path_start,
    failed, is_graphic, leds,
};
use super::listener::Listener;
use super::{Offer, desktop, driven, peer, wire};
use crate::display::DisplayError;
use crate::display::frame::{FrameSlot, ScreenStatus, Size};
use crate::display::input::{Idle, InputQueue, Order};
use crate::display::screen::ANSWER_DEADLINE;
use crate::display::touch::{MAX_SLOTS, Phase, Touch};

/// QEMU answers in a millisecond unless it hangs.
const CALL_TIMEOUT: Duration = Duration::from_secs(10);
/// A list of objects takes a few KiB; more is not QEMU.
const MAX_OBJECTS_BYTES: usize = 1 << 20;
/// Bytes of inline pixels on their way.
const SEND_BUFFER: usize = 4 << 20;
const KEYBOARD: &str = "org.qemu.Display1.Keyboard";
const MOUSE: &str = "org.qemu.Display1.Mouse";
/// Since QEMU 8.1.
const MULTI_TOUCH: &str = "org.qemu.Display1.MultiTouch";
/// More heads than any card has.
const MAX_HEADS: u32 = 32;

/// What the control thread works on.
pub(in crate::display) struct Link {
    pub slot: Arc<FrameSlot>,
    pub queue: Arc<InputQueue>,
    pub offer: Offer,
}

/// Serves connections, one after the other, until the queue is closed or QEMU is gone.
pub(in crate::display) fn run(stream: UnixStream, link: &Link) -> Result<(), DisplayError> {
    let (mut seat, mut stream) = (Seat::default(), stream);
    loop {
        let ended = control(stream, link, &mut seat);
        if ended.is_ok() || !seat.goes_on() {
            return ended;
        }
        match seat.idle(link) {
            Some(next) => stream = next,
            None => return Ok(()),
        }
    }
}

/// Serves one connection.
fn control(stream: UnixStream, link: &Link, seat: &mut Seat) -> Result<(), DisplayError> {
    let served = wire::run(stream, async |wire| {
        let messages = peer(wire)
            .method_timeout(CALL_TIMEOUT)
            .build_message_stream()
            .await
            .map_err(failed("greet the machine's screen"))?;
        let connection = Connection::from(&messages);
        let control = Control {
            link,
            connection: connection.clone(),
            seat,
            sizes: Vec::new(),
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

/// What outlives a connection.
#[derive(Default)]
struct Seat {
    head: u32,
    listener: Option<Listener>,
    /// Nobody looks.
    hidden: bool,
    /// To be shown as soon as we have the controls.
    due: Option<u32>,
}

impl Seat {
    /// QEMU serves one controlling connection, the last that was added, and closes the others. A listener lives on, so
    /// somebody else having taken the controls leaves us the picture. If QEMU is gone, the listener reports it.
    fn goes_on(&self) -> bool {
        self.listener.is_some() || self.hidden
    }

    /// Waits for another connection; `None` if the queue was closed first.
    fn idle(&mut self, link: &Link) -> Option<UnixStream> {
        let Link { slot, queue, .. } = link;
        queue.lose_controls();
        slot.edit_info(|info| info.takes_input = false);
        loop {
            match queue.next_idle()? {
                Idle::Control(stream) => return Some(stream),
                Idle::Show(None) => self.hide(slot),
                Idle::Show(Some(head)) if self.listener.is_some() && head == self.head => {}
                Idle::Show(Some(head)) => {
                    self.due = Some(head);
                    queue.want_controls();
                    slot.edit_info(|_| {}); // Whoever shows it has to ask for them.
                }
            }
        }
    }

    fn hide(&mut self, slot: &FrameSlot) {
        (self.listener, self.due, self.hidden) = (None, None, true);
        slot.set_status(ScreenStatus::Hidden);
    }
}

struct Control<'a> {
    link: &'a Link,
    connection: Connection,
    seat: &'a mut Seat,
    /// Of all heads, as QEMU tells them.
    sizes: Vec<Size>,
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

impl Control<'_> {
    async fn serve(mut self, mut messages: MessageStream) -> Result<(), DisplayError> {
        self.read_objects().await?;
        self.link.slot.edit_info(|info| info.takes_input = true);
        if let Some(head) = self.seat.due.take() {
            self.show(Some(head)).await?;
        }
        loop {
            match self.next_event(&mut messages).await {
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
    async fn read_objects(&mut self) -> Result<(), DisplayError> {
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
        self.sizes = vec![Size::default(); heads as usize];
        objects.iter().for_each(|(path, object)| {
            if let Some(properties) = object.get(CONSOLE) {
                self.take_size(path.as_str(), properties);
            }
        });
        let path = console_path(self.seat.head);
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
                let path = header.path().map_or("", |path| path.as_str());
                if message.data().len() <= MAX_OBJECTS_BYTES {
                    let body = message.body();
                    let parts: Result<(String, Properties, Vec<String>), _> = body.deserialize();
                    if let Ok((interface, properties, _)) = parts {
                        self.take_change(path, &interface, &properties);
                    }
                }
            }
            Type::Error
                if header.reply_serial() == self.registering && self.registering.is_some() =>
            {
                let reason: String = message.body().deserialize().unwrap_or_default();
                self.seat.listener = None;
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

    fn take_change(&mut self, path: &str, interface: &str, properties: &Properties) {
        if interface == CONSOLE {
            self.take_size(path, properties);
        } else if path == console_path(self.seat.head) {
            self.take_properties(interface, properties);
        }
    }

    /// How large the picture of a console is, whoever sees it.
    fn take_size(&mut self, path: &str, properties: &Properties) {
        let head = path.strip_prefix(&console_path_start());
        let size = head
            .and_then(|head| head.parse::<usize>().ok())
            .and_then(|head| self.sizes.get_mut(head));
        let Some(size) = size else {
            return;
        };
        let side = |name: &str| u32::try_from(properties.get(name)?).ok();
        size.width = side("Width").unwrap_or(size.width);
        size.height = side("Height").unwrap_or(size.height);
    }

    fn take_properties(&self, interface: &str, properties: &Properties) {
        let slot = &self.link.slot;
        if interface == MOUSE
            && let Some(Ok(absolute)) = properties.get("IsAbsolute").map(bool::try_from)
        {
            slot.edit_info(|info| info.absolute_pointer = absolute);
        }
        if interface == MULTI_TOUCH
            && let Some(Ok(slots)) = properties.get("MaxSlots").map(i32::try_from)
        {
            let slots = slots.clamp(0, MAX_SLOTS.into()) as u8;
            slot.edit_info(|info| info.touch_slots = slots);
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
                if let Some(shown) = self.sizes.get_mut(self.seat.head as usize) {
                    *shown = self.link.slot.info().size; // What the position was meant for.
                }
                let used = self.link.queue.desktop();
                let (console, at) = desktop::place(&self.sizes, &used, self.seat.head, (x, y));
                let silent = Some(Flags::NoReplyExpected);
                let told = call(console, MOUSE, "SetAbsPosition", &at, silent)?;
                self.send(&told).await
            }
            Order::Touch(touch) => self.touch(touch).await,
            Order::PointerRel { dx, dy } => self.tell(MOUSE, "RelMotion", &(dx, dy)).await,
            Order::Resize { w, h } => {
                // Physical size in mm and offset: unknown.
                let wish = (0_u16, 0_u16, 0_i32, 0_i32, w, h);
                let call = call(self.seat.head, CONSOLE, "SetUIInfo", &wish, None)?;
                self.resizing = Some(call.primary_header().serial_num());
                self.send(&call).await
            }
            Order::Show(head) => self.show(head).await,
            Order::Refresh { .. } => Ok(()), // Only RFB asks for pictures.
        }
    }

    /// QEMU refuses positions outside its picture.
    fn inside(&self, x: u32, y: u32) -> (u32, u32) {
        let size = self.link.slot.info().size;
        let limit = |at: u32, side: u32| at.min(side.saturating_sub(1));
        (limit(x, size.width), limit(y, size.height))
    }

    async fn touch(&self, touch: Touch) -> Result<(), DisplayError> {
        let kind = match touch.phase {
            Phase::Begin => 0_u32,
            Phase::Move => 1,
            // A cancelled touch (3) would be held for ever: QEMU 10.0 takes its slot for one that still moves.
            Phase::End => 2,
        };
        let (x, y) = self.inside(touch.x, touch.y);
        let body = (kind, u64::from(touch.slot), f64::from(x), f64::from(y));
        self.tell(MULTI_TOUCH, "SendEvent", &body).await
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
        if self.seat.listener.is_some() && head == Some(self.seat.head) {
            return Ok(());
        }
        self.seat.listener = None; // Closes the old one first.
        self.registering = None;
        let Some(head) = head else {
            self.seat.hide(&self.link.slot);
            return Ok(());
        };
        self.seat.hidden = false;
        if head != self.seat.head {
            self.seat.head = head;
            self.read_objects().await?;
        }
        if head as usize >= self.sizes.len() {
            self.link.slot.set_status(ScreenStatus::Blank); // The machine has fewer, as it says.
            return Ok(());
        }
        self.link
            .slot
            .expect_answer(Instant::now() + ANSWER_DEADLINE);
        let start = |error: std::io::Error| DisplayError::Start {
            reason: error.to_string(),
        };
        let (ours, theirs) = UnixStream::pair().map_err(start)?;
        // The less is sent at once, the more often QEMU and we wait for each other. As much as may be is enough.
        rustix::net::sockopt::set_socket_send_buffer_size(&theirs, SEND_BUFFER).ok();
        let listener = Listener::start(ours, Arc::clone(&self.link.slot), self.link.offer);
        self.seat.listener = Some(listener.map_err(start)?);
        let fd = Fd::from(OwnedFd::from(theirs));
        let call = call(head, CONSOLE, "RegisterListener", &(fd,), None)?;
        self.registering = Some(call.primary_header().serial_num());
        self.send(&call).await
    }

    /// A call without an answer.
    async fn tell<B>(&self, interface: &str, verb: &str, body: &B) -> Result<(), DisplayError>
    where
        B: Serialize + DynamicType,
    {
        let message = call(
            self.seat.head,
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
