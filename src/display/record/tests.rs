//! Recordings are read back with the decoder and compared with what was shown.

use std::io::{BufReader, Seek as _};
use std::path::Path;

use super::*;
use crate::display::frame::{Layout, PixelFormat, Rect, Size};
use crate::display::pace;

const SCREEN: Size = Size::new(40, 30);

/// A slot, a viewer of it, and a recording of what the viewer sees.
struct Studio {
    slot: Arc<FrameSlot>,
    viewer: Viewer,
    tape: Tape,
    file: File,
    now: Instant,
}

impl Studio {
    fn new() -> Self {
        let slot = Arc::<FrameSlot>::default();
        let file = tempfile::tempfile().unwrap();
        Self {
            viewer: slot.watch(Want::Pixels),
            slot,
            tape: Tape::new(file.try_clone().unwrap()),
            file,
            now: Instant::now(),
        }
    }

    fn show(&mut self, size: Size, rect: Rect, rgb: [u8; 3]) {
        self.slot.set_inline(size).unwrap();
        paint(&self.slot, rect, rgb);
    }

    /// Takes what is new after `millis`.
    fn look_after(&mut self, millis: u64) {
        self.now += Duration::from_millis(millis);
        self.tape.look(&mut self.viewer, self.now).unwrap();
    }

    fn finish_after(mut self, millis: u64) -> (Recording, Vec<Shown>) {
        self.now += Duration::from_millis(millis);
        let recording = self.tape.finish(End::Stopped, self.now).unwrap();
        let shown = play(self.file);
        assert_eq!(recording.frames as usize, shown.len());
        (recording, shown)
    }
}

fn paint(slot: &FrameSlot, rect: Rect, rgb: [u8; 3]) {
    let [r, g, b] = rgb;
    let bytes = [b, g, r, 77].repeat((rect.w * rect.h) as usize);
    let size = Size::new(rect.w, rect.h);
    let layout = Layout {
        size,
        stride: rect.w * 4,
        format: PixelFormat::BGRX,
    };
    slot.paint(rect.x as i32, rect.y as i32, layout, &bytes);
    slot.finish_paint();
    pace::catch_up(slot);
}

type Ended = Receiver<Result<(PathBuf, Recording), RecordError>>;

/// Records `slot` into a file of `folder`.
fn start(slot: &Arc<FrameSlot>, folder: &Path, limit: u64) -> (Recorder, Ended) {
    let (done, ended) = bounded(1);
    let path = folder.join("recording.apng");
    let open = move || {
        let mut new = File::options();
        let file = new.read(true).write(true).create_new(true).open(&path)?;
        Ok((path, file))
    };
    let recorder = Recorder::start(slot, open, limit, move |end| done.send(end).unwrap());
    (recorder.unwrap(), ended)
}

/// One frame of a recording as a player shows it.
struct Shown {
    rect: Rect,
    millis: u32,
    /// The whole picture after it.
    canvas: Vec<[u8; 3]>,
}

impl Shown {
    fn at(&self, x: u32, y: u32) -> [u8; 3] {
        self.canvas[(y * SCREEN.width + x) as usize]
    }
}

/// Plays a recording with the decoder of another program's authors.
fn play(mut file: File) -> Vec<Shown> {
    file.rewind().unwrap();
    let mut reader = png::Decoder::new(BufReader::new(file)).read_info().unwrap();
    let size = Size::new(reader.info().width, reader.info().height);
    assert_eq!(size, SCREEN);
    let frames = reader.info().animation_control().unwrap().num_frames;
    let mut canvas = vec![[0; 3]; size.area() as usize];
    let mut shown = Vec::new();
    for _ in 0..frames {
        let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
        reader.next_frame(&mut pixels).unwrap();
        let control = reader.info().frame_control().unwrap();
        let rect = Rect::new(
            control.x_offset,
            control.y_offset,
            control.width,
            control.height,
        );
        for (at, rgb) in pixels
            .chunks_exact(3)
            .take(rect.area() as usize)
            .enumerate()
        {
            let (x, y) = (at as u32 % rect.w + rect.x, at as u32 / rect.w + rect.y);
            canvas[(y * size.width + x) as usize].copy_from_slice(rgb);
        }
        let millis = u32::from(control.delay_num) * 1000 / u32::from(control.delay_den);
        shown.push(Shown {
            rect,
            millis,
            canvas: canvas.clone(),
        });
    }
    shown
}

