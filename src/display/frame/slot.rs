//! The latest-frame slot: one producer overwrites, each viewer reads what it has not seen.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::viewer::{Painter, Viewer, Want};
use super::{BadPicture, Cursor, Damage, Layout, Rect, ScreenInfo, ScreenStatus, SharedMap, Size};

/// The newest picture and everything about it, for the screen's threads and any number of viewers.
#[derive(Debug, Default)]
pub struct FrameSlot {
    state: Mutex<State>,
    /// Tells the pacing thread that there is something to do.
    work: Condvar,
}

#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) info: ScreenInfo,
    /// Where the picture lies; `None` before the first.
    pub(super) map: Option<SharedMap>,
    /// The map is a file of ours, which inline pixels are written into.
    inline: bool,
    /// False from a new map of ours to its first whole picture, so that nobody sees it black or half painted.
    pub(super) ready: bool,
    /// Counts maps, so that a copy of an old one is not painted into a new one.
    epoch: u64,
    /// RGBA of `info.size`, or empty while nobody asked for pixels.
    pub(super) pixels: Vec<u8>,
    /// False from a new map until `pixels` has the whole of it.
    pub(super) painted: bool,
    /// Parts of the map that `pixels` lacks.
    pub(super) stale: Damage,
    /// As many as our own windows have views, so a handful.
    pub(super) viewers: Vec<Seen>,
    next_viewer: u64,
    /// Changes of the picture that the machine told of.
    updates: u64,
    /// The pacing thread has something to do.
    news: bool,
    /// Something else than pixels is new.
    told: bool,
    closed: bool,
    alarm: Option<Instant>,
    /// When the other side must have answered, while the status is `Connecting`.
    answer_by: Option<Instant>,
}

#[derive(Debug)]
pub(super) struct Seen {
    pub(super) id: u64,
    pub(super) want: Want,
    /// Shows damage without waking anybody.
    pub(super) painter: Option<Arc<dyn Painter>>,
    whole: bool,
    damage: Damage,
}

/// What the pacing thread has to do next.
#[derive(Debug)]
pub(in crate::display) enum Task {
    News(News),
    Alarm,
    Stop,
}

/// What became of the picture: first copy, then paint, then wake.
#[derive(Debug)]
pub(in crate::display) struct News {
    pub copy: Option<CopyWork>,
    pub paints: Vec<PaintWork>,
    /// Somebody has to look.
    pub wake: bool,
}

/// Parts of the map that viewers of pixels wait for.
#[derive(Debug)]
pub(in crate::display) struct CopyWork {
    pub map: SharedMap,
    pub epoch: u64,
    pub damage: Damage,
}

/// Parts of the map that a painter shows.
#[derive(Debug)]
pub(in crate::display) struct PaintWork {
    viewer: u64,
    pub painter: Arc<dyn Painter>,
    pub map: SharedMap,
    pub damage: Damage,
}

impl FrameSlot {
    /// Everything but the pixels.
    pub fn info(&self) -> ScreenInfo {
        self.lock().info.clone()
    }

    /// True once there was a picture.
    pub fn has_picture(&self) -> bool {
        self.lock().map.is_some()
    }

    /// Reads the whole picture as packed RGBA, if its pixels are at hand because a viewer wants them.
    pub fn read<T>(&self, read: impl FnOnce(Size, &[u8]) -> T) -> Option<T> {
        let state = self.lock();
        state.painted.then(|| read(state.info.size, &state.pixels))
    }

    /// How many changes of the picture the machine has told of so far.
    pub fn updates(&self) -> u64 {
        self.lock().updates
    }

