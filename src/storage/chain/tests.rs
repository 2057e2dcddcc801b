//! Chains read as QEMU reads them, and hostile ones are refused.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use serde::Deserialize;

use super::*;
use crate::model::ByteSize;
use crate::storage::layer::tests::qemu_img;
use crate::storage::{Backing, NewLayer, write_layer};

const SIZE: u64 = 3 << 20;

/// What happens to a range of sectors of a layer.
#[derive(Clone, Copy, Debug)]
enum Act {
    Write(u8),
    Zero,
    Discard,
}

type Change = (Act, u64, u64);

/// How a layer is made: cluster bits, options.
#[derive(Clone, Copy, Debug)]
struct Make {
    bits: u32,
    old: bool,
    extended: bool,
}

fn changes() -> impl Strategy<Value = Vec<Change>> {
    let act = prop_oneof![
        4 => any::<u8>().prop_map(Act::Write),
        1 => Just(Act::Zero),
        1 => Just(Act::Discard),
    ];
    prop::collection::vec((act, 0..SIZE / 512, 1..400_u64), 0..8)
}

fn makes() -> impl Strategy<Value = Make> {
    let bits = prop_oneof![Just(9), Just(12), Just(16), Just(21)];
    (bits, any::<bool>(), any::<bool>()).prop_map(|(bits, old, extended)| Make {
        bits,
        old: old && !extended,
        extended: extended && bits >= 14,
    })
}

/// Makes the layers with QEMU's tools; `None` where there are none.
fn build(folder: &Path, layers: &[(Make, Vec<Change>)]) -> Option<Vec<PathBuf>> {
    let mut paths = Vec::new();
    for (place, (make, changes)) in layers.iter().enumerate() {
        let name = format!("{place}.qcow2");
        let options = format!(
            "cluster_size={},compat={},extended_l2={}",
            1_u64 << make.bits,
            if make.old { "0.10" } else { "1.1" },
            if make.extended { "on" } else { "off" },
        );
        let size = SIZE.to_string();
        let below = format!("{}.qcow2", place.wrapping_sub(1));
        let mut args = vec!["create", "-q", "-f", "qcow2", "-o", &options];
        if place > 0 {
            args.extend(["-b", &below, "-F", "qcow2"]);
        }
        args.extend([name.as_str(), &size]);
        qemu_img(folder, &args)?;
        write(folder, &name, changes);
        paths.push(folder.join(name));
    }
    Some(paths)
}

#[expect(
    clippy::disallowed_methods,
    reason = "only tests run qemu-io, on files of their own"
)]
fn write(folder: &Path, name: &str, changes: &[Change]) {
    let mut io = std::process::Command::new("qemu-io");
    io.args(["-f", "qcow2", "-d", "unmap"]).current_dir(folder);
    for (act, sector, count) in changes {
        let (at, length) = (sector * 512, (count * 512).min(SIZE - sector * 512));
        io.arg("-c").arg(match act {
            Act::Write(byte) => format!("write -q -P {byte} {at} {length}"),
            Act::Zero => format!("write -q -z {at} {length}"),
            Act::Discard => format!("discard -q {at} {length}"),
        });
    }
    let output = io.arg(name).output().unwrap();
    assert!(output.status.success(), "{changes:?}: {output:?}");
}

fn open(paths: &[PathBuf]) -> Chain {
    let file = |path: &PathBuf| (File::open(path).unwrap(), ImageFormat::Qcow2);
    Chain::open(paths.iter().map(file).collect()).unwrap()
}

fn content(chain: &mut Chain) -> Vec<u8> {
    let mut bytes = vec![0; chain.size() as usize];
    chain.read_at(0, &mut bytes).unwrap();
    bytes
}

/// What `qemu-img map` prints.
#[derive(Deserialize)]
struct Mapped {
    start: u64,
    length: u64,
    depth: usize,
    present: bool,
    zero: bool,
    data: bool,
}

/// For each sector: the layer that holds data, or the one that says zeros, as far as any does.
fn sectors(ranges: impl Iterator<Item = (u64, u64, Held)>) -> Vec<Held> {
    let mut sectors = Vec::new();
    for (start, length, held) in ranges {
        assert_eq!(
            start,
            sectors.len() as u64 * 512,
            "ranges in order, without a gap"
        );
        sectors.extend(std::iter::repeat_n(held, (length / 512) as usize));
    }
    sectors
}

