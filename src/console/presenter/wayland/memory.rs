//! The guest's memory as a Wayland compositor has it: a pool of wl_shm on the guest's own file.

use std::os::fd::AsFd as _;

use wayland_client::globals::{BindError, GlobalError, registry_queue_init};
use wayland_client::protocol::wl_buffer::WlBuffer;
use wayland_client::protocol::wl_shm::{Format, WlShm};
use wayland_client::protocol::wl_shm_pool::WlShmPool;
use wayland_client::{ConnectError, Connection, Dispatch, DispatchError, QueueHandle};

use crate::desktop::WaylandWindowError;
use crate::display::frame::{PixelFormat, SharedMap};

use super::compositor::Events;

/// Why the guest's memory can't be shown directly.
#[derive(Debug, thiserror::Error)]
pub enum DirectError {
    #[error(transparent)]
    Window(#[from] WaylandWindowError),
    #[error("no compositor could be reached: {0}")]
    Connect(#[from] ConnectError),
    #[error("the compositor did not answer: {0}")]
    Globals(#[from] GlobalError),
    #[error("the compositor can't do it: {0}")]
    Missing(#[from] BindError),
    #[error("the compositor refused: {0}")]
    Refused(#[from] DispatchError),
    #[error("the guest's memory is of another kind than compositors take")]
    Kind,
    #[error("a menu's picture could not be handed on: {0}")]
    Sheet(#[from] std::io::Error),
}

/// Two buffers over the same bytes, shown in turn: a compositor may look again only at a buffer that is new to it.
pub struct Memory {
    pub map: SharedMap,
    buffers: [WlBuffer; 2],
    next: usize,
}

impl Memory {
    pub fn new<E>(
        map: &SharedMap,
        shm: &WlShm,
        handle: &QueueHandle<E>,
    ) -> Result<Self, DirectError>
    where
        E: Dispatch<WlShmPool, ()> + Dispatch<WlBuffer, ()> + 'static,
    {
        let lie = Bytes::of(map).ok_or(DirectError::Kind)?;
        let pool = shm.create_pool(map.fd.as_fd(), lie.end, handle, ());
        let buffer = || {
            let (format, stride) = (Format::Xrgb8888, lie.stride);
            pool.create_buffer(lie.start, lie.width, lie.height, stride, format, handle, ())
        };
        let buffers = [buffer(), buffer()];
        pool.destroy(); // The buffers keep it.
        Ok(Self {
            map: map.clone(),
            buffers,
            next: 0,
        })
    }

    /// The buffer to show now.
    pub fn turn(&mut self) -> &WlBuffer {
        self.next = 1 - self.next;
        &self.buffers[self.next]
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        self.buffers.iter().for_each(WlBuffer::destroy);
    }
}

/// A compositor that can't take the memory ends the connection. So this asks on one of its own first.
pub fn try_out(map: &SharedMap) -> Result<(), DirectError> {
    let connection = Connection::connect_to_env()?;
    let (globals, mut queue) = registry_queue_init::<Events>(&connection)?;
    let shm: WlShm = globals.bind(&queue.handle(), 1..=1, ())?;
    let _memory = Memory::new(map, &shm, &queue.handle())?;
    queue.roundtrip(&mut Events::default())?;
    Ok(())
}

/// True if a compositor can show the picture as it lies, and the file holds all of it now. One that shrinks later
/// costs us the connection.
pub fn can_show(map: &SharedMap) -> bool {
    let need = Bytes::of(map).and_then(|bytes| u64::try_from(bytes.end).ok());
    let have = rustix::fs::fstat(&*map.fd).ok();
    let have = have.and_then(|stat| u64::try_from(stat.st_size).ok());
    need.is_some() && need <= have
}

/// Where a picture lies in its file, as wl_shm counts.
struct Bytes {
    start: i32,
    end: i32,
    width: i32,
    height: i32,
    stride: i32,
}

impl Bytes {
    /// `None` if it is not made of 32-bit words of blue, green, red and anything.
    fn of(map: &SharedMap) -> Option<Self> {
        let layout = map.layout;
        let size = layout.size;
        // wl_shm wants the padding after the last row, too.
        let length = u64::from(layout.stride) * u64::from(size.height);
        (layout.format == PixelFormat::BGRX).then_some(())?;
        Some(Self {
            start: map.offset.try_into().ok()?,
            end: (u64::from(map.offset) + length).try_into().ok()?,
            width: size.width.try_into().ok()?,
            height: size.height.try_into().ok()?,
            stride: layout.stride.try_into().ok()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::os::fd::OwnedFd;

    use super::*;
    use crate::display::frame::Size;

    fn map(bytes: u64, stride: u32, code: u32) -> SharedMap {
        let file = tempfile::tempfile().unwrap();
        file.set_len(bytes).unwrap();
        SharedMap::new(OwnedFd::from(file), 8, Size::new(4, 4), stride, code).unwrap()
    }

    #[test]
    fn a_file_that_has_shrunk_or_another_format_is_not_handed_on() {
        const XRGB: u32 = 0x2002_0888;
        let whole = map(8 + 4 * 16, 16, XRGB);
        assert!(can_show(&whole));
        rustix::fs::ftruncate(&*whole.fd, 70).unwrap();
        assert!(!can_show(&whole));
        // Padding after the last row is wanted too.
        assert!(!can_show(&map(8 + 3 * 20 + 16, 20, XRGB)));
        assert!(can_show(&map(8 + 4 * 20, 20, XRGB)));
        assert!(!can_show(&map(8 + 4 * 16, 16, 0x2003_0888)));
    }
}
