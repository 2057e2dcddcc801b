//! Sound out of and into this computer, by its sound server: PulseAudio, or PipeWire, which speaks the same protocol.
//!
//! The server mixes, converts to what the device takes, follows the default device when it changes or is unplugged, and
//! shows each machine by its name in the desktop's own volume control.

use std::ffi::CString;
use std::fs::File;
use std::io::{self, Seek as _, SeekFrom, Write as _};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{JoinHandle, Thread};
use std::time::{Duration, Instant};

use crossbeam_channel::{RecvTimeoutError, Sender, bounded};
use pulseaudio::protocol::stream::{BufferAttr, StreamFlags};
use pulseaudio::protocol::{
    ChannelMap, DEFAULT_SOURCE, PlaybackStreamParams, Prop, Props, RecordStreamParams,
    SampleFormat, SampleSpec,
};
use pulseaudio::{AsPlaybackSource as _, Client, ClientError, PlaybackStream, RecordStream};

/// Frames a second, of left and right.
const RATE: u32 = 48_000;
const FRAME_BYTES: usize = 8;
/// What the server keeps ahead: 60 ms.
const AHEAD: u32 = RATE / 1000 * 60 * FRAME_BYTES as u32;
/// `PA_NATIVE_COOKIE_LENGTH` of the native protocol.
const COOKIE_BYTES: usize = 256;
/// A server that takes longer than this hangs.
const PATIENCE: Duration = Duration::from_secs(2);
/// A stream whose server asks for nothing for so long was taken away without a word.
const SILENCE: Duration = Duration::from_secs(5);
/// For tests: what would be heard goes into this file, as 16-bit WAV.
const FILE_VARIABLE: &str = "ORANGERY_SOUND_FILE";

/// Gives the next frames, each between -1 and 1.
pub type Fill = Box<dyn FnMut(&mut [[f32; 2]]) + Send>;
/// Takes what was heard.
pub type Take = Box<dyn FnMut(&[[f32; 2]]) + Send>;

