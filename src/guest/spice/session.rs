//! What we and the agent have told each other. Pure: bytes in, messages and news out, the time is given.
//!
//! ```text
//!  closed ──port opens──▶ announced ──its capabilities──▶ ready
//!    ▲                        │ asked again, a few times     │
//!    └────────────────────────┴───────port closes────────────┘
//! ```

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use super::decoder::{Body, Decoder, Message, Nonsense};
use super::message::{self, CLIPBOARD, Cap, Caps, FileStatus, Incoming, Outgoing, format};
use crate::model::{AgentState, ByteSize, Clip, ClipKind, GuestClip, MAX_IMAGE};

/// How long an agent may take to say what it can do, before it is asked again.
const ANNOUNCE_PATIENCE: Duration = Duration::from_secs(3);

/// An agent that answered none of these is asked again when it opens its channel anew.
const MAX_ANNOUNCEMENTS: u32 = 5;

/// How long the guest may pause while it hands something over.
const TAKE_PATIENCE: Duration = Duration::from_secs(10);

/// Messages that wait to be sent. More than anything honest causes; the rest is dropped.
const MAX_WAITING: usize = 64;

/// Requests of the guest that wait for the clipboard's content. Further ones are told that there is none.
const MAX_CONTENTS: usize = 4;

/// File transfers at a time; agents take four.
const MAX_FILES: usize = 4;

/// Beside the content: selection and format.
const CONTENT_HEAD: usize = 8;

/// Why the guest's clipboard was not taken over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TakeError {
    #[error("No agent in the guest answers")]
    NoAgent,
    #[error("Nothing was copied in the guest")]
    Nothing,
    #[error("Another request for it is under way")]
    Busy,
    #[error("It is {size}, and {limit} is the most that goes over")]
    TooLarge { size: ByteSize, limit: ByteSize },
    #[error("The guest did not hand it over in time")]
    TooSlow,
    #[error("The guest handed over nothing")]
    Empty,
    #[error("What the guest handed over is no text")]
    NoText,
}

/// What a message changed for others.
#[derive(Debug, PartialEq, Eq)]
pub enum News {
    /// [`Session::state`] or [`Session::offers`].
    Changed,
    Taken(Result<Clip, TakeError>),
}

/// How a file transfer stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileState {
    /// The agent has not said whether it takes it.
    Asked,
    Sending,
    /// It is there whole, or the agent said why not.
    Ended(FileStatus),
}

enum Phase {
    Closed,
    Announced { since: Instant, times: u32 },
    Ready,
}

/// What the guest's clipboard has, and in which format we ask for it.
#[derive(Clone, Copy)]
struct Theirs {
    clip: GuestClip,
    format: u32,
}

/// A request for it that is under way.
struct Take {
    theirs: Theirs,
    moved: Instant,
    progress: usize,
}

pub struct Session {
    phase: Phase,
    caps: Caps,
    decoder: Decoder,
    /// Counts the grabs of both sides, so that of two that cross the same one is dropped on both.
    serial: u32,
    ours: Option<Clip>,
    theirs: Option<Theirs>,
    last_number: u64,
    take: Option<Take>,
    files: BTreeMap<u32, FileState>,
    last_file: u32,
    /// To be sent, oldest first; whether it is clipboard content.
    waiting: VecDeque<(Outgoing, bool)>,
    /// How many were ever put into `waiting`.
    put: u64,
}

impl Default for Session {
    fn default() -> Self {
        Self {
            phase: Phase::Closed,
            caps: Caps::default(),
            decoder: Decoder::default(),
            serial: 0,
            ours: None,
            theirs: None,
            last_number: 0,
            take: None,
            files: BTreeMap::new(),
            last_file: 0,
            waiting: VecDeque::new(),
            put: 0,
        }
    }
}

impl Session {
    /// The guest opened the port: whatever was before is forgotten on both sides.
    pub fn open(&mut self, now: Instant) -> Vec<News> {
        let news = self.close();
        self.phase = Phase::Announced {
            since: now,
            times: 1,
        };
        self.put(Outgoing::capabilities(true));
        news
    }

    /// The guest closed the port, or the connection to it was lost.
    pub fn close(&mut self) -> Vec<News> {
        let mut news = vec![News::Changed];
        if self.take.is_some() {
            news.push(News::Taken(Err(TakeError::NoAgent)));
        }
        let files = std::mem::take(&mut self.files).into_keys();
        let ended = FileState::Ended(FileStatus::NoSession);
        *self = Self {
            last_number: self.last_number,
            files: files.map(|id| (id, ended)).collect(),
            last_file: self.last_file,
            put: self.put,
            ..Self::default()
        };
        news
    }

    pub fn state(&self) -> AgentState {
        match self.phase {
            Phase::Closed | Phase::Announced { times: 1, .. } => AgentState::Absent,
            Phase::Announced { .. } => AgentState::Silent,
            Phase::Ready => AgentState::Ready {
                files: !self.caps.has(Cap::FileXferDisabled),
            },
        }
    }

