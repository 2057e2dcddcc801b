//! What can go wrong, each with the message that a user reads: files, disks, QEMUs, peers and kills.

mod agents;
mod blocks;
mod files;
mod kills;
mod peers;
mod places;
mod qemus;
mod room;
mod space;
mod steps;

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use crate::story::House;

/// Writes a file as another program would.
fn put(path: &Path, bytes: &[u8]) {
    let mut file = fs::File::create(path).unwrap();
    file.write_all(bytes).unwrap();
}

/// An empty raw disk in the house.
fn raw_disk(house: &House, name: &str) -> PathBuf {
    let path = house.path().join(name);
    fs::File::create(&path).unwrap().set_len(1 << 20).unwrap();
    path
}

/// Changes the machine's file by hand, as it says: while Orangery is closed.
#[track_caller]
fn edit(house: &House, name: &str, from: &str, to: &str) {
    let path = house.machine(name).join("machine.ron");
    house.kill_agent();
    let text = fs::read_to_string(&path).unwrap();
    assert!(text.contains(from), "no {from} in {text}");
    put(&path, text.replace(from, to).as_bytes());
}
