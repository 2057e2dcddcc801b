//! New layers on the disks of a running machine.
//!
//! Documents: `blockdev-add`, `blockdev-snapshot`, `transaction`, `query-named-block-nodes`, `blockdev-del` in QEMU's
//! qapi/block-core.json and qapi/transaction.json.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::{Value, json};

use super::command_line::{CommandLineError, file_node, layer_node, overlay_nodes};
use super::qmp::{Client, QmpError};
use crate::model::{Disk, LayerId};

const PATIENCE: Duration = Duration::from_secs(20);

/// Why layers could not be put on.
#[derive(Debug, thiserror::Error)]
pub enum PivotError {
    #[error(transparent)]
    Qmp(#[from] QmpError),
    #[error(transparent)]
    CommandLine(#[from] CommandLineError),
}

/// A layer to be put on another one.
#[derive(Clone, Debug)]
pub struct NewTop {
    pub below: LayerId,
    pub new: LayerId,
    pub path: PathBuf,
    /// The disk, for how it is cached; `None` for a firmware's variables.
    pub disk: Option<Disk>,
}

/// Opens the layers. The guest notices nothing.
pub fn open(client: &Client, tops: &[NewTop]) -> Result<(), PivotError> {
    for (place, top) in tops.iter().enumerate() {
        if let Err(error) = open_one(client, top) {
            close(client, &tops[..place]);
            return Err(error);
        }
    }
    Ok(())
}

fn open_one(client: &Client, top: &NewTop) -> Result<(), PivotError> {
    let [file, image] = overlay_nodes(top.new, &top.path, top.disk.as_ref())?;
    client.call_raw("blockdev-add", file, PATIENCE)?;
    if let Err(error) = client.call_raw("blockdev-add", image, PATIENCE) {
        delete(client, &file_node(top.new));
        return Err(error.into());
    }
    Ok(())
}

/// Closes layers that were opened and not put on.
pub fn close(client: &Client, tops: &[NewTop]) {
    for top in tops {
        close_one(client, top.new);
    }
}

/// Closes a layer that is not on; whether it was open.
pub fn close_one(client: &Client, layer: LayerId) -> bool {
    let image = delete(client, &layer_node(layer));
    delete(client, &file_node(layer)) || image
}

/// Fails where the node is not open, or QEMU gone.
fn delete(client: &Client, node: &str) -> bool {
    let node = json!({ "node-name": node });
    client.call_raw("blockdev-del", node, PATIENCE).is_ok()
}

/// Puts all layers on, or none: from here on the guest writes to them.
pub fn put_on(client: &Client, tops: &[NewTop]) -> Result<(), PivotError> {
    if tops.is_empty() {
        return Ok(());
    }
    let actions: Vec<Value> = tops
        .iter()
        .map(|top| {
            json!({
                "type": "blockdev-snapshot",
                "data": { "node": layer_node(top.below), "overlay": layer_node(top.new) },
            })
        })
        .collect();
    client.call_raw("transaction", json!({ "actions": actions }), PATIENCE)?;
    Ok(())
}

/// How much was written to a disk since QEMU began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Written {
    /// Writes and discards that the guest asked for.
    pub requests: u64,
    /// The end of what was written of the topmost layer's file, since it was opened. Data goes there at once; tables may
    /// follow much later, also after `stop`.
    pub highest: u64,
}

/// What was written to each disk, by the name of its topmost layer's node (`query-blockstats`).
pub fn written(client: &Client) -> Result<BTreeMap<String, Written>, QmpError> {
    let disks = client.call_raw("query-blockstats", json!({}), PATIENCE)?;
    let of = |disk: &Value| {
        let number = |place: &str| disk.pointer(place).and_then(Value::as_u64).unwrap_or(0);
        let written = Written {
            requests: number("/stats/wr_operations") + number("/stats/unmap_operations"),
            highest: number("/parent/stats/wr_highest_offset"),
        };
        Some((disk.get("node-name")?.as_str()?.to_owned(), written))
    };
    Ok(disks
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(of)
        .collect())
}

/// Whether QEMU has the layer on top of another one: the guest writes to it.
pub fn is_on(client: &Client, layer: LayerId) -> Result<bool, QmpError> {
    let nodes = client.call_raw("query-named-block-nodes", json!({ "flat": true }), PATIENCE)?;
    let wanted = layer_node(layer);
    let is_it = |node: &Value| {
        node.get("node-name").and_then(Value::as_str) == Some(&wanted)
            && node.get("backing_file").is_some()
    };
    Ok(nodes.as_array().into_iter().flatten().any(is_it))
}
