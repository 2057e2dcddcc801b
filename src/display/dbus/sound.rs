//! Sound: a short connection that registers two listeners, which live on their own.
//!
//! QEMU keeps sending to a listener when another connection takes the controls over, so the connection that registered
//! it is closed at once, and whoever shows the screen has the controls to itself.

use std::io;
use std::net::Shutdown;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::time::Duration;

use crossbeam_channel::bounded;
use zbus::message::Header;
use zbus::zvariant::Fd;
use zbus::{Connection, Message};

use super::wire::Wire;
use super::{driven, peer, properties, read_call, serve_calls, wire};
use crate::display::DisplayError;
use crate::display::sound::{Announced, Mixer, Pcm};

const PATH: &str = "/org/qemu/Display1/Audio";
const INTERFACE: &str = "org.qemu.Display1.Audio";

/// How long QEMU may take to let us listen. Longer than it takes, also while it is busy.
const PATIENCE: Duration = Duration::from_secs(if cfg!(test) { 2 } else { 5 });

#[derive(Clone, Copy, PartialEq, Eq)]
enum Direction {
    Out,
    In,
}

impl Direction {
    fn call(self) -> &'static str {
        match self {
            Self::Out => "RegisterOutListener",
            Self::In => "RegisterInListener",
        }
    }

    fn thread(self) -> &'static str {
        match self {
            Self::Out => "sound-out",
            Self::In => "sound-in",
        }
    }
}

/// A machine's sound, flowing into a [`Mixer`] and out of it. Dropping it ends that, without waiting.
pub struct SoundLink {
    _listeners: Vec<Listener>,
}

/// One listener, whose thread ends with its socket.
struct Listener {
    socket: UnixStream,
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.socket.shutdown(Shutdown::Both).ok(); // Already closed by QEMU is as good.
    }
}

impl SoundLink {
    /// Listens to the QEMU that got the other end of `stream` by `add_client protocol=@dbus-display`.
    ///
    /// Waits for QEMU's consent, some milliseconds or at most 5 s.
    pub fn open(stream: UnixStream, mixer: &Arc<Mixer>) -> Result<Self, DisplayError> {
        let (done, registered) = bounded(1);
        let socket = stream.try_clone().map_err(start)?;
        let mixer = Arc::clone(mixer);
        std::thread::Builder::new()
            .name("sound-greet".to_owned())
            .spawn(move || {
                let answer = wire::run(stream, |wire| register(wire, &mixer));
                done.send(answer.unwrap_or_else(|error| Err(start(error))))
                    .ok(); // Too late.
            })
            .map_err(start)?;
        let listeners = registered.recv_timeout(PATIENCE).unwrap_or_else(|_late| {
            socket.shutdown(Shutdown::Both).ok(); // Nothing else ends a greeting.
            let reason = "QEMU does not answer".to_owned();
            Err(DisplayError::Start { reason })
        })?;
        Ok(Self {
            _listeners: listeners,
        })
    }
}

fn start(error: io::Error) -> DisplayError {
    DisplayError::Start {
        reason: error.to_string(),
    }
}

fn failed(error: zbus::Error) -> DisplayError {
    DisplayError::Peer {
        doing: "listen to the machine's sound",
        reason: error.to_string(),
    }
}

async fn register(wire: Wire, mixer: &Arc<Mixer>) -> Result<Vec<Listener>, DisplayError> {
    let messages = peer(wire)
        .method_timeout(PATIENCE)
        .build_message_stream()
        .await
        .map_err(failed)?;
    let connection = Connection::from(&messages);
    drop(messages); // Only answers count here, and those find their way by themselves.
    driven(&connection, async {
        let mut listeners = Vec::new();
        for direction in [Direction::Out, Direction::In] {
            let (ours, theirs) = UnixStream::pair().map_err(start)?;
            // It listens before QEMU is asked: QEMU stands still until it is greeted.
            listeners.push(Listener::start(ours, direction, Arc::clone(mixer)).map_err(start)?);
            let fd = Fd::from(OwnedFd::from(theirs));
            let (verb, body) = (direction.call(), (fd,));
            let asked = connection.call_method(None::<&str>, PATH, Some(INTERFACE), verb, &body);
            asked.await.map_err(failed)?;
        }
        Ok(listeners)
    })
    .await
}

