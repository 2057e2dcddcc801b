//! The listener: takes pictures from QEMU. Its thread only answers, stores and copies inline pixels.

use std::io;
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use zbus::message::Header;
use zbus::zvariant::OwnedFd;
use zbus::{Connection, Message};

use super::pixel_wire::{PixelWire, Served};
use super::{Offer, properties, read_call, serve_calls, wire};
use crate::display::frame::{FrameSlot, ScreenStatus, SharedMap, Size};
use crate::display::map::Layout;

/// Largest pointer shape we take, in pixels a side. virtio-gpu has 64, others up to 256.
const MAX_CURSOR: u32 = 512;
const MAP_INTERFACE: &str = "org.qemu.Display1.Listener.Unix.Map";

/// A running listener. Dropping it closes the connection, upon which QEMU stops drawing for us, and joins the thread.
pub(super) struct Listener {
    thread: Option<JoinHandle<()>>,
    socket: UnixStream,
    closing: Arc<AtomicBool>,
}

impl Listener {
    /// Starts the thread on our end of the socket pair. It begins to authenticate at once, for which QEMU waits.
    pub fn start(socket: UnixStream, slot: Arc<FrameSlot>, offer: Offer) -> io::Result<Self> {
        let closing = Arc::new(AtomicBool::new(false));
        let (ours, quiet) = (socket.try_clone()?, Arc::clone(&closing));
        let thread = std::thread::Builder::new()
            .name("screen-listen".to_owned())
            .spawn(move || {
                let served = Arc::new(Served::default());
                let serve = async |connection: &Connection, message: &Message| {
                    let result = serve(connection, &slot, offer, message).await;
                    served.tell();
                    result
                };
                let pixels = |wire| PixelWire {
                    wire,
                    slot: Arc::clone(&slot),
                    served: Arc::clone(&served),
                };
                let ended = wire::run(ours, |wire| serve_calls(pixels(wire), serve));
                let ended = ended.unwrap_or_else(|error| Err(error.into()));
                if !quiet.load(Ordering::Acquire) {
                    slot.lose(lost_message(ended.err()));
                }
            })?;
        Ok(Self {
            thread: Some(thread),
            socket,
            closing,
        })
    }
}

fn lost_message(error: Option<zbus::Error>) -> String {
    let cause = error.map_or_else(String::new, |error| format!(" ({error})"));
    format!(
        "The machine closed its screen connection{cause}. If it still runs, open the screen again."
    )
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.closing.store(true, Ordering::Release);
        self.socket.shutdown(Shutdown::Both).ok(); // Already closed by QEMU is as good.
        if let Some(thread) = self.thread.take() {
            thread.join().ok(); // A panic was already reported by the panic hook.
        }
    }
}

/// Answers one call, then uses what it brought.
async fn serve(
    connection: &Connection,
    slot: &FrameSlot,
    offer: Offer,
    message: &Message,
) -> zbus::Result<()> {
    let Some((call, answer_due)) = read_call(connection, message, parse).await? else {
        return Ok(());
    };
    if answer_due {
        let header = message.header();
        match call {
            Call::Properties => {
                let interfaces: &[&str] = match offer {
                    Offer::SharedMemory => &[MAP_INTERFACE],
                    Offer::Inline => &[],
                };
                connection.reply(&header, &properties(interfaces)).await?;
            }
            _ => connection.reply(&header, &()).await?,
        }
    }
    apply(slot, call, message);
    Ok(())
}

/// Width, height, stride, format, pixels.
type ScanoutBody<'a> = (u32, u32, u32, u32, &'a [u8]);
/// X, y, width, height, stride, format, pixels.
type UpdateBody<'a> = (i32, i32, i32, i32, u32, u32, &'a [u8]);

/// A call of QEMU's, checked. Pixels stay in the message, unless they are in the picture already.
pub(super) enum Call {
    Properties,
    Map(SharedMap),
    MapDamage(i32, i32, i32, i32),
    /// Pixels of a new picture.
    Scanout(Layout),
    /// Pixels at a place.
    Update(i32, i32, Layout),
    Disable,
    PointerAt(i32, i32, bool),
    PointerShape,
    Other,
}

