//! What a guest plays is heard: the test card's tone, counted at a file and at a sound server's null sink.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use orangery::confine::find_program;
use orangery::desktop::sound::Stream;
use orangery::display::Screen;
use orangery::engine::client::Client;
use orangery::engine::message::Command as Request;
use serde_json::Value;

use super::debian::{Shell, debian_in};
use super::{House, soak, wait_for};
use crate::guests::alone;

/// A tone found in a recording of 48,000 frames a second.
#[derive(Debug)]
struct Tone {
    /// Without the gaps.
    seconds: f64,
    hertz: f64,
    /// The highest sample.
    peak: i16,
}

/// The left side of a 16-bit stereo WAV from frame `from` on; nothing if there is no file yet.
fn recorded(file: &Path, from: usize) -> Vec<i16> {
    let bytes = std::fs::read(file).unwrap_or_default();
    let frames = bytes.get(44..).unwrap_or_default().chunks_exact(4);
    let left = frames.map(|frame| i16::from_le_bytes([frame[0], frame[1]]));
    left.skip(from).collect()
}

fn tone(samples: &[i16]) -> Option<Tone> {
    let loud = |sample: &i16| sample.unsigned_abs() > 500;
    let first = samples.iter().position(loud)?;
    let last = samples.iter().rposition(loud)?;
    let samples = &samples[first..=last];
    let sounding = samples.iter().filter(|sample| **sample != 0);
    let seconds = sounding.count() as f64 / 48_000.0;
    let rising = samples
        .windows(2)
        .filter(|pair| pair[0] < 0 && pair[1] >= 0);
    Some(Tone {
        seconds,
        hertz: rising.count() as f64 / seconds,
        peak: samples.iter().copied().max()?,
    })
}

impl House {
    fn sound(&self) -> Value {
        self.json(&["show", "Card"])["sound"].clone()
    }

    #[track_caller]
    fn wait_sound(&self, wanted: &str) {
        wait_for(&format!("sound to be {wanted}"), 30, || {
            let sound = self.sound();
            (sound["state"] == wanted).then_some(()).ok_or(sound)
        });
    }

    /// Has the test card play its tone to the end; gives what `file` got of it.
    #[track_caller]
    fn play(&self, file: &Path, meanwhile: impl FnOnce()) -> Option<Tone> {
        let before = recorded(file, 0).len();
        self.done(&["key", "Card", "f2"]);
        self.wait_sound("playing");
        meanwhile();
        self.wait_sound("silent");
        tone(&recorded(file, before))
    }
}

/// 3 s of 440 Hz, half as high as can be.
#[track_caller]
fn check(tone: Option<Tone>, peak: i16) {
    let tone = tone.expect("a tone was to be heard");
    println!("heard {tone:?}");
    // What a busy computer does not take in time is dropped; nothing is ever added.
    assert!((0.3..3.1).contains(&tone.seconds), "{tone:?}");
    // Each gap shifts the wave.
    let gaps = (3.0 - tone.seconds).max(0.0);
    let off = (tone.hertz - 440.0).abs();
    assert!(off < 6.0 + 12.0 * gaps, "{tone:?}");
    assert!(tone.peak.abs_diff(peak) < 300, "{tone:?}, not {peak}");
}

#[test]
fn a_tone_is_heard_as_loud_as_chosen_beside_consoles_and_after_a_hand_over() {
    let mut house = House::new();
    let file = house.path().join("heard.wav");
    house.set("ORANGERY_SOUND_FILE", &file);
    house.start_card("Card");
    house.card_when("Card", "its picture", |card| card.frame > 10);
    house.wait_sound("silent");
    check(house.play(&file, || {}), 16_384);

    house.done(&["set", "Card", "volume=50"]);
    let with_consoles = house.play(&file, || {
        for _ in 0..2 {
            let screen = open_screen(&house);
            assert!(screen.wait_picture(Duration::from_secs(10)).is_some());
            assert!(screen.slot().info().takes_input);
        }
    });
    check(with_consoles, 8_192);

    house.done(&["set", "Card", "mute=on"]);
    assert!(house.play(&file, || {}).is_none(), "it was muted");

    house.done(&["set", "Card", "mute=off", "volume=100"]);
    let killed = house.kill_agent();
    house.done(&["trash"]); // Needs an owner, so there is a new one.
    assert_ne!(house.agent_pid(), Some(killed));
    check(house.play(&file, || {}), 16_384);
}

