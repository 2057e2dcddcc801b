//! The event loop: takes what the window, the screen and the owner say, and lets the stage paint.

use std::path::PathBuf;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Instant;

use winit::application::ApplicationHandler;
use winit::event::{DeviceEvent, DeviceId, WindowEvent};
use winit::event_loop::{ActiveEventLoop, ControlFlow, EventLoop, EventLoopProxy};
use winit::platform::wayland::EventLoopBuilderExtWayland;
use winit::platform::x11::EventLoopBuilderExtX11;
use winit::window::{Window, WindowId};

use crate::confine::start_over;
use crate::desktop::{Heard, SystemKeys};
use crate::display::frame::{Figures, Following, Wake};
use crate::display::keys::{HostKeys, KeyCode};
use crate::display::record::End;
use crate::display::{DisplayError, Input, Screen};
use crate::engine::message::Command;
use crate::language::{self, Language, fill, later, tr};
use crate::model::{Failure, State};

use super::bar::{Message, Request};
use super::keyboard::Keyboard;
use super::owner::Owner;
use super::pointer::Pointer;
use super::session::Session;
use super::sharing::Sharing;
use super::stage::{self, Stage};
use super::{CUT_OFF, ConsoleOptions, ConsoleTarget, PRESENTER};

mod farewell;
mod input;
mod picture;

use farewell::Farewell;

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
    /// The window can be seen, or not.
    InSight(bool),
    /// A screenshot was kept and copied, or not.
    Kept {
        kept: Result<PathBuf, String>,
        copied: Result<(), String>,
    },
    /// A recording has ended, and why if it is not kept.
    Recorded(Result<(PathBuf, End), String>),
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
    let session = session(source, options.head, &proxy, wake(&proxy, &pending)).map_err(failed)?;
    let waking = proxy.clone();
    let mut console = Console {
        sharing: Sharing::new(move || {
            waking.send_event(Event::Clipboard).ok(); // The loop has ended.
        }),
        options,
        label: session.label(),
        session,
        stage: None,
        keyboard: Keyboard::default(),
        host_keys: HostKeys::default(),
        pointer: Pointer::default(),
        hold: None,
        system_keys: None,
        focused: false,
        over_bar: false,
        pending,
        proxy,
        saving: None,
        failure: None,
        told_length: None,
        figures: Figures::new(Instant::now()),
        following: Following::Idle,
        unseen: false,
        lent: false,
        farewell: Farewell::Unasked,
    };
    let ended = event_loop.run_app(&mut console);
    let (failure, lent) = (console.failure.take(), console.lent);
    drop(console);
    if ended.is_err() && lent {
        // One process can have one connection to a compositor only.
        let error = start_over(PRESENTER, CUT_OFF);
        return Err(failed(error.to_string()));
    }
    ended.map_err(|error| failed(error.to_string()))?;
    failure.map_or(Ok(()), Err)
}

/// What is shown; otherwise why nothing can be.
fn session(
    source: Source,
    head: u32,
    proxy: &EventLoopProxy<Event>,
    wake: Wake,
) -> Result<Session, String> {
    match source {
        Source::Screen { name, connect } => {
            let screen = connect(Arc::clone(&wake)).map_err(|error| error.to_string())?;
            Ok(Session::new(name, head, None, Some(screen), wake))
        }
        Source::Owner(target) => {
            let notify = proxy.clone();
            let wake_owner = move || {
                notify.send_event(Event::Owner).ok(); // The loop has ended.
            };
            let (machine, control, client) = (target.machine, target.control, target.client);
            let owner = Owner::start(machine, head, control, client, wake_owner);
            let owner = (machine, owner.map_err(|error| error.to_string())?);
            Ok(Session::new(target.name, head, Some(owner), None, wake))
        }
    }
}

