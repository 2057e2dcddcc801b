//! Ties the engine to the screens: `logic` folds events into the view, `ui` draws it and sends
//! what was asked.

mod answers;
mod backend;
mod batch;
mod clipboard;
mod feed;
mod files;
mod frames;
mod keyboard;
mod leave;
mod lines;
mod links;
mod pictures;
mod sight;
mod system_keys;
mod toasts;
mod window;
mod winit_bridge;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use egui::{CursorGrab, PointerButton, Theme, ViewportCommand, ViewportId};
use winit::window::Window;

pub use backend::{Backend, Waker, wake};
pub use window::{RunError, run};

use crate::desktop::{Appearance, Clipboard, SystemKeys};
use crate::engine::clock::now;
use crate::engine::message::{Command, RequestId};
use crate::engine::relay::Relay;
use crate::engine::screen::{Button, Input};
use crate::language::{self, Language};
use crate::model::{LanguageChoice, MachineId, MachineReport, ThemeChoice};
use crate::ui::actions::Errand;
use crate::ui::clock::Zone;
use crate::ui::pointer::Pointer;
use crate::ui::settings_page::fitting_scale;
use crate::ui::shell::{Page, Shell};
use crate::ui::toasts::Toast;
use crate::ui::view::View;
use crate::ui::{Ask, InsideFile, terminal, theme};
use answers::Purpose;
use batch::Batches;
use feed::{Feed, Next};
use files::{Chooser, Keeper, Keepsake, Picked, Wanted};
use keyboard::Keyboard;
use lines::Lines;
use links::{Link, Links};
use pictures::Pictures;

/// The window's state.
pub struct App {
    backend: Box<dyn Backend>,
    pub view: View,
    pub shell: Shell,
    keyboard: Keyboard,
    /// `None` without a window, as in tests.
    system_keys: Option<SystemKeys<Arc<Window>>>,
    clipboard: Clipboard,
    relay: Relay,
    feed: Feed,
    lines: Lines,
    chooser: Chooser,
    keeper: Keeper,
    links: Links,
    pictures: Pictures,
    pending: BTreeMap<RequestId, Purpose>,
    batches: Batches,
    in_sight: Vec<MachineId>,
    /// The pointer is kept in the window for a guest.
    holds_pointer: bool,
    /// Whose graphs the engine was told to feed.
    watched: Option<MachineId>,
    /// Whose timeline was asked for last.
    timeline: Option<MachineId>,
    /// What was last chosen.
    language: Option<LanguageChoice>,
    /// What was last chosen, and what the desktop then preferred.
    theme: Option<(ThemeChoice, Option<Theme>)>,
    /// What the desktop prefers.
    desktop: Arc<Mutex<Option<Theme>>>,
    page: Page,
    /// All is settled: the window closes with the next frame.
    leave_now: bool,
    closing: bool,
}

impl App {
    /// Installs the look into `ctx` and asks for what the engine does not tell by itself.
    pub fn new(ctx: &egui::Context, backend: Box<dyn Backend>, waker: &Waker) -> Self {
        theme::install(ctx);
        ctx.options_mut(|options| options.zoom_with_keyboard = false); // The settings have the scale.
        waker.attach(ctx);
        let mut app = Self {
            backend,
            view: View::default(),
            shell: Shell::default(),
            keyboard: Keyboard::default(),
            system_keys: None,
            clipboard: Clipboard::new({
                let waker = waker.clone();
                move || waker.wake()
            }),
            relay: Relay::default(),
            feed: Feed::default(),
            lines: Lines::new(waker.clone()),
            chooser: Chooser::new(waker.clone()),
            keeper: Keeper::new(waker.clone()),
            links: Links::new(waker.clone()),
            pictures: Pictures::new(waker.clone()),
            pending: BTreeMap::new(),
            batches: Batches::default(),
            in_sight: Vec::new(),
            holds_pointer: false,
            watched: None,
            timeline: None,
            language: None,
            theme: None,
            desktop: Arc::default(),
            page: Page::default(),
            leave_now: false,
            closing: false,
        };
        app.view.now = now();
        app.view.zone = Zone::new(jiff::tz::TimeZone::system());
        app.send(Command::ShowTrash);
        app
    }

