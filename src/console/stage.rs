//! The window itself: where things lie in it, and their painting.

use std::rc::Rc;
use std::time::{Duration, Instant};

use winit::dpi::{LogicalSize, PhysicalSize};
use winit::event_loop::ActiveEventLoop;
use winit::monitor::MonitorHandle;
use winit::raw_window_handle::{HasWindowHandle, RawWindowHandle};
use winit::window::{Fullscreen, Window};

use crate::desktop::monitor_of;
use crate::display::frame::{Figures, Reading, Rect, Size};
use crate::language::{fill, tr};
use crate::model::{Drawing, Failure, ScreenSettings, Zoom};

use super::ConsoleOptions;
use super::bar::{
    BarView, Card, Request, bar_ui, card_ui, farewell_ui, figures_ui, release_sign_ui,
};
use super::cursor::PointerLook;
use super::guest_picture::{GuestPicture, News};
use super::overlay::Overlay;
use super::presenter::{
    PresentError, Presenter, Repaint, Scene, ShmPresenter, Shown, SoftPresenter, Way,
    WaylandPresenter,
};
use super::theme;
use super::view::Placement;

/// Until a picture that the window system was not ready for is tried again.
const BUSY: Duration = Duration::from_millis(4);
/// How long the bar stays after entering full screen, so that the way back has been seen.
const FAREWELL_BAR: Duration = Duration::from_secs(3);
/// How long a window manager may take to give the window the size that we asked for.
const FITTING: Duration = Duration::from_secs(5);
/// A window that is in sight is asked for a picture long before.
const UNSEEN: Duration = Duration::from_secs(1);
/// A new window leaves this share of the screen free.
const MARGIN: f64 = 0.1;

/// What is drawn over the picture.
pub struct Drawn {
    pub bar: BarView,
    pub card: Option<Card>,
    /// What becomes of a copy of which nothing is kept is asked, instead of the card.
    pub farewell: bool,
    /// The key that lets go, while the guest has the keys.
    pub release: Option<&'static str>,
    pub figures: Option<Reading>,
}

pub struct Stage {
    pub window: Rc<Window>,
    pub overlay: Overlay,
    pub pointer_look: PointerLook,
    presenter: Box<dyn Presenter>,
    pub placement: Placement,
    pub look: ScreenSettings,
    /// Stands above what [`Self::look`] says of drawing.
    forced: Option<Drawing>,
    pub full_screen: bool,
    /// In full screen: the bar is there because the pointer pushed the edge.
    revealed: bool,
    reveal_until: Option<Instant>,
    repaint: Repaint,
    retry: Option<Instant>,
    /// Wayland tells when a picture was shown, and by silence that nobody sees the window.
    paced: bool,
    /// The last picture has not been shown since then.
    waiting: Option<Instant>,
    /// The size we gave the window; while it has it, it follows the guest's.
    own_size: Option<PhysicalSize<u32>>,
    fitted: Size,
    /// Until then a change of size is most likely ours.
    fitting: Option<Instant>,
    /// Of the window, in physical pixels.
    size: Size,
}

impl Stage {
    pub fn new(
        event_loop: &ActiveEventLoop,
        label: &str,
        options: ConsoleOptions,
        figures: &Figures,
    ) -> Result<Self, Failure> {
        let failed = |error: String| {
            Failure::new("The console window could not be opened", error)
                .fix("Check that a desktop session is running and that DISPLAY or WAYLAND_DISPLAY is set")
        };
        let attributes = Window::default_attributes()
            .with_title(title(label))
            .with_window_icon(icon())
            .with_inner_size(LogicalSize::new(1024.0, 768.0 + f64::from(theme::BAR)))
            .with_min_inner_size(LogicalSize::new(360.0, 200.0));
        let window = event_loop
            .create_window(attributes)
            .map_err(|error| failed(error.to_string()))?;
        let window = Rc::new(window);
        let inner = window.inner_size();
        let handle = window.window_handle().map(|handle| handle.as_raw());
        let presenter = presenter(&window, figures).map_err(|error| failed(error.to_string()))?;
        Ok(Self {
            overlay: Overlay::new(event_loop, &window),
            pointer_look: PointerLook::default(),
            presenter,
            placement: Placement::default(),
            look: ScreenSettings::default(),
            forced: options.forced(),
            full_screen: false,
            revealed: false,
            reveal_until: None,
            repaint: Repaint::everything(),
            retry: None,
            paced: matches!(handle, Ok(RawWindowHandle::Wayland(_))),
            waiting: None,
            own_size: Some(inner),
            fitted: Size::default(),
            fitting: None,
            size: Size::new(inner.width, inner.height),
            window,
        })
    }

