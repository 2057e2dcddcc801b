//! The event loop: takes what the window, the screen and the owner say, and lets the stage paint.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use winit::application::ApplicationHandler;
use winit::event::{DeviceEvent, DeviceId, WindowEvent};
use winit::event_loop::{ActiveEventLoop, ControlFlow, EventLoop, EventLoopProxy};
use winit::platform::wayland::EventLoopBuilderExtWayland;
use winit::platform::x11::EventLoopBuilderExtX11;
use winit::raw_window_handle::{HasWindowHandle, RawWindowHandle};
use winit::window::WindowId;

use crate::desktop::KeyGrab;
use crate::display::frame::{Size, Wake};
use crate::display::keys::KeyCode;
use crate::display::{DisplayError, Screen};
use crate::engine::message::Command;
use crate::language::{self, Language, fill, later, told, tr};
use crate::model::{Failure, State};

use super::bar::{BarView, Message, Request};
use super::guest_picture::GuestPicture;
use super::keyboard::Keyboard;
use super::owner::Owner;
use super::pointer::Pointer;
use super::session::Session;
use super::sharing::Sharing;
use super::stage::{self, Stage};
use super::{ConsoleOptions, ConsoleTarget, chord, screenshot};

mod input;

/// Where the picture comes from.
pub enum Source {
    Owner(ConsoleTarget),
    Screen {
        name: String,
        connect: Box<dyn FnOnce(Wake) -> Result<Screen, DisplayError>>,
    },
}

/// What other threads tell the event loop.
#[derive(Debug)]
pub enum Event {
    /// The screen has news; one is on its way at most.
    Picture,
    /// The owner has news; one is on its way at most.
    Owner,
    /// This computer's clipboard has an answer.
    Clipboard,
    /// A key while the keyboard is grabbed.
    Key { code: u16, down: bool },
    /// A screenshot was kept, or not.
    Kept(Result<PathBuf, String>),
}

/// Runs the window until it is closed.
pub fn run(source: Source, options: ConsoleOptions) -> Result<(), Failure> {
    let failed = |why: String| {
        Failure::new("The console window could not be opened", why).fix(
            "Check that a desktop session is running and that DISPLAY or WAYLAND_DISPLAY is set",
        )
    };
    language::choose(Language::wanted(None)); // Until the settings say more.
    let mut builder = EventLoop::<Event>::with_user_event();
    if options.any_thread {
        EventLoopBuilderExtX11::with_any_thread(&mut builder, true);
        EventLoopBuilderExtWayland::with_any_thread(&mut builder, true);
    }
    let event_loop = builder.build().map_err(|error| failed(error.to_string()))?;
    let proxy = event_loop.create_proxy();
    let pending = Arc::new(AtomicBool::new(false));
    let wake = wake(&proxy, &pending);
    let session = match source {
        Source::Screen { name, connect } => {
            let screen = connect(Arc::clone(&wake)).map_err(|error| failed(error.to_string()))?;
            Session::new(name, None, Some(screen), wake)
        }
        Source::Owner(target) => {
            let notify = proxy.clone();
            let wake_owner = move || {
                notify.send_event(Event::Owner).ok(); // The loop has ended.
            };
            let owner = Owner::start(target.machine, target.control, target.client, wake_owner)
                .map_err(|error| failed(error.to_string()))?;
            Session::new(target.name, Some((target.machine, owner)), None, wake)
        }
    };
    let waking = proxy.clone();
    let mut console = Console {
        sharing: Sharing::new(move || {
            waking.send_event(Event::Clipboard).ok(); // The loop has ended.
        }),
        options,
        session,
        stage: None,
        keyboard: Keyboard::default(),
        pointer: Pointer::default(),
        hold: None,
        grab: None,
        focused: false,
        over_bar: false,
        pending,
        proxy,
        saving: None,
        failure: None,
    };
    let ended = event_loop.run_app(&mut console);
    let failure = console.failure.take();
    drop(console);
    ended.map_err(|error| failed(error.to_string()))?;
    failure.map_or(Ok(()), Err)
}

