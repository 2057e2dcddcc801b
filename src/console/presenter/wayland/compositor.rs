//! Surfaces within a Wayland window that show memory which is none of the window's: the guest's, and what lies over it.
//!
//! ```text
//!   sheets     menus, signs, the card: small buffers of ours                                  on top
//!   guest      two buffers over the guest's own memory, in turn
//!   window     bar, letterbox, and the rows and columns of the guest between logical pixels   below
//! ```
//! All follow the window's surface: what was committed on them is seen once that is committed, and then all at once.

use std::rc::Rc;

use wayland_client::globals::{GlobalListContents, registry_queue_init};
use wayland_client::protocol::wl_buffer::WlBuffer;
use wayland_client::protocol::wl_callback::{self, WlCallback};
use wayland_client::protocol::wl_compositor::WlCompositor;
use wayland_client::protocol::wl_region::WlRegion;
use wayland_client::protocol::wl_registry::{self, WlRegistry};
use wayland_client::protocol::wl_shm::WlShm;
use wayland_client::protocol::wl_shm_pool::WlShmPool;
use wayland_client::protocol::wl_subcompositor::WlSubcompositor;
use wayland_client::protocol::wl_subsurface::WlSubsurface;
use wayland_client::protocol::wl_surface::WlSurface;
use wayland_client::{Connection, Dispatch, EventQueue, QueueHandle, delegate_noop};
use wayland_protocols::wp::viewporter::client::wp_viewport::WpViewport;
use wayland_protocols::wp::viewporter::client::wp_viewporter::WpViewporter;
use winit::window::Window;

use crate::desktop::WaylandWindow;
use crate::display::frame::{Damage, Rect, SharedMap};

use super::super::super::raster::Canvas;
use super::super::super::view::intersect;
use super::super::x11::is_same;
use super::grid::{Grid, Lie, signed};
use super::memory::{self, DirectError, Memory};
use super::sheet::Sheet;

/// The compositor, as far as one window needs it.
pub struct Compositor {
    guest: Layer,
    memory: Option<Memory>,
    sheets: Vec<Sheet>,
    tools: Tools,
    queue: EventQueue<Events>,
    events: Events,
    /// Pictures of the guest so far.
    pictures: u64,
    /// Memory that did not go well.
    refused: Option<SharedMap>,
    window: WaylandWindow<Rc<Window>>,
}

/// What surfaces are made with.
pub struct Tools {
    pub handle: QueueHandle<Events>,
    pub shm: WlShm,
    compositor: WlCompositor,
    subcompositor: WlSubcompositor,
    viewporter: WpViewporter,
    /// What all surfaces are part of.
    window: WlSurface,
}

/// What the compositor told.
#[derive(Debug, Default)]
pub struct Events {
    /// The last picture that was seen.
    seen: u64,
}

impl Compositor {
    /// Fails where the compositor lacks anything that this takes.
    pub fn new(window: Rc<Window>) -> Result<Self, DirectError> {
        let window = WaylandWindow::new(window)?;
        let (globals, queue) = registry_queue_init::<Events>(&window.connection)?;
        let handle = queue.handle();
        let tools = Tools {
            shm: globals.bind(&handle, 1..=1, ())?,
            compositor: globals.bind(&handle, 4..=6, ())?, // Damage in the buffer's pixels came with 4.
            subcompositor: globals.bind(&handle, 1..=1, ())?,
            viewporter: globals.bind(&handle, 1..=1, ())?,
            window: window.surface.clone(),
            handle,
        };
        Ok(Self {
            guest: Layer::new(&tools),
            memory: None,
            sheets: Vec::new(),
            tools,
            queue,
            events: Events::default(),
            pictures: 0,
            refused: None,
            window,
        })
    }

    /// Physical pixels and logical ones, as they are now.
    pub fn grid(&self) -> Grid {
        Grid::new(self.window.window.scale_factor())
    }

    /// True if this memory did not go well before.
    pub fn refuses(&self, map: &SharedMap) -> bool {
        let refused = self.refused.as_ref();
        refused.is_some_and(|refused| is_same(refused, map))
    }

    pub fn refuse(&mut self, map: &SharedMap) {
        self.refused = Some(map.clone());
    }

    /// Shows the guest. `changed` is what is new, in guest pixels.
    pub fn show_guest(
        &mut self,
        map: &SharedMap,
        lie: &Lie,
        changed: &[Rect],
    ) -> Result<(), DirectError> {
        let known = self.memory.take();
        let mut memory = match known.filter(|memory| is_same(&memory.map, map)) {
            Some(memory) => memory,
            None => {
                memory::try_out(map)?;
                Memory::new(map, &self.tools.shm, &self.tools.handle)?
            }
        };
        let surface = &self.guest.surface;
        if !changed.is_empty() {
            surface.attach(Some(memory.turn()), 0, 0);
        }
        for rect in changed {
            let [x, y, w, h] = [rect.x, rect.y, rect.w, rect.h].map(signed);
            surface.damage_buffer(x, y, w, h);
        }
        self.pictures += 1;
        surface.frame(&self.tools.handle, self.pictures);
        self.guest.put(lie.place, lie.source);
        self.guest.surface.commit();
        self.memory = Some(memory);
        Ok(())
    }

