//! Block nodes: one per file and one per format on top, each with an explicit driver and an
//! explicit backing node.
//!
//! Nothing is left to QEMU's probing or to what an image's header says: a guest can write a
//! header that names any file of the host.

use std::path::Path;

use serde_json::{Value, json};

use super::{CommandLineError, FirmwareCode, Launch, Line, text};
use crate::model::{Cdrom, Disk, DiskCache, DiskSource, Floppy, ImageFormat, LayerId, LayerRef};

pub(super) const FIRMWARE_CODE: &str = "firmware-code";

/// How an image is opened.
#[derive(Clone, Copy)]
pub(super) struct Access {
    read_only: bool,
    /// Freed space and written zeros are given back to the file system.
    discard: bool,
    cache: DiskCache,
}

impl Default for Access {
    /// Written to, as most are.
    fn default() -> Self {
        Self {
            read_only: false,
            discard: true,
            cache: DiskCache::Writeback,
        }
    }
}

impl Access {
    const READ: Self = Self {
        read_only: true,
        discard: false,
        cache: DiskCache::Writeback,
    };

    fn of(disk: &Disk) -> Self {
        Self {
            read_only: disk.read_only,
            discard: disk.discard && !disk.read_only,
            cache: disk.cache,
        }
    }
}

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

/// The node of the file below it.
pub fn medium_file_node(device: &str) -> String {
    format!("{device}-file")
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
            chain(launch, id, layers, Access::of(disk), line)?;
            Ok(layer_node(top.layer))
        }
        DiskSource::InPlace(image) => {
            in_place(id, &image.path, image.format, Access::of(disk), line)?;
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
    for options in medium_nodes(id, path, false)? {
        add(line, &options);
    }
    Ok(Some(drive_node(id)))
}

/// Adds a floppy's nodes, or nothing for an empty drive. Guests write to floppies.
pub(super) fn floppy(
    id: &str,
    floppy: &Floppy,
    line: &mut Line,
) -> Result<Option<String>, CommandLineError> {
    let Some(path) = &floppy.medium else {
        return Ok(None);
    };
    for options in medium_nodes(id, path, true)? {
        add(line, &options);
    }
    Ok(Some(drive_node(id)))
}

/// The nodes of what lies in a drive, the file's first: always raw, whatever the file says it is.
pub fn medium_nodes(id: &str, path: &Path, writable: bool) -> Result<[Value; 2], CommandLineError> {
    let access = Access {
        read_only: !writable,
        ..Access::READ
    };
    let file = medium_file_node(id);
    let image = format_options(&drive_node(id), &file, ImageFormat::Raw, access);
    Ok([file_options(&file, path, access)?, image])
}

/// The nodes of a layer that is to be put on another one, the file's first: it rests on nothing yet, whatever its header
/// says. `disk` is the one that it goes on, `None` for a firmware's variables.
pub fn overlay_nodes(
    layer: LayerId,
    path: &Path,
    disk: Option<&Disk>,
) -> Result<[Value; 2], CommandLineError> {
    let access = disk.map_or_else(Access::default, Access::of);
    let (node, file) = (layer_node(layer), file_node(layer));
    let mut image = format_options(&node, &file, ImageFormat::Qcow2, access);
    image["backing"] = Value::Null;
    Ok([file_options(&file, path, access)?, image])
}

/// The nodes of a layer that no guest writes to, the file's first; a job may write to it if it is `writable`.
pub fn frozen_nodes(
    layer: LayerId,
    path: &Path,
    below: Option<LayerId>,
    cache: DiskCache,
    writable: bool,
) -> Result<[Value; 2], CommandLineError> {
    let access = Access {
        read_only: !writable,
        cache,
        ..Access::READ
    };
    let (node, file) = (layer_node(layer), file_node(layer));
    let mut image = format_options(&node, &file, ImageFormat::Qcow2, access);
    image["backing"] = below.map_or(Value::Null, |below| layer_node(below).into());
    Ok([file_options(&file, path, access)?, image])
}

fn in_place(
    id: &str,
    path: &Path,
    format: ImageFormat,
    access: Access,
    line: &mut Line,
) -> Result<(), CommandLineError> {
    let file = medium_file_node(id);
    add(line, &file_options(&file, path, access)?);
    let mut options = format_options(&drive_node(id), &file, format, access);
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
    access: Access,
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
        let access = if index + 1 < layers.len() {
            Access {
                cache: access.cache,
                ..Access::READ
            }
        } else {
            access
        };
        let (node, file) = (layer_node(layer.layer), file_node(layer.layer));
        let mut options = format_options(&node, &file, ImageFormat::Qcow2, access);
        options["backing"] = below;
        let file = file_options(&file, path, access)?;
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
    add(line, &file_options(&file, &code.path, Access::READ)?);
    let mut options = format_options(FIRMWARE_CODE, &file, code.format, Access::READ);
    if code.format == ImageFormat::Qcow2 {
        options["backing"] = Value::Null;
    }
    add(line, &options);
    Ok(())
}

fn add(line: &mut Line, options: &Value) {
    line.option("-blockdev", options.to_string());
}

fn file_options(node: &str, path: &Path, access: Access) -> Result<Value, CommandLineError> {
    let mut options = json!({
        "driver": "file",
        "node-name": node,
        "filename": text(path)?,
        "locking": "on",
        "read-only": access.read_only,
        "auto-read-only": false,
        "discard": if access.discard { "unmap" } else { "ignore" },
    });
    set_cache(&mut options, access.cache);
    Ok(options)
}

fn format_options(node: &str, file: &str, format: ImageFormat, access: Access) -> Value {
    let mut options = json!({
        "driver": format.driver(),
        "node-name": node,
        "file": file,
        "read-only": access.read_only,
        "auto-read-only": false,
    });
    if access.discard {
        options["discard"] = "unmap".into();
        options["detect-zeroes"] = "unmap".into();
    }
    set_cache(&mut options, access.cache);
    options
}

/// Both nodes of an image cache alike.
fn set_cache(options: &mut Value, cache: DiskCache) {
    match cache {
        DiskCache::Writeback | DiskCache::Writethrough => {}
        DiskCache::Direct => options["cache"] = json!({ "direct": true }),
        DiskCache::Unsafe => options["cache"] = json!({ "no-flush": true }),
    }
}
