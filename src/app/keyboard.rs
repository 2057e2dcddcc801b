//! Who gets the keyboard: the window, or a guest until the release key is pressed alone.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use crate::engine::screen::{Fate, HostKeys, Input, KeyCode, PasteKeys, Screen};
use crate::model::{MachineId, ReleaseKey};

/// Takes a guest's keys and the word that all are up.
pub trait KeySink: Send {
    fn send(&self, input: Input);
}

impl KeySink for Arc<Screen> {
    fn send(&self, input: Input) {
        Screen::send(self, input);
    }
}

/// How far a press of the release key is: alone it gives the keyboard back, with others it is a key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Release {
    #[default]
    Up,
    Alone,
    Combined,
}

#[derive(Default)]
struct State {
    guest: Option<(MachineId, Box<dyn KeySink>)>,
    release: Release,
    /// A terminal in the window has the keyboard.
    terminal: bool,
    /// The release key was pressed there.
    terminal_left: bool,
    /// The key that gives the keyboard back.
    key: ReleaseKey,
    /// When the last press went to the guest, until someone asked.
    pressed: Option<Instant>,
    host_keys: HostKeys,
    pastes: PasteKeys,
    /// Keys were held back, and nobody was told yet.
    paste: bool,
}

/// What of the keyboard the app has to follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stand {
    pub captured: bool,
    /// The guest is to have the desktop's own keys too. Not while the first keys of an exception are held: X11 knows no
    /// exceptions from a grab.
    pub system_keys: bool,
    /// Keys were held back that [`Keyboard::take_paste`] has to tell of.
    pub paste: bool,
}

/// Shared between the app, the window's event handler, which is not the app's to own, and on X11 the thread that hears
/// the desktop's keys.
#[derive(Clone, Default)]
pub struct Keyboard {
    state: Arc<Mutex<State>>,
}

impl Keyboard {
    /// From now on keys go to this guest.
    pub fn capture(&self, machine: MachineId, sink: Box<dyn KeySink>) {
        let mut state = self.lock();
        state.let_go();
        state.guest = Some((machine, sink));
    }

    /// Which key gives the keyboard back, and which combinations stay with the window.
    pub fn follow(&self, release: ReleaseKey, host_keys: &[String]) {
        let mut state = self.lock();
        state.key = release;
        state.host_keys.set(host_keys);
    }

    /// Gives the keyboard back and lifts all keys in the guest.
    pub fn release(&self) {
        self.lock().let_go();
    }

    /// The guest that has the keyboard.
    pub fn captured_by(&self) -> Option<MachineId> {
        self.lock().guest.as_ref().map(|(machine, _)| *machine)
    }

    /// What the app has to follow.
    pub fn stand(&self) -> Stand {
        let state = self.lock();
        let captured = state.guest.is_some();
        Stand {
            captured,
            system_keys: captured && !state.host_keys.begun(),
            paste: state.paste,
        }
    }

    /// A key by its evdev code; returns whether it went to a guest.
    pub fn key(&self, code: KeyCode, down: bool) -> bool {
        self.lock().key(code, down)
    }

    /// Whether keys that paste are held back until [`Self::let_pastes_go`].
    pub fn hold_pastes(&self, wanted: bool) {
        self.lock().pastes.wanted = wanted;
    }

    /// Whether keys were held back since the last call.
    pub fn take_paste(&self) -> bool {
        std::mem::take(&mut self.lock().paste)
    }

    pub fn let_pastes_go(&self) {
        let mut state = self.lock();
        let held = state.pastes.let_go();
        if let Some((_, sink)) = &state.guest {
            for (code, down) in held {
                sink.send(Input::Key { code, down });
            }
        }
    }

    /// Whether keys go to a guest, also those that have no code.
    pub fn is_captured(&self) -> bool {
        self.lock().guest.is_some()
    }

    /// Says each frame whether a terminal in the window has the keyboard.
    pub fn give_to_terminal(&self, has: bool) {
        let mut state = self.lock();
        if state.terminal != has && state.guest.is_none() {
            state.release = Release::Up;
        }
        state.terminal = has;
    }