pub(super) fn parse(header: &Header<'_>, message: &Message) -> Result<Call, String> {
    let body = message.body();
    let text = |error: zbus::Error| error.to_string();
    Ok(match header.member().map_or("", |member| member.as_str()) {
        "GetAll" => Call::Properties,
        "ScanoutMap" => {
            let (fd, offset, w, h, stride, code): (OwnedFd, u32, u32, u32, u32, u32) =
                body.deserialize().map_err(text)?;
            let map = SharedMap::new(fd.into(), offset, Size::new(w, h), stride, code);
            Call::Map(map.map_err(|bad| bad.to_string())?)
        }
        "UpdateMap" => {
            let (x, y, w, h) = body.deserialize().map_err(text)?;
            Call::MapDamage(x, y, w, h)
        }
        "Scanout" => {
            let (w, h, stride, code, _): ScanoutBody<'_> = body.deserialize().map_err(text)?;
            let layout = Layout::checked(Size::new(w, h), stride, code);
            Call::Scanout(layout.map_err(|bad| bad.to_string())?)
        }
        "Update" => {
            let (x, y, w, h, stride, code, _): UpdateBody<'_> = body.deserialize().map_err(text)?;
            let size = Size::new(u32::try_from(w).unwrap_or(0), u32::try_from(h).unwrap_or(0));
            let layout = Layout::checked(size, stride, code);
            Call::Update(x, y, layout.map_err(|bad| bad.to_string())?)
        }
        "Disable" => Call::Disable,
        "MouseSet" => {
            let (x, y, on): (i32, i32, i32) = body.deserialize().map_err(text)?;
            Call::PointerAt(x, y, on != 0)
        }
        "CursorDefine" => Call::PointerShape,
        // Graphics memory of a GPU: not offered, so only a broken QEMU sends it.
        "ScanoutDMABUF" | "ScanoutDMABUF2" => {
            return Err("shared graphics memory was not offered".to_owned());
        }
        _ => Call::Other,
    })
}

fn apply(slot: &FrameSlot, call: Call, message: &Message) {
    match call {
        Call::Map(map) => slot.set_map(map),
        Call::MapDamage(x, y, w, h) => slot.map_damage(x, y, w, h),
        Call::Scanout(layout) => {
            let body = message.body();
            if let Ok((.., bytes)) = body.deserialize::<ScanoutBody<'_>>()
                && slot.set_inline(layout.size).is_ok()
            {
                slot.paint(0, 0, layout, bytes);
                slot.finish_paint();
            }
        }
        Call::Update(x, y, layout) => {
            let body = message.body();
            if let Ok((.., bytes)) = body.deserialize::<UpdateBody<'_>>() {
                slot.paint(x, y, layout, bytes);
                slot.finish_paint();
            }
        }
        Call::Disable => slot.set_status(ScreenStatus::Blank),
        Call::PointerAt(x, y, visible) => slot.edit_cursor(|cursor| {
            (cursor.x, cursor.y, cursor.visible) = (x, y, visible);
        }),
        Call::PointerShape => define_cursor(slot, message),
        Call::Properties | Call::Other => {}
    }
}

/// `CursorDefine`: ARGB words with a hot spot.
fn define_cursor(slot: &FrameSlot, message: &Message) {
    let body = message.body();
    let parts: Result<(i32, i32, i32, i32, &[u8]), _> = body.deserialize();
    let Ok((width, height, hot_x, hot_y, argb)) = parts else {
        return;
    };
    let unsigned = |value: i32| u32::try_from(value).unwrap_or(0);
    let (width, height) = (unsigned(width), unsigned(height));
    let bytes = width as usize * height as usize * 4;
    if width.max(height) > MAX_CURSOR || argb.len() < bytes {
        return;
    }
    let (words, _) = argb[..bytes].as_chunks::<4>();
    let rgba: Vec<u8> = words
        .iter()
        .flat_map(|word| {
            let argb = u32::from_ne_bytes(*word);
            let [a, r, g, b] = argb.to_be_bytes();
            [r, g, b, a]
        })
        .collect();
    slot.edit_cursor(|cursor| {
        (cursor.width, cursor.height) = (width, height);
        cursor.hot_x = unsigned(hot_x).min(width.saturating_sub(1));
        cursor.hot_y = unsigned(hot_y).min(height.saturating_sub(1));
        cursor.rgba = rgba.into();
        cursor.shape += 1;
    });
}