    /// Follows the desktop's preference for dark or light windows.
    pub fn follow_desktop(&self, waker: &Waker) {
        let (desktop, waker) = (Arc::clone(&self.desktop), waker.clone());
        let told = crate::desktop::follow(move |appearance| {
            let theme = appearance.map(|appearance| match appearance {
                Appearance::Dark => Theme::Dark,
                Appearance::Light => Theme::Light,
            });
            *desktop.lock().unwrap_or_else(PoisonError::into_inner) = theme;
            waker.wake();
        });
        told.ok(); // Without a thread the window keeps its own look.
    }

    /// Takes the news. Also runs while the window is hidden, so nothing piles up.
    pub fn update(&mut self, ctx: &egui::Context) {
        self.view.now = now();
        for event in self.backend.drain() {
            self.take(event, ctx);
        }
        self.view.toasts.tick(self.view.now);
        if let Some(failure) = self.shell.shows_trouble(&self.view).cloned() {
            self.view.toasts.said_elsewhere(&failure);
        }
        self.follow_settings(ctx);
        self.follow_drag(ctx);
        self.take_files(ctx);
        self.take_kept();
        self.take_links(ctx);
        self.follow_leaving();
        self.follow_closing(ctx);
        self.follow_screen(ctx);
        self.follow_terminal(ctx);
        self.follow_graphs(ctx);
        self.take_pictures(ctx);
        self.plan_repaint(ctx);
    }

    /// Draws the window and does what was asked for.
    pub fn draw(&mut self, ui: &mut egui::Ui) {
        let ctx = ui.ctx().clone();
        let asks = self.shell.ui(ui, &self.view);
        let asked = !asks.is_empty();
        for ask in asks {
            self.do_ask(ask, &ctx);
        }
        self.follow_page();
        self.follow_pictures();
        self.tell_sight();
        if asked {
            wake(&ctx);
        }
        self.keyboard.give_to_terminal(terminal::has_focus(&ctx));
    }

    fn follow_settings(&mut self, ctx: &egui::Context) {
        let settings = &self.view.settings;
        let theme = settings.theme;
        if self.language != Some(settings.language) {
            self.language = Some(settings.language);
            language::choose(Language::wanted(settings.language.locale()));
        }
        self.keyboard
            .follow(settings.release_key, &settings.host_keys);
        let size = ctx.content_rect().size() * ctx.zoom_factor();
        let scale = fitting_scale(settings.scale, size);
        ctx.set_zoom_factor(f32::from(scale) / 100.0); // Nothing happens if it has that already.
        let desktop = *self.desktop.lock().unwrap_or_else(PoisonError::into_inner);
        if self.theme != Some((theme, desktop)) {
            self.theme = Some((theme, desktop));
            theme::choose(ctx, theme, desktop);
        }
    }

    fn take_files(&mut self, ctx: &egui::Context) {
        match self.chooser.take() {
            Some(Picked::File(pick, path)) => self.shell.picked(&self.view, pick, &path),
            Some(Picked::Target(
                InsideFile {
                    machine,
                    point,
                    place,
                },
                target,
            )) => {
                self.send(Command::TakeFile {
                    machine,
                    point,
                    place,
                    target,
                });
            }
            Some(Picked::NoChooser) => {
                let hint = Toast::hint(files::no_chooser(), self.view.now);
                self.view.toasts.push(hint);
            }
            Some(Picked::Cancelled) | None => {}
        }
        let dropped: Vec<_> = ctx.input(|input| {
            let files = input.raw.dropped_files.iter();
            files.map(|file| file.path().to_path_buf()).collect()
        });
        if dropped.is_empty() {
            return;
        }
        if let Some(machine) = self.guest_under_pointer(ctx) {
            return self.send_files(machine, dropped);
        }
        match &dropped[..] {
            [] => {}
            [path] => self.shell.dropped(&self.view, path),
            _ => self.view.fail(files::one_at_a_time(dropped.len())),
        }
    }

    fn follow_closing(&mut self, ctx: &egui::Context) {
        let asked = ctx.input(|input| input.viewport().close_requested());
        let closes = asked && self.close_requested();
        if asked && !closes {
            ctx.send_viewport_cmd(ViewportCommand::CancelClose);
        }
        if self.leave_now && !self.closing {
            self.closing = true;
            ctx.send_viewport_cmd(ViewportCommand::Close);
        }
        if closes || self.closing {
            let unsaved = self.shell.library.save(&self.view);
            unsaved.into_iter().for_each(|command| self.send(command));
        }
    }

