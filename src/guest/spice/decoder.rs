//! Puts messages together from what the agent sends: chunks of any length, of two ports in any order.

use super::message::{
    CHUNK_HEADER, CLIENT_PORT, HEADER, PROTOCOL, SERVER_PORT, kind as message_kind,
};

/// No message but the clipboard's content is longer.
pub const MAX_SHORT: usize = 4096;

/// Why nothing that follows can be understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Nonsense {
    #[error("a chunk is for port {port}")]
    Port { port: u32 },
    #[error("a message is of protocol {protocol}")]
    Protocol { protocol: u32 },
}

/// A message that arrived whole, or one that is too long and will not be kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    pub kind: u32,
    pub body: Body,
}

/// Its data, or how long they claim to be: told at once, as they may never end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Body {
    Kept(Vec<u8>),
    Skipped(usize),
}

/// A message under way on one port.
#[derive(Debug, Default)]
struct Port {
    header: Vec<u8>,
    body: Option<Message>,
    left: usize,
}

/// See the module's text. Keeps no more than it was told to, whatever a message claims.
#[derive(Debug, Default)]
pub struct Decoder {
    header: Vec<u8>,
    /// The port of the chunk under way, and what is still to come of it.
    chunk: Option<(usize, usize)>,
    ports: [Port; 2],
    /// How much of the clipboard's content is wanted; 0 passes it over.
    pub wanted: usize,
}

impl Decoder {
    /// Takes bytes as they come; whole messages go to `tell`.
    pub fn feed(
        &mut self,
        mut bytes: &[u8],
        tell: &mut dyn FnMut(Message),
    ) -> Result<(), Nonsense> {
        while !bytes.is_empty() {
            let Some((port, left)) = self.chunk else {
                bytes = self.begin_chunk(bytes)?;
                continue;
            };
            let (now, rest) = bytes.split_at(left.min(bytes.len()));
            self.chunk = (now.len() < left).then_some((port, left - now.len()));
            bytes = rest;
            self.ports[port].feed(now, self.wanted, tell)?;
        }
        Ok(())
    }

    fn begin_chunk<'a>(&mut self, bytes: &'a [u8]) -> Result<&'a [u8], Nonsense> {
        let rest = fill(&mut self.header, CHUNK_HEADER, bytes);
        if self.header.len() == CHUNK_HEADER {
            let port = number(&self.header, 0);
            let size = number(&self.header, 4) as usize;
            self.header.clear();
            let place = match port {
                CLIENT_PORT => 0,
                SERVER_PORT => 1,
                _ => return Err(Nonsense::Port { port }),
            };
            self.chunk = (size > 0).then_some((place, size));
        }
        Ok(rest)
    }

    /// Bytes of clipboard content that have come of the message under way.
    pub fn progress(&self) -> usize {
        let kept = |port: &Port| match &port.body {
            Some(Message {
                body: Body::Kept(bytes),
                ..
            }) => bytes.len(),
            _ => 0,
        };
        self.ports.iter().map(kept).sum()
    }

    #[cfg(test)]
    pub fn memory(&self) -> usize {
        let kept = |port: &Port| match &port.body {
            Some(Message {
                body: Body::Kept(bytes),
                ..
            }) => bytes.capacity() + port.header.capacity(),
            _ => port.header.capacity(),
        };
        self.header.capacity() + self.ports.iter().map(kept).sum::<usize>()
    }
}

impl Port {
    fn feed(
        &mut self,
        mut bytes: &[u8],
        wanted: usize,
        tell: &mut dyn FnMut(Message),
    ) -> Result<(), Nonsense> {
        loop {
            let Some(message) = &mut self.body else {
                if bytes.is_empty() {
                    return Ok(());
                }
                bytes = self.begin(bytes, wanted, tell)?;
                continue;
            };
            let now = self.left.min(bytes.len());
            if let Body::Kept(kept) = &mut message.body {
                kept.extend_from_slice(&bytes[..now]);
            }
            bytes = &bytes[now..];
            self.left -= now;
            if self.left > 0 {
                return Ok(());
            }
            let whole = self.body.take();
            whole
                .filter(|message| matches!(message.body, Body::Kept(_)))
                .into_iter()
                .for_each(&mut *tell);
        }
    }

    fn begin<'a>(
        &mut self,
        bytes: &'a [u8],
        wanted: usize,
        tell: &mut dyn FnMut(Message),
    ) -> Result<&'a [u8], Nonsense> {
        let rest = fill(&mut self.header, HEADER, bytes);
        if self.header.len() == HEADER {
            let protocol = number(&self.header, 0);
            if protocol != PROTOCOL {
                return Err(Nonsense::Protocol { protocol });
            }
            let kind = number(&self.header, 4);
            let size = number(&self.header, 16) as usize;
            self.header.clear();
            let limit = match kind {
                message_kind::CLIPBOARD => wanted,
                _ => MAX_SHORT,
            };
            let body = if size <= limit {
                Body::Kept(Vec::new()) // Grows with what comes, not with what is claimed.
            } else {
                Body::Skipped(size)
            };
            let message = Message { kind, body };
            if matches!(message.body, Body::Skipped(_)) {
                tell(message.clone());
            }
            self.left = size;
            self.body = Some(message);
        }
        Ok(rest)
    }
}

/// Moves bytes to `to` until it has `length`; returns the rest.
fn fill<'a>(to: &mut Vec<u8>, length: usize, bytes: &'a [u8]) -> &'a [u8] {
    let (now, rest) = bytes.split_at(bytes.len().min(length - to.len()));
    to.extend_from_slice(now);
    rest
}

fn number(bytes: &[u8], at: usize) -> u32 {
    let four = bytes.get(at..at + 4).and_then(|four| four.try_into().ok());
    u32::from_le_bytes(four.unwrap_or_default())
}

#[cfg(test)]
pub(super) mod tests;
