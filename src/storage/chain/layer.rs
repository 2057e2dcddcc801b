//! One file of a chain: a raw image, or a qcow2 layer with a small memory of its tables.

use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use flate2::{Decompress, FlushDecompress};
use rustix::fs::{SeekFrom, seek};

use super::ChainError;
use super::table::{Meaning, OFFSET, Packed, Shape};

/// A header is at most this long, as far as we read it.
const HEAD: u64 = 64 << 10;
/// Second tables are read in slices of so many words of 8 bytes.
const SLICE: u64 = 512;
/// Slices kept: 256 KiB a layer.
const KEPT_SLICES: usize = 64;

/// What went wrong, before it is known in which layer.
#[derive(Debug)]
pub(super) enum Trouble {
    Read(io::Error),
    Damaged(&'static str),
    Unsupported(&'static str),
}

impl Trouble {
    /// In the layer at this place; the base is at 0.
    pub fn of(self, place: usize) -> ChainError {
        let layer = place + 1;
        match self {
            Self::Read(source) => ChainError::Read { layer, source },
            Self::Damaged(problem) => ChainError::Damaged { layer, problem },
            Self::Unsupported(what) => ChainError::Unsupported { layer, what },
        }
    }
}

/// What a layer itself says of a piece of the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Piece {
    Nothing,
    Zeros,
    Data(Source),
}

/// Where bytes come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Source {
    At(u64),
    /// `skip` bytes into what is unpacked from there.
    Packed {
        from: Packed,
        skip: usize,
    },
}

#[derive(Debug)]
pub(super) struct Layer {
    file: File,
    size: u64,
    /// Bytes of the file when it was last asked; a layer that is written grows.
    length: u64,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    /// With what was last found of holes: start, end, whether it is data.
    Raw {
        last: (u64, u64, bool),
    },
    Qcow2(Box<Tables>),
}

#[derive(Debug)]
struct Tables {
    shape: Shape,
    l1: Vec<u64>,
    /// Parts of second tables by where they lie in the file.
    slices: HashMap<u64, Vec<u64>>,
    /// The cluster unpacked last, and where it lies.
    unpacked: (u64, Vec<u8>),
}

impl Layer {
    pub fn raw(file: File) -> Result<Self, Trouble> {
        let size = length(&file)?;
        Ok(Self {
            file,
            size,
            length: size,
            kind: Kind::Raw {
                last: (0, 0, false),
            },
        })
    }

    /// `room` is what is left for first tables, bytes.
    pub fn qcow2(file: File, room: &mut u64) -> Result<Self, Trouble> {
        let length = length(&file)?;
        let mut head = vec![0; HEAD.min(length) as usize];
        file.read_exact_at(&mut head, 0).map_err(Trouble::Read)?;
        let shape = Shape::of(&head, length)?;
        let table = shape.l1_entries * 8;
        *room = room
            .checked_sub(table)
            .ok_or(Trouble::Damaged("the chain's tables are too large"))?;
        let l1 = words(&file, shape.l1_at, shape.l1_entries).map_err(Trouble::Read)?;
        Ok(Self {
            file,
            size: shape.size,
            length,
            kind: Kind::Qcow2(Box::new(Tables {
                shape,
                l1,
                slices: HashMap::new(),
                unpacked: (u64::MAX, Vec::new()),
            })),
        })
    }

    pub fn size(&self) -> u64 {
        self.size
    }

    /// What is at byte `at`, which must be inside, and for how many bytes from there that stays
    /// so; never 0.
    pub fn piece(&mut self, at: u64) -> Result<(Piece, u64), Trouble> {
        let (piece, run) = match &mut self.kind {
            Kind::Raw { last } => raw_piece(&self.file, last, at, self.size),
            Kind::Qcow2(tables) => tables.piece(&self.file, at)?,
        };
        if let Piece::Data(Source::At(start)) = piece
            && start >= self.length
        {
            self.length = length(&self.file)?;
            if start >= self.length {
                return Err(Trouble::Damaged("its tables point outside the file"));
            }
        }
        Ok((piece, run.min(self.size - at)))
    }