    /// Watches for the release key while a terminal has the keyboard; returns whether it was pressed alone. Every key
    /// goes on to the terminal, which gets text and not keys.
    pub fn watch(&self, code: KeyCode, down: bool) -> bool {
        let mut state = self.lock();
        state.terminal && state.watch(code, down)
    }

    /// Whether the terminal is to give the keyboard back; says so once.
    pub fn take_terminal_left(&self) -> bool {
        std::mem::take(&mut self.lock().terminal_left)
    }

    /// When the last key press went to the guest, once.
    pub fn take_key_time(&self) -> Option<Instant> {
        self.lock().pressed.take()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn let_go(&mut self) {
        if let Some((_, sink)) = self.guest.take() {
            sink.send(Input::ReleaseAll);
        }
        self.pastes.forget();
        self.paste = false;
        self.release = Release::Up;
        self.host_keys.forget();
    }

    /// To the guest, unless it has to wait for the clipboard.
    fn pass(&mut self, code: KeyCode, down: bool) {
        match self.pastes.key(code, down) {
            Fate::Pass => {
                if let Some((_, sink)) = &self.guest {
                    sink.send(Input::Key { code, down });
                }
            }
            Fate::Held => {}
            Fate::Paste => self.paste = true,
        }
    }

    fn watch(&mut self, code: KeyCode, down: bool) -> bool {
        let alone = self.release == Release::Alone;
        self.release = match (code == KeyCode(self.key.evdev()), down) {
            (true, true) if self.release == Release::Up => Release::Alone,
            (true, true) => self.release, // Repeats while held.
            (true, false) => Release::Up,
            (false, true) if alone => Release::Combined,
            (false, _) => self.release,
        };
        self.terminal_left |= alone && self.release == Release::Up;
        self.terminal_left
    }

    fn key(&mut self, code: KeyCode, down: bool) -> bool {
        if self.guest.is_none() {
            return false;
        }
        if self.host_keys.press(code, down) {
            if let Some((_, sink)) = &self.guest {
                sink.send(Input::ReleaseAll); // The guest must not keep what was held for it.
            }
            self.pastes.forget();
            self.release = Release::Up;
            return false;
        }
        let release_key = KeyCode(self.key.evdev());
        if down && code != release_key {
            self.pressed = Some(Instant::now());
        }
        match (code == release_key, down, self.release) {
            (true, true, Release::Up) => self.release = Release::Alone,
            (true, true, Release::Alone | Release::Combined) => {} // Repeats while held.
            (true, false, Release::Alone) => self.let_go(),
            (true, false, Release::Up | Release::Combined) => {
                self.pass(code, down);
                self.release = Release::Up;
            }
            (false, true, Release::Alone) => {
                self.pass(release_key, true);
                self.pass(code, down);
                self.release = Release::Combined;
            }
            (false, ..) => self.pass(code, down),
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    #[derive(Clone, Default)]
    struct Log(Arc<Mutex<Vec<Input>>>);

    impl KeySink for Log {
        fn send(&self, input: Input) {
            self.0.lock().unwrap().push(input);
        }
    }

    const RIGHT_CTRL: KeyCode = KeyCode(97);
    const A: KeyCode = KeyCode(30);

    fn captured() -> (Keyboard, Log) {
        let (keyboard, log) = (Keyboard::default(), Log::default());
        keyboard.capture(MachineId(Uuid::nil()), Box::new(log.clone()));
        (keyboard, log)
    }

    fn key(code: KeyCode, down: bool) -> Input {
        Input::Key { code, down }
    }

    #[test]
    fn keys_stay_in_the_window_until_a_guest_has_the_keyboard() {
        assert!(!Keyboard::default().key(A, true));
    }

    #[test]
    fn right_ctrl_alone_gives_the_keyboard_back_and_lifts_all_keys() {
        let (keyboard, log) = captured();
        keyboard.key(A, true);
        keyboard.key(A, false);
        keyboard.key(RIGHT_CTRL, true);
        keyboard.key(RIGHT_CTRL, true);
        assert!(keyboard.key(RIGHT_CTRL, false));
        assert_eq!(keyboard.captured_by(), None);
        let sent = log.0.lock().unwrap().clone();
        assert_eq!(sent, [key(A, true), key(A, false), Input::ReleaseAll]);
    }

    #[test]
    fn right_ctrl_with_another_key_is_a_key_of_the_guest() {
        let (keyboard, log) = captured();
        keyboard.key(RIGHT_CTRL, true);
        keyboard.key(A, true);
        keyboard.key(A, false);
        keyboard.key(RIGHT_CTRL, false);
        assert!(keyboard.is_captured());
        let sent = log.0.lock().unwrap().clone();
        let expected = [
            key(RIGHT_CTRL, true),
            key(A, true),
            key(A, false),
            key(RIGHT_CTRL, false),
        ];
        assert_eq!(sent, expected);
    }

    #[test]
    fn a_combination_of_the_desktop_goes_to_the_window_and_lifts_what_was_held() {
        let (keyboard, log) = captured();
        keyboard.follow(ReleaseKey::RightCtrl, &["Alt+A".to_owned()]);
        let alt = KeyCode(56);
        assert!(keyboard.key(alt, true));
        assert!(!keyboard.key(A, true), "the window has it");
        keyboard.key(A, false);
        keyboard.key(alt, false);
        assert!(keyboard.is_captured());
        let sent = log.0.lock().unwrap().clone();
        assert_eq!(sent[..2], [key(alt, true), Input::ReleaseAll]);
        // The releases that follow are dropped further on: nothing is held there any more.
        assert!(keyboard.key(A, true), "alone it is the guest's");
    }

    #[test]
    fn the_desktop_has_its_keys_again_while_an_exception_may_come_and_after_the_release() {
        let (keyboard, _) = captured();
        keyboard.follow(ReleaseKey::RightCtrl, &["Alt+Tab".to_owned()]);
        let alt = KeyCode(56);
        assert!(keyboard.stand().system_keys);
        keyboard.key(alt, true);
        assert!(!keyboard.stand().system_keys, "Tab would be the desktop's");
        keyboard.key(alt, false);
        assert!(keyboard.stand().system_keys);
        keyboard.release();
        assert!(!keyboard.stand().system_keys);
    }

    #[test]
    fn a_terminal_gives_the_keyboard_back_by_the_release_key_alone() {
        let keyboard = Keyboard::default();
        let press = |code| {
            keyboard.watch(code, true);
            keyboard.watch(code, false);
            keyboard.take_terminal_left()
        };
        assert!(!press(RIGHT_CTRL), "no terminal has it");
        keyboard.give_to_terminal(true);
        assert!(!press(A));
        keyboard.watch(RIGHT_CTRL, true);
        assert!(!press(A));
        keyboard.watch(RIGHT_CTRL, false);
        assert!(
            !keyboard.take_terminal_left(),
            "Ctrl+A is a key of the guest"
        );
        assert!(press(RIGHT_CTRL));
        assert!(!keyboard.take_terminal_left());
        keyboard.give_to_terminal(false);
        assert!(!press(RIGHT_CTRL));
    }

    #[test]
    fn another_key_can_give_the_keyboard_back() {
        let (keyboard, log) = captured();
        keyboard.follow(ReleaseKey::ScrollLock, &[]);
        keyboard.key(RIGHT_CTRL, true);
        keyboard.key(RIGHT_CTRL, false);
        assert!(keyboard.is_captured(), "it is a key of the guest now");
        let scroll_lock = KeyCode(70);
        keyboard.key(scroll_lock, true);
        keyboard.key(scroll_lock, false);
        assert!(!keyboard.is_captured());
        let sent = log.0.lock().unwrap().clone();
        let expected = [
            key(RIGHT_CTRL, true),
            key(RIGHT_CTRL, false),
            Input::ReleaseAll,
        ];
        assert_eq!(sent, expected);
    }
}