/// Why nothing is heard. Each text is a sentence without its full stop.
#[derive(Debug, thiserror::Error)]
pub enum SoundError {
    #[error("There is no sound device on this computer: neither PipeWire nor PulseAudio runs")]
    NoServer,
    #[error("The sound server of this computer does not answer")]
    Hangs,
    #[error("The sound server of this computer refused: {0}")]
    Refused(ClientError),
    #[error("Sound can't be had: {0}")]
    Io(#[from] io::Error),
}

impl From<ClientError> for SoundError {
    fn from(error: ClientError) -> Self {
        Self::Refused(error)
    }
}

/// Playing or listening, until it is dropped.
pub struct Stream {
    source: Source,
    /// The server asks or sends all the time.
    last: Arc<Mutex<Instant>>,
    ended: Arc<AtomicBool>,
}

/// What keeps a stream going.
enum Source {
    Server {
        _stream: ServerStream,
        _client: Client,
        socket: UnixStream,
    },
    File {
        stop: Option<Sender<()>>,
        thread: Option<JoinHandle<()>>,
    },
}

/// Ends its stream when dropped.
enum ServerStream {
    Out(#[expect(dead_code, reason = "dropping it ends it")] PlaybackStream),
    In(#[expect(dead_code, reason = "dropping it ends it")] RecordStream),
}

impl Drop for Stream {
    fn drop(&mut self) {
        match &mut self.source {
            Source::Server { socket, .. } => {
                socket.shutdown(Shutdown::Both).ok(); // The client's thread would stay otherwise.
            }
            Source::File { stop, thread } => {
                *stop = None;
                if let Some(thread) = thread.take() {
                    thread.join().ok(); // A panic was already reported by the panic hook.
                }
            }
        }
    }
}

impl Stream {
    /// Plays what `fill` gives on the default device, under `name`. Waits for the server, some milliseconds or at most
    /// 4 s.
    pub fn play(name: &str, fill: Fill) -> Result<Self, SoundError> {
        let alive = Alive::new();
        let (last, ended) = (Arc::clone(&alive.last), Arc::clone(&alive.ended));
        let source = match std::env::var_os(FILE_VARIABLE) {
            Some(file) => into_file(Path::new(&file), fill, alive)?,
            None => into_server(name, fill, alive)?,
        };
        Ok(Self {
            source,
            last,
            ended,
        })
    }

    /// Gives `take` what the default microphone hears. Waits as [`Self::play`] does.
    pub fn listen(name: &str, mut take: Take) -> Result<Self, SoundError> {
        let alive = Alive::new();
        let (last, ended) = (Arc::clone(&alive.last), Arc::clone(&alive.ended));
        let (client, socket) = connect()?;
        let sink = move |bytes: &[u8]| {
            alive.beat();
            let (words, _) = bytes.as_chunks::<4>();
            let values = words.iter().map(|word| f32::from_ne_bytes(*word));
            let values: Vec<f32> = values.collect();
            take(values.as_chunks::<2>().0);
        };
        let params = RecordStreamParams {
            sample_spec: spec(),
            channel_map: ChannelMap::stereo(),
            source_name: Some(DEFAULT_SOURCE.to_owned()),
            buffer_attr: BufferAttr {
                max_length: u32::MAX,
                fragment_size: AHEAD / 2,
                ..BufferAttr::default()
            },
            flags: flags(),
            props: props(name),
            ..RecordStreamParams::default()
        };
        let stream = within(client.create_record_stream(params, sink))??;
        Ok(Self {
            source: Source::Server {
                _stream: ServerStream::In(stream),
                _client: client,
                socket,
            },
            last,
            ended,
        })
    }

    /// The device or its server is gone: nothing more comes of it.
    pub fn is_lost(&self) -> bool {
        let last = *self.last.lock().unwrap_or_else(PoisonError::into_inner);
        self.ended.load(Ordering::Acquire) || last.elapsed() > SILENCE
    }
}

/// Goes with a stream's callback and tells when that is let go.
struct Alive {
    last: Arc<Mutex<Instant>>,
    ended: Arc<AtomicBool>,
}

impl Alive {
    fn new() -> Self {
        Self {
            last: Arc::new(Mutex::new(Instant::now())),
            ended: Arc::default(),
        }
    }

    fn beat(&self) {
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }
}

impl Drop for Alive {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Release);
    }
}

fn into_server(name: &str, mut fill: Fill, alive: Alive) -> Result<Source, SoundError> {
    let (client, socket) = connect()?;
    let mut frames = Vec::new();
    let source = move |bytes: &mut [u8]| {
        alive.beat();
        frames.resize(bytes.len() / FRAME_BYTES, [0.0; 2]);
        fill(&mut frames);
        for (place, value) in bytes.chunks_mut(4).zip(frames.as_flattened()) {
            place.copy_from_slice(&value.to_ne_bytes());
        }
        bytes.len() // 0 would be the end, and the server never asks for 0.
    };
    let params = PlaybackStreamParams {
        sample_spec: spec(),
        channel_map: ChannelMap::stereo(),
        buffer_attr: BufferAttr {
            max_length: u32::MAX,
            target_length: AHEAD,
            pre_buffering: u32::MAX,
            minimum_request_length: AHEAD / 4,
            ..BufferAttr::default()
        },
        flags: flags(),
        props: props(name),
        ..PlaybackStreamParams::default()
    };
    let stream = within(client.create_playback_stream(params, source.as_playback_source()))??;
    Ok(Source::Server {
        _stream: ServerStream::Out(stream),
        _client: client,
        socket,
    })
}

fn connect() -> Result<(Client, UnixStream), SoundError> {
    let path = pulseaudio::socket_path_from_env().ok_or(SoundError::NoServer)?;
    let socket = UnixStream::connect(path).map_err(|_refused| SoundError::NoServer)?;
    socket.set_read_timeout(Some(PATIENCE))?; // For the greeting; it does not block later.
    socket.set_write_timeout(Some(PATIENCE))?;
    let cookie = pulseaudio::cookie_path_from_env().and_then(|path| std::fs::read(path).ok());
    // PipeWire needs none and often has none; PulseAudio closes a connection without one of this length.
    let mut cookie = cookie.unwrap_or_default();
    cookie.resize(COOKIE_BYTES, 0);
    let client = Client::new_unix(c"Orangery", socket.try_clone()?, Some(cookie))?;
    Ok((client, socket))
}

fn spec() -> SampleSpec {
    SampleSpec {
        format: if cfg!(target_endian = "little") {
            SampleFormat::Float32Le
        } else {
            SampleFormat::Float32Be
        },
        channels: 2,
        sample_rate: RATE,
    }
}

fn flags() -> StreamFlags {
    StreamFlags {
        adjust_latency: true,
        ..StreamFlags::default()
    }
}

/// What the desktop's volume control shows.
fn props(name: &str) -> Props {
    let mut props = Props::new();
    let name: String = name.chars().filter(|c| *c != '\0').collect();
    props.set(Prop::MediaName, CString::new(name).unwrap_or_default());
    props.set(Prop::ApplicationIconName, c"io.orangery.Orangery");
    props
}

/// Runs `future` on this thread, for as long as a server may take.
fn within<T>(future: impl Future<Output = T>) -> Result<T, SoundError> {
    struct Unpark(Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    let mut future = pin!(future);
    let until = Instant::now() + PATIENCE;
    loop {
        if let Poll::Ready(result) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            return Ok(result);
        }
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(SoundError::Hangs);
        }
        std::thread::park_timeout(left);
    }
}

/// Takes sound at the pace of a device and appends it to a file.
fn into_file(path: &Path, mut fill: Fill, alive: Alive) -> Result<Source, SoundError> {
    let mut file = File::options().create(true).append(true).open(path)?;
    if file.seek(SeekFrom::End(0))? == 0 {
        file.write_all(&wav_header())?;
    }
    let (stop, stopped) = bounded::<()>(0); // Nothing is ever sent: its end is the message.
    let thread = std::thread::Builder::new()
        .name("sound-file".to_owned())
        .spawn(move || {
            let (start, mut taken) = (Instant::now(), 0_usize);
            let tick = Duration::from_millis(10);
            while stopped.recv_timeout(tick) == Err(RecvTimeoutError::Timeout) {
                alive.beat();
                let due = (start.elapsed().as_secs_f64() * f64::from(RATE)) as usize;
                let mut frames = vec![[0.0; 2]; due - taken];
                taken = due;
                fill(&mut frames);
                let samples = frames.as_flattened().iter();
                let bytes: Vec<u8> = samples
                    .flat_map(|value| ((value * 32_767.0) as i16).to_le_bytes())
                    .collect();
                if file.write_all(&bytes).is_err() {
                    return; // The disk is full; the stream counts as lost.
                }
            }
        })?;
    Ok(Source::File {
        stop: Some(stop),
        thread: Some(thread),
    })
}

/// 44 bytes before samples of unknown number.
fn wav_header() -> Vec<u8> {
    let mut header = Vec::with_capacity(44);
    header.extend(b"RIFF\xff\xff\xff\xffWAVEfmt ");
    header.extend(16_u32.to_le_bytes());
    header.extend([1_u16, 2].map(u16::to_le_bytes).concat());
    header.extend([RATE, RATE * 4].map(u32::to_le_bytes).concat());
    header.extend([4_u16, 16].map(u16::to_le_bytes).concat());
    header.extend(b"data\xff\xff\xff\xff");
    header
}