    /// Fills `buffer` from `source`, which is what `piece` gave.
    pub fn read(&mut self, source: Source, buffer: &mut [u8]) -> Result<(), Trouble> {
        match (source, &mut self.kind) {
            (Source::Packed { from, skip }, Kind::Qcow2(tables)) => {
                let cluster = tables.unpack(&self.file, from)?;
                let part = cluster
                    .get(skip..)
                    .and_then(|rest| rest.get(..buffer.len()));
                buffer.copy_from_slice(part.ok_or(Trouble::Damaged("a cluster is too short"))?);
                Ok(())
            }
            (Source::Packed { .. }, Kind::Raw { .. }) => Err(Trouble::Damaged("it is raw")),
            // A file may end within its last cluster.
            (Source::At(at), _) => read_up_to(&self.file, at, buffer).map_err(Trouble::Read),
        }
    }

    /// The first byte at or after `from` of which this layer says something.
    pub fn first_held(&mut self, from: u64) -> Result<Option<u64>, Trouble> {
        let mut at = from;
        while at < self.size {
            let (piece, run) = self.piece(at)?;
            // A raw base's holes are what a layer that says nothing would be.
            let held = match (&self.kind, piece) {
                (_, Piece::Nothing) | (Kind::Raw { .. }, Piece::Zeros) => false,
                (_, Piece::Zeros | Piece::Data(_)) => true,
            };
            if held {
                return Ok(Some(at));
            }
            at += run;
        }
        Ok(None)
    }

    pub fn own_bytes(&mut self) -> Result<u64, Trouble> {
        let mut own = 0;
        let mut at = 0;
        while at < self.size {
            let (piece, run) = self.piece(at)?;
            own += match piece {
                Piece::Nothing | Piece::Zeros => 0,
                Piece::Data(_) => run,
            };
            at += run;
        }
        Ok(own)
    }
}

/// Holes of a raw image are zeros. What the file system does not tell of is data.
fn raw_piece(file: &File, last: &mut (u64, u64, bool), at: u64, size: u64) -> (Piece, u64) {
    if !(last.0..last.1).contains(&at) {
        let data = match seek(file, SeekFrom::Data(at)) {
            Ok(data) => data,
            Err(rustix::io::Errno::NXIO) => size,
            Err(_) => at,
        };
        *last = match data > at {
            true => (at, data.min(size), false),
            false => (
                at,
                seek(file, SeekFrom::Hole(at)).unwrap_or(size).min(size),
                true,
            ),
        };
        // A file that was cut short meanwhile.
        last.1 = last.1.max(at + 1);
    }
    let run = last.1 - at;
    match last.2 {
        true => (Piece::Data(Source::At(at)), run),
        false => (Piece::Zeros, run),
    }
}

