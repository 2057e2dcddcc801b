//! What is changed on a running guest: what lies in its drives, and its network cables.
//!
//! QEMU is fenced off from new paths, so a medium is opened here and passed to it as an open file. It is always raw:
//! QEMU never looks at what it says it is.

use std::collections::BTreeSet;
use std::fs::File;
use std::os::fd::AsFd;
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::command_line::{CommandLineError, drive_node, medium_file_node, medium_nodes};
use super::qmp::{Client, QmpError};

/// For commands that QEMU answers at once.
const PATIENCE: Duration = Duration::from_secs(5);

/// How long a guest that was asked for its medium may take to let it go. Linux looks every other second whether it was
/// asked, takes a moment to unmount, and locks a drive while it merely looks at what is in it.
const LET_GO: Duration = Duration::from_secs(8);
const LOOK_AGAIN: Duration = Duration::from_millis(50);
/// After so many looks it is asked again: one that was only looking does not answer, but leaves the drive unlocked.
const LOOKS: u32 = 10;

/// A file to lie in a drive, opened as the drive needs it.
#[derive(Debug)]
pub struct Medium {
    pub file: File,
    /// Opened for reading and writing; otherwise for reading alone.
    pub writable: bool,
}

/// Why a drive has not what it should have.
#[derive(Debug, thiserror::Error)]
pub enum MediaError {
    #[error("The guest has locked the drive")]
    Locked,
    #[error("QEMU has no drive of this name")]
    NoDrive,
    #[error(transparent)]
    Qmp(#[from] QmpError),
    #[error(transparent)]
    Nodes(#[from] CommandLineError),
}

/// Takes out what lies in the drive with the device id `drive` and puts `medium` in.
///
/// A guest that has locked its drive is asked for it; if it does not let go, nothing is changed, unless `force`.
pub fn change(
    client: &Client,
    drive: &str,
    medium: Option<&Medium>,
    force: bool,
) -> Result<(), MediaError> {
    take_out(client, drive, force)?;
    let put_in = match medium {
        Some(medium) => put_in(client, drive, medium),
        None => Ok(()),
    };
    // A floppy drive has no tray, and that is no error.
    client.call_raw("blockdev-close-tray", json!({ "id": drive }), PATIENCE)?;
    put_in
}

fn take_out(client: &Client, drive: &str, force: bool) -> Result<(), MediaError> {
    let arguments = json!({ "id": drive, "force": force });
    let until = Instant::now() + LET_GO;
    // A locked drive is no error: the guest is asked, and may open it.
    for look in 0.. {
        if look % LOOKS == 0 {
            client.call_raw("blockdev-open-tray", arguments.clone(), PATIENCE)?;
        }
        if is_open(client, drive)? {
            break;
        }
        if Instant::now() >= until {
            return Err(MediaError::Locked);
        }
        std::thread::sleep(LOOK_AGAIN);
    }
    client.call_raw("blockdev-remove-medium", json!({ "id": drive }), PATIENCE)?;
    delete_nodes(client, drive)
}

/// Whether the drive's tray is out, or it has none.
fn is_open(client: &Client, drive: &str) -> Result<bool, MediaError> {
    let drives = client.call_raw("query-block", json!({}), PATIENCE)?;
    let mut drives = drives.as_array().into_iter().flatten();
    // An IDE drive is known by its id, others by the path of the device that they are a part of.
    let path = format!("/machine/peripheral/{drive}/");
    let found = drives.find(|found| {
        let name = found.get("qdev").and_then(Value::as_str).unwrap_or("");
        name == drive || name.starts_with(&path)
    });
    let found = found.ok_or(MediaError::NoDrive)?;
    Ok(found.get("tray_open").and_then(Value::as_bool) != Some(false))
}

fn put_in(client: &Client, drive: &str, medium: &Medium) -> Result<(), MediaError> {
    let set = client.call_with_fd("add-fd", json!({}), medium.file.as_fd(), PATIENCE)?;
    let set = set
        .get("fdset-id")
        .and_then(Value::as_u64)
        .unwrap_or_default();
    let done = add_nodes(client, drive, set, medium.writable);
    // The nodes have their own hold on the file by now.
    let removed = client.call_raw("remove-fd", json!({ "fdset-id": set }), PATIENCE);
    if done.is_err() {
        delete_nodes(client, drive).ok(); // The error that counts is the first one.
    }
    done?;
    removed?;
    Ok(())
}

fn add_nodes(client: &Client, drive: &str, set: u64, writable: bool) -> Result<(), MediaError> {
    let path = format!("/dev/fdset/{set}");
    for options in medium_nodes(drive, Path::new(&path), writable)? {
        client.call_raw("blockdev-add", options, PATIENCE)?;
    }
    let medium = json!({ "id": drive, "node-name": drive_node(drive) });
    client.call_raw("blockdev-insert-medium", medium, PATIENCE)?;
    Ok(())
}

/// Closes the files of what lay in the drive.
fn delete_nodes(client: &Client, drive: &str) -> Result<(), MediaError> {
    let arguments = json!({ "flat": true });
    let nodes = client.call_raw("query-named-block-nodes", arguments, PATIENCE)?;
    let nodes: BTreeSet<&str> = nodes
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|node| node.get("node-name")?.as_str())
        .collect();
    for node in [drive_node(drive), medium_file_node(drive)] {
        if nodes.contains(node.as_str()) {
            client.call_raw("blockdev-del", json!({ "node-name": node }), PATIENCE)?;
        }
    }
    Ok(())
}

/// Puts the cable of the network card with the device id `nic` in, or takes it out.
pub fn set_link(client: &Client, nic: &str, up: bool) -> Result<(), QmpError> {
    let arguments = json!({ "name": nic, "up": up });
    client
        .call_raw("set_link", arguments, PATIENCE)
        .map(|_nothing| ())
}
