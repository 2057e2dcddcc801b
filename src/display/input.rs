//! What a person does to a guest, and the bounded queue that carries it to the machine.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::os::unix::net::UnixStream;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use super::keys::KeyCode;
use super::touch::{MAX_SLOTS, Phase, Touch};

/// A mouse button.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Button {
    Left,
    Middle,
    Right,
    /// "Back" on most mice.
    Side,
    /// "Forward" on most mice.
    Extra,
}

/// One act of the person at the screen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Input {
    Key {
        code: KeyCode,
        down: bool,
    },
    /// Pointer position in guest pixels, for guests with an absolute pointer.
    PointerAbs {
        x: u32,
        y: u32,
    },
    /// Pointer motion in guest pixels.
    PointerRel {
        dx: i32,
        dy: i32,
    },
    Button {
        button: Button,
        down: bool,
    },
    /// Steps of the wheel: positive `dy` is away from the person, positive `dx` to the right.
    Wheel {
        dx: i32,
        dy: i32,
    },
    /// A finger on the guest's touchscreen.
    Touch(Touch),
    /// Lifts every key, button and finger that this screen pressed. Send it when the window loses the keyboard.
    ReleaseAll,
    /// Asks the guest for another resolution. Sent on once no other follows for 200 ms.
    Resize {
        w: u32,
        h: u32,
    },
    /// Tells the guest that nobody looks at this screen any more, as if its monitor were unplugged.
    Unplug,
}

/// What the sending thread does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    Key {
        code: KeyCode,
        down: bool,
    },
    PointerAbs {
        x: u32,
        y: u32,
    },
    PointerRel {
        dx: i32,
        dy: i32,
    },
    Button {
        button: Button,
        down: bool,
    },
    Wheel {
        dx: i32,
        dy: i32,
    },
    Touch(Touch),
    Resize {
        w: u32,
        h: u32,
    },
    /// Show this head, or nothing.
    Show(Option<u32>),
    /// RFB: ask for the next picture, all of it or what changed.
    Refresh {
        whole: bool,
    },
}

/// What there is to do for a screen whose machine somebody else controls.
#[derive(Debug)]
pub(super) enum Idle {
    /// Show this head, or nothing.
    Show(Option<u32>),
    /// The controls came back: the socket of a new connection.
    Control(UnixStream),
}

/// Who controls the machine. QEMU obeys one connection only, the last that it was given.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Controls {
    #[default]
    Ours,
    /// Somebody else's; and since when input waits for them here.
    Others { wanted: Option<Instant> },
}

impl Controls {
    /// Input waits for them, and not for too long.
    fn are_wanted(self) -> bool {
        matches!(self, Self::Others { wanted: Some(since) } if since.elapsed() < KEEP)
    }
}

/// How long input waits for the controls. Whoever asks for them has them within milliseconds, and what a person did
/// earlier must not happen later.
const KEEP: Duration = Duration::from_secs(2);
/// Orders that wait for a machine that does not read. A person makes far fewer; releases are let in on top, and there
/// are at most as many of those as keys, buttons and fingers held down.
const CAPACITY: usize = 1024;
/// A window that is being dragged changes size with every frame; the guest should change its mode once.
const RESIZE_DELAY: Duration = Duration::from_millis(200);
/// One event of a broken mouse must not become thousands of wheel clicks.
const MAX_WHEEL_STEPS: i32 = 20;

#[derive(Debug, Default)]
pub(super) struct InputQueue {
    state: Mutex<State>,
    ready: Condvar,
}

#[derive(Debug, Default)]
struct State {
    orders: VecDeque<Order>,
    held_keys: BTreeSet<KeyCode>,
    held_buttons: BTreeSet<Button>,
    /// Where the finger of each slot is.
    fingers: BTreeMap<u8, (u32, u32)>,
    resize: Option<(Instant, u32, u32)>,
    show: Option<Option<u32>>,
    refresh: Option<bool>,
    closed: bool,
    waker: Option<Waker>,
    controls: Controls,
    /// The socket of a connection that controls the machine anew.
    given: Option<UnixStream>,
    /// The heads that make the guest's desktop, from left to right.
    desktop: Vec<u32>,
}