impl Tables {
    fn piece(&mut self, file: &File, at: u64) -> Result<(Piece, u64), Trouble> {
        let shape = self.shape;
        let number = at / shape.cluster();
        let (l1_index, l2_index) = (number / shape.entries(), number % shape.entries());
        let span = shape.entries() * shape.cluster();
        let first = self
            .l1
            .get(l1_index as usize)
            .map_or(0, |entry| entry & OFFSET);
        if first == 0 {
            return Ok((Piece::Nothing, span - at % span));
        }
        if !first.is_multiple_of(shape.cluster()) {
            return Err(Trouble::Damaged("a second table lies between clusters"));
        }
        let word = l2_index * shape.words();
        let slice = SLICE.min(shape.entries() * shape.words());
        let words = self.slice(file, first + word / slice * slice * 8, slice)?;
        let mut place = (word % slice) as usize;
        let part = at % shape.cluster() / shape.part();
        let meaning_at = |place: usize, part| {
            let bits = if shape.extended { words[place + 1] } else { 0 };
            shape.meaning(words[place], bits, part)
        };
        let meaning = meaning_at(place, part)?;
        let inside = at % shape.part();
        if let Meaning::Packed(from) = meaning {
            let skip = (at % shape.cluster()) as usize;
            let source = Source::Packed { from, skip };
            return Ok((Piece::Data(source), shape.cluster() - skip as u64));
        }
        // As far as what follows, within what is at hand, goes on.
        let mut run = shape.part() - inside;
        let mut next_part = part;
        loop {
            next_part += 1;
            if next_part * shape.part() == shape.cluster() {
                next_part = 0;
                place += shape.words() as usize;
                if place >= words.len() {
                    break;
                }
            }
            let goes_on = match (meaning, meaning_at(place, next_part)) {
                (Meaning::At(start), Ok(Meaning::At(next))) => next == start + inside + run,
                (Meaning::Nothing, Ok(Meaning::Nothing)) => true,
                (Meaning::Zeros, Ok(Meaning::Zeros)) => true,
                _ => false,
            };
            if !goes_on {
                break;
            }
            run += shape.part();
        }
        let piece = match meaning {
            Meaning::At(start) => Piece::Data(Source::At(start + inside)),
            Meaning::Zeros => Piece::Zeros,
            Meaning::Nothing | Meaning::Packed(_) => Piece::Nothing,
        };
        Ok((piece, run))
    }

    fn slice(&mut self, file: &File, at: u64, length: u64) -> Result<&[u64], Trouble> {
        if self.slices.len() >= KEPT_SLICES && !self.slices.contains_key(&at) {
            self.slices.clear();
        }
        match self.slices.entry(at) {
            std::collections::hash_map::Entry::Occupied(found) => Ok(found.into_mut()),
            std::collections::hash_map::Entry::Vacant(free) => {
                let read = words(file, at, length).map_err(|error| match error.kind() {
                    io::ErrorKind::UnexpectedEof => {
                        Trouble::Damaged("a second table lies outside the file")
                    }
                    _ => Trouble::Read(error),
                });
                Ok(free.insert(read?))
            }
        }
    }

    /// The cluster that is compressed at `from`.
    fn unpack(&mut self, file: &File, from: Packed) -> Result<&[u8], Trouble> {
        if self.unpacked.0 == from.at {
            return Ok(&self.unpacked.1);
        }
        let mut packed = vec![0; from.length];
        read_up_to(file, from.at, &mut packed).map_err(Trouble::Read)?;
        let mut cluster = vec![0; self.shape.cluster() as usize];
        let mut inflate = Decompress::new(false);
        let done = inflate.decompress(&packed, &mut cluster, FlushDecompress::Finish);
        if done.is_err() || inflate.total_out() != self.shape.cluster() {
            return Err(Trouble::Damaged("a compressed cluster is broken"));
        }
        self.unpacked = (from.at, cluster);
        Ok(&self.unpacked.1)
    }
}

/// Bytes of a file or block device.
fn length(file: &File) -> Result<u64, Trouble> {
    seek(file, SeekFrom::End(0)).map_err(|error| Trouble::Read(error.into()))
}

fn words(file: &File, at: u64, count: u64) -> io::Result<Vec<u64>> {
    let mut bytes = vec![0; (count * 8) as usize];
    file.read_exact_at(&mut bytes, at)?;
    let (words, _) = bytes.as_chunks();
    Ok(words.iter().map(|word| u64::from_be_bytes(*word)).collect())
}

/// Fills `buffer` from `at`; what lies behind the file's end is zeros.
fn read_up_to(file: &File, at: u64, buffer: &mut [u8]) -> io::Result<()> {
    let mut done = 0;
    while done < buffer.len() {
        match file.read_at(&mut buffer[done..], at + done as u64) {
            Ok(0) => break,
            Ok(count) => done += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    buffer[done..].fill(0);
    Ok(())
}