#[test]
fn only_what_changed_is_kept_and_played_at_its_time() {
    let mut studio = Studio::new();
    studio.look_after(0); // Nothing is shown yet.
    studio.show(SCREEN, SCREEN.rect(), [10, 20, 30]);
    studio.look_after(50);
    studio.look_after(50); // Nothing is new.
    studio.show(SCREEN, Rect::new(5, 6, 7, 8), [200, 0, 1]);
    studio.look_after(150);
    let (recording, shown) = studio.finish_after(500);
    let rects: Vec<Rect> = shown.iter().map(|frame| frame.rect).collect();
    assert_eq!(rects, [SCREEN.rect(), Rect::new(5, 6, 7, 8)]);
    assert_eq!([shown[0].millis, shown[1].millis], [200, 500]);
    assert_eq!(recording.length, Duration::from_millis(700));
    assert_eq!(shown[0].at(5, 6), [10, 20, 30]);
    assert_eq!(shown[1].at(5, 6), [200, 0, 1]);
    assert_eq!(shown[1].at(11, 13), [200, 0, 1]);
    assert_eq!(shown[1].at(12, 13), [10, 20, 30]);
}

#[test]
fn a_screen_that_stands_still_for_minutes_lasts_as_long_when_played() {
    let mut studio = Studio::new();
    studio.show(SCREEN, SCREEN.rect(), [1, 2, 3]);
    studio.look_after(0);
    let (_, shown) = studio.finish_after(150_000);
    let millis: Vec<u32> = shown.iter().map(|frame| frame.millis).collect();
    assert_eq!(millis, [60_000, 60_000, 30_000]);
    assert_eq!(shown[2].at(0, 0), [1, 2, 3]);
}

#[test]
fn a_guest_that_changes_its_resolution_stays_in_the_picture() {
    let mut studio = Studio::new();
    studio.show(SCREEN, SCREEN.rect(), [9, 9, 9]);
    studio.look_after(0);
    studio.show(Size::new(20, 10), Rect::new(0, 0, 20, 10), [0, 200, 0]);
    studio.look_after(100);
    studio.show(Size::new(400, 300), Rect::new(0, 0, 400, 300), [0, 0, 200]);
    studio.look_after(100);
    studio.show(SCREEN, SCREEN.rect(), [9, 9, 9]);
    studio.look_after(100);
    let (_, shown) = studio.finish_after(100);
    assert_eq!(
        shown[1].at(0, 0),
        [0, 0, 0],
        "a smaller one has a black edge"
    );
    assert_eq!(shown[1].at(10, 10), [0, 200, 0]);
    assert_eq!(shown[1].at(29, 19), [0, 200, 0]);
    assert_eq!(shown[1].at(30, 20), [0, 0, 0]);
    assert_eq!(shown[2].at(39, 29), [0, 0, 200], "a larger one is scaled");
    assert_eq!(shown[3].at(20, 15), [9, 9, 9]);
}