impl InputQueue {
    /// Queues without waiting. Returns when [`Self::release_due`] has to be called, for a resize.
    pub fn send(&self, input: Input) -> Option<Instant> {
        let mut state = self.lock();
        let mut alarm = None;
        match input {
            Input::Key { code, down } => state.key(code, down),
            Input::Button { button, down } => state.button(button, down),
            Input::PointerAbs { x, y } => state.pointer_abs(x, y),
            Input::PointerRel { dx, dy } => state.pointer_rel(dx, dy),
            Input::Wheel { dx, dy } => state.wheel(dx, dy),
            Input::Touch(touch) => state.touch(touch),
            Input::ReleaseAll => state.release_all(),
            Input::Resize { w, h } => {
                let at = Instant::now() + RESIZE_DELAY;
                state.resize = Some((at, w, h));
                alarm = Some(at);
            }
            Input::Unplug => {
                state.resize = None;
                state.push(Order::Resize { w: 0, h: 0 });
            }
        }
        self.announce(state);
        alarm
    }

    /// Shows a head, or nothing; only the last call counts.
    pub fn show(&self, head: Option<u32>) {
        let mut state = self.lock();
        state.show = Some(head);
        if head.is_none() {
            state.release_all();
        }
        self.announce(state);
    }

    /// Asks for a picture (RFB). Requests that wait become one.
    pub fn refresh(&self, whole: bool) {
        let mut state = self.lock();
        state.refresh = Some(state.refresh.unwrap_or(false) || whole);
        self.announce(state);
    }

    /// Queues a resize whose time has come; returns when to call again.
    pub fn release_due(&self) -> Option<Instant> {
        let mut state = self.lock();
        let (at, w, h) = state.resize?;
        if at > Instant::now() {
            return Some(at);
        }
        state.resize = None;
        state.push(Order::Resize { w, h });
        self.announce(state);
        None
    }

    /// Somebody else has the controls. Input that comes now waits a moment for them, see [`Self::wants_controls`].
    pub fn lose_controls(&self) {
        let mut state = self.lock();
        state.controls = Controls::Others { wanted: None };
        state.drop_presses();
    }

    /// There is something to do that takes the controls.
    pub fn want_controls(&self) {
        self.lock().controls = Controls::Others {
            wanted: Some(Instant::now()),
        };
    }

    pub fn wants_controls(&self) -> bool {
        let state = self.lock();
        state.given.is_none() && state.controls.are_wanted()
    }

    /// Goes on with the socket of a new connection to the machine.
    pub fn give_controls(&self, stream: UnixStream) {
        let mut state = self.lock();
        state.given = Some(stream);
        self.announce(state);
    }

    /// Waits for what to do while somebody else has the controls; `None` once closed.
    pub fn next_idle(&self) -> Option<Idle> {
        self.wait_for(State::pop_idle)
    }

    /// Which heads make the guest's desktop, from left to right.
    pub fn set_desktop(&self, heads: Vec<u32>) {
        self.lock().desktop = heads;
    }

    pub fn desktop(&self) -> Vec<u32> {
        self.lock().desktop.clone()
    }

    /// Lifts what is held and ends the queue once it is empty.
    pub fn close(&self) {
        let mut state = self.lock();
        state.release_all();
        state.closed = true;
        self.announce(state);
    }

    /// The next order for an async loop; `None` once closed and empty.
    pub fn poll_next(&self, context: &Context<'_>) -> Poll<Option<Order>> {
        let mut state = self.lock();
        if let Some(order) = state.pop() {
            return Poll::Ready(Some(order));
        }
        if state.closed {
            return Poll::Ready(None);
        }
        state.waker = Some(context.waker().clone());
        Poll::Pending
    }

    /// Waits for the next order; `None` once closed and empty.
    pub fn next(&self) -> Option<Order> {
        self.wait_for(State::pop)
    }