/// At most one wake is on its way at any time.
fn wake(proxy: &EventLoopProxy<Event>, pending: &Arc<AtomicBool>) -> Wake {
    // The proxy is `Send`, not `Sync`.
    let (proxy, pending) = (std::sync::Mutex::new(proxy.clone()), Arc::clone(pending));
    Arc::new(move || {
        if !pending.swap(true, Ordering::AcqRel)
            && let Ok(proxy) = proxy.lock()
        {
            proxy.send_event(Event::Picture).ok(); // The loop has ended.
        }
    })
}

/// How the pointer is kept from leaving.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Hold {
    /// It stands still; raw motion tells what the hand does (Wayland).
    Locked,
    /// It stays within the window and is put back to the middle (X11).
    Confined,
}

struct Console {
    options: ConsoleOptions,
    session: Session,
    /// `None` until the event loop runs.
    stage: Option<Stage>,
    keyboard: Keyboard,
    pointer: Pointer,
    /// The guest's pointer is relative, and has ours.
    hold: Option<Hold>,
    /// X11 only.
    grab: Option<KeyGrab>,
    focused: bool,
    /// egui believes the pointer is over its parts.
    over_bar: bool,
    pending: Arc<AtomicBool>,
    proxy: EventLoopProxy<Event>,
    /// Writes a screenshot; one at a time.
    saving: Option<JoinHandle<()>>,
    failure: Option<Failure>,
    sharing: Sharing,
}

impl ApplicationHandler<Event> for Console {
    fn resumed(&mut self, event_loop: &ActiveEventLoop) {
        if self.stage.is_some() {
            return;
        }
        match Stage::new(event_loop, &self.session.name, self.options) {
            Ok(stage) => {
                self.grab = self.key_grab(&stage);
                self.stage = Some(stage);
                self.take_picture();
            }
            Err(failure) => {
                self.failure = Some(failure);
                event_loop.exit();
            }
        }
    }

    fn user_event(&mut self, _: &ActiveEventLoop, event: Event) {
        match event {
            Event::Picture => {
                self.pending.store(false, Ordering::Release);
                self.take_picture();
            }
            Event::Owner => self.hear_owner(),
            Event::Clipboard => {} // `about_to_wait` looks.
            Event::Key { code, down } => self.key(KeyCode(code), down),
            Event::Kept(result) => {
                let message = match result {
                    Ok(path) => {
                        let path = path.display();
                        Message::Done(fill("Screenshot kept as {path}", &[("path", &path)]))
                    }
                    Err(why) => Message::Trouble(told(&why).into_owned()),
                };
                self.say(message);
            }
        }
    }

    fn window_event(&mut self, event_loop: &ActiveEventLoop, _: WindowId, event: WindowEvent) {
        match &event {
            WindowEvent::CloseRequested => event_loop.exit(),
            WindowEvent::RedrawRequested => self.on_stage(Stage::repaint_all),
            WindowEvent::Resized(size) => {
                self.feed_overlay(&event);
                self.on_stage(|stage| stage.resized(*size));
                self.lay_out();
            }
            WindowEvent::ScaleFactorChanged { .. } => {
                self.feed_overlay(&event);
                self.on_stage(|stage| stage.resized(stage.window.inner_size()));
                self.lay_out();
            }
            WindowEvent::Occluded(hidden) => self.session.set_visible(!hidden),
            WindowEvent::DroppedFile(path) => self.sharing.drop_file(path.clone()),
            WindowEvent::Focused(focused) => self.focus(*focused, &event),
            WindowEvent::KeyboardInput { .. }
            | WindowEvent::ModifiersChanged(_)
            | WindowEvent::Ime(_) => self.keyboard_event(&event),
            WindowEvent::CursorMoved { .. }
            | WindowEvent::CursorLeft { .. }
            | WindowEvent::MouseInput { .. }
            | WindowEvent::MouseWheel { .. } => self.pointer_event(event_loop, &event),
            _ => self.feed_overlay(&event),
        }
    }