    /// A new viewer, to which the whole picture is news.
    pub fn watch(self: &Arc<Self>, want: Want) -> Viewer {
        let mut state = self.lock();
        let id = state.next_viewer;
        state.next_viewer += 1;
        state.viewers.push(Seen {
            id,
            want,
            painter: None,
            whole: true,
            damage: Damage::default(),
        });
        state.told = true;
        state.news = true; // The copying thread may have to catch up.
        self.work.notify_all();
        drop(state);
        Viewer::new(Arc::clone(self), id)
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        // A viewer's callback that panicked leaves whole values behind, so go on.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes something else than pixels: everybody has to look.
    fn change<T>(&self, edit: impl FnOnce(&mut State) -> T) -> T {
        self.change_pixels(|state| {
            state.told = true;
            edit(state)
        })
    }

    fn change_pixels<T>(&self, edit: impl FnOnce(&mut State) -> T) -> T {
        let mut state = self.lock();
        let result = edit(&mut state);
        state.info.generation += 1;
        if !std::mem::replace(&mut state.news, true) {
            self.work.notify_all(); // Otherwise the pacing thread knows already and only waits for its time.
        }
        result
    }
}

/// For the threads that fill the slot.
impl FrameSlot {
    pub(in crate::display) fn edit_info(&self, edit: impl FnOnce(&mut ScreenInfo)) {
        self.change(|state| edit(&mut state.info));
    }

    /// Ends the screen with a reason for the user; the first reason stays.
    pub(in crate::display) fn lose(&self, why: impl Into<String>) {
        self.change(|state| {
            if !matches!(state.info.status, ScreenStatus::Lost { .. }) {
                state.info.status = ScreenStatus::Lost { why: why.into() };
            }
        });
    }

    /// Changes the status, unless the screen is already lost.
    pub(in crate::display) fn set_status(&self, status: ScreenStatus) {
        self.change(|state| state.info.set_status(status));
    }

    pub(in crate::display) fn edit_cursor(&self, edit: impl FnOnce(&mut Cursor)) {
        self.change(|state| edit(&mut state.info.cursor));
    }

    /// A new picture in shared memory. Viewers of pixels see it once it is copied.
    pub(in crate::display) fn set_map(&self, map: SharedMap) {
        self.change(|state| {
            state.begin(map);
            state.inline = false;
            state.ready = true;
        });
    }

    /// A new picture whose pixels follow by [`Self::paint`]; nobody sees it until [`Self::finish_paint`].
    pub(in crate::display) fn set_inline(&self, size: Size) -> Result<(), BadPicture> {
        if self.lock().inline_map(size).is_some() {
            self.change(|state| state.info.picture_came());
            return Ok(());
        }
        let map = SharedMap::blank(size)?;
        self.change(|state| {
            state.begin(map);
            state.inline = true;
            state.ready = false;
        });
        Ok(())
    }

    /// QEMU wrote into the map within this rectangle.
    pub(in crate::display) fn map_damage(&self, x: i32, y: i32, w: i32, h: i32) {
        self.change_pixels(|state| {
            state.updates += 1;
            let (x, y, w, h) = (x.into(), y.into(), w.into(), h.into());
            if let Some(rect) = Rect::clipped(x, y, w, h, state.info.size) {
                state.damage(rect);
            }
        });
    }

    /// All that was sent together is painted: a new picture may be looked at.
    pub(in crate::display) fn finish_paint(&self) {
        self.change_pixels(|state| {
            state.updates += 1;
            state.ready |= state.inline;
        });
    }

    /// The picture that inline pixels are written into, for those who write them themselves. Each place that was
    /// written has to be told by [`Self::inline_damage`].
    pub(in crate::display) fn inline_map(&self) -> Option<SharedMap> {
        let state = self.lock();
        state.inline_map(state.info.size).cloned()
    }

    pub(in crate::display) fn inline_damage(&self, rect: Rect) {
        self.change_pixels(|state| state.damage(rect));
    }