    fn wait_for<T>(&self, take: impl Fn(&mut State) -> Option<T>) -> Option<T> {
        let mut state = self.lock();
        loop {
            if let Some(taken) = take(&mut state) {
                return Some(taken);
            }
            if state.closed {
                return None;
            }
            state = self
                .ready
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn announce(&self, mut state: MutexGuard<'_, State>) {
        self.ready.notify_one();
        if let Some(waker) = state.waker.take() {
            drop(state);
            waker.wake();
        }
    }
}

impl State {
    fn pop_idle(&mut self) -> Option<Idle> {
        if let Some(stream) = self.given.take() {
            if !self.controls.are_wanted() {
                self.drop_presses();
            }
            self.controls = Controls::Ours;
            return Some(Idle::Control(stream));
        }
        self.show.take().map(Idle::Show)
    }

    fn key(&mut self, code: KeyCode, down: bool) {
        if code.qnum().is_none() {
            return;
        }
        if !down {
            if self.held_keys.remove(&code) {
                self.orders.push_back(Order::Key { code, down });
            }
        } else if self.push(Order::Key { code, down }) {
            self.held_keys.insert(code);
        }
    }

    fn button(&mut self, button: Button, down: bool) {
        if !down {
            if self.held_buttons.remove(&button) {
                self.orders.push_back(Order::Button { button, down });
            }
        } else if !self.held_buttons.contains(&button) && self.push(Order::Button { button, down })
        {
            self.held_buttons.insert(button);
        }
    }

    fn pointer_abs(&mut self, x: u32, y: u32) {
        if let Some(Order::PointerAbs { x: old_x, y: old_y }) = self.orders.back_mut() {
            (*old_x, *old_y) = (x, y);
        } else {
            self.push(Order::PointerAbs { x, y });
        }
    }

    fn pointer_rel(&mut self, dx: i32, dy: i32) {
        if let Some(Order::PointerRel { dx: x, dy: y }) = self.orders.back_mut() {
            (*x, *y) = (x.saturating_add(dx), y.saturating_add(dy));
        } else {
            self.push(Order::PointerRel { dx, dy });
        }
    }

    fn wheel(&mut self, dx: i32, dy: i32) {
        let limit = |steps: i32| steps.clamp(-MAX_WHEEL_STEPS, MAX_WHEEL_STEPS);
        if let Some(Order::Wheel { dx: x, dy: y }) = self.orders.back_mut() {
            (*x, *y) = (limit(x.saturating_add(dx)), limit(y.saturating_add(dy)));
        } else {
            let (dx, dy) = (limit(dx), limit(dy));
            self.push(Order::Wheel { dx, dy });
        }
    }

    fn touch(&mut self, touch: Touch) {
        let (slot, at) = (touch.slot, (touch.x, touch.y));
        match (touch.phase, self.fingers.contains_key(&slot)) {
            (Phase::Begin, false) if slot < MAX_SLOTS => {
                if self.push(Order::Touch(touch)) {
                    self.fingers.insert(slot, at);
                }
            }
            (Phase::Move, true) => {
                self.fingers.insert(slot, at);
                match self.orders.back_mut() {
                    Some(Order::Touch(last)) if last.slot == slot && last.phase == Phase::Move => {
                        *last = touch;
                    }
                    _ => {
                        self.push(Order::Touch(touch));
                    }
                }
            }
            (Phase::End, true) => {
                self.fingers.remove(&slot);
                self.orders.push_back(Order::Touch(touch));
            }
            (Phase::Begin, _) | (Phase::Move | Phase::End, false) => {}
        }
    }

    fn release_all(&mut self) {
        for (slot, (x, y)) in std::mem::take(&mut self.fingers) {
            let phase = Phase::End;
            let lifted = Touch { slot, phase, x, y };
            self.orders.push_back(Order::Touch(lifted));
        }
        let keys = std::mem::take(&mut self.held_keys).into_iter();
        let buttons = std::mem::take(&mut self.held_buttons).into_iter();
        self.orders
            .extend(keys.map(|code| Order::Key { code, down: false }));
        self.orders.extend(buttons.map(|button| Order::Button {
            button,
            down: false,
        }));
    }

    /// What was pressed and moved is forgotten; what was let go is still told.
    fn drop_presses(&mut self) {
        let lifts = |order: &Order| {
            matches!(
                order,
                Order::Key { down: false, .. } | Order::Button { down: false, .. }
            )
        };
        self.orders.retain(lifts);
    }

    /// False if the queue is full and the order was dropped.
    fn push(&mut self, order: Order) -> bool {
        if self.controls != Controls::Ours && !self.controls.are_wanted() {
            self.drop_presses();
            self.controls = Controls::Others {
                wanted: Some(Instant::now()),
            };
        }
        let room = self.orders.len() < CAPACITY && !self.closed;
        if room {
            self.orders.push_back(order);
        }
        room
    }

    fn pop(&mut self) -> Option<Order> {
        let order = self.orders.pop_front();
        order
            .or_else(|| self.show.take().map(Order::Show))
            .or_else(|| self.refresh.take().map(|whole| Order::Refresh { whole }))
    }
}

#[cfg(test)]
mod tests;