#[track_caller]
fn check(layers: &[(Make, Vec<Change>)]) {
    let folder = tempfile::tempdir().unwrap();
    let Some(paths) = build(folder.path(), layers) else {
        return;
    };
    let top = paths.last().unwrap().to_str().unwrap();
    qemu_img(
        folder.path(),
        &["convert", "-f", "qcow2", "-O", "raw", top, "raw"],
    );
    let expected = std::fs::read(folder.path().join("raw")).unwrap();
    let mut chain = open(&paths);
    assert!(content(&mut chain) == expected, "content of {layers:?}");
    // By small pieces at odd places too.
    for at in (0..SIZE as usize).step_by(99_991) {
        let mut piece = [0; 3000];
        chain.read_at(at as u64, &mut piece).unwrap();
        let end = expected.len().min(at + piece.len());
        assert!(piece[..end - at] == expected[at..end], "at {at}");
    }
    let text = qemu_img(folder.path(), &["map", "--output=json", "-f", "qcow2", top]).unwrap();
    let theirs: Vec<Mapped> = serde_json::from_str(&text).unwrap();
    let theirs = sectors(theirs.iter().map(|found| {
        let layer = paths.len().wrapping_sub(1).wrapping_sub(found.depth);
        let held = match (found.data, found.zero && found.present) {
            (true, _) => Held::Data { layer },
            (false, true) => Held::Zeros { layer },
            (false, false) => Held::Nowhere,
        };
        (found.start, found.length, held)
    }));
    let mut ours = Vec::new();
    let told = chain.map(&mut |extent| {
        ours.push((extent.start, extent.length, extent.held));
        ControlFlow::Continue(())
    });
    told.unwrap();
    assert!(sectors(ours.into_iter()) == theirs, "map of {layers:?}");
    for (place, (_, changes)) in layers.iter().enumerate() {
        if changes.is_empty() {
            assert!(chain.is_pristine(place).unwrap());
            assert_eq!(chain.own_bytes(place).unwrap(), 0);
        }
        let wrote = changes.iter().any(|(act, ..)| matches!(act, Act::Write(_)));
        assert!(!(wrote && chain.is_pristine(place).unwrap()));
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: if std::env::var_os("ORANGERY_SOAK").is_some() { 500 } else { 6 },
        max_shrink_iters: 50,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn random_chains_read_as_qemu_reads_them(
        layers in prop::collection::vec((makes(), changes()), 1..5)
    ) {
        check(&layers);
    }
}

#[test]
fn every_kind_of_layer_reads_as_qemu_reads_it() {
    let changes = vec![
        (Act::Write(7), 3, 300),
        (Act::Write(9), 2000, 1),
        (Act::Zero, 100, 128),
        (Act::Write(1), 5000, 900),
        (Act::Discard, 5120, 256),
    ];
    for (bits, old, extended) in [
        (9, false, false),
        (12, true, false),
        (14, false, true),
        (16, false, true),
        (16, false, false),
        (21, false, false),
    ] {
        let make = Make {
            bits,
            old,
            extended,
        };
        let again = vec![(Act::Write(3), 50, 70), (Act::Zero, 1990, 60)];
        check(&[(make, changes.clone()), (make, again), (make, vec![])]);
    }
}

#[test]
fn compressed_clusters_are_unpacked() {
    let folder = tempfile::tempdir().unwrap();
    let mut raw = File::create(folder.path().join("raw")).unwrap();
    let expected: Vec<u8> = (0..SIZE).map(|at| (at / 1000 % 251) as u8).collect();
    raw.write_all(&expected).unwrap();
    for kind in ["zlib", "zstd"] {
        let options = format!("compression_type={kind}");
        let args = [
            "convert", "-c", "-f", "raw", "-O", "qcow2", "-o", &options, "raw", kind,
        ];
        if qemu_img(folder.path(), &args).is_none() {
            return;
        }
    }
    let path = folder.path().join("zlib");
    let mut chain = open(std::slice::from_ref(&path));
    assert!(content(&mut chain) == expected);
    // A broken one is an error, not other bytes.
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .open(&path)
        .unwrap();
    let mut bytes = std::fs::read(&path).unwrap();
    let at = 5 * 65_536 + 40;
    bytes[at..at + 64].fill(0xff);
    file.write_all_at(&bytes, 0).unwrap();
    let mut all = vec![0; SIZE as usize];
    open(&[path]).read_at(0, &mut all).unwrap_err();
    let zstd = File::open(folder.path().join("zstd")).unwrap();
    let refused = Chain::open(vec![(zstd, ImageFormat::Qcow2)]).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "layer 1 of the disk can't be read: it is compressed with Zstandard"
    );
}

/// A layer of ours with content, resting on a file that is not there.
fn own_layer(folder: &Path, name: &str, content: &[u8]) -> PathBuf {
    let path = folder.join(name);
    let layer = NewLayer {
        size: ByteSize(SIZE),
        backing: Some(Backing {
            path: "../../secret".to_owned(),
            format: ImageFormat::Raw,
        }),
        content,
    };
    write_layer(&path, &layer).unwrap();
    path
}

