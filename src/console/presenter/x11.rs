//! An X connection that shows the guest's memory in a window: MIT-SHM with the guest's own file, read-only.
//!
//! The file is QEMU's and may shrink; the X server answers that with an error, and we touch no pixel.

use std::sync::Arc;

use x11rb::connection::Connection as _;
use x11rb::errors::{ConnectError, ConnectionError, ReplyError, ReplyOrIdError};
use x11rb::protocol::Event;
use x11rb::protocol::render::{self, ConnectionExt as _, PictOp, Repeat, Transform};
use x11rb::protocol::shm::{self, ConnectionExt as _};
use x11rb::protocol::xproto::{
    self, ClipOrdering, ConnectionExt as _, CreateGCAux, ImageFormat, ImageOrder, Rectangle,
};
use x11rb::rust_connection::RustConnection;

use crate::display::frame::{PixelFormat, Rect, SharedMap};

use super::super::view::Placement;

/// Positions and sizes in X are 16 bits, some with a sign.
const MAX_SIDE: u32 = 32_000;
/// Pixels of other depths have an alpha byte, and the guest's fourth byte is anything.
const DEPTH: u8 = 24;

/// Why the guest's memory can't be shown directly.
#[derive(Debug, thiserror::Error)]
pub enum DirectError {
    #[error("no X server could be reached: {0}")]
    Connect(#[from] ConnectError),
    #[error("the X server hung up: {0}")]
    Connection(#[from] ConnectionError),
    #[error("the X server refused: {0}")]
    Reply(#[from] ReplyError),
    #[error("the X server refused: {0}")]
    Id(#[from] ReplyOrIdError),
    #[error("the guest's memory could not be handed on: {0}")]
    Fd(#[from] std::io::Error),
    #[error("the X server has no fitting picture format")]
    Format,
}

/// The connection for one window.
#[derive(Debug)]
pub struct Server {
    connection: RustConnection,
    window: xproto::Window,
    gc: xproto::Gcontext,
    pixmap_format: render::Pictformat,
    /// The window as a picture, for scaled painting.
    target: render::Picture,
    clip: Vec<Rect>,
    memory: Option<Memory>,
    /// Puts whose completion has not come.
    pending: u32,
    /// Memory that the server could not read: the file has shrunk, most likely.
    refused: Option<SharedMap>,
}

/// The guest's memory as the server has it.
#[derive(Debug)]
struct Memory {
    map: SharedMap,
    segment: shm::Seg,
    scaled: Option<Scaled>,
}

/// A copy on the server to scale from.
#[derive(Debug)]
struct Scaled {
    pixmap: xproto::Pixmap,
    source: render::Picture,
    placement: Placement,
}

impl Server {
    /// Fails where the server is remote, old or of another pixel format.
    pub fn new(window: xproto::Window) -> Result<Self, DirectError> {
        let (connection, _) = RustConnection::connect(None)?;
        let version = connection.shm_query_version()?.reply()?;
        let depth = connection.get_geometry(window)?.reply()?.depth;
        let little = connection.setup().image_byte_order == ImageOrder::LSB_FIRST;
        if (version.major_version, version.minor_version) < (1, 2) || depth != DEPTH || !little {
            return Err(DirectError::Format);
        }
        let visual = connection.get_window_attributes(window)?.reply()?.visual;
        let formats = connection.render_query_pict_formats()?.reply()?;
        let window_format = formats
            .screens
            .iter()
            .flat_map(|screen| &screen.depths)
            .flat_map(|depth| &depth.visuals)
            .find(|found| found.visual == visual)
            .map(|found| found.format)
            .ok_or(DirectError::Format)?;
        let pixmap_format = formats
            .formats
            .iter()
            .find(|format| format.depth == DEPTH && is_xrgb(format.direct))
            .map(|format| format.id)
            .ok_or(DirectError::Format)?;
        let (gc, target) = (connection.generate_id()?, connection.generate_id()?);
        connection.create_gc(gc, window, &CreateGCAux::new().graphics_exposures(0))?;
        let plain = render::CreatePictureAux::new();
        connection.render_create_picture(target, window, window_format, &plain)?;
        Ok(Self {
            connection,
            window,
            gc,
            pixmap_format,
            target,
            clip: Vec::new(),
            memory: None,
            pending: 0,
            refused: None,
        })
    }

    /// Takes the guest's memory over, if it is not the same as before.
    pub fn attach(&mut self, map: &SharedMap) -> Result<(), DirectError> {
        if self.has(map) {
            return Ok(());
        }
        self.detach()?;
        let segment = self.connection.generate_id()?;
        let fd = map.fd.try_clone()?;
        self.connection.shm_attach_fd(segment, fd, true)?.check()?;
        self.memory = Some(Memory {
            map: map.clone(),
            segment,
            scaled: None,
        });
        Ok(())
    }

    /// True if the server reads this memory.
    pub fn has(&self, map: &SharedMap) -> bool {
        let memory = self.memory.as_ref();
        memory.is_some_and(|memory| is_same(&memory.map, map))
    }

    pub fn detach(&mut self) -> Result<(), DirectError> {
        if let Some(memory) = self.memory.take() {
            self.free_scaled(memory.scaled)?;
            self.connection.shm_detach(memory.segment)?;
            self.connection.flush()?;
        }
        Ok(())
    }

    fn free_scaled(&self, scaled: Option<Scaled>) -> Result<(), DirectError> {
        if let Some(scaled) = scaled {
            self.connection.render_free_picture(scaled.source)?;
            self.connection.free_pixmap(scaled.pixmap)?;
        }
        Ok(())
    }

    /// Paints nothing outside `clip` from now on, and waits until that holds: what is painted there afterwards, by
    /// others, stays.
    pub fn set_clip(&mut self, clip: &[Rect]) -> Result<(), DirectError> {
        if self.clip == clip {
            return Ok(());
        }
        let rectangles: Vec<Rectangle> = clip.iter().map(|rect| to_x(*rect)).collect();
        let order = ClipOrdering::UNSORTED;
        self.connection
            .set_clip_rectangles(order, self.gc, 0, 0, &rectangles)?;
        let (x, y) = (0, 0);
        self.connection
            .render_set_picture_clip_rectangles(self.target, x, y, &rectangles)?;
        self.connection.get_input_focus()?.reply()?;
        self.clip = clip.to_vec();
        Ok(())
    }

    /// True while the server still reads for the last picture.
    pub fn is_busy(&mut self) -> Result<bool, DirectError> {
        while let Some(event) = self.connection.poll_for_event()? {
            match event {
                Event::ShmCompletion(_) => self.pending = self.pending.saturating_sub(1),
                Event::Error(_) => {
                    self.refused = self.memory.as_ref().map(|memory| memory.map.clone());
                    self.pending = 0;
                }
                _ => {}
            }
        }
        Ok(self.pending > 0)
    }

    /// True if the server could not read this memory.
    pub fn refuses(&self, map: &SharedMap) -> bool {
        self.refused
            .as_ref()
            .is_some_and(|refused| is_same(refused, map))
    }

    /// Shows parts of the picture. `guest` is what changed, in guest pixels; `window` what has to be painted, in
    /// window pixels.
    pub fn show(
        &mut self,
        placement: &Placement,
        guest: &[Rect],
        window: &[Rect],
    ) -> Result<(), DirectError> {
        if placement.is_exact() {
            self.show_exact(placement, window)?;
        } else {
            self.show_scaled(placement, guest, window)?;
        }
        self.connection.flush()?;
        Ok(())
    }

    fn show_exact(&mut self, placement: &Placement, window: &[Rect]) -> Result<(), DirectError> {
        for (left, rect) in (0..window.len()).rev().zip(window) {
            let from = |at: u32, origin: i32| (i64::from(at) - i64::from(origin)).max(0) as u32;
            let source = Rect::new(
                from(rect.x, placement.x),
                from(rect.y, placement.y),
                rect.w,
                rect.h,
            );
            self.put(self.window, source, (rect.x, rect.y), left == 0)?;
        }
        Ok(())
    }

    /// Puts guest pixels somewhere. The last of several asks for word when it is done.
    fn put(
        &mut self,
        drawable: xproto::Drawable,
        source: Rect,
        (x, y): (u32, u32),
        tell: bool,
    ) -> Result<(), DirectError> {
        let Some(memory) = &self.memory else {
            return Ok(());
        };
        let layout = memory.map.layout;
        let (total_width, total_height) = (short(layout.stride / 4), short(layout.size.height));
        let sent = self.connection.shm_put_image(
            drawable,
            self.gc,
            total_width,
            total_height,
            short(source.x),
            short(source.y),
            short(source.w),
            short(source.h),
            signed(x),
            signed(y),
            DEPTH,
            u8::from(ImageFormat::Z_PIXMAP),
            tell,
            memory.segment,
            memory.map.offset,
        );
        sent?.ignore_error();
        self.pending += u32::from(tell);
        Ok(())
    }

    fn show_scaled(
        &mut self,
        placement: &Placement,
        guest: &[Rect],
        window: &[Rect],
    ) -> Result<(), DirectError> {
        let Some(memory) = &mut self.memory else {
            return Ok(());
        };
        let size = memory.map.layout.size;
        let mut scaled = memory.scaled.take();
        if scaled
            .as_ref()
            .is_none_or(|scaled| !scales_alike(&scaled.placement, placement))
        {
            self.free_scaled(scaled)?;
            scaled = Some(self.scaled(placement)?);
            self.put_unclipped(scaled.as_ref(), &[size.rect()])?;
        } else {
            self.put_unclipped(scaled.as_ref(), guest)?;
        }
        if let Some(scaled) = &scaled {
            for rect in window {
                let at = |at: u32, origin: i32| {
                    i16::try_from(i64::from(at) - i64::from(origin)).unwrap_or(0)
                };
                let (x, y) = (at(rect.x, placement.x), at(rect.y, placement.y));
                let (to_x, to_y) = (signed(rect.x), signed(rect.y));
                let (w, h) = (short(rect.w), short(rect.h));
                let (source, none, target) = (scaled.source, x11rb::NONE, self.target);
                self.connection
                    .render_composite(
                        PictOp::SRC,
                        source,
                        none,
                        target,
                        x,
                        y,
                        0,
                        0,
                        to_x,
                        to_y,
                        w,
                        h,
                    )?
                    .ignore_error();
            }
        }
        if let Some(memory) = &mut self.memory {
            memory.scaled = scaled;
        }
        Ok(())
    }

    /// The pixmap is no part of the window: the clip does not hold there.
    fn put_unclipped(
        &mut self,
        scaled: Option<&Scaled>,
        parts: &[Rect],
    ) -> Result<(), DirectError> {
        let Some(scaled) = scaled else {
            return Ok(());
        };
        let gc = self.connection.generate_id()?;
        let aux = CreateGCAux::new().graphics_exposures(0);
        self.connection.create_gc(gc, scaled.pixmap, &aux)?;
        let clipped = std::mem::replace(&mut self.gc, gc);
        let mut result = Ok(());
        for (left, part) in (0..parts.len()).rev().zip(parts) {
            result =
                result.and_then(|()| self.put(scaled.pixmap, *part, (part.x, part.y), left == 0));
        }
        self.gc = clipped;
        self.connection.free_gc(gc)?;
        result
    }

    /// A pixmap of the guest's size and a picture that scales it.
    fn scaled(&self, placement: &Placement) -> Result<Scaled, DirectError> {
        let connection = &self.connection;
        let (pixmap, source) = (connection.generate_id()?, connection.generate_id()?);
        let guest = placement.guest;
        let (width, height) = (short(guest.width), short(guest.height));
        connection.create_pixmap(DEPTH, pixmap, self.window, width, height)?;
        let padded = render::CreatePictureAux::new().repeat(Repeat::PAD);
        connection.render_create_picture(source, pixmap, self.pixmap_format, &padded)?;
        let factor = |from: u32, to: u32| {
            let fixed = (i64::from(from) << 16) / i64::from(to.max(1));
            i32::try_from(fixed).unwrap_or(i32::MAX)
        };
        let transform = Transform {
            matrix11: factor(guest.width, placement.shown.width),
            matrix22: factor(guest.height, placement.shown.height),
            matrix33: 1 << 16,
            ..Transform::default()
        };
        connection.render_set_picture_transform(source, transform)?;
        let filter: &[u8] = if placement.is_sharp() {
            b"nearest"
        } else {
            b"bilinear"
        };
        connection
            .render_set_picture_filter(source, filter, &[])?
            .check()?;
        Ok(Scaled {
            pixmap,
            source,
            placement: *placement,
        })
    }
}

/// True if X can show the picture as it lies: 32-bit words of blue, green, red and anything.
pub fn can_show(map: &SharedMap, placement: &Placement) -> bool {
    let layout = map.layout;
    let small = |side: u32| side <= MAX_SIDE;
    let near = |at: i32| at.unsigned_abs() <= MAX_SIDE;
    layout.format == PixelFormat::BGRX
        && layout.stride.is_multiple_of(4)
        && small(layout.stride / 4)
        && small(layout.size.height)
        && small(placement.shown.width)
        && small(placement.shown.height)
        && near(placement.x)
        && near(placement.y)
        && layout.size == placement.guest
}

fn scales_alike(a: &Placement, b: &Placement) -> bool {
    a.shown == b.shown && a.is_sharp() == b.is_sharp()
}

/// True if two pictures lie at the same place of the same file.
pub fn is_same(a: &SharedMap, b: &SharedMap) -> bool {
    Arc::ptr_eq(&a.fd, &b.fd) && a.offset == b.offset && a.layout == b.layout
}

fn is_xrgb(format: render::Directformat) -> bool {
    let shifts = (format.red_shift, format.green_shift, format.blue_shift);
    let masks = (format.red_mask, format.green_mask, format.blue_mask);
    shifts == (16, 8, 0) && masks == (255, 255, 255)
}

fn to_x(rect: Rect) -> Rectangle {
    Rectangle {
        x: signed(rect.x),
        y: signed(rect.y),
        width: short(rect.w),
        height: short(rect.h),
    }
}

/// Within [`MAX_SIDE`], which [`can_show`] has checked; windows are smaller still.
fn short(value: u32) -> u16 {
    u16::try_from(value).unwrap_or(u16::MAX)
}

fn signed(value: u32) -> i16 {
    i16::try_from(value).unwrap_or(i16::MAX)
}