    /// The window's size; told by events, as asking the X server for it costs a round trip each time.
    pub fn resized(&mut self, size: PhysicalSize<u32>) {
        self.size = Size::new(size.width, size.height);
        if self.own_size == Some(size) {
            self.fitting = None;
        }
        self.repaint_all();
        self.overlay.ask();
    }

    pub fn way(&self) -> Way {
        self.presenter.way()
    }

    /// A compositor reads the guest's memory. One that fails at that ends the connection.
    pub fn lends_to_compositor(&self) -> bool {
        self.paced && self.way() == Way::Direct
    }

    /// Height of the bar in physical pixels.
    fn bar_height(&self) -> u32 {
        (f64::from(theme::BAR) * self.window.scale_factor()).round() as u32
    }

    pub fn bar_shown(&self) -> bool {
        let farewell = self
            .reveal_until
            .is_some_and(|until| until > Instant::now());
        !self.full_screen || self.revealed || farewell || self.overlay.menu_open()
    }

    /// Where the bar is; empty while it is hidden.
    fn bar_rect(&self) -> Rect {
        let size = self.size;
        let height = if self.bar_shown() {
            self.bar_height()
        } else {
            0
        };
        Rect::new(0, 0, size.width, height.min(size.height))
    }

    /// Lays the picture out anew. `look` is the pointer's place.
    pub fn lay_out(&mut self, guest: Size, look: (f64, f64)) {
        let size = self.size;
        let top = if self.full_screen {
            0
        } else {
            self.bar_height().min(size.height)
        };
        let area = Rect::new(0, top, size.width, size.height - top);
        let placement = Placement {
            smooth: self.look.smooth,
            ..Placement::new(area, guest, self.look.zoom, look)
        };
        if placement != self.placement {
            if (placement.shown, placement.guest) != (self.placement.shown, self.placement.guest) {
                self.overlay.ask(); // The badge tells of it.
            }
            self.placement = placement;
            self.repaint.whole = true;
        }
    }

    /// In full screen the bar comes when the pointer pushes the top edge and goes when it leaves the bar.
    pub fn reveal(&mut self, y: f64) {
        let revealed =
            self.full_screen && (y < 1.0 || self.revealed && y < f64::from(self.bar_height()));
        if revealed != self.revealed {
            self.revealed = revealed;
            self.overlay.ask();
        }
    }

    /// Fills the monitor that the window is on, or the given one of [`Self::monitors`].
    pub fn set_full_screen(&mut self, on: bool, monitor: Option<usize>) {
        self.full_screen = on;
        self.revealed = false;
        self.reveal_until = None;
        let monitor = monitor.and_then(|number| self.window.available_monitors().nth(number));
        self.window
            .set_fullscreen(on.then_some(Fullscreen::Borderless(monitor)));
        self.own_size = None;
        self.fitting = None;
        self.show_way_out();
        self.overlay.ask();
    }

    /// Shows the bar for a while, for those who look for a way out of full screen.
    pub fn show_way_out(&mut self) {
        if self.full_screen {
            self.reveal_until = Some(Instant::now() + FAREWELL_BAR);
            self.overlay.ask();
        }
    }

    /// Names of the monitors there are.
    pub fn monitors(&self) -> Vec<String> {
        let named = |(number, monitor): (usize, MonitorHandle)| {
            let number = number + 1;
            let unnamed = || fill("monitor {number}", &[("number", &number)]);
            monitor.name().unwrap_or_else(unnamed)
        };
        let monitors = self.window.available_monitors();
        monitors.enumerate().map(named).collect()
    }

    /// Takes the person's choices over.
    pub fn choose(&mut self, look: ScreenSettings) {
        if self.look != look {
            self.look = look;
            self.repaint_all();
            self.overlay.ask();
        }
    }

    /// The size of a guest that fills the window.
    pub fn room(&self) -> Size {
        let side = self.look.zoom.pixel_side();
        let area = self.placement.area;
        Size::new(area.w / side, area.h / side)
    }

