//! This computer's clipboard: text and pictures, read and written on a thread of its own.
//!
//! Another program has what the clipboard holds, and may take its time to hand it over; the window does not wait.

use std::time::Duration;

use arboard::{Clipboard as Board, ImageData};
use crossbeam_channel::{Receiver, Sender, bounded};
use image::codecs::png::{CompressionType, FilterType, PngEncoder};
use image::{ExtendedColorType, ImageEncoder as _, ImageFormat, ImageReader, Limits};

use crate::model::{Clip, ClipKind};

/// Requests that wait; a window asks for one thing at a time.
const CAPACITY: usize = 8;

/// The widest and highest picture that is taken from a guest.
const MAX_SIDE: u32 = 16_384;

/// Memory that a picture from a guest may take when it is unpacked.
const MAX_PIXELS: u64 = 512 << 20;

/// How long a picture waits to be copied.
const PATIENCE: Duration = Duration::from_secs(3);

/// How long the end of the program waits for the clipboard to pass its content on.
const FAREWELL: Duration = Duration::from_millis(500);

/// What came of a request.
#[derive(Debug)]
pub enum ClipboardNews {
    /// `None`: it is empty, or holds neither text nor a picture.
    Read(Result<Option<Clip>, String>),
    /// Its text alone; `None` if it holds none.
    Text(Result<Option<String>, String>),
    Written(Result<(), String>),
}

/// Why a picture was not copied.
#[derive(Debug, thiserror::Error)]
pub enum CopyError {
    #[error("The picture was not copied: {0}")]
    Refused(String),
    #[error("The picture was not copied: the clipboard does not answer. Try again in a moment")]
    Silent,
}

enum Ask {
    Read,
    Text,
    Write(Clip),
    Copy(ImageData<'static>, Sender<Result<(), String>>),
}

/// Puts pictures of ours on the clipboard, from any thread.
pub struct Copier(Sender<Ask>);

impl Copier {
    /// Copies a picture of packed RGBA. Waits for the desktop, but not for ever.
    pub fn copy(&self, width: u32, height: u32, rgba: Vec<u8>) -> Result<(), CopyError> {
        let picture = ImageData {
            width: width as usize,
            height: height as usize,
            bytes: rgba.into(),
        };
        let (done, copied) = bounded(1);
        let asked = self.0.try_send(Ask::Copy(picture, done)).is_ok();
        match copied.recv_timeout(PATIENCE) {
            Ok(copied) if asked => copied.map_err(CopyError::Refused),
            Ok(_) | Err(_) => Err(CopyError::Silent),
        }
    }
}

/// See the module's text. Its thread starts with the first request.
pub struct Clipboard {
    wake: Option<Box<dyn Fn() + Send>>,
    asks: Option<Sender<Ask>>,
    waiting: Option<Receiver<Ask>>,
    sender: Option<Sender<ClipboardNews>>,
    news: Receiver<ClipboardNews>,
    /// Never brings a value: its end is the thread's.
    ended: Option<Receiver<()>>,
}

impl Clipboard {
    /// `wake` is called when there is news to [`Self::take`].
    pub fn new(wake: impl Fn() + Send + 'static) -> Self {
        let (asks, waiting) = bounded(CAPACITY);
        let (sender, news) = bounded(CAPACITY);
        Self {
            wake: Some(Box::new(wake)),
            asks: Some(asks),
            waiting: Some(waiting),
            sender: Some(sender),
            news,
            ended: None,
        }
    }

    /// Asks for what it holds; false if too much waits already.
    pub fn read(&mut self) -> bool {
        self.ask(Ask::Read)
    }

    /// As [`Self::read`], for its text.
    pub fn read_text(&mut self) -> bool {
        self.ask(Ask::Text)
    }

    pub fn write(&mut self, clip: Clip) -> bool {
        self.ask(Ask::Write(clip))
    }

    pub fn take(&self) -> Option<ClipboardNews> {
        self.news.try_recv().ok()
    }

    /// `None` if there is no thread for it.
    pub fn copier(&mut self) -> Option<Copier> {
        self.start().then(|| self.asks.clone().map(Copier))?
    }

    fn ask(&mut self, ask: Ask) -> bool {
        let started = self.start();
        let asks = self.asks.as_ref().filter(|_| started);
        asks.is_some_and(|asks| asks.try_send(ask).is_ok())
    }

