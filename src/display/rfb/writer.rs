//! The writing thread: sends input and asks for pictures.

use std::io::{self, Write};
use std::os::unix::net::UnixStream;

use super::Shared;
use crate::display::frame::{FrameSlot, ScreenStatus, Size};
use crate::display::input::{Button, InputQueue, Order};
use crate::display::keys::KeyCode;

/// Centre of the pointer's range, from which motion is counted when the guest has no absolute pointer (QEMU's
/// pointer motion change extension).
const RELATIVE_CENTRE: i32 = 0x7fff;
const WHEEL_UP: u8 = 3;
const WHEEL_DOWN: u8 = 4;
const WHEEL_LEFT: u8 = 5;
const WHEEL_RIGHT: u8 = 6;

/// Sends until the queue is closed or the socket is gone. The reading thread reports why.
pub(in crate::display) fn write(
    stream: UnixStream,
    slot: &FrameSlot,
    queue: &InputQueue,
    shared: &Shared,
) {
    if !shared.wait_open() {
        return;
    }
    let mut writer = Writer {
        into: stream,
        slot,
        shared,
        buttons: 0,
        at: (0, 0),
    };
    while let Some(order) = queue.next() {
        if writer.obey(order).is_err() {
            return;
        }
    }
}

struct Writer<'a, W> {
    into: W,
    slot: &'a FrameSlot,
    shared: &'a Shared,
    /// RFB's mask of buttons held down.
    buttons: u8,
    at: (u16, u16),
}

impl<W: Write> Writer<'_, W> {
    fn obey(&mut self, order: Order) -> io::Result<()> {
        match order {
            Order::Key { code, down } => self.key(code, down),
            Order::PointerAbs { x, y } => {
                let Size { width, height } = self.slot.info().size;
                let narrow = |at: u32, side: u32| {
                    u16::try_from(at.min(side.saturating_sub(1))).unwrap_or(u16::MAX)
                };
                self.at = (narrow(x, width), narrow(y, height));
                self.pointer()
            }
            Order::PointerRel { dx, dy } => self.motion(dx, dy),
            Order::Button { button, down } => match button_bit(button) {
                Some(bit) if down => self.set_buttons(self.buttons | 1 << bit),
                Some(bit) => self.set_buttons(self.buttons & !(1 << bit)),
                None => Ok(()), // RFB has no such button.
            },
            Order::Wheel { dx, dy } => {
                self.wheel(dy, WHEEL_UP, WHEEL_DOWN)?;
                self.wheel(dx, WHEEL_RIGHT, WHEEL_LEFT)
            }
            Order::Resize { w, h } => self.resize(w, h),
            Order::Show(head) => self.show(head.is_some()),
            Order::Refresh { whole } => self.request(whole),
        }
    }

    fn key(&mut self, code: KeyCode, down: bool) -> io::Result<()> {
        let (Some(qnum), Some(keysym)) = (code.qnum(), code.keysym()) else {
            return Ok(());
        };
        let mut bytes = Vec::with_capacity(12);
        if self.shared.get().extended_keys {
            bytes.extend([255, 0, 0, u8::from(down)]);
            bytes.extend(keysym.to_be_bytes());
            bytes.extend(u32::from(qnum).to_be_bytes());
        } else {
            bytes.extend([4, u8::from(down), 0, 0]);
            bytes.extend(keysym.to_be_bytes());
        }
        self.into.write_all(&bytes)
    }

    /// One pointer event at the last position, or without motion for a relative pointer.
    fn pointer(&mut self) -> io::Result<()> {
        let (x, y) = if self.shared.get().relative_pointer {
            (0x7fff, 0x7fff)
        } else {
            self.at
        };
        self.pointer_event(x, y)
    }

    fn pointer_event(&mut self, x: u16, y: u16) -> io::Result<()> {
        let ([x0, x1], [y0, y1]) = (x.to_be_bytes(), y.to_be_bytes());
        self.into.write_all(&[5, self.buttons, x0, x1, y0, y1])
    }

    fn motion(&mut self, dx: i32, dy: i32) -> io::Result<()> {
        if self.shared.get().relative_pointer {
            let from_centre = |delta: i32| {
                let value = RELATIVE_CENTRE
                    .saturating_add(delta)
                    .clamp(0, i32::from(u16::MAX));
                u16::try_from(value).unwrap_or(0x7fff)
            };
            return self.pointer_event(from_centre(dx), from_centre(dy));
        }
        let moved = |at: u16, delta: i32| {
            let value = i32::from(at)
                .saturating_add(delta)
                .clamp(0, i32::from(u16::MAX));
            u16::try_from(value).unwrap_or(0)
        };
        let (x, y) = (moved(self.at.0, dx), moved(self.at.1, dy));
        self.obey(Order::PointerAbs {
            x: x.into(),
            y: y.into(),
        })
    }

    fn set_buttons(&mut self, buttons: u8) -> io::Result<()> {
        self.buttons = buttons;
        self.pointer()
    }

    fn wheel(&mut self, steps: i32, positive: u8, negative: u8) -> io::Result<()> {
        let bit = if steps > 0 { positive } else { negative };
        for _ in 0..steps.unsigned_abs() {
            self.set_buttons(self.buttons | 1 << bit)?;
            self.set_buttons(self.buttons & !(1 << bit))?;
        }
        Ok(())
    }

    /// SetDesktopSize with one screen.
    fn resize(&mut self, w: u32, h: u32) -> io::Result<()> {
        let (Some((id, flags)), Ok(w), Ok(h)) =
            (self.shared.get().screen, u16::try_from(w), u16::try_from(h))
        else {
            return Ok(()); // The server cannot.
        };
        let ([w0, w1], [h0, h1]) = (w.to_be_bytes(), h.to_be_bytes());
        let mut bytes = vec![251, 0, w0, w1, h0, h1, 1, 0];
        bytes.extend(id.to_be_bytes());
        bytes.extend([0, 0, 0, 0, w0, w1, h0, h1]);
        bytes.extend(flags.to_be_bytes());
        self.into.write_all(&bytes)
    }

    fn show(&mut self, shown: bool) -> io::Result<()> {
        self.shared.edit(|state| state.hidden = !shown);
        if !shown {
            self.slot.set_status(ScreenStatus::Hidden);
            return Ok(());
        }
        if self.slot.info().status == ScreenStatus::Hidden {
            self.slot.set_status(if self.slot.has_picture() {
                ScreenStatus::Live
            } else {
                ScreenStatus::Blank
            });
        }
        self.request(true)
    }

    fn request(&mut self, whole: bool) -> io::Result<()> {
        let Size { width, height } = self.shared.get().size;
        let [w0, w1] = u16::try_from(width).unwrap_or(u16::MAX).to_be_bytes();
        let [h0, h1] = u16::try_from(height).unwrap_or(u16::MAX).to_be_bytes();
        self.into
            .write_all(&[3, u8::from(!whole), 0, 0, 0, 0, w0, w1, h0, h1])
    }
}

/// The bit of RFB's button mask.
fn button_bit(button: Button) -> Option<u8> {
    match button {
        Button::Left => Some(0),
        Button::Middle => Some(1),
        Button::Right => Some(2),
        Button::Side | Button::Extra => None,
    }
}
