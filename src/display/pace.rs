//! The pacing thread: copies shared pixels for viewers, lets painters paint, and wakes the app at most about 60 times a
//! second.

use std::io;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::frame::{CopyWork, FrameSlot, News, Painted, Task, Wake};

/// Between two wakes; the first after a pause comes at once.
const PACE: Duration = Duration::from_millis(16);
/// Until a busy window system is asked again.
const BUSY: Duration = Duration::from_millis(1);

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
            Task::News(news) => {
                not_before = following(not_before, Instant::now());
                if tell(slot, &news, &wake, &mut buffer) == Painted::Later {
                    not_before = Instant::now() + BUSY;
                }
            }
        }
    }
}

/// Brings news to those who wait for it. `Later` if the window system was busy.
fn tell(slot: &FrameSlot, news: &News, wake: &Wake, buffer: &mut Vec<u8>) -> Painted {
    if let Some(due) = &news.copy {
        copy(slot, due, buffer);
    }
    let (mut painted, mut looks) = (Painted::Now, news.wake);
    for paint in &news.paints {
        match paint.painter.paint(&paint.map, &paint.damage) {
            Painted::Now => {}
            Painted::Later => {
                slot.put_back(paint, true);
                painted = Painted::Later;
            }
            Painted::Refused => {
                slot.put_back(paint, false);
                looks = true;
            }
        }
    }
    if looks {
        wake();
    }
    painted
}

/// When the wake after one at `now` may come, which was due at `due`. One that came a little late does not shift
/// those after it, or frames would be joined that the guest drew apart.
fn following(due: Instant, now: Instant) -> Instant {
    let late = now.saturating_duration_since(due);
    if late < PACE { due + PACE } else { now + PACE }
}

fn copy(slot: &FrameSlot, due: &CopyWork, buffer: &mut Vec<u8>) {
    let (map, epoch) = (&due.map, due.epoch);
    for &rect in due.damage.rects() {
        let read = map.read(rect, buffer, |band, bytes, stride| {
            slot.paint_copy(epoch, map, band, bytes, stride);
        });
        if let Err(error) = read {
            return slot.lose(format!(
                "The picture cannot be read: {error}. Close and open the screen again."
            ));
        }
    }
    slot.finish_copy(epoch);
}

/// Does the copies that are due at once, for tests without the thread.
#[cfg(test)]
pub(super) fn catch_up(slot: &FrameSlot) {
    while let Some(due) = slot.copy_due() {
        copy(slot, &due, &mut Vec::new());
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    #[test]
    fn a_late_wake_does_not_shift_those_after_it_and_a_pause_owes_none() {
        let due = Instant::now();
        assert_eq!(following(due, due), due + PACE);
        assert_eq!(following(due, due + PACE / 4), due + PACE);
        let long_after = due + PACE * 9;
        assert_eq!(following(due, long_after), long_after + PACE);
    }

    #[test]
    fn a_flood_of_news_wakes_about_sixty_times_a_second_and_the_last_is_not_lost() {
        let slot = Arc::new(FrameSlot::default());
        let (wakes, seen) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicU32::new(0)));
        let (count, last, watched) = (Arc::clone(&wakes), Arc::clone(&seen), Arc::clone(&slot));
        let wake: Wake = Arc::new(move || {
            count.fetch_add(1, Ordering::Relaxed);
            last.store(watched.info().heads, Ordering::Relaxed);
        });
        let thread = start(Arc::clone(&slot), wake, || {}).unwrap();
        let begin = Instant::now();
        let mut news = 0;
        while begin.elapsed() < Duration::from_millis(200) {
            news += 1;
            slot.edit_info(|info| info.heads = news);
        }
        std::thread::sleep(PACE * 4);
        slot.close();
        thread.join().unwrap();
        let wakes = wakes.load(Ordering::Relaxed);
        assert!((2..=17).contains(&wakes), "{wakes} for {news} news");
        assert_eq!(seen.load(Ordering::Relaxed), news);
    }
}