/// Shows the screen as a console does.
fn open_screen(house: &House) -> Screen {
    let mut client = Client::connect(&house.runtime().join("control"), false).unwrap();
    let id = house.row("Card")["id"].as_str().unwrap().parse().unwrap();
    let open = Request::OpenDisplay { machine: id };
    let (_, socket) = client
        .call(open, Some(Duration::from_secs(10)), |_| {})
        .unwrap();
    Screen::dbus(socket.unwrap().into(), Arc::new(|| {})).unwrap()
}

#[test]
fn without_a_sound_server_the_machine_runs_on_and_says_so() {
    let house = House::with_card();
    house.card_when("Card", "its picture", |card| card.frame > 10);
    house.done(&["key", "Card", "f2"]);
    let state = wait_for("a reason", 20, || {
        let sound = house.sound();
        let why = sound["state"]["no-device"].as_str().map(str::to_owned);
        why.ok_or(sound)
    });
    assert!(
        state.contains("neither PipeWire nor PulseAudio runs"),
        "{state}"
    );
    house.wait_sound("silent");
    let frame = house.card("Card").frame;
    house.card_when("Card", "later frames", |card| card.frame > frame);
}

/// A sound server of our own, whose only device is a null sink.
struct SoundServer {
    server: Child,
    socket: PathBuf,
}

impl SoundServer {
    fn start(house: &House) -> Option<Self> {
        Self::start_at(house.path().join("sound"))
    }

    /// Listening at `socket`.
    #[expect(clippy::disallowed_methods, reason = "the story runs a sound server")]
    fn start_at(socket: PathBuf) -> Option<Self> {
        let (Some(program), Some(_)) = (find_program("pulseaudio"), find_program("parec")) else {
            eprintln!("skipped: PulseAudio is not installed");
            return None;
        };
        let folder = socket.parent().unwrap();
        let listen = format!(
            "module-native-protocol-unix auth-anonymous=1 socket={}",
            socket.display()
        );
        let server = Command::new(program)
            .args([
                "-n",
                "--daemonize=no",
                "--use-pid-file=no",
                "--exit-idle-time=-1",
            ])
            .args([
                "-L",
                &listen,
                "-L",
                "module-null-sink sink_name=null rate=48000",
            ])
            .env("HOME", folder)
            .env("PULSE_RUNTIME_PATH", folder)
            .env("PULSE_STATE_PATH", folder)
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let server = Self { server, socket };
        wait_for("the sound server", 20, || {
            server.socket.exists().then_some(()).ok_or("no socket")
        });
        Some(server)
    }

    fn variable(&self) -> String {
        format!("unix:{}", self.socket.display())
    }

    /// Records what the null sink gets.
    #[expect(clippy::disallowed_methods, reason = "the story records")]
    fn record(&self, file: &Path) -> Child {
        Command::new(find_program("parec").unwrap())
            .args([
                "--device=null.monitor",
                "--rate=48000",
                "--format=s16le",
                "--latency-msec=50",
            ])
            .args(["--channels=2", "--file-format=wav"])
            .arg(file)
            .env("PULSE_SERVER", self.variable())
            .spawn()
            .unwrap()
    }
}

impl Drop for SoundServer {
    fn drop(&mut self) {
        self.server.kill().ok(); // It may be gone.
        self.server.wait().ok(); // As above.
    }
}