    fn device_event(&mut self, _: &ActiveEventLoop, _: DeviceId, event: DeviceEvent) {
        if let DeviceEvent::MouseMotion { delta } = event
            && self.hold == Some(Hold::Locked)
            && let Some(input) = self.pointer.raw(delta)
        {
            self.session.send(input);
        }
    }

    fn about_to_wait(&mut self, event_loop: &ActiveEventLoop) {
        self.session.reopen_if_due();
        if self.sharing.follow(&mut self.session, self.focused) {
            self.on_stage(|stage| stage.overlay.ask());
        }
        let requests = self.draw_overlay();
        for request in requests {
            self.carry_out(request, event_loop);
        }
        self.update_grab();
        self.present();
        self.update_pointer_look(event_loop);
        let due = self.stage.as_ref().and_then(Stage::due);
        let due = [due, self.session.due(), self.sharing.due()]
            .into_iter()
            .flatten()
            .min();
        event_loop.set_control_flow(due.map_or(ControlFlow::Wait, ControlFlow::WaitUntil));
    }

    fn exiting(&mut self, _: &ActiveEventLoop) {
        self.session.send(crate::display::Input::ReleaseAll);
        self.grab = None;
        if let Some(saving) = self.saving.take() {
            saving.join().ok(); // A panic was already reported by the panic hook.
        }
        self.stage = None;
    }
}

impl Console {
    fn on_stage(&mut self, act: impl FnOnce(&mut Stage)) {
        if let Some(stage) = &mut self.stage {
            act(stage);
        }
    }

    fn feed_overlay(&mut self, event: &WindowEvent) {
        self.on_stage(|stage| stage.overlay.event(&stage.window, event));
    }

    fn guest_size(&self) -> Size {
        let picture = self.session.picture.as_ref();
        picture.map(GuestPicture::size).unwrap_or_default()
    }

    fn lay_out(&mut self) {
        let (guest, look) = (self.guest_size(), self.pointer.at);
        self.on_stage(|stage| stage.lay_out(guest, look));
    }

    /// Takes what is new on the screen.
    fn take_picture(&mut self) {
        let before = (self.session.info.status.clone(), self.session.is_live());
        let news = self.session.refresh();
        let changed = before != (self.session.info.status.clone(), self.session.is_live());
        let guest = self.guest_size();
        self.on_stage(|stage| {
            if let Some(news) = &news {
                stage.add(news);
            }
            stage.follow(guest);
            if changed {
                stage.overlay.ask();
                stage.repaint_all();
            }
        });
        self.lay_out();
    }

    fn hear_owner(&mut self) {
        let name = self.session.name.clone();
        if !self.session.hear() {
            return;
        }
        self.keyboard.release_by(self.session.settings.release_key);
        if name != self.session.name {
            let title = stage::title(&self.session.name);
            self.on_stage(|stage| stage.window.set_title(&title));
        }
        self.on_stage(|stage| {
            stage.overlay.ask();
            stage.repaint_all(); // Off is darker.
        });
        self.take_picture();
    }

    fn say(&mut self, message: Message) {
        self.session.say(message);
        self.on_stage(|stage| stage.overlay.ask());
    }

    fn draw_overlay(&mut self) -> Vec<Request> {
        let hint = self.hint();
        let Self {
            stage,
            session,
            sharing,
            ..
        } = self;
        let Some(stage) = stage else {
            return Vec::new();
        };
        if session.message_ended() {
            stage.overlay.ask();
        }
        stage.draw_overlay(|stage| {
            let view = BarView {
                name: session.name.clone(),
                standing: session.standing(),
                zoom: stage.zoom,
                full_screen: stage.full_screen,
                way: stage.way(),
                share: sharing.view(session),
                live: session.is_live(),
                message: session.message().unwrap_or(Message::Hint(hint)),
                no_engine: session.no_engine(),
            };
            (view, session.card())
        })
    }

