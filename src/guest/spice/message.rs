//! The messages as they stand in `vd_agent.h`: little endian, packed.

use std::sync::Arc;

/// `VDAgentMessage` without its data: protocol, type, opaque, size.
pub const HEADER: usize = 20;

/// `VDIChunkHeader`: port, size.
pub const CHUNK_HEADER: usize = 8;

/// `VD_AGENT_MAX_DATA_SIZE`: agents take no longer chunk. They send longer ones.
pub const MAX_CHUNK: usize = 2048;

/// `VD_AGENT_PROTOCOL`
pub const PROTOCOL: u32 = 1;

/// `VDP_CLIENT_PORT`: messages between agent and client.
pub const CLIENT_PORT: u32 = 1;

/// `VDP_SERVER_PORT`
pub const SERVER_PORT: u32 = 2;

/// Types of messages, `VD_AGENT_*`.
pub mod kind {
    pub const CLIPBOARD: u32 = 4;
    pub const ANNOUNCE_CAPABILITIES: u32 = 6;
    pub const CLIPBOARD_GRAB: u32 = 7;
    pub const CLIPBOARD_REQUEST: u32 = 8;
    pub const CLIPBOARD_RELEASE: u32 = 9;
    pub const FILE_XFER_START: u32 = 10;
    pub const FILE_XFER_STATUS: u32 = 11;
    pub const FILE_XFER_DATA: u32 = 12;
    pub const MAX_CLIPBOARD: u32 = 14;
}

/// What a clipboard can hold, `VD_AGENT_CLIPBOARD_*`.
pub mod format {
    pub const NONE: u32 = 0;
    pub const UTF8_TEXT: u32 = 1;
    pub const IMAGE_PNG: u32 = 2;
    pub const IMAGE_BMP: u32 = 3;
}

/// `VD_AGENT_CLIPBOARD_SELECTION_CLIPBOARD`: what is copied, as opposed to what is selected.
pub const CLIPBOARD: u8 = 0;

/// Capabilities by their bit, `VD_AGENT_CAP_*`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cap {
    Reply = 2,
    ClipboardByDemand = 5,
    ClipboardSelection = 6,
    GuestLineendCrlf = 9,
    MaxClipboard = 10,
    FileXferDisabled = 13,
    FileXferDetailedErrors = 14,
    NoReleaseOnRegrab = 16,
    GrabSerial = 17,
}

/// A set of capabilities; those beyond the first word mean nothing to us.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Caps(pub u32);

impl Caps {
    /// What we can do.
    pub const OURS: &[Cap] = &[
        Cap::Reply,
        Cap::ClipboardByDemand,
        Cap::ClipboardSelection,
        Cap::FileXferDetailedErrors,
        Cap::NoReleaseOnRegrab,
        Cap::GrabSerial,
    ];

    pub fn of(caps: &[Cap]) -> Self {
        Self(caps.iter().fold(0, |set, cap| set | 1 << *cap as u32))
    }

    pub fn has(self, cap: Cap) -> bool {
        self.0 & 1 << cap as u32 != 0
    }
}

/// How a file transfer stands, `VD_AGENT_FILE_XFER_STATUS_*`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileStatus {
    CanSend,
    Cancelled,
    Error,
    Success,
    /// So many bytes are free, if it says so.
    NoSpace(Option<u64>),
    Locked,
    NoSession,
    Disabled,
    Unknown(u32),
}

/// A message from the agent that means something to us.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Incoming {
    Capabilities {
        /// It wants ours.
        request: bool,
        caps: Caps,
    },
    /// The guest's clipboard has something new, in these formats.
    Grab {
        selection: u8,
        serial: Option<u32>,
        formats: Vec<u32>,
    },
    /// The guest wants what we offered.
    Request {
        selection: u8,
        format: u32,
    },
    /// What we asked for.
    Data {
        selection: u8,
        format: u32,
        bytes: Vec<u8>,
    },
    Release {
        selection: u8,
    },
    File {
        id: u32,
        status: FileStatus,
    },
}