/// At most one wake is on its way at any time.
fn wake(proxy: &EventLoopProxy<Event>, pending: &Arc<AtomicBool>) -> Wake {
    // The proxy is `Send`, not `Sync`.
    let (proxy, pending) = (Mutex::new(proxy.clone()), Arc::clone(pending));
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
    /// What stays with the desktop.
    host_keys: HostKeys,
    pointer: Pointer,
    /// The guest's pointer is relative, and has ours.
    hold: Option<Hold>,
    /// `None` until the event loop runs.
    system_keys: Option<SystemKeys<Rc<Window>>>,
    focused: bool,
    /// egui believes the pointer is over its parts.
    over_bar: bool,
    pending: Arc<AtomicBool>,
    proxy: EventLoopProxy<Event>,
    /// Writes a screenshot; one at a time.
    saving: Option<JoinHandle<()>>,
    failure: Option<Failure>,
    /// What the window is called.
    label: String,
    figures: Figures,
    /// Seconds of a recording that the bar tells.
    told_length: Option<u64>,
    /// What was last told of the guest's following.
    following: Following,
    /// The compositor has stopped asking for pictures (Wayland), so the guest draws for nobody.
    unseen: bool,
    /// The compositor had the guest's memory when the loop ended.
    lent: bool,
    sharing: Sharing,
    farewell: Farewell,
}