    fn present(&mut self) {
        let dim = self.session.card().is_some();
        let Some(stage) = &mut self.stage else {
            return;
        };
        let way = stage.way();
        let result = stage.present(self.session.picture.as_mut(), dim);
        if stage.way() != way {
            stage.overlay.ask();
        }
        if let Err(error) = result {
            let why = told(&error.to_string()).into_owned();
            let text = fill("The picture can't be shown: {why}", &[("why", &why)]);
            self.say(Message::Trouble(text));
        }
    }

    fn carry_out(&mut self, request: Request, event_loop: &ActiveEventLoop) {
        match request {
            Request::Zoom(zoom) => {
                self.on_stage(|stage| {
                    stage.zoom = zoom;
                    stage.overlay.ask();
                });
                self.lay_out();
            }
            Request::FullScreen(on) => self.full_screen(on),
            Request::Press(chord) => {
                for input in chord::presses(&chord) {
                    self.session.send(input);
                }
            }
            Request::Screenshot => self.screenshot(),
            Request::Act(action) => self.session.act(action),
            Request::GiveClipboard => self.sharing.give(&mut self.session),
            Request::TakeClipboard => self.sharing.take(&mut self.session),
            Request::Change(change) => self.session.ask(|machine| Command::Change {
                machine,
                changes: vec![change],
            }),
            Request::Again => self.session.reopen_now(),
            Request::Close => event_loop.exit(),
        }
    }

    fn full_screen(&mut self, on: bool) {
        self.on_stage(|stage| stage.set_full_screen(on));
        self.lay_out();
    }

    fn screenshot(&mut self) {
        if self
            .saving
            .as_ref()
            .is_some_and(|saving| !saving.is_finished())
        {
            return;
        }
        let still = match self.session.picture.as_mut().map(GuestPicture::still) {
            Some(Ok(still)) if still.width > 0 => still,
            Some(Err(error)) => {
                return self.say(Message::Trouble(told(&error.to_string()).into_owned()));
            }
            Some(Ok(_)) | None => {
                return self.say(Message::Trouble(tr("There is no picture yet").to_owned()));
            }
        };
        let (name, proxy) = (self.session.name.clone(), self.proxy.clone());
        let save = move || {
            let kept = screenshot::keep(&still, &name).map_err(|error| error.to_string());
            proxy.send_event(Event::Kept(kept)).ok(); // The loop has ended.
        };
        let named = std::thread::Builder::new().name("console-screenshot".to_owned());
        match named.spawn(save) {
            Ok(thread) => self.saving = Some(thread),
            Err(error) => {
                let text = fill("No screenshot: {error}", &[("error", &error)]);
                self.say(Message::Trouble(text));
            }
        }
    }

    fn key_grab(&self, stage: &Stage) -> Option<KeyGrab> {
        let window = match stage.window.window_handle().ok()?.as_raw() {
            RawWindowHandle::Xlib(handle) => u32::try_from(handle.window).ok()?,
            RawWindowHandle::Xcb(handle) => handle.window.get(),
            _ => return None,
        };
        let proxy = self.proxy.clone();
        let on_key = move |code, down| {
            proxy.send_event(Event::Key { code, down }).ok(); // The loop has ended.
        };
        KeyGrab::new(window, on_key).ok() // Without it the desktop keeps its shortcuts; the bar says so.
    }

    /// The machine can take input.
    fn takes_input(&self) -> bool {
        let off = self
            .session
            .state()
            .is_some_and(|state| state == State::Off);
        self.session.is_live() && !off
    }

    /// When nothing else is to be said.
    fn hint(&self) -> String {
        if !self.takes_input() {
            return String::new();
        }
        let text = match (self.keyboard.is_captured(), self.grab.is_some()) {
            (true, true) => later("Press {key} to release the keyboard"),
            (true, false) => {
                later("{key} releases the keyboard; your desktop keeps its own shortcuts")
            }
            (false, _) => later("Click the picture or press {key} to type into the machine"),
        };
        let key = tr(self.session.settings.release_key.label());
        fill(text, &[("key", &key)])
    }
}