    /// What was copied in the guest.
    pub fn offers(&self) -> Option<GuestClip> {
        self.theirs.map(|theirs| theirs.clip)
    }

    fn is_ready(&self) -> bool {
        matches!(self.phase, Phase::Ready)
    }

    /// Puts `clip` into the guest's clipboard; its content goes over when the guest pastes. Returns whether that
    /// changes anything there, `None` without an agent.
    pub fn offer(&mut self, clip: Clip) -> Option<bool> {
        if !self.is_ready() {
            return None;
        }
        if self.ours.as_ref() == Some(&clip) {
            return Some(false);
        }
        let format = match clip.kind {
            ClipKind::Text => format::UTF8_TEXT,
            ClipKind::Image => format::IMAGE_PNG,
        };
        self.ours = Some(clip);
        self.theirs = None;
        self.put(Outgoing::grab(self.caps, self.serial, format));
        self.serial = self.serial.wrapping_add(1);
        Some(true)
    }

    /// Asks for what was copied in the guest; it comes as [`News::Taken`].
    pub fn take(&mut self, now: Instant) -> Result<(), TakeError> {
        if !self.is_ready() {
            return Err(TakeError::NoAgent);
        }
        if self.take.is_some() {
            return Err(TakeError::Busy);
        }
        let theirs = self.theirs.ok_or(TakeError::Nothing)?;
        self.put(Outgoing::request(self.caps, theirs.format));
        self.decoder.wanted = bytes(theirs.clip.kind.limit()) + CONTENT_HEAD;
        self.take = Some(Take {
            theirs,
            moved: now,
            progress: 0,
        });
        Ok(())
    }

    /// Announces a file to the agent. `None` without one, or if it has too many.
    pub fn begin_file(&mut self, name: &str, size: u64) -> Option<u32> {
        if !self.is_ready() || self.files.len() >= MAX_FILES {
            return None;
        }
        self.last_file = self.last_file.wrapping_add(1);
        self.files.insert(self.last_file, FileState::Asked);
        self.put(Outgoing::file_start(self.last_file, name, size));
        Some(self.last_file)
    }

    pub fn file(&self, id: u32) -> FileState {
        let gone = FileState::Ended(FileStatus::NoSession);
        self.files.get(&id).copied().unwrap_or(gone)
    }

    pub fn send_file(&mut self, id: u32, bytes: Vec<u8>) {
        self.put(Outgoing::file_data(id, bytes));
    }

    /// The file is over with; `cancel` tells the agent.
    pub fn end_file(&mut self, id: u32, cancel: bool) {
        let open = !matches!(self.file(id), FileState::Ended(_));
        if open && cancel {
            self.put(Outgoing::file_cancel(id));
        }
        self.files.remove(&id);
    }

    /// Takes what the agent sent.
    pub fn receive(&mut self, bytes: &[u8], now: Instant) -> Result<Vec<News>, Nonsense> {
        let mut messages = Vec::new();
        self.decoder
            .feed(bytes, &mut |message| messages.push(message))?;
        let mut news = Vec::new();
        for Message { kind, body } in messages {
            match body {
                Body::Kept(body) => {
                    if let Some(incoming) = message::decode(kind, body, self.caps) {
                        self.hear(incoming, &mut news);
                    }
                }
                Body::Skipped(size) if kind == message::kind::CLIPBOARD => {
                    if let Some(take) = self.end_take() {
                        news.push(News::Taken(Err(TakeError::TooLarge {
                            size: ByteSize(size as u64),
                            limit: take.theirs.clip.kind.limit(),
                        })));
                    }
                }
                Body::Skipped(_) => {} // Nothing that we know is so long.
            }
        }
        if let Some(take) = &mut self.take
            && take.progress != self.decoder.progress()
        {
            take.progress = self.decoder.progress();
            take.moved = now;
        }
        Ok(news)
    }

    fn hear(&mut self, incoming: Incoming, news: &mut Vec<News>) {
        match incoming {
            Incoming::Capabilities { request, caps } => {
                if request {
                    self.put(Outgoing::capabilities(false));
                }
                if !self.is_ready() && caps.has(Cap::MaxClipboard) {
                    self.put(Outgoing::max_clipboard(MAX_IMAGE.0));
                }
                self.phase = Phase::Ready;
                self.caps = caps;
                news.push(News::Changed);
            }
            Incoming::Grab {
                selection: CLIPBOARD,
                serial,
                formats,
            } if self.is_ready() => self.grabbed(serial, &formats, news),
            Incoming::Release {
                selection: CLIPBOARD,
            } if self.theirs.take().is_some() => news.push(News::Changed),
            Incoming::Request {
                selection: CLIPBOARD,
                format,
            } => self.hand_over(format),
            Incoming::Data {
                selection: CLIPBOARD,
                format,
                bytes,
            } => {
                if let Some(take) = self.end_take() {
                    news.push(News::Taken(self.taken(&take, format, bytes)));
                }
            }
            Incoming::File { id, status } => {
                if let Some(state) = self.files.get_mut(&id) {
                    *state = match (*state, status) {
                        (FileState::Asked, FileStatus::CanSend) => FileState::Sending,
                        (state, FileStatus::CanSend) => state,
                        (FileState::Ended(first), _) => FileState::Ended(first),
                        (_, status) => FileState::Ended(status),
                    };
                }
            }
            // Other selections than the clipboard stay in the guest.
            Incoming::Grab { .. }
            | Incoming::Release { .. }
            | Incoming::Request { .. }
            | Incoming::Data { .. } => {}
        }
    }