    /// The size that the guest should have to fill the window; `None` while the window has the guest's.
    pub fn wished(&self) -> Option<Size> {
        let size = PhysicalSize::new(self.size.width, self.size.height);
        let fitting = self.fitting.is_some_and(|until| until > Instant::now());
        (self.own_size != Some(size) && !fitting).then(|| self.room())
    }

    /// How large the picture is, in a word.
    pub fn badge(&self) -> String {
        let Placement { guest, shown, .. } = self.placement;
        if self.placement.is_whole() {
            let times = shown.width / guest.width.max(1);
            return format!("{times}:1");
        }
        match self.look.zoom {
            Zoom::Stretch => tr("Stretched").to_owned(),
            Zoom::Fit | Zoom::Whole | Zoom::Times(_) => {
                let share = f64::from(shown.width) * 100.0 / f64::from(guest.width.max(1));
                let percent = share.round() as u32;
                fill("Fit {percent} %", &[("percent", &percent)])
            }
        }
    }

    /// Lets an untouched window follow the guest's size, as far as the screen has room.
    pub fn follow(&mut self, guest: Size) {
        if guest.is_empty() || guest == self.fitted || self.full_screen {
            return;
        }
        self.fitted = guest;
        if self.own_size != Some(PhysicalSize::new(self.size.width, self.size.height))
            || self.window.is_maximized()
        {
            return; // The person chose a size.
        }
        let room = monitor_of(&self.window).map(|monitor| monitor.size());
        let size = window_size(guest, self.bar_height(), room);
        self.own_size = Some(size);
        self.fitting = Some(Instant::now() + FITTING);
        // `Some` says that the size is set at once; otherwise an event follows.
        if let Some(size) = self.window.request_inner_size(size) {
            self.fitting = None;
            self.resized(size);
        }
    }

    /// True once the window has not become the guest's size: the guest is to have the window's.
    pub fn gave_up_fitting(&mut self) -> bool {
        let over = self.fitting.is_some_and(|until| until <= Instant::now());
        if over {
            self.fitting = None;
        }
        over
    }

    /// Joins news of the guest's picture to what has to be painted.
    pub fn add(&mut self, news: &News) {
        self.repaint.whole |= news.whole;
        for &rect in news.damage.rects() {
            self.repaint.guest.add(rect);
        }
    }

    pub fn repaint_all(&mut self) {
        self.repaint.whole = true;
    }

    /// X11: a part has to be painted. Wayland: the last picture was shown.
    pub fn redraw_requested(&mut self) {
        if self.paced {
            self.waiting = None;
        } else {
            self.repaint_all();
        }
    }

    /// True if the guest has something new that has not been asked for in a while.
    pub fn is_unseen(&self) -> bool {
        let late = |since: Instant| since + UNSEEN <= Instant::now();
        !self.repaint.guest.is_empty() && self.waiting.is_some_and(late)
    }

    /// Draws bar and card if that is due; returns what the person asked for.
    pub fn draw_overlay(&mut self, view: impl FnOnce(&Self) -> Drawn) -> Vec<Request> {
        if self
            .reveal_until
            .is_some_and(|until| until <= Instant::now())
        {
            self.reveal_until = None;
            self.overlay.ask();
        }
        if self.overlay.due().is_none_or(|due| due > Instant::now()) {
            return Vec::new();
        }
        let mut requests = Vec::new();
        let drawn = view(self);
        let (bar, shown, way) = (self.bar_rect(), self.bar_shown(), self.way());
        let changed = self.overlay.draw(&self.window, self.size, bar, |ui| {
            if shown {
                bar_ui(ui, &drawn.bar, &mut requests);
            } else if let Some(key) = drawn.release {
                release_sign_ui(ui.ctx(), key);
            }
            if let Some(figures) = &drawn.figures {
                let top = if shown { theme::BAR } else { 0.0 };
                figures_ui(ui.ctx(), figures, way, top);
            }
            if drawn.farewell {
                farewell_ui(ui.ctx(), &drawn.bar, &mut requests);
            } else if let Some(card) = &drawn.card {
                card_ui(ui.ctx(), card, &mut requests);
            }
        });
        for &rect in changed.rects() {
            self.repaint.window.add(rect);
        }
        requests.dedup();
        requests
    }