#[test]
fn a_tone_reaches_the_sound_server_and_another_one_when_that_is_gone_and_back() {
    let mut house = House::new();
    let Some(server) = SoundServer::start(&house) else {
        return;
    };
    house.set("PULSE_SERVER", server.variable());
    house.start_card("Card");
    house.card_when("Card", "its picture", |card| card.frame > 10);
    let hear = |server: &SoundServer, name: &str| {
        let file = house.path().join(name);
        let mut recorder = server.record(&file);
        wait_for("the recorder", 20, || {
            let bytes = std::fs::metadata(&file).map(|data| data.len());
            bytes.is_ok_and(|bytes| bytes > 44).then_some(()).ok_or(())
        });
        let tone = house.play(&file, || {});
        recorder.kill().unwrap();
        recorder.wait().unwrap();
        check(tone, 16_384);
    };
    hear(&server, "first.wav");
    drop(server);
    std::fs::remove_file(house.path().join("sound")).ok(); // What is left of it.
    let server = SoundServer::start(&house).unwrap();
    hear(&server, "second.wav");
}

#[test]
fn a_microphone_hears_what_this_computer_plays_into_it() {
    let runtime = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from);
    let Some(socket) = runtime.map(|folder| folder.join("pulse/native")) else {
        eprintln!("skipped: there is no XDG_RUNTIME_DIR");
        return;
    };
    if socket.exists() {
        eprintln!("skipped: a sound server runs here, and it is the user's");
        return;
    }
    std::fs::create_dir_all(socket.parent().unwrap()).unwrap();
    let Some(_server) = SoundServer::start_at(socket) else {
        return;
    };
    let (heard_out, heard) = crossbeam_channel::bounded(1000);
    let take = move |frames: &[[f32; 2]]| {
        let samples = frames.iter().map(|frame| (frame[0] * 32_767.0) as i16);
        heard_out.try_send(samples.collect::<Vec<i16>>()).ok(); // Enough was heard already.
    };
    // The null sink's monitor is the only source, and so the default microphone.
    let listening = Stream::listen("test", Box::new(take)).unwrap();
    let mut at = 0.0_f32;
    let fill = move |frames: &mut [[f32; 2]]| {
        for frame in frames {
            at = (at + 440.0 / 48_000.0).fract();
            *frame = [(at * std::f32::consts::TAU).sin() / 2.0; 2];
        }
    };
    let playing = Stream::play("test", Box::new(fill)).unwrap();
    let mut samples = Vec::new();
    wait_for("two seconds of sound", 60, || {
        samples.extend(heard.try_iter().flatten());
        let tone = tone(&samples);
        let enough = tone.as_ref().is_some_and(|tone| tone.seconds > 2.0);
        if enough { Ok(()) } else { Err(tone) }
    });
    assert!(!playing.is_lost() && !listening.is_lost());
    let tone = tone(&samples).unwrap();
    assert!((tone.hertz - 440.0).abs() < 10.0, "{tone:?}");
    assert!(tone.peak.abs_diff(16_384) < 300, "{tone:?}");
}

#[test]
fn debian_plays_a_sine_of_440_hertz() {
    if !soak() {
        eprintln!("skipped: for ORANGERY_SOAK=1");
        return;
    }
    let _alone = alone();
    let mut house = House::new();
    let file = house.path().join("heard.wav");
    house.set("ORANGERY_SOUND_FILE", &file);
    if debian_in(&house).is_none() {
        return;
    }
    house.done(&["device", "set", "Debian", "display0", "model=vga"]);
    house.done(&["start", "Debian"]);
    let mut shell = Shell::of(&house, "Debian");
    shell.wait_for_login();
    shell.ask("modprobe snd_hda_intel; sleep 2; amixer -q set Master 100% unmute; echo set");
    shell.say("timeout 6 speaker-test -t sine -f 440 -c 2; echo over-$((1+1))");
    assert!(shell.hear("over-2", 60).is_some());
    std::thread::sleep(Duration::from_secs(3));
    let tone = tone(&recorded(&file, 0)).expect("a tone was to be heard");
    assert!((3.0..8.0).contains(&tone.seconds), "{tone:?}");
    assert!((tone.hertz - 440.0).abs() < 10.0, "{tone:?}");
}