impl Listener {
    fn start(socket: UnixStream, direction: Direction, mixer: Arc<Mixer>) -> io::Result<Self> {
        let ours = socket.try_clone()?;
        std::thread::Builder::new()
            .name(direction.thread().to_owned())
            .spawn(move || {
                let serve = async |connection: &Connection, message: &Message| {
                    serve(connection, direction, &mixer, message).await
                };
                wire::run(ours, |wire| serve_calls(wire, serve)).ok(); // However it ends, nothing more comes.
            })?;
        Ok(Self { socket })
    }
}

/// Answers one call, then uses what it brought.
async fn serve(
    connection: &Connection,
    direction: Direction,
    mixer: &Mixer,
    message: &Message,
) -> zbus::Result<()> {
    let Some((call, answer_due)) = read_call(connection, message, parse).await? else {
        return Ok(());
    };
    if answer_due {
        let header = message.header();
        match call {
            Call::Properties => {
                connection.reply(&header, &properties(&[])).await?;
            }
            Call::Read { id, size } => {
                let bytes = mixer.read_ear(id, size);
                connection.reply(&header, &(bytes,)).await?;
            }
            _ => connection.reply(&header, &()).await?,
        }
    }
    match direction {
        Direction::Out => play(mixer, call, message),
        Direction::In => record(mixer, call),
    }
    Ok(())
}

/// Id, bits, signed, float, frequency, channels, bytes a frame, bytes a second, big-endian.
type InitBody = (u64, u8, bool, bool, u32, u8, u32, u32, bool);

/// A call of QEMU's, checked. Samples stay in the message.
enum Call {
    Properties,
    Init {
        id: u64,
        pcm: Pcm,
    },
    Fini(u64),
    Enabled(u64, bool),
    /// Of each channel, 0 to 255.
    Volume {
        id: u64,
        mute: bool,
        volume: Vec<u8>,
    },
    Write,
    Read {
        id: u64,
        size: u64,
    },
    Other,
}

fn parse(header: &Header<'_>, message: &Message) -> Result<Call, String> {
    let body = message.body();
    let text = |error: zbus::Error| error.to_string();
    Ok(match header.member().map_or("", |member| member.as_str()) {
        "GetAll" => Call::Properties,
        "Init" => {
            let (id, bits, signed, float, rate, channels, _, _, big_endian): InitBody =
                body.deserialize().map_err(text)?;
            let pcm = Pcm::new(Announced {
                bits,
                signed,
                float,
                rate,
                channels,
                big_endian,
            })?;
            Call::Init { id, pcm }
        }
        "Fini" => Call::Fini(body.deserialize().map_err(text)?),
        "SetEnabled" => {
            let (id, enabled) = body.deserialize().map_err(text)?;
            Call::Enabled(id, enabled)
        }
        "SetVolume" => {
            let (id, mute, volume): (u64, bool, Vec<u8>) = body.deserialize().map_err(text)?;
            Call::Volume { id, mute, volume }
        }
        "Write" => Call::Write,
        "Read" => {
            let (id, size) = body.deserialize().map_err(text)?;
            Call::Read { id, size }
        }
        _ => Call::Other,
    })
}

fn play(mixer: &Mixer, call: Call, message: &Message) {
    match call {
        Call::Init { id, pcm } => mixer.add_voice(id, pcm),
        Call::Fini(id) => mixer.remove_voice(id),
        Call::Enabled(id, enabled) => mixer.edit_voice(id, |voice| voice.enabled = enabled),
        Call::Volume { id, mute, volume } => mixer.edit_voice(id, |voice| {
            let side = |place: usize| {
                let level = volume.get(place).or(volume.first()).copied().unwrap_or(255);
                if mute { 0.0 } else { f32::from(level) / 255.0 }
            };
            voice.gain = [side(0), side(1)];
        }),
        Call::Write => {
            let body = message.body();
            if let Ok((id, bytes)) = body.deserialize::<(u64, &[u8])>() {
                mixer.edit_voice(id, |voice| voice.write(bytes));
            }
        }
        Call::Properties | Call::Read { .. } | Call::Other => {}
    }
}

/// How loud the guest records is left to the guest.
fn record(mixer: &Mixer, call: Call) {
    match call {
        Call::Init { id, pcm } => mixer.add_ear(id, pcm),
        Call::Fini(id) => mixer.remove_ear(id),
        Call::Enabled(id, enabled) => mixer.enable_ear(id, enabled),
        Call::Properties | Call::Volume { .. } | Call::Write | Call::Read { .. } | Call::Other => {}
    }
}
