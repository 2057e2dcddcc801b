//! The pacing thread: copies shared pixels for viewers, and wakes the app at most about 60 times a second.

use std::io;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::frame::Task;
use super::frame::{Damage, FrameSlot, SharedMap, Wake};

/// Between two wakes; the first after a pause comes at once.
const PACE: Duration = Duration::from_millis(16);

/// Starts the thread. It ends when the slot is closed. `alarm` runs when an alarm of the slot is due.
pub(super) fn start(
    slot: Arc<FrameSlot>,
    wake: Wake,
    alarm: impl FnMut() + Send + 'static,
) -> io::Result<JoinHandle<()>> {
    std::thread::Builder::new()
        .name("screen-pace".to_owned())
        .spawn(move || run(&slot, &wake, alarm))
}

fn run(slot: &FrameSlot, wake: &Wake, mut alarm: impl FnMut()) {
    let mut not_before = Instant::now();
    let mut buffer = Vec::new();
    loop {
        match slot.next_task(not_before) {
            Task::Stop => return,
            Task::Alarm => alarm(),
            Task::Wake => {
                not_before = Instant::now() + PACE;
                wake();
            }
            Task::Copy(map, epoch, damage) => {
                not_before = Instant::now() + PACE;
                copy(slot, &map, epoch, &damage, &mut buffer);
                wake();
            }
        }
    }
}

fn copy(slot: &FrameSlot, map: &SharedMap, epoch: u64, damage: &Damage, buffer: &mut Vec<u8>) {
    for &rect in damage.rects() {
        let read = map.read(rect, buffer, |band, bytes, stride| {
            slot.paint_copy(epoch, map, band, bytes, stride);
        });
        if let Err(error) = read {
            return slot.lose(format!(
                "The picture cannot be read: {error}. Close and open the screen again."
            ));
        }
    }
}