    /// Paints inline pixels, `bytes` in `layout` with its origin at `x`, `y`. Cut to the picture. Only the thread that
    /// called [`Self::set_inline`] calls this.
    pub(in crate::display) fn paint(&self, x: i32, y: i32, layout: Layout, bytes: &[u8]) {
        let Some(map) = self.inline_map().filter(|_| !bytes.is_empty()) else {
            return;
        };
        let (w, h) = (layout.size.width.into(), layout.size.height.into());
        let Some(rect) = Rect::clipped(x.into(), y.into(), w, h, map.layout.size) else {
            return;
        };
        // Distances from the sent rectangle's origin to the part that is visible; none is negative.
        let skip_x = (i64::from(rect.x) - i64::from(x)) as usize * layout.format.bytes as usize;
        let skip_y = (i64::from(rect.y) - i64::from(y)) as usize * layout.stride as usize;
        if let Some(bytes) = bytes.get(skip_x + skip_y..) {
            match map.write(rect, layout, bytes) {
                Ok(()) => self.inline_damage(rect),
                Err(error) => self.lose(error.to_string()),
            }
        }
    }

    /// Paints a band copied from the map, if the map is still the one of `epoch`.
    pub(in crate::display) fn paint_copy(
        &self,
        epoch: u64,
        map: &SharedMap,
        band: Rect,
        bytes: &[u8],
        stride: usize,
    ) {
        let mut state = self.lock();
        if state.epoch == epoch && band.fits(state.info.size) {
            if state.pixels.is_empty() {
                state.pixels = black(state.info.size);
            }
            state.paint_rows(band, map.layout, bytes, stride);
            state.tell(Want::Pixels, band);
        }
    }

    /// The whole of a copy is painted, so viewers of pixels may look.
    pub(in crate::display) fn finish_copy(&self, epoch: u64) {
        let mut state = self.lock();
        state.painted |= state.epoch == epoch && !state.pixels.is_empty();
    }