    /// Starts the thread unless it runs; false if it can't.
    fn start(&mut self) -> bool {
        if let (Some(wake), Some(waiting), Some(sender)) =
            (self.wake.take(), self.waiting.take(), self.sender.take())
        {
            let (alive, ended) = bounded(0);
            self.ended = Some(ended);
            let work = move || {
                serve(&waiting, &sender, &*wake);
                drop(alive);
            };
            let thread = std::thread::Builder::new().name("clipboard".to_owned());
            return thread.spawn(work).is_ok();
        }
        true
    }
}

impl Drop for Clipboard {
    fn drop(&mut self) {
        self.asks = None;
        // What we copied outlives us only if a clipboard manager takes it. A program that does not hand over its
        // content must not keep the window open, so the thread is not joined.
        if let Some(ended) = &self.ended {
            ended.recv_timeout(FAREWELL).ok();
        }
    }
}

fn serve(asks: &Receiver<Ask>, news: &Sender<ClipboardNews>, wake: &dyn Fn()) {
    let mut board: Option<Board> = None;
    for ask in asks {
        let mut open = match board.take() {
            Some(board) => Ok(board),
            None => Board::new().map_err(|error| error.to_string()),
        };
        let told = match ask {
            Ask::Read => ClipboardNews::Read(on(&mut open, read)),
            Ask::Text => ClipboardNews::Text(on(&mut open, text)),
            Ask::Write(clip) => ClipboardNews::Written(on(&mut open, |board| write(board, &clip))),
            Ask::Copy(picture, done) => {
                let copy = |board: &mut Board| board.set_image(picture).map_err(|e| e.to_string());
                done.try_send(on(&mut open, copy)).ok(); // Nobody waits any more.
                board = open.ok();
                continue;
            }
        };
        board = open.ok();
        if news.send(told).is_err() {
            return; // The window has gone.
        }
        wake();
    }
}

fn on<T>(
    board: &mut Result<Board, String>,
    act: impl FnOnce(&mut Board) -> Result<T, String>,
) -> Result<T, String> {
    act(board.as_mut().map_err(|why| why.clone())?)
}

fn read(board: &mut Board) -> Result<Option<Clip>, String> {
    if let Some(text) = text(board)? {
        return sized(Clip::text(&text)).map(Some);
    }
    match board.get_image() {
        Ok(picture) => sized(png(&picture)?).map(Some),
        Err(arboard::Error::ContentNotAvailable | arboard::Error::ConversionFailure) => Ok(None),
        Err(error) => Err(error.to_string()),
    }
}

fn text(board: &mut Board) -> Result<Option<String>, String> {
    match board.get_text() {
        Ok(text) => Ok(Some(text.replace("\r\n", "\n")).filter(|text| !text.is_empty())),
        Err(arboard::Error::ContentNotAvailable) => Ok(None),
        Err(error) => Err(error.to_string()),
    }
}

fn sized(clip: Clip) -> Result<Clip, String> {
    let (size, limit) = (clip.size(), clip.kind.limit());
    if size > limit {
        return Err(format!(
            "It is {size}, and {limit} is the most that goes over"
        ));
    }
    Ok(clip)
}

fn png(picture: &ImageData<'_>) -> Result<Clip, String> {
    let side = |side: usize| u32::try_from(side).map_err(|error| error.to_string());
    let (width, height) = (side(picture.width)?, side(picture.height)?);
    let mut bytes = Vec::new();
    // Someone waits for it, and it goes no further than this computer.
    PngEncoder::new_with_quality(&mut bytes, CompressionType::Fast, FilterType::Sub)
        .write_image(&picture.bytes, width, height, ExtendedColorType::Rgba8)
        .map_err(|error| error.to_string())?;
    Ok(Clip {
        kind: ClipKind::Image,
        bytes: bytes.into(),
    })
}

fn write(board: &mut Board, clip: &Clip) -> Result<(), String> {
    let written = match clip.kind {
        ClipKind::Text => {
            let text = std::str::from_utf8(&clip.bytes).map_err(|error| error.to_string())?;
            board.set_text(text)
        }
        ClipKind::Image => board.set_image(unpack(&clip.bytes)?),
    };
    written.map_err(|error| error.to_string())
}

/// A picture from a guest: of two formats only, and no larger than we can bear.
fn unpack(bytes: &[u8]) -> Result<ImageData<'static>, String> {
    let wrong = |error: image::ImageError| format!("The guest's picture can't be read: {error}");
    let mut reader = ImageReader::new(std::io::Cursor::new(bytes))
        .with_guessed_format()
        .map_err(|error| error.to_string())?;
    if !matches!(reader.format(), Some(ImageFormat::Png | ImageFormat::Bmp)) {
        return Err("The guest's picture is of a format that nobody knows".to_owned());
    }
    let mut limits = Limits::default();
    limits.max_image_width = Some(MAX_SIDE);
    limits.max_image_height = Some(MAX_SIDE);
    limits.max_alloc = Some(MAX_PIXELS);
    reader.limits(limits);
    let picture = reader.decode().map_err(wrong)?.into_rgba8();
    Ok(ImageData {
        width: picture.width() as usize,
        height: picture.height() as usize,
        bytes: picture.into_raw().into(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picture() -> ImageData<'static> {
        ImageData {
            width: 2,
            height: 1,
            bytes: vec![1, 2, 3, 255, 250, 251, 252, 128].into(),
        }
    }

    #[test]
    fn a_picture_survives_the_way_and_a_bmp_is_understood() {
        let clip = png(&picture()).unwrap();
        assert_eq!(unpack(&clip.bytes).unwrap().bytes, picture().bytes);
        let mut bmp = std::io::Cursor::new(Vec::new());
        image::RgbImage::from_raw(1, 1, vec![9, 8, 7])
            .unwrap()
            .write_to(&mut bmp, ImageFormat::Bmp)
            .unwrap();
        let seen = unpack(&bmp.into_inner()).unwrap();
        assert_eq!(*seen.bytes, [9, 8, 7, 255]);
    }

    #[test]
    fn a_hostile_picture_is_refused_before_it_takes_memory() {
        let mut huge = png(&picture()).unwrap().bytes.to_vec();
        huge[16..24].copy_from_slice(&[0, 1, 0, 0, 0, 1, 0, 0]); // 65,536 squared, in IHDR.
        assert!(unpack(&huge).is_err());
        assert!(unpack(b"GIF89a").is_err());
        assert!(unpack(b"").is_err());
    }

    #[test]
    fn too_much_is_refused_with_both_sizes() {
        let long = Clip::text(&"x".repeat((16 << 20) + 1));
        let why = sized(long).unwrap_err();
        assert!(
            why.contains("16 MB is the most") || why.contains("MiB"),
            "{why}"
        );
    }
}