    /// A frame is due when the clock alone changes what is shown; otherwise only news brings one.
    fn plan_repaint(&self, ctx: &egui::Context) {
        let asked = self.feed.waits() || self.lines.waits(self.shell.wants_terminal(&self.view));
        let counts = self.view.counts_down() || self.feed.counts();
        let pause = if counts || asked || self.view.leaving.is_some() {
            Duration::from_secs(1)
        } else if self.sees_running() {
            Duration::from_secs(15) // Its line in the list.
        } else if self.view.running().is_empty() {
            return;
        } else {
            Duration::from_secs(60) // "up 3 h 12 min"
        };
        ctx.request_repaint_after_for(pause, ViewportId::ROOT);
    }

    /// Watches the screen that is shown. A hidden window shows none: that costs the guest nothing.
    fn follow_screen(&mut self, ctx: &egui::Context) {
        let hidden = sight::is_hidden(ctx);
        let wanted = self.shell.wants_screen(&self.view).filter(|_| !hidden);
        let backend = self.backend.as_ref();
        if let Next::Open(machine) = self.feed.follow(wanted, backend, self.view.now) {
            self.send(Command::OpenDisplay { machine });
        }
        if let Some(report) = wanted.and_then(|machine| self.view.machine(machine)) {
            self.feed.set_desktop(report.desktop());
        }
        if let Some(sent) = self.keyboard.take_key_time() {
            self.feed.key_sent(sent);
        }
        self.view.screen = self.feed.update(ctx, &self.view.settings.screen);
        let report = wanted.and_then(|machine| self.view.machine(machine));
        let touch = report.is_some_and(MachineReport::has_touchscreen);
        if let Some(screen) = self.view.screen.as_mut().filter(|_| !touch) {
            screen.touch_slots = 0;
        }
        if self
            .keyboard
            .captured_by()
            .is_some_and(|guest| wanted != Some(guest))
        {
            self.keyboard.release();
        }
        self.view.captured = self.keyboard.captured_by();
        self.follow_system_keys(ctx);
        self.follow_clipboard(wanted, ctx);
        self.hold_pointer(ctx);
    }

    /// A guest without a tablet has the pointer too: it stays in the window. X11 can't lock it and keeps the first.
    fn hold_pointer(&mut self, ctx: &egui::Context) {
        let screen = self.view.screen.as_ref();
        let wanted = self.view.captured.is_some() && screen.is_some_and(|screen| !screen.absolute);
        if wanted == self.holds_pointer {
            return;
        }
        self.holds_pointer = wanted;
        let ways: &[CursorGrab] = if wanted {
            &[CursorGrab::Confined, CursorGrab::Locked]
        } else {
            &[CursorGrab::None]
        };
        for way in ways {
            ctx.send_viewport_cmd(ViewportCommand::CursorGrab(*way));
        }
    }

    /// Shows the serial console that is in sight, and takes the keyboard back from it by the release key.
    fn follow_terminal(&mut self, ctx: &egui::Context) {
        let hidden = sight::is_hidden(ctx);
        let wanted = self.shell.wants_terminal(&self.view);
        let report = wanted.and_then(|machine| self.view.machine(machine));
        let backend = self.backend.as_ref();
        let seen = report.filter(|_| !hidden);
        if self.lines.follow(seen, backend, self.view.now)
            && let Some(machine) = wanted
        {
            let history = true;
            self.send(Command::OpenSerial { machine, history });
        }
        self.view.terminal = wanted.and_then(|machine| Some((machine, self.lines.get(machine)?)));
        if self.keyboard.take_terminal_left() {
            ctx.memory_mut(|memory| memory.surrender_focus(terminal::id()));
        }
    }

    /// What lies in the trash is looked up when its page opens.
    fn follow_page(&mut self) {
        if self.shell.page != self.page {
            self.page = self.shell.page;
            if self.page == Page::Trash {
                self.send(Command::ShowTrash);
            }
        }
        // A timeline is told whenever it changes, once it was asked for.
        let wanted = self.shell.wants_timeline(&self.view);
        if let Some(machine) = wanted.filter(|_| wanted != self.timeline) {
            self.send(Command::ShowTimeline { machine });
        }
        self.timeline = wanted;
    }

