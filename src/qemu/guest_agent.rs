//! Talks to the agent inside a guest, where there is one, over the socket that QEMU has for it.
//!
//! Whatever answers is the guest's: lines are bounded, nothing waits for ever, and nothing is believed but the number that
//! was asked for. Without an agent nobody reads the socket, which looks like an agent that is silent.
//!
//! Protocol: <https://www.qemu.org/docs/master/interop/qemu-ga-ref.html>. Two commands need no crate for their types.

use std::io::{self, Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use uuid::Uuid;

use super::qmp::{QmpError, connect_socket};

/// Ends whatever the agent was told before; it sends the same before a `guest-sync-delimited`'s answer.
const DELIMITER: u8 = 0xff;

/// One attempt to be heard. An agent that was just woken with its guest takes a moment.
const ATTEMPT: Duration = Duration::from_secs(3);

/// The longest answer to what is asked here, with room; also the most that may come before one.
const MAX_HEARD: usize = 64 * 1024;

/// Why a guest was not told.
#[derive(Debug, thiserror::Error)]
pub enum AgentError {
    #[error(transparent)]
    Connect(#[from] QmpError),
    #[error("Nobody in the guest answers")]
    Silent,
    #[error("The guest's agent sent something that is not its protocol")]
    Garbled,
    #[error("The guest's agent refused: {0}")]
    Refused(String),
    #[error("The connection to the guest's agent ended: {0}")]
    Closed(#[from] io::Error),
}

/// Sets the guest's clock to `now`, nanoseconds since 1970, which is asked for at the last moment.
pub fn set_time(
    socket: &Path,
    now: impl FnOnce() -> i64,
    within: Duration,
) -> Result<(), AgentError> {
    let until = Instant::now() + within;
    let stream = connect_socket(socket, within)?;
    let mut line = Line {
        stream,
        heard: Vec::new(),
    };
    line.synchronise(until)?;
    let arguments = json!({ "time": now() });
    line.say(&[], "guest-set-time", &arguments, until)?;
    let reply = line.answer(until)?;
    match reply.get("error") {
        None => Ok(()),
        Some(error) => Err(AgentError::Refused(readable(error))),
    }
}

struct Line {
    stream: UnixStream,
    /// What came and was not taken yet.
    heard: Vec<u8>,
}

impl Line {
    /// Asks with a number of our own until the agent gives it back: what it says next answers us.
    fn synchronise(&mut self, until: Instant) -> Result<(), AgentError> {
        loop {
            let number = Uuid::new_v4().as_fields().0;
            let attempt = until.min(Instant::now() + ATTEMPT);
            let asked = json!({ "id": number });
            self.say(&[DELIMITER], "guest-sync-delimited", &asked, attempt)?;
            match self.synchronised(number, attempt) {
                Err(AgentError::Silent) if Instant::now() < until => {}
                other => return other,
            }
        }
    }

    /// Skips what answers others, and what an agent says to the delimiter: an error.
    fn synchronised(&mut self, number: u32, until: Instant) -> Result<(), AgentError> {
        loop {
            self.take_to(DELIMITER, until)?;
            let answer = self.take_to(b'\n', until)?;
            let answer: Option<Value> = serde_json::from_slice(&answer).ok();
            if answer.is_some_and(|answer| answer["return"] == number) {
                return Ok(());
            }
        }
    }

    fn answer(&mut self, until: Instant) -> Result<Value, AgentError> {
        let line = self.take_to(b'\n', until)?;
        serde_json::from_slice(&line).map_err(|_not_json| AgentError::Garbled)
    }

    fn say(
        &mut self,
        before: &[u8],
        command: &str,
        arguments: &Value,
        until: Instant,
    ) -> Result<(), AgentError> {
        let mut bytes = before.to_vec();
        let line = json!({ "execute": command, "arguments": arguments });
        bytes.extend(line.to_string().into_bytes());
        bytes.push(b'\n');
        self.stream.set_write_timeout(Some(left(until)))?;
        self.stream.write_all(&bytes).map_err(timed_out)
    }

    /// Takes what comes before the next `end`, which goes as well.
    fn take_to(&mut self, end: u8, until: Instant) -> Result<Vec<u8>, AgentError> {
        let mut block = [0; 4096];
        loop {
            if let Some(at) = self.heard.iter().position(|byte| *byte == end) {
                let rest = self.heard.split_off(at + 1);
                let mut taken = std::mem::replace(&mut self.heard, rest);
                taken.pop();
                return Ok(taken);
            }
            if self.heard.len() > MAX_HEARD {
                return Err(AgentError::Garbled);
            }
            if Instant::now() >= until {
                return Err(AgentError::Silent);
            }
            self.stream.set_read_timeout(Some(left(until)))?;
            match self.stream.read(&mut block).map_err(timed_out)? {
                0 => return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into()),
                count => self.heard.extend(&block[..count]),
            }
        }
    }
}

/// Zero would mean no limit.
fn left(until: Instant) -> Duration {
    let left = until.saturating_duration_since(Instant::now());
    left.max(Duration::from_millis(1))
}

fn timed_out(error: io::Error) -> AgentError {
    match error.kind() {
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => AgentError::Silent,
        _ => AgentError::Closed(error),
    }
}

/// The guest's words, as far as they can stand in a line.
fn readable(error: &Value) -> String {
    let words = error["desc"].as_str().unwrap_or("it gave no reason");
    let printable = words.chars().filter(|c| !c.is_control());
    printable.take(200).collect()
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead as _, BufReader};
    use std::os::unix::net::UnixListener;

    use super::*;

    const SOON: Duration = Duration::from_secs(20);

    /// An agent that does to each connection what `talk` says; the time that it was given comes back.
    fn set_with(
        talk: impl FnOnce(BufReader<UnixStream>, UnixStream) + Send + 'static,
        within: Duration,
    ) -> Result<(), AgentError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("qga");
        let listener = UnixListener::bind(&path).unwrap();
        let agent = std::thread::Builder::new()
            .spawn(move || {
                let (stream, _) = listener.accept().unwrap();
                talk(BufReader::new(stream.try_clone().unwrap()), stream);
            })
            .unwrap();
        let result = set_time(&path, || 1_700_000_000_000_000_000, within);
        agent.join().unwrap();
        result
    }

    /// The next command's arguments, without the delimiter before it.
    fn asked(reader: &mut BufReader<UnixStream>, command: &str) -> Value {
        let mut line = Vec::new();
        reader.read_until(b'\n', &mut line).unwrap();
        let line = line.strip_prefix(&[DELIMITER]).unwrap_or(&line);
        let value: Value = serde_json::from_slice(line).unwrap();
        assert_eq!(value["execute"], command);
        value["arguments"].clone()
    }

    fn reply(mut stream: &UnixStream, before: &[u8], value: &Value) {
        stream.write_all(before).unwrap();
        writeln!(stream, "{value}").unwrap();
    }

    #[test]
    fn an_agent_is_told_the_time_after_what_it_had_to_say_to_others() {
        let talk = |mut reader: BufReader<UnixStream>, stream: UnixStream| {
            let number = asked(&mut reader, "guest-sync-delimited")["id"].clone();
            reply(
                &stream,
                b"",
                &json!({ "error": { "desc": "bad character" } }),
            );
            reply(&stream, &[DELIMITER], &json!({ "return": 7 }));
            reply(&stream, &[DELIMITER], &json!({ "return": number }));
            let time = asked(&mut reader, "guest-set-time")["time"].clone();
            assert_eq!(time, json!(1_700_000_000_000_000_000_i64));
            reply(&stream, b"", &json!({ "return": {} }));
        };
        set_with(talk, SOON).unwrap();
    }

    #[test]
    fn an_agent_that_refuses_says_why_in_one_line() {
        let talk = |mut reader: BufReader<UnixStream>, stream: UnixStream| {
            let number = asked(&mut reader, "guest-sync-delimited")["id"].clone();
            reply(&stream, &[DELIMITER], &json!({ "return": number }));
            asked(&mut reader, "guest-set-time");
            let desc = format!("no\n\u{1b}[2J {}", "x".repeat(999));
            reply(&stream, b"", &json!({ "error": { "desc": desc } }));
        };
        let said = set_with(talk, SOON).unwrap_err().to_string();
        assert!(said.contains("no[2J") && said.len() < 300, "{said}");
    }

    #[test]
    fn whoever_floods_or_is_silent_or_leaves_holds_nobody_up() {
        let flood = |_reader, mut stream: UnixStream| {
            while stream.write_all(&[b'x'; 4096]).is_ok() {}
        };
        let failed = set_with(flood, SOON).unwrap_err();
        assert!(matches!(failed, AgentError::Garbled), "{failed}");
        let silent = |mut reader: BufReader<UnixStream>, _stream| {
            reader.read_to_end(&mut Vec::new()).unwrap();
        };
        let failed = set_with(silent, Duration::from_millis(50)).unwrap_err();
        assert!(matches!(failed, AgentError::Silent), "{failed}");
        let failed = set_with(|_, _| {}, SOON).unwrap_err();
        assert!(matches!(failed, AgentError::Closed(_)), "{failed}");
    }
}