#[test]
fn the_pointer_is_seen_where_it_points_and_leaves_no_trace() {
    let mut studio = Studio::new();
    studio.show(SCREEN, SCREEN.rect(), [100, 100, 100]);
    studio.look_after(0);
    let put = |x: i32, y: i32| {
        move |cursor: &mut crate::display::frame::Cursor| {
            (cursor.width, cursor.height) = (2, 2);
            (cursor.hot_x, cursor.hot_y) = (1, 1);
            cursor.rgba = Arc::from([255, 0, 0, 255, 0, 0, 0, 0, 0, 0, 255, 128, 9, 9, 9, 255]);
            (cursor.x, cursor.y, cursor.visible) = (x, y, true);
        }
    };
    studio.slot.edit_cursor(put(10, 10));
    studio.look_after(100);
    studio.slot.edit_cursor(put(0, 0)); // Three quarters of it are outside.
    studio.look_after(100);
    let (_, shown) = studio.finish_after(100);
    assert_eq!(shown[1].rect, Rect::new(9, 9, 2, 2));
    assert_eq!(shown[1].at(9, 9), [255, 0, 0]);
    assert_eq!(shown[1].at(10, 9), [100, 100, 100], "see-through");
    assert_eq!(shown[1].at(9, 10), [50, 50, 178], "half see-through");
    assert_eq!(shown[2].at(9, 9), [100, 100, 100], "gone from here");
    assert_eq!(shown[2].at(0, 0), [9, 9, 9]);
}

#[test]
fn a_recording_ends_at_its_limit_and_can_be_played() {
    let slot = Arc::<FrameSlot>::default();
    slot.set_inline(SCREEN).unwrap();
    paint(&slot, SCREEN.rect(), [1, 1, 1]);
    let folder = tempfile::tempdir().unwrap();
    let (_recorder, ended) = start(&slot, folder.path(), 2000);
    let (path, recording) = loop {
        paint(
            &slot,
            Rect::new(0, 0, 20, 20),
            [rand_byte(), rand_byte(), 7],
        );
        if let Ok(ended) = ended.recv_timeout(Duration::from_millis(10)) {
            break ended.unwrap();
        }
    };
    assert_eq!(recording.end, End::Full);
    assert!((2000..4000).contains(&recording.bytes), "{recording:?}");
    assert_eq!(
        play(File::open(path).unwrap()).len(),
        recording.frames as usize
    );
}

#[test]
fn a_recording_goes_on_with_the_next_screen_and_says_when_there_was_none() {
    let folder = tempfile::tempdir().unwrap();
    let first = Arc::<FrameSlot>::default();
    let (recorder, ended) = start(&first, folder.path(), LIMIT);
    let second = Arc::<FrameSlot>::default();
    let _page = second.watch(Want::Pixels);
    second.set_inline(SCREEN).unwrap();
    paint(&second, SCREEN.rect(), [5, 6, 7]);
    recorder.follow(&second);
    recorder.stop();
    let (path, recording) = ended.recv().unwrap().unwrap();
    assert_eq!(recording.end, End::Stopped);
    assert_eq!(play(File::open(&path).unwrap())[0].at(3, 3), [5, 6, 7]);

    std::fs::remove_file(&path).unwrap();
    let (nothing, ended) = start(&first, folder.path(), LIMIT);
    nothing.stop();
    assert!(matches!(
        ended.recv().unwrap(),
        Err(RecordError::NothingShown)
    ));
    assert!(!path.exists(), "nobody can play it");
}

#[test]
fn a_disk_that_is_full_is_named() {
    let Ok(full) = File::options().read(true).write(true).open("/dev/full") else {
        eprintln!("skipped: there is no /dev/full here");
        return;
    };
    let slot = Arc::<FrameSlot>::default();
    slot.set_inline(SCREEN).unwrap();
    paint(&slot, SCREEN.rect(), [5, 6, 7]);
    let mut tape = Tape::new(full);
    let mut viewer = slot.watch(Want::Pixels);
    pace::catch_up(&slot);
    let error = tape.look(&mut viewer, Instant::now()).unwrap_err();
    assert!(matches!(error, RecordError::Write(_)), "{error}");
}

/// Changes from call to call.
fn rand_byte() -> u8 {
    uuid::Uuid::new_v4().as_bytes()[0]
}