    /// Shows `wanted`, rectangles of the window, over the guest, as they are on the canvas. `changed` is what is new
    /// there.
    pub fn show_sheets(
        &mut self,
        wanted: &[Rect],
        changed: &Damage,
        canvas: &Canvas,
    ) -> Result<(), DirectError> {
        let grid = self.grid();
        while self.sheets.len() < wanted.len() {
            self.sheets.push(Sheet::new(&self.tools));
        }
        let (shown, hidden) = self.sheets.split_at_mut(wanted.len());
        for (sheet, &rect) in shown.iter_mut().zip(wanted) {
            let touched = |changed: &Rect| intersect(*changed, rect).is_some();
            if !sheet.shows(rect) || changed.rects().iter().any(touched) {
                sheet.show(&self.tools, grid, rect, canvas)?;
            }
        }
        hidden.iter_mut().for_each(Sheet::hide);
        Ok(())
    }

    /// Takes away all that was shown.
    pub fn hide(&mut self) {
        self.guest.hide();
        self.sheets.iter_mut().for_each(Sheet::hide);
        self.memory = None;
    }

    /// Lets all be seen that is new, where the window itself has nothing new.
    pub fn commit(&self) {
        self.window.surface.commit();
        self.window.connection.flush().ok(); // winit reports a connection that is gone.
    }

    /// True once the last picture of the guest was seen.
    pub fn was_seen(&mut self) -> bool {
        self.queue.dispatch_pending(&mut self.events).ok(); // As above.
        self.pictures > 0 && self.events.seen == self.pictures
    }
}

/// A surface that is part of the window. It is nobody's for the pointer.
pub struct Layer {
    pub surface: WlSurface,
    subsurface: WlSubsurface,
    viewport: WpViewport,
    /// In logical pixels, and the part of the buffer that is shown there. `None` while hidden.
    place: Option<(Rect, Option<Rect>)>,
}

impl Layer {
    pub fn new(tools: &Tools) -> Self {
        let handle = &tools.handle;
        let surface = tools.compositor.create_surface(handle, ());
        let subsurface = tools
            .subcompositor
            .get_subsurface(&surface, &tools.window, handle, ());
        let viewport = tools.viewporter.get_viewport(&surface, handle, ());
        let nothing = tools.compositor.create_region(handle, ());
        surface.set_input_region(Some(&nothing));
        nothing.destroy();
        Self {
            surface,
            subsurface,
            viewport,
            place: None,
        }
    }

    /// Puts `source` of the buffer, or all of it, at a place in logical pixels.
    pub fn put(&mut self, place: Rect, source: Option<Rect>) {
        if self.place.replace((place, source)) == Some((place, source)) {
            return;
        }
        self.subsurface
            .set_position(signed(place.x), signed(place.y));
        self.viewport
            .set_destination(signed(place.w), signed(place.h));
        let [x, y, w, h] = source.map_or([-1.0; 4], |rect| {
            [rect.x, rect.y, rect.w, rect.h].map(f64::from)
        });
        self.viewport.set_source(x, y, w, h);
    }

    pub fn hide(&mut self) {
        if self.place.take().is_some() {
            self.surface.attach(None, 0, 0);
            self.surface.commit();
        }
    }
}

impl Drop for Layer {
    fn drop(&mut self) {
        self.viewport.destroy();
        self.subsurface.destroy();
        self.surface.destroy();
    }
}

impl Dispatch<WlRegistry, GlobalListContents> for Events {
    fn event(
        _: &mut Self,
        _: &WlRegistry,
        _: wl_registry::Event,
        _: &GlobalListContents,
        _: &Connection,
        _: &QueueHandle<Self>,
    ) {
    }
}

impl Dispatch<WlCallback, u64> for Events {
    fn event(
        events: &mut Self,
        _: &WlCallback,
        _: wl_callback::Event,
        picture: &u64,
        _: &Connection,
        _: &QueueHandle<Self>,
    ) {
        events.seen = *picture;
    }
}

delegate_noop!(Events: WlCompositor);
delegate_noop!(Events: WlSubcompositor);
delegate_noop!(Events: WlSubsurface);
delegate_noop!(Events: WlRegion);
delegate_noop!(Events: WlShmPool);
delegate_noop!(Events: WpViewporter);
delegate_noop!(Events: WpViewport);
delegate_noop!(Events: ignore WlShm);
delegate_noop!(Events: ignore WlSurface);
delegate_noop!(Events: ignore WlBuffer); // The guest writes whether it is released or not.
