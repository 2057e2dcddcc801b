//! Takes the keyboard on X11, so that Super, Alt+Tab and the like reach the guest, and tells whether the window is in
//! sight.
//!
//! The grab is made on a connection of our own; while it holds, X sends the keys there and nowhere else. A thread
//! reads them and hands them on as evdev codes.

use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use x11rb::connection::Connection;
use x11rb::errors::{ConnectError, ConnectionError, ReplyError, ReplyOrIdError};
use x11rb::protocol::Event;
use x11rb::protocol::xkb::{self, ConnectionExt as _};
use x11rb::protocol::xproto::{
    ChangeWindowAttributesAux, ClientMessageEvent, ConnectionExt as _, CreateWindowAux, EventMask,
    GrabMode, GrabStatus, Visibility, Window, WindowClass,
};
use x11rb::rust_connection::RustConnection;
use x11rb::{CURRENT_TIME, NONE};

/// X11 key codes are evdev codes moved by this much (xkeyboard-config's evdev rules).
const EVDEV_OFFSET: u8 = 8;
/// A window manager may hold the keyboard for a moment while it switches windows.
const ATTEMPTS: u32 = 10;
const BETWEEN_ATTEMPTS: Duration = Duration::from_millis(50);

/// Why the keyboard can't be taken.
#[derive(Debug, thiserror::Error)]
pub enum GrabError {
    #[error("no X server could be reached: {0}")]
    Connect(#[from] ConnectError),
    #[error("the X server refused: {0}")]
    Id(#[from] ReplyOrIdError),
    #[error("the X server hung up: {0}")]
    Connection(#[from] ConnectionError),
    #[error("the X server refused: {0}")]
    Reply(#[from] ReplyError),
    #[error("no thread could be started: {0}")]
    Thread(#[from] std::io::Error),
}

/// Takes and releases the keyboard for one window. Dropping it releases.
pub struct KeyGrab {
    connection: Arc<RustConnection>,
    window: Window,
    /// Gets messages to the reading thread; it is never shown.
    mailbox: Window,
    wanted: bool,
    thread: Option<JoinHandle<()>>,
}

/// What a [`KeyGrab`] hears.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heard {
    /// While the keyboard is held, by evdev code; a key that repeats comes as further presses.
    Key { code: u16, down: bool },
    /// The window can be seen, or not: minimised, on another desktop, or wholly covered.
    InSight(bool),
}

/// What [`KeyGrab`] tells its thread, as the first word of a client message.
const GRAB: u32 = 1;
const RELEASE: u32 = 2;
const STOP: u32 = 3;

impl KeyGrab {
    /// For the X11 window `window`. `hear` is called from a thread of ours and answers whether the keyboard may be held
    /// on: so a window that hangs can't keep it.
    pub fn new(
        window: Window,
        hear: impl Fn(Heard) -> bool + Send + 'static,
    ) -> Result<Self, GrabError> {
        let (connection, screen) = RustConnection::connect(None)?;
        let connection = Arc::new(connection);
        let root = connection
            .setup()
            .roots
            .get(screen)
            .map_or(NONE, |root| root.root);
        let mailbox = connection.generate_id()?;
        let no_aux = CreateWindowAux::new();
        let class = WindowClass::INPUT_ONLY;
        connection.create_window(0, mailbox, root, 0, 0, 1, 1, 0, class, 0, &no_aux)?;
        detect_repeats(&connection)?;
        let sight = EventMask::STRUCTURE_NOTIFY | EventMask::VISIBILITY_CHANGE;
        let aux = ChangeWindowAttributesAux::new().event_mask(sight);
        connection.change_window_attributes(window, &aux)?.check()?;
        let reader = Reader {
            connection: Arc::clone(&connection),
            window,
            hear,
        };
        let thread = std::thread::Builder::new()
            .name("key-grab".to_owned())
            .spawn(move || reader.run())?;
        Ok(Self {
            connection,
            window,
            mailbox,
            wanted: false,
            thread: Some(thread),
        })
    }

    /// Takes or releases the keyboard; the thread does it.
    pub fn set(&mut self, wanted: bool) {
        if self.wanted != wanted {
            self.wanted = wanted;
            self.tell(if wanted { GRAB } else { RELEASE });
        }
    }

    fn tell(&self, word: u32) {
        let message = ClientMessageEvent::new(32, self.mailbox, self.window, [word, 0, 0, 0, 0]);
        // A connection that is gone has released the keyboard already.
        self.connection
            .send_event(false, self.mailbox, EventMask::NO_EVENT, message)
            .ok();
        self.connection.flush().ok();
    }
}

impl Drop for KeyGrab {
    fn drop(&mut self) {
        self.tell(STOP);
        if let Some(thread) = self.thread.take() {
            thread.join().ok(); // A panic was already reported by the panic hook.
        }
    }
}

/// A held key then repeats as presses alone, without a release before each.
fn detect_repeats(connection: &RustConnection) -> Result<(), GrabError> {
    connection.xkb_use_extension(1, 0)?.reply()?;
    let flag = xkb::PerClientFlag::DETECTABLE_AUTO_REPEAT;
    let keyboard = u16::from(xkb::ID::USE_CORE_KBD);
    let none = xkb::BoolCtrl::default();
    connection
        .xkb_per_client_flags(keyboard, flag, flag, none, none, none)?
        .reply()?;
    Ok(())
}

struct Reader<F> {
    connection: Arc<RustConnection>,
    window: Window,
    hear: F,
}

impl<F: Fn(Heard) -> bool> Reader<F> {
    /// Ends when told to, or with the connection.
    fn run(&self) {
        while let Ok(event) = self.connection.wait_for_event() {
            match event {
                Event::KeyPress(key) => self.key(key.detail, true),
                Event::KeyRelease(key) => self.key(key.detail, false),
                Event::UnmapNotify(_) => self.tell(Heard::InSight(false)),
                Event::VisibilityNotify(change) => {
                    let covered = change.state == Visibility::FULLY_OBSCURED;
                    self.tell(Heard::InSight(!covered));
                }
                Event::ClientMessage(message) => match message.data.as_data32()[0] {
                    GRAB => self.grab(),
                    RELEASE => self.release(),
                    STOP => return self.release(),
                    _ => {}
                },
                _ => {}
            }
        }
    }

    fn key(&self, code: u8, down: bool) {
        if let Some(code) = code.checked_sub(EVDEV_OFFSET) {
            let code = u16::from(code);
            self.tell(Heard::Key { code, down });
        }
    }

    fn tell(&self, heard: Heard) {
        if !(self.hear)(heard) {
            self.release();
        }
    }

    fn grab(&self) {
        for _ in 0..ATTEMPTS {
            let mode = GrabMode::ASYNC;
            let grabbed = self
                .connection
                .grab_keyboard(false, self.window, CURRENT_TIME, mode, mode)
                .ok()
                .and_then(|cookie| cookie.reply().ok());
            match grabbed.map(|reply| reply.status) {
                Some(GrabStatus::ALREADY_GRABBED | GrabStatus::NOT_VIEWABLE) => {
                    std::thread::sleep(BETWEEN_ATTEMPTS);
                }
                _ => return, // Held, or impossible: keys then come the ordinary way.
            }
        }
    }

    fn release(&self) {
        self.connection.ungrab_keyboard(CURRENT_TIME).ok(); // See `KeyGrab::tell`.
        self.connection.flush().ok();
    }
}