/// Reads numbers off the front of a message.
struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn u8(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    fn u32(&mut self) -> Option<u32> {
        let (first, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(u32::from_le_bytes(*first))
    }

    fn u64(&mut self) -> Option<u64> {
        let (first, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(u64::from_le_bytes(*first))
    }

    /// `selection` and three unused bytes, where the agent sends them.
    fn selection(&mut self, caps: Caps) -> Option<u8> {
        if !caps.has(Cap::ClipboardSelection) {
            return Some(CLIPBOARD);
        }
        let selection = self.u8()?;
        self.0 = self.0.get(3..)?;
        Some(selection)
    }
}

/// Makes sense of a whole message; `None` if it has none. `caps` are the agent's.
pub fn decode(kind: u32, body: Vec<u8>, caps: Caps) -> Option<Incoming> {
    let mut reader = Reader(&body);
    Some(match kind {
        kind::ANNOUNCE_CAPABILITIES => Incoming::Capabilities {
            request: reader.u32()? != 0,
            caps: Caps(reader.u32()?),
        },
        kind::CLIPBOARD_GRAB => Incoming::Grab {
            selection: reader.selection(caps)?,
            serial: match caps.has(Cap::GrabSerial) {
                true => Some(reader.u32()?),
                false => None,
            },
            formats: std::iter::from_fn(|| reader.u32()).collect(), // As many as a short message holds.
        },
        kind::CLIPBOARD_REQUEST => Incoming::Request {
            selection: reader.selection(caps)?,
            format: reader.u32()?,
        },
        kind::CLIPBOARD_RELEASE => Incoming::Release {
            selection: reader.selection(caps)?,
        },
        kind::CLIPBOARD => {
            let selection = reader.selection(caps)?;
            let format = reader.u32()?;
            let start = body.len() - reader.0.len();
            let mut bytes = body;
            bytes.drain(..start);
            Incoming::Data {
                selection,
                format,
                bytes,
            }
        }
        kind::FILE_XFER_STATUS => Incoming::File {
            id: reader.u32()?,
            status: match reader.u32()? {
                0 => FileStatus::CanSend,
                1 => FileStatus::Cancelled,
                2 => FileStatus::Error,
                3 => FileStatus::Success,
                4 => FileStatus::NoSpace(reader.u64()),
                5 => FileStatus::Locked,
                6 => FileStatus::NoSession,
                7 => FileStatus::Disabled,
                other => FileStatus::Unknown(other),
            },
        },
        _ => return None,
    })
}

/// A message to the agent: a head and, shared with whoever keeps it, the bulk of its data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outgoing {
    /// The message's header and the beginning of its data.
    head: Vec<u8>,
    bulk: Arc<[u8]>,
}

impl Outgoing {
    fn new(kind: u32, data: &[u8], bulk: Arc<[u8]>) -> Self {
        let size = data.len() + bulk.len();
        let mut head = Vec::with_capacity(HEADER + data.len());
        head.extend(PROTOCOL.to_le_bytes());
        head.extend(kind.to_le_bytes());
        head.extend(0_u64.to_le_bytes());
        head.extend((size as u32).to_le_bytes()); // Content is limited far below 4 GiB.
        head.extend(data);
        Self { head, bulk }
    }

    fn short(kind: u32, data: &[u8]) -> Self {
        Self::new(kind, data, Arc::default())
    }

    pub fn len(&self) -> usize {
        self.head.len() + self.bulk.len()
    }

    /// The chunk that begins at `at` of the message, header first.
    pub fn chunk(&self, at: usize) -> Vec<u8> {
        let length = MAX_CHUNK.min(self.len() - at);
        let mut chunk = Vec::with_capacity(CHUNK_HEADER + length);
        chunk.extend(CLIENT_PORT.to_le_bytes());
        chunk.extend((length as u32).to_le_bytes());
        let head = self.head.get(at..).unwrap_or_default();
        let from_head = head.len().min(length);
        chunk.extend(&head[..from_head]);
        let from = (at + from_head).saturating_sub(self.head.len());
        chunk.extend(&self.bulk[from..from + length - from_head]);
        chunk
    }

    /// `VDAgentAnnounceCapabilities`
    pub fn capabilities(request: bool) -> Self {
        let caps = Caps::of(Caps::OURS);
        let data = [u32::from(request).to_le_bytes(), caps.0.to_le_bytes()];
        Self::short(kind::ANNOUNCE_CAPABILITIES, data.as_flattened())
    }

    /// `VDAgentMaxClipboard`
    pub fn max_clipboard(bytes: u64) -> Self {
        let max = i32::try_from(bytes).unwrap_or(i32::MAX);
        Self::short(kind::MAX_CLIPBOARD, &max.to_le_bytes())
    }

    /// `VDAgentClipboardGrab`
    pub fn grab(caps: Caps, serial: u32, format: u32) -> Self {
        let mut data = selection(caps);
        if caps.has(Cap::GrabSerial) {
            data.extend(serial.to_le_bytes());
        }
        data.extend(format.to_le_bytes());
        Self::short(kind::CLIPBOARD_GRAB, &data)
    }

    /// `VDAgentClipboardRequest`
    pub fn request(caps: Caps, format: u32) -> Self {
        let mut data = selection(caps);
        data.extend(format.to_le_bytes());
        Self::short(kind::CLIPBOARD_REQUEST, &data)
    }

    /// `VDAgentClipboard`
    pub fn clipboard(caps: Caps, format: u32, bytes: Arc<[u8]>) -> Self {
        let mut data = selection(caps);
        data.extend(format.to_le_bytes());
        Self::new(kind::CLIPBOARD, &data, bytes)
    }

    /// `VDAgentFileXferStartMessage` with a GKeyFile, as every agent reads it.
    pub fn file_start(id: u32, name: &str, size: u64) -> Self {
        let name = name.replace('\\', "\\\\");
        let file = format!("[vdagent-file-xfer]\nname={name}\nsize={size}\n\0");
        let mut data = id.to_le_bytes().to_vec();
        data.extend(file.as_bytes());
        Self::short(kind::FILE_XFER_START, &data)
    }

    /// `VDAgentFileXferDataMessage`
    pub fn file_data(id: u32, bytes: Vec<u8>) -> Self {
        let mut data = id.to_le_bytes().to_vec();
        data.extend((bytes.len() as u64).to_le_bytes());
        Self::new(kind::FILE_XFER_DATA, &data, bytes.into())
    }

    /// `VDAgentFileXferStatusMessage`: we don't go on.
    pub fn file_cancel(id: u32) -> Self {
        let data = [id.to_le_bytes(), 1_u32.to_le_bytes()];
        Self::short(kind::FILE_XFER_STATUS, data.as_flattened())
    }
}

/// `selection` and three unused bytes, where the agent wants them.
fn selection(caps: Caps) -> Vec<u8> {
    if caps.has(Cap::ClipboardSelection) {
        vec![CLIPBOARD, 0, 0, 0]
    } else {
        Vec::new()
    }
}
