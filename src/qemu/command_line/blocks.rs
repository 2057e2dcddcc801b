//! Block nodes: one per file and one per format on top, each with an explicit driver and an
//! explicit backing node.
//!
//! Nothing is left to QEMU's probing or to what an image's header says: a guest can write a
//! header that names any file of the host.

use std::path::Path;

use serde_json::{Value, json};

use super::{CommandLineError, FirmwareCode, Launch, Line, text};
use crate::model::{Cdrom, Disk, DiskSource, ImageFormat, LayerId, LayerRef};

pub(super) const FIRMWARE_CODE: &str = "firmware-code";

/// The node of a layer. QEMU allows 31 characters.
pub fn layer_node(layer: LayerId) -> String {
    format!("l{}", &layer.0.simple().to_string()[..28])
}

/// The node of the file below a layer.
pub fn file_node(layer: LayerId) -> String {
    format!("f{}", &layer.0.simple().to_string()[..28])
}

/// The node of a disk used in place or of a CD.
pub fn drive_node(device: &str) -> String {
    format!("{device}-image")
}

/// Adds a disk's nodes and gives the name of the one a device uses.
pub(super) fn disk(
    launch: &Launch<'_>,
    id: &str,
    disk: &Disk,
    line: &mut Line,
) -> Result<String, CommandLineError> {
    match &disk.source {
        DiskSource::Layers(layers) => {
            let top = layers.last().ok_or_else(|| CommandLineError::NoLayer {
                device: id.to_owned(),
            })?;
            chain(launch, id, layers, disk.read_only, line)?;
            Ok(layer_node(top.layer))
        }
        DiskSource::InPlace(image) => {
            in_place(id, &image.path, image.format, disk.read_only, line)?;
            Ok(drive_node(id))
        }
    }
}

/// Adds a CD's nodes, or nothing for an empty drive.
pub(super) fn medium(
    id: &str,
    cdrom: &Cdrom,
    line: &mut Line,
) -> Result<Option<String>, CommandLineError> {
    let Some(path) = &cdrom.medium else {
        return Ok(None);
    };
    in_place(id, path, ImageFormat::Raw, true, line)?;
    Ok(Some(drive_node(id)))
}

fn in_place(
    id: &str,
    path: &Path,
    format: ImageFormat,
    read_only: bool,
    line: &mut Line,
) -> Result<(), CommandLineError> {
    let file = format!("{id}-file");
    add(line, &file_options(&file, path, read_only)?);
    let mut options = format_options(&drive_node(id), &file, format, read_only);
    if format == ImageFormat::Qcow2 {
        // A disk in place stands alone: what its header names is not opened.
        options["backing"] = Value::Null;
    }
    add(line, &options);
    Ok(())
}

/// Adds a chain of layers, base first. All but the last are frozen.
pub(super) fn chain(
    launch: &Launch<'_>,
    device: &str,
    layers: &[LayerRef],
    read_only: bool,
    line: &mut Line,
) -> Result<(), CommandLineError> {
    let mut below = Value::Null;
    for (index, layer) in layers.iter().enumerate() {
        let path = launch
            .layers
            .get(layer)
            .ok_or_else(|| CommandLineError::UnknownLayer {
                device: device.to_owned(),
                layer: *layer,
            })?;
        let frozen = read_only || index + 1 < layers.len();
        let (node, file) = (layer_node(layer.layer), file_node(layer.layer));
        let mut options = format_options(&node, &file, ImageFormat::Qcow2, frozen);
        options["backing"] = below;
        let file = file_options(&file, path, frozen)?;
        // Two disks may rest on the same base.
        if !line.0.contains(&file.to_string()) {
            add(line, &file);
            add(line, &options);
        }
        below = Value::String(node);
    }
    Ok(())
}

pub(super) fn firmware_code(code: &FirmwareCode, line: &mut Line) -> Result<(), CommandLineError> {
    let file = format!("{FIRMWARE_CODE}-file");
    add(line, &file_options(&file, &code.path, true)?);
    let mut options = format_options(FIRMWARE_CODE, &file, code.format, true);
    if code.format == ImageFormat::Qcow2 {
        options["backing"] = Value::Null;
    }
    add(line, &options);
    Ok(())
}

fn add(line: &mut Line, options: &Value) {
    line.option("-blockdev", options.to_string());
}

fn file_options(node: &str, path: &Path, read_only: bool) -> Result<Value, CommandLineError> {
    Ok(json!({
        "driver": "file",
        "node-name": node,
        "filename": text(path)?,
        "locking": "on",
        "read-only": read_only,
        "auto-read-only": false,
        "discard": if read_only { "ignore" } else { "unmap" },
    }))
}

fn format_options(node: &str, file: &str, format: ImageFormat, read_only: bool) -> Value {
    let mut options = json!({
        "driver": format.driver(),
        "node-name": node,
        "file": file,
        "read-only": read_only,
        "auto-read-only": false,
    });
    if !read_only {
        options["discard"] = "unmap".into();
        options["detect-zeroes"] = "unmap".into();
    }
    options
}