    /// Paints what has to be painted. True if something new of the guest is seen now.
    pub fn present(
        &mut self,
        guest: Option<&mut GuestPicture>,
        dim: bool,
    ) -> Result<bool, PresentError> {
        if self.waiting.is_some() && self.presenter.was_seen() {
            self.waiting = None;
        }
        let wait = self.waiting.is_some() || self.retry.is_some_and(|at| at > Instant::now());
        if self.repaint.is_empty() || wait {
            return Ok(false);
        }
        self.retry = None;
        let scene = Scene {
            size: self.size,
            placement: self.placement,
            dim,
            direct: self.forced.unwrap_or(self.look.drawing) == Drawing::Auto,
            overlays: &self.overlay.rects,
            canvas: &self.overlay.canvas,
        };
        if self.overlay.canvas.size != scene.size {
            self.overlay.ask(); // The bar has to be drawn for the new size first.
            return Ok(false);
        }
        let repaint = std::mem::take(&mut self.repaint);
        if self.paced {
            self.window.pre_present_notify();
        }
        match self.presenter.present(&scene, guest, &repaint) {
            Ok(Shown::Nothing) => Ok(false),
            Ok(Shown::Now) => {
                if self.paced {
                    self.waiting = Some(Instant::now());
                    self.window.request_redraw(); // Comes once this picture was shown.
                }
                Ok(!repaint.guest.is_empty())
            }
            Ok(Shown::Later) => {
                self.repaint = repaint;
                self.retry = Some(Instant::now() + BUSY);
                Ok(false)
            }
            Err(error) => Err(error),
        }
    }

    /// When something has to be done without an event.
    pub fn due(&self) -> Option<Instant> {
        let later = |at: Instant| (at > Instant::now()).then_some(at);
        let painting = (!self.repaint.is_empty()).then(|| match self.waiting {
            // An answer of the window system wakes us before.
            Some(since) => later(since + UNSEEN).unwrap_or_else(|| Instant::now() + UNSEEN),
            None => self.retry.unwrap_or_else(Instant::now),
        });
        let dues = [
            self.overlay.due(),
            painting,
            self.reveal_until,
            self.fitting,
        ];
        dues.into_iter().flatten().min()
    }
}

/// The guest's size and the bar, made smaller in proportion where the screen has not the room.
fn window_size(guest: Size, bar: u32, room: Option<PhysicalSize<u32>>) -> PhysicalSize<u32> {
    let (width, height) = (f64::from(guest.width), f64::from(guest.height));
    let share = room.map_or(1.0, |room| {
        let usable = |side: u32| f64::from(side) * (1.0 - MARGIN);
        let tall = usable(room.height) - f64::from(bar);
        (usable(room.width) / width)
            .min(tall / height)
            .clamp(0.1, 1.0)
    });
    let side = |length: f64| (length * share).round() as u32;
    PhysicalSize::new(side(width), side(height) + bar)
}

pub fn title(label: &str) -> String {
    format!("{label} – Orangery")
}

fn presenter(
    window: &Rc<Window>,
    figures: &Figures,
) -> Result<Box<dyn Presenter>, softbuffer::SoftBufferError> {
    let soft = SoftPresenter::new(Rc::clone(window))?;
    let soft = match ShmPresenter::new(window, soft, figures) {
        Ok(direct) => return Ok(Box::new(direct)),
        Err(soft) => soft,
    };
    Ok(match WaylandPresenter::new(window, soft) {
        Ok(direct) => Box::new(direct),
        Err(soft) => Box::new(soft),
    })
}

/// For window managers that do not look it up by the window's class.
fn icon() -> Option<winit::window::Icon> {
    let image = image::load_from_memory(include_bytes!("../../icons/128.png"));
    let image = image.ok()?.into_rgba8();
    let (width, height) = image.dimensions();
    winit::window::Icon::from_rgba(image.into_raw(), width, height).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_takes_the_guests_size_or_its_proportions() {
        let room = |w, h| Some(PhysicalSize::new(w, h));
        let size = |room| window_size(Size::new(1280, 800), 36, room);
        assert_eq!(size(room(1600, 1200)), PhysicalSize::new(1280, 836));
        assert_eq!(size(None), PhysicalSize::new(1280, 836));
        assert_eq!(size(room(1000, 700)), PhysicalSize::new(900, 563 + 36));
    }
}