    /// The guest's clipboard has something new. Of two grabs that cross, the client's wins: ours.
    fn grabbed(&mut self, serial: Option<u32>, formats: &[u32], news: &mut Vec<News>) {
        match serial {
            Some(serial) if serial != self.serial => return,
            Some(_) => self.serial = self.serial.wrapping_add(1),
            None => {}
        }
        let known = [
            (format::UTF8_TEXT, ClipKind::Text),
            (format::IMAGE_PNG, ClipKind::Image),
            (format::IMAGE_BMP, ClipKind::Image),
        ];
        let best = known.iter().find(|(format, _)| formats.contains(format));
        self.ours = None;
        self.last_number += 1;
        self.theirs = best.map(|(format, kind)| Theirs {
            clip: GuestClip {
                number: self.last_number,
                kind: *kind,
            },
            format: *format,
        });
        news.push(News::Changed);
    }

    /// The guest pastes.
    fn hand_over(&mut self, format: u32) {
        let contents = self.waiting.iter().filter(|(_, content)| *content).count();
        let wanted = self.ours.as_ref().filter(|clip| {
            contents < MAX_CONTENTS
                && matches!(
                    (clip.kind, format),
                    (ClipKind::Text, format::UTF8_TEXT) | (ClipKind::Image, format::IMAGE_PNG)
                )
        });
        let Some(clip) = wanted else {
            let nothing = Outgoing::clipboard(self.caps, format::NONE, [].into());
            return self.put(nothing);
        };
        let bytes = match clip.kind {
            ClipKind::Text if self.caps.has(Cap::GuestLineendCrlf) => {
                let text = String::from_utf8_lossy(&clip.bytes).replace('\n', "\r\n");
                text.into_bytes().into()
            }
            ClipKind::Text | ClipKind::Image => clip.bytes.clone(),
        };
        let message = Outgoing::clipboard(self.caps, format, bytes);
        self.put += 1;
        self.waiting.push_back((message, true));
    }

    fn end_take(&mut self) -> Option<Take> {
        self.decoder.wanted = 0;
        self.take.take()
    }

    /// What the guest handed over, in this computer's form.
    fn taken(&self, take: &Take, format: u32, bytes: Vec<u8>) -> Result<Clip, TakeError> {
        if format != take.theirs.format || bytes.is_empty() {
            return Err(TakeError::Empty);
        }
        let kind = take.theirs.clip.kind;
        if kind == ClipKind::Image {
            let bytes = bytes.into();
            return Ok(Clip { kind, bytes });
        }
        let mut text = String::from_utf8(bytes).ok().ok_or(TakeError::NoText)?;
        if self.caps.has(Cap::GuestLineendCrlf) {
            text = text.replace("\r\n", "\n");
        }
        Ok(Clip::text(text.trim_end_matches('\0'))) // Windows ends its texts so.
    }

    /// What is due by the clock; call it every few seconds.
    pub fn tick(&mut self, now: Instant) -> Vec<News> {
        let mut news = Vec::new();
        if let Phase::Announced { since, times } = self.phase
            && times < MAX_ANNOUNCEMENTS
            && now.saturating_duration_since(since) >= ANNOUNCE_PATIENCE
        {
            self.phase = Phase::Announced {
                since: now,
                times: times + 1,
            };
            self.put(Outgoing::capabilities(true));
            news.push(News::Changed);
        }
        let slow = |take: &Take| now.saturating_duration_since(take.moved) >= TAKE_PATIENCE;
        if self.take.as_ref().is_some_and(slow) {
            self.end_take();
            news.push(News::Taken(Err(TakeError::TooSlow)));
        }
        news
    }

    fn put(&mut self, message: Outgoing) {
        if self.waiting.len() < MAX_WAITING {
            self.put += 1;
            self.waiting.push_back((message, false));
        }
    }

    /// The next message to send.
    pub fn next(&mut self) -> Option<Outgoing> {
        self.waiting.pop_front().map(|(message, _)| message)
    }

    /// How many messages were ever to be sent.
    pub fn put_so_far(&self) -> u64 {
        self.put
    }

    /// How many of them wait.
    pub fn waiting(&self) -> usize {
        self.waiting.len()
    }

    #[cfg(test)]
    pub(super) fn decoder(&self) -> &Decoder {
        &self.decoder
    }
}

fn bytes(size: ByteSize) -> usize {
    usize::try_from(size.0).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests;