    fn do_ask(&mut self, ask: Ask, ctx: &egui::Context) {
        match ask {
            Ask::Engine(command) => self.send(command),
            Ask::Many(commands) => self.begin_many(commands),
            Ask::Screenshot(machine) => self.send(Command::Screenshot { machine }),
            Ask::Record(machine) => self.record(machine),
            Ask::CommandLine(machine) => self.send(Command::CommandLine { machine }),
            Ask::SaveCopy(file) => {
                if let Err(failure) = self.chooser.open(Wanted::Copy(file)) {
                    self.tell_failure(failure);
                }
            }
            Ask::Pick(pick) => {
                if let Err(failure) = self.chooser.open(Wanted::File(pick)) {
                    self.tell_failure(failure);
                }
            }
            Ask::OpenLink(url) => self.links.open(Link::Page(url)),
            Ask::SaveReport(text) => self.keep(Keepsake::Report(text)),
            Ask::SaveSerialLog(machine) => {
                if let Some(report) = self.view.machine(machine) {
                    let (name, folder) = (report.name.clone(), report.path.clone());
                    self.keep(Keepsake::SerialLog { name, folder });
                }
            }
            Ask::OpenFolder(path) => self.links.open(Link::Folder(path)),
            Ask::CloseReport => self.view.program.report = None,
            Ask::PutBack(lab, machines) => self.put_back(lab, machines),
            Ask::DismissToast(toast) => self.view.toasts.dismiss(toast),
            Ask::Pointer(machine, pointer) => self.point(machine, pointer),
            Ask::GuestSize(machine, size) => self.feed.wish(machine, size),
            Ask::Capture(guest) => self.capture(guest),
            Ask::GiveClipboard => self.give_clipboard(),
            Ask::TakeClipboard => self.take_clipboard(),
            Ask::Leave(step) => self.leave_step(step),
            Ask::Errand(Errand::FullScreen) => {
                self.view.full_screen = !self.view.full_screen;
                ctx.send_viewport_cmd(ViewportCommand::Fullscreen(self.view.full_screen));
            }
            // The shell did these already.
            Ask::Select(_)
            | Ask::Rename(_)
            | Ask::EditTags(_)
            | Ask::ArrangeList(_)
            | Ask::ShowHardware(_)
            | Ask::ShowKeys(_)
            | Ask::ShowTimeline(_)
            | Ask::ShowLab(_)
            | Ask::NewLab(_)
            | Ask::NewSnapshot(_)
            | Ask::NewClone(..)
            | Ask::NameSnapshot(..)
            | Ask::TypeInto(_)
            | Ask::ConfirmDelete(_)
            | Ask::ShowSettings(_)
            | Ask::Errand(_) => {}
        }
    }

    fn capture(&mut self, guest: Option<MachineId>) {
        match guest.and_then(|machine| Some((machine, self.feed.screen(machine)?))) {
            Some((machine, screen)) => self.keyboard.capture(machine, Box::new(screen)),
            None => self.keyboard.release(),
        }
    }

    fn point(&self, machine: MachineId, pointer: Pointer) {
        let Some(screen) = self.feed.screen(machine) else {
            return;
        };
        screen.send(match pointer {
            Pointer::Moved { x, y } => Input::PointerAbs { x, y },
            Pointer::Shifted { dx, dy } => Input::PointerRel { dx, dy },
            Pointer::Button { button, pressed } => Input::Button {
                button: button_of(button),
                down: pressed,
            },
            Pointer::Finger(touch) => Input::Touch(touch),
            Pointer::Wheel { right, up } => Input::Wheel { dx: right, dy: up },
        });
    }
}

fn button_of(button: PointerButton) -> Button {
    match button {
        PointerButton::Primary => Button::Left,
        PointerButton::Secondary => Button::Right,
        PointerButton::Middle => Button::Middle,
        PointerButton::Extra1 => Button::Side,
        PointerButton::Extra2 => Button::Extra,
    }
}

impl eframe::App for App {
    fn logic(&mut self, ctx: &egui::Context, _frame: &mut eframe::Frame) {
        self.update(ctx);
    }

    fn ui(&mut self, ui: &mut egui::Ui, _frame: &mut eframe::Frame) {
        self.draw(ui);
    }

    fn on_exit(&mut self, _gl: Option<&eframe::glow::Context>) {
        self.keyboard.release();
        self.system_keys = None; // Before the window that it is of.
        self.feed.finish();
    }

    fn clear_color(&self, visuals: &egui::Visuals) -> [f32; 4] {
        visuals.panel_fill.to_normalized_gamma_f32()
    }

    fn persist_egui_memory(&self) -> bool {
        false
    }
}