#[test]
fn a_raw_base_shows_its_holes_and_what_a_header_names_is_not_followed() {
    let folder = tempfile::tempdir().unwrap();
    let base = folder.path().join("base");
    let raw = File::create(&base).unwrap();
    raw.set_len(SIZE / 2).unwrap();
    raw.write_all_at(&[5; 65_536], 1 << 20).unwrap();
    let top = own_layer(folder.path(), "top", &[8; 65_536]);
    let files = || {
        vec![
            (File::open(&base).unwrap(), ImageFormat::Raw),
            (File::open(&top).unwrap(), ImageFormat::Qcow2),
        ]
    };
    let mut chain = Chain::open(files()).unwrap();
    let all = content(&mut chain);
    assert_eq!(all.len() as u64, SIZE);
    let mut expected = vec![0; SIZE as usize];
    expected[..65_536].fill(8);
    expected[1 << 20..(1 << 20) + 65_536].fill(5);
    assert!(all == expected);
    assert_eq!(chain.first_held(0, 0).unwrap(), Some(1 << 20));
    assert_eq!(chain.own_bytes(1).unwrap(), 65_536);
    let mut alone = open(std::slice::from_ref(&top));
    assert!(content(&mut alone)[65_536..].iter().all(|byte| *byte == 0));
    let mut wrong = files();
    wrong.reverse();
    assert_eq!(
        Chain::open(wrong).unwrap_err().to_string(),
        "layer 2 of the disk can't be read: a raw image rests on nothing"
    );
    assert!(matches!(Chain::open(vec![]), Err(ChainError::Empty)));
}

#[test]
fn hostile_tables_are_refused_or_end() {
    let folder = tempfile::tempdir().unwrap();
    let path = own_layer(folder.path(), "own", &[8; 200_000]);
    let good = std::fs::read(&path).unwrap();
    let refused = |at: usize, bytes: &[u8]| {
        let mut bad = good.clone();
        bad[at..at + bytes.len()].copy_from_slice(bytes);
        let file = tempfile::tempfile_in(folder.path()).unwrap();
        file.write_all_at(&bad, 0).unwrap();
        let mut all = vec![0; SIZE as usize];
        let read = Chain::open(vec![(file, ImageFormat::Qcow2)])
            .and_then(|mut chain| chain.read_at(0, &mut all));
        read.unwrap_err().to_string()
    };
    let damaged = |problem: &str| format!("layer 1 of the disk is damaged: {problem}");
    // Header: cluster bits at 20, size at 24, L1 entries at 36, L1 offset at 40.
    let huge = (1_u64 << 45).to_be_bytes();
    assert_eq!(refused(24, &huge), damaged("its first table is too short"));
    let huge = (1_u64 << 60).to_be_bytes();
    assert_eq!(
        refused(24, &huge),
        damaged("its disk is larger than 64 TiB")
    );
    assert_eq!(
        refused(40, &[0x7f; 8]),
        damaged("its first table lies between clusters")
    );
    let outside = (1_u64 << 40).to_be_bytes();
    assert_eq!(
        refused(40, &outside),
        damaged("its first table lies outside the file")
    );
    assert_eq!(
        refused(72, &4_u64.to_be_bytes()),
        "layer 1 of the disk can't be read: its data is in another file"
    );
    // L1 in the fourth cluster, the L2 table in the fifth.
    assert_eq!(
        refused(3 << 16, &outside),
        damaged("a second table lies outside the file")
    );
    assert_eq!(
        refused(4 << 16, &outside),
        damaged("its tables point outside the file")
    );
    assert_eq!(
        refused(4 << 16, &513_u64.to_be_bytes()),
        damaged("its data lies between clusters")
    );
    // A table that is its own data is read once, like any other.
    let mut looped = good.clone();
    looped[4 << 16..(4 << 16) + 8].copy_from_slice(&(4_u64 << 16).to_be_bytes());
    let file = tempfile::tempfile_in(folder.path()).unwrap();
    file.write_all_at(&looped, 0).unwrap();
    let mut chain = Chain::open(vec![(file, ImageFormat::Qcow2)]).unwrap();
    assert_eq!(content(&mut chain)[..65_536], looped[4 << 16..5 << 16]);
}

#[test]
fn flipped_bits_never_make_the_reader_fall() {
    let folder = tempfile::tempdir().unwrap();
    let path = own_layer(folder.path(), "own", &[8; 200_000]);
    let mut bytes = std::fs::read(&path).unwrap();
    let mut state = 3_u64;
    let mut random = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (state >> 33) as usize
    };
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .open(&path)
        .unwrap();
    let mut piece = vec![0; 65_536];
    let mut refused = 0;
    for _ in 0..3000 {
        // The header, the L1 table, the L2 table.
        let start = [0, 3 << 16, 4 << 16][random() % 3];
        let at = start + random() % 120;
        let bit = 1 << (random() % 8);
        bytes[at] ^= bit;
        file.write_all_at(&bytes[at..=at], at as u64).unwrap();
        let read = Chain::open(vec![(file.try_clone().unwrap(), ImageFormat::Qcow2)]).and_then(
            |mut chain| {
                chain.read_at(0, &mut piece)?;
                chain.read_at(chain.size() / 2, &mut piece)?;
                let mut left = 1000;
                chain.map(&mut |_| {
                    left -= 1;
                    if left == 0 {
                        ControlFlow::Break(())
                    } else {
                        ControlFlow::Continue(())
                    }
                })
            },
        );
        refused += u32::from(read.is_err());
        bytes[at] ^= bit;
        file.write_all_at(&bytes[at..=at], at as u64).unwrap();
    }
    assert!(refused > 500, "only {refused} of 3000 were noticed");
}