    /// Waits for the next thing to do. News is not handed out before `not_before`.
    pub(in crate::display) fn next_task(&self, not_before: Instant) -> Task {
        let mut state = self.lock();
        loop {
            let now = Instant::now();
            if state.closed {
                return Task::Stop;
            }
            if state.alarm.is_some_and(|at| at <= now) {
                state.alarm = None;
                return Task::Alarm;
            }
            if state.news && now >= not_before {
                state.news = false;
                return Task::News(state.news());
            }
            let pace = state.news.then_some(not_before);
            let until = [pace, state.alarm].into_iter().flatten().min();
            let wait = until.map_or(Duration::from_secs(3600), |at| at.duration_since(now));
            let waited = self.work.wait_timeout(state, wait);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// What a painter could not show yet, or not at all: then its viewer may look.
    pub(in crate::display) fn put_back(&self, paint: &PaintWork, again: bool) {
        let mut state = self.lock();
        let seen = state
            .viewers
            .iter_mut()
            .find(|seen| seen.id == paint.viewer);
        if let Some(seen) = seen.filter(|seen| !seen.whole) {
            for &rect in paint.damage.rects() {
                seen.damage.add(rect);
            }
        }
        state.news |= again;
    }

    /// The copy that is due, if any.
    #[cfg(test)]
    pub(in crate::display) fn copy_due(&self) -> Option<CopyWork> {
        self.lock().copy()
    }

    /// Asks for [`Task::Alarm`] at `at`, or earlier if one is set already.
    pub(in crate::display) fn set_alarm(&self, at: Instant) {
        let mut state = self.lock();
        state.alarm = Some(state.alarm.map_or(at, |old| old.min(at)));
        self.work.notify_all();
    }

    /// The screen connects from now on, and is lost if that takes longer than until `by`.
    pub(in crate::display) fn expect_answer(&self, by: Instant) {
        self.change(|state| {
            state.info.set_status(ScreenStatus::Connecting);
            state.answer_by = Some(by);
        });
        self.set_alarm(by);
    }

    /// When an answer is due, if one is.
    pub(in crate::display) fn answer_due(&self) -> Option<Instant> {
        let state = self.lock();
        let connecting = state.info.status == ScreenStatus::Connecting;
        state.answer_by.filter(|_| connecting)
    }

    /// Lets the pacing thread end.
    pub(in crate::display) fn close(&self) {
        self.lock().closed = true;
        self.work.notify_all();
    }
}

impl ScreenInfo {
    pub(in crate::display) fn set_status(&mut self, status: ScreenStatus) {
        if !matches!(self.status, ScreenStatus::Lost { .. }) {
            self.status = status;
        }
    }

    /// A picture that was under way when the screen was hidden does not bring it back.
    fn picture_came(&mut self) {
        if self.status != ScreenStatus::Hidden {
            self.set_status(ScreenStatus::Live);
        }
    }
}

impl State {
    fn begin(&mut self, map: SharedMap) {
        self.epoch += 1;
        self.painted = false;
        self.info.size = map.layout.size;
        self.info.picture_came();
        self.map = Some(map);
        self.pixels = Vec::new();
        self.stale.clear();
        self.stale.add(self.info.size.rect());
        for seen in &mut self.viewers {
            seen.whole = true;
            seen.damage.clear();
        }
    }

    /// The map of ours, if it has this size.
    fn inline_map(&self, size: Size) -> Option<&SharedMap> {
        let map = self.map.as_ref();
        map.filter(|map| self.inline && map.layout.size == size)
    }

    /// The map changed here: viewers of damage may look, and copies lack it.
    fn damage(&mut self, rect: Rect) {
        self.stale.add(rect);
        self.tell(Want::Damage, rect);
    }

    fn tell(&mut self, want: Want, rect: Rect) {
        for seen in self.viewers.iter_mut().filter(|seen| seen.want == want) {
            seen.damage.add(rect);
        }
    }

    fn paint_rows(&mut self, rect: Rect, layout: Layout, bytes: &[u8], stride: usize) {
        let row = self.info.size.width as usize * 4;
        let from_rows = bytes.chunks(stride.max(1));
        let into_rows = self
            .pixels
            .chunks_exact_mut(row.max(1))
            .skip(rect.y as usize);
        let (left, right) = (rect.x as usize * 4, rect.right() as usize * 4);
        for (from, into) in from_rows.zip(into_rows).take(rect.h as usize) {
            layout.format.convert_row(from, &mut into[left..right]);
        }
    }

    /// A copy is due if somebody wants pixels that only the map has.
    fn copy(&mut self) -> Option<CopyWork> {
        let wanted = self.viewers.iter().any(|seen| seen.want == Want::Pixels);
        let due = wanted && self.ready && !self.stale.is_empty();
        let map = self.map.clone().filter(|_| due)?;
        let (epoch, damage) = (self.epoch, self.stale.take());
        Some(CopyWork { map, epoch, damage })
    }

    /// What is new, for those whom it concerns.
    fn news(&mut self) -> News {
        let copy = self.copy();
        let mut paints = Vec::new();
        let mut wake = std::mem::take(&mut self.told) || copy.is_some();
        for seen in &mut self.viewers {
            match (&self.map, &seen.painter) {
                (Some(map), Some(painter)) if self.ready && !seen.whole => {
                    let damage = seen.damage.take();
                    if !damage.is_empty() {
                        let (painter, map) = (Arc::clone(painter), map.clone());
                        let viewer = seen.id;
                        paints.push(PaintWork {
                            viewer,
                            painter,
                            map,
                            damage,
                        });
                    }
                }
                _ => wake |= seen.whole || !seen.damage.is_empty(),
            }
        }
        News { copy, paints, wake }
    }

    /// What a viewer has not seen, which counts as seen from now on.
    pub(super) fn unseen(&mut self, id: u64) -> Option<(bool, Damage)> {
        let seen = self.viewers.iter_mut().find(|seen| seen.id == id)?;
        if !seen.whole && seen.damage.is_empty() {
            return None;
        }
        Some((std::mem::take(&mut seen.whole), seen.damage.take()))
    }
}

fn black(size: Size) -> Vec<u8> {
    [0, 0, 0, 255].repeat(usize::try_from(size.area()).unwrap_or(0))
}