impl ApplicationHandler<Event> for Console {
    fn resumed(&mut self, event_loop: &ActiveEventLoop) {
        if self.stage.is_some() {
            return;
        }
        match Stage::new(event_loop, &self.label, self.options, &self.figures) {
            Ok(stage) => {
                self.system_keys = Some(self.system_keys(&stage));
                stage.overlay.choose(self.session.settings.theme);
                self.stage = Some(stage);
                self.take_first_look();
                self.take_picture();
                if super::was_cut_off() {
                    let text =
                        "The desktop could not read the machine's memory: pixels are copied now";
                    self.say(Message::Trouble(tr(text).to_owned()));
                }
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
            Event::InSight(seen) => self.session.set_visible(seen),
            Event::Recorded(ended) => self.recorded(ended),
            Event::Kept { kept, copied } => self.say(picture::kept_message(kept, copied)),
        }
    }

    fn window_event(&mut self, event_loop: &ActiveEventLoop, _: WindowId, event: WindowEvent) {
        match &event {
            WindowEvent::CloseRequested => self.close_requested(event_loop),
            WindowEvent::RedrawRequested => self.on_stage(Stage::redraw_requested),
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
            WindowEvent::Occluded(_) => {} // Says nothing of minimised windows: see `Event::InSight`.
            WindowEvent::DroppedFile(path) => self.sharing.drop_file(path.clone()),
            WindowEvent::Focused(focused) => self.focus(*focused, &event),
            WindowEvent::KeyboardInput { .. }
            | WindowEvent::ModifiersChanged(_)
            | WindowEvent::Ime(_) => self.keyboard_event(&event),
            WindowEvent::CursorMoved { .. }
            | WindowEvent::CursorLeft { .. }
            | WindowEvent::MouseInput { .. }
            | WindowEvent::MouseWheel { .. } => self.pointer_event(event_loop, &event),
            WindowEvent::Touch(touch) => self.finger_event(touch, &event),
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
        self.follow_farewell(event_loop);
        if self.stage.as_mut().is_some_and(Stage::gave_up_fitting) {
            self.lay_out();
        }
        self.tell_following();
        self.name_window();
        if self.sharing.follow(&mut self.session, self.focused) {
            self.on_stage(|stage| stage.overlay.ask());
        }
        let requests = self.draw_overlay();
        for request in requests {
            self.carry_out(request, event_loop);
        }
        self.update_system_keys();
        self.present();
        self.watch_sight();
        self.update_pointer_look(event_loop);
        let due = self.stage.as_ref().and_then(Stage::due);
        let counted = self.stage.as_ref().filter(|stage| stage.look.figures);
        let figures = counted.map(|_| self.figures.due());
        let due = [due, figures, self.session.due(), self.sharing.due()];
        let due = due.into_iter().flatten().min();
        event_loop.set_control_flow(due.map_or(ControlFlow::Wait, ControlFlow::WaitUntil));
    }

    fn exiting(&mut self, _: &ActiveEventLoop) {
        self.session.send(Input::ReleaseAll);
        self.session.unplug();
        self.system_keys = None;
        if let Some(saving) = self.saving.take() {
            saving.join().ok(); // A panic was already reported by the panic hook.
        }
        self.session.finish_recording();
        self.lent = self.stage.as_ref().is_some_and(Stage::lends_to_compositor);
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

    fn hear_owner(&mut self) {
        if !self.session.hear() {
            return;
        }
        self.keyboard.release_by(self.session.settings.release_key);
        self.take_first_look();
        self.host_keys.set(&self.session.settings.host_keys);
        let theme = self.session.settings.theme;
        self.on_stage(|stage| {
            stage.overlay.choose(theme);
            stage.overlay.ask();
            stage.repaint_all(); // Off is darker.
        });
        self.take_picture();
    }

    fn name_window(&mut self) {
        let label = self.session.label();
        if self.label != label {
            let title = stage::title(&label);
            self.label = label;
            self.on_stage(|stage| {
                stage.window.set_title(&title);
                stage.overlay.ask();
            });
        }
    }

    /// The window begins as the last one was.
    fn take_first_look(&mut self) {
        if let Some(look) = self.stage.as_ref().and(self.session.take_first_look()) {
            self.choose(look);
        }
    }

    fn say(&mut self, message: Message) {
        self.session.say(message);
        self.on_stage(|stage| stage.overlay.ask());
    }

    fn carry_out(&mut self, request: Request, event_loop: &ActiveEventLoop) {
        match request {
            Request::Choose(look) => {
                self.session.keep_look(look);
                self.choose(look);
            }
            Request::FullScreen(on) => self.full_screen(on, None),
            Request::FullScreenOn(monitor) => self.full_screen(true, Some(monitor)),
            Request::Head(head) => self.session.show_head(head),
            Request::OpenHeads(heads) => self
                .session
                .ask(|machine| Command::OpenConsoles { machine, heads }),
            Request::Press(keys) => {
                let down = keys.iter().map(|code| (*code, true));
                let up = keys.iter().rev().map(|code| (*code, false));
                for (code, down) in down.chain(up) {
                    self.session.send(Input::Key { code, down });
                }
            }
            Request::Screenshot => self.screenshot(),
            Request::Record(on) => self.record(on),
            Request::Act(action) => self.session.act(action),
            Request::Mute(muted) => self.session.mute(muted),
            Request::GiveClipboard => self.sharing.give(&mut self.session),
            Request::TakeClipboard => self.sharing.take(&mut self.session),
            Request::TypeClipboard => self.sharing.type_clipboard(&mut self.session),
            Request::CancelJob(job) => self.session.ask(|_| Command::CancelJob(job)),
            Request::Change(change) => self.session.ask(|machine| Command::Change {
                machine,
                changes: vec![change],
            }),
            Request::Again => self.session.reopen_now(),
            Request::Part(action) => self.part(action),
            Request::Stay => self.stay(),
            Request::Close => event_loop.exit(),
        }
    }

    fn system_keys(&self, stage: &Stage) -> SystemKeys<Rc<Window>> {
        let proxy = self.proxy.clone();
        SystemKeys::new(&stage.window, move |heard| {
            let event = match heard {
                Heard::Key { code, down } => Event::Key { code, down },
                Heard::InSight(seen) => Event::InSight(seen),
            };
            proxy.send_event(event).is_ok() // Else the loop has ended.
        })
    }

    /// The machine can take input.
    fn takes_input(&self) -> bool {
        let off = self
            .session
            .state()
            .is_some_and(|state| state == State::Off);
        self.session.is_live() && !off && !self.session.is_unused()
    }

    /// When nothing else is to be said.
    fn hint(&mut self) -> String {
        if !self.takes_input() {
            return String::new();
        }
        let taken = self.system_keys.as_mut();
        let taken = taken.is_some_and(SystemKeys::can_be_taken);
        let text = match (self.keyboard.is_captured(), taken) {
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
