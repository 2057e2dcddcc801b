//! Makes new machines: the disk first, in a folder under a temporary name, then the record.

use std::ops::ControlFlow;
use std::path::Path;

use uuid::Uuid;

use super::clock;
use super::edit;
use super::facts::{self, Facts};
use super::jobs::{Cancelled, Job};
use crate::confine::{self, Jail, Outcome, Program};
use crate::library::{Library, Newcomer};
use crate::model::{
    ByteSize, Checkpoints, DiskSource, Failure, FirmwareKind, ImageFormat, InPlaceImage, LayerId,
    LayerRef, Machine, MachineId, NewMachine, Source, check_cpus, check_memory,
};
use crate::qemu::defaults::{self, Parts};
use crate::storage::{ConvertError, NewLayer, copy_chain, copy_in, read_header, write_layer};

/// The test card's disk, made from the sources in `assets/test-card` by `build.rs`.
const TEST_CARD: &[u8] = include_bytes!(env!("ORANGERY_TEST_CARD"));

/// The smallest and the largest new disk.
const DISK_SIZES: (ByteSize, ByteSize) = (ByteSize::mib(1), ByteSize::gib(64 << 10));

/// Where the test card reads what is asked of it: byte offset and magic of its configuration
/// sector, then ballast in bytes and a seed, both u64 little endian
/// (`assets/test-card/README.md`).
const CARD_CONFIG: (usize, &[u8; 16]) = (512_000, b"ORANGERY-CONFIG1");

/// Checks what needs no work: numbers, and files that must be there.
pub fn check(spec: &NewMachine) -> Result<(), Failure> {
    let refuse = |why: String| Failure::new("The machine was not made", why);
    check_cpus(spec.cpus).map_err(refuse)?;
    check_memory(spec.memory).map_err(refuse)?;
    match &spec.source {
        Source::Iso(path) => edit::medium(path).map_err(refuse)?,
        Source::Disk(path) => {
            in_place(path)?;
        }
        Source::Copy(path) => can_be_copied(path)?,
        Source::Empty | Source::TestCard { .. } => {}
    }
    if matches!(spec.source, Source::Iso(_) | Source::Empty) {
        disk_size(spec.disk_size).map_err(refuse)?;
    }
    Ok(())
}

/// Whether a new disk can be so large.
pub(super) fn disk_size(size: ByteSize) -> Result<(), String> {
    if (DISK_SIZES.0..=DISK_SIZES.1).contains(&size) {
        return Ok(());
    }
    Err(format!(
        "A disk has {} to {}, not {size}",
        DISK_SIZES.0, DISK_SIZES.1
    ))
}

/// Copies an image in through the jail; gives what the guest sees of it. `failed` words a refusal.
pub(super) fn copy_disk(
    failed: impl Fn(String) -> Failure,
    image: &Path,
    layer: &Path,
    job: &mut Job,
) -> Result<ByteSize, Failure> {
    let mut progress = job.teller("Copying the disk");
    copy_in(image, layer, &mut progress).map_err(|error| refused(failed, error))
}

/// Copies all that a guest reads of a disk into a new layer that rests on nothing; gives what the guest sees of it.
/// `failed` words a refusal.
pub(super) fn copy_source(
    failed: impl Fn(String) -> Failure,
    library: &Library,
    source: &DiskSource,
    layer: &Path,
    job: &mut Job,
) -> Result<ByteSize, Failure> {
    match source {
        DiskSource::InPlace(image) => copy_disk(failed, &image.path, layer, job),
        DiskSource::Layers(chain) => {
            let files: Vec<_> = chain.iter().map(|one| library.layer_file(*one)).collect();
            let copied = copy_chain(&files, layer, &mut job.teller("Copying the disk"));
            copied.map_err(|error| refused(failed, error))
        }
    }
}

fn refused(failed: impl Fn(String) -> Failure, error: ConvertError) -> Failure {
    match error {
        ConvertError::Cancelled => Cancelled.into(),
        error => failed(error.to_string()),
    }
}

/// Writes a new layer that rests on nothing and begins with `content`. `failed` words a refusal.
pub(super) fn write_disk(
    failed: impl Fn(String) -> Failure,
    layer: &Path,
    size: ByteSize,
    content: &[u8],
) -> Result<(), Failure> {
    let new = NewLayer {
        size,
        backing: None,
        content,
    };
    write_layer(layer, &new).map_err(|error| failed(error.to_string()))
}

/// Makes the machine's folder. Nothing is left behind when it fails or is cancelled.
pub fn make(
    library: &Library,
    facts: &Facts,
    spec: &NewMachine,
    job: &mut Job,
) -> Result<Machine, Failure> {
    let what = format!("{} was not made", spec.name);
    let id = MachineId(Uuid::new_v4());
    let random = *Uuid::new_v4().as_bytes();
    let machine_type = facts.machine_type()?;
    job.progress("Making the disk", 0, 0)?;
    let newcomer = library.begin(id).map_err(|error| error.failure(&what))?;
    let (disk, disk_size) = make_disk(&newcomer, id, spec, job)?;
    job.progress("Writing the machine's file", 0, 0)?;
    let parts = Parts {
        id,
        machine_type,
        mac: [random[0], random[1], random[2]],
        disk: Some(disk),
        disk_size,
        created: clock::now(),
    };
    let mut machine = defaults::machine(spec, parts);
    if spec.experiment {
        machine.checkpoints = Checkpoints::experiment();
    }
    job.commit();
    newcomer
        .finish(&machine)
        .map_err(|error| error.failure(&what))?;
    Ok(machine)
}

fn make_disk(
    newcomer: &Newcomer<'_>,
    id: MachineId,
    spec: &NewMachine,
    job: &mut Job,
) -> Result<(DiskSource, ByteSize), Failure> {
    match &spec.source {
        Source::Disk(path) => {
            let (image, size) = in_place(path)?;
            Ok((DiskSource::InPlace(image), size))
        }
        Source::Copy(path) => copied(newcomer, id, path, job),
        Source::Iso(_) | Source::Empty => {
            let layer = new_layer(newcomer, id, spec.disk_size, &[])?;
            Ok((layer, spec.disk_size))
        }
        Source::TestCard { ballast } => {
            let card = test_card(*ballast);
            let size = ByteSize(card.len() as u64);
            Ok((new_layer(newcomer, id, size, &card)?, size))
        }
    }
}

fn new_layer(
    newcomer: &Newcomer<'_>,
    machine: MachineId,
    size: ByteSize,
    content: &[u8],
) -> Result<DiskSource, Failure> {
    let layer = LayerId(Uuid::new_v4());
    let failed = |why| Failure::new("The disk was not made", why);
    write_disk(failed, &newcomer.layer_file(layer), size, content)?;
    Ok(DiskSource::Layers(vec![LayerRef { machine, layer }]))
}

/// Refuses early what the copy would refuse.
pub(super) fn can_be_copied(path: &Path) -> Result<(), Failure> {
    let what = format!("{} can't be copied", path.display());
    let info = read_header(path).map_err(|error| Failure::new(&what, error.to_string()))?;
    info.copied_as()
        .map(drop)
        .map_err(|refusal| Failure::new(&what, refusal.to_string()))
}

/// Copies a disk image into the new machine's folder.
fn copied(
    newcomer: &Newcomer<'_>,
    machine: MachineId,
    path: &Path,
    job: &mut Job,
) -> Result<(DiskSource, ByteSize), Failure> {
    let layer = LayerId(Uuid::new_v4());
    let file = newcomer.layer_file(layer);
    let failed = |why| Failure::new("The disk was not copied", why);
    let size = copy_disk(failed, path, &file, job)?;
    let layers = vec![LayerRef { machine, layer }];
    Ok((DiskSource::Layers(layers), size))
}

/// Why a file can't be written to by a machine.
pub(super) const KEPT: &str =
    "It is a part of a library, and machines and snapshots may rest on it";

/// What a disk image is, read once by our own reader; refused if it names other files.
pub(super) fn in_place(path: &Path) -> Result<(InPlaceImage, ByteSize), Failure> {
    let what = format!("{} can't be used as a disk", path.display());
    if Library::keeps(path) {
        return Err(Failure::new(what, KEPT).fix("Add a copy of it"));
    }
    let info = read_header(path).map_err(|error| Failure::new(&what, error.to_string()))?;
    let format = info
        .in_place()
        .map_err(|refusal| Failure::new(&what, refusal.to_string()))?;
    let image = InPlaceImage {
        path: path.to_owned(),
        format,
    };
    Ok((image, info.virtual_size.unwrap_or(info.file_size)))
}

/// The test card's disk with its orders in the config sector.
fn test_card(ballast: ByteSize) -> Vec<u8> {
    let mut image = TEST_CARD.to_vec();
    let (start, magic) = CARD_CONFIG;
    let orders = start + magic.len();
    if image.get(start..orders) == Some(magic.as_slice()) {
        image[orders..orders + 8].copy_from_slice(&ballast.0.to_le_bytes());
        let seed = Uuid::new_v4().as_u64_pair().0;
        image[orders + 8..orders + 16].copy_from_slice(&seed.to_le_bytes());
    }
    image
}

/// Makes the layer in which a UEFI machine keeps its variables, from the firmware's template.
pub fn firmware_variables(
    library: &Library,
    machine: MachineId,
    kind: FirmwareKind,
) -> Result<LayerRef, Failure> {
    let refuse = |why: String| Failure::new("The firmware's variables were not made", why);
    let files = facts::firmware_files(kind)?;
    let reference = LayerRef {
        machine,
        layer: LayerId(Uuid::new_v4()),
    };
    let layer = library.layer_file(reference);
    match files.variables_format {
        ImageFormat::Raw => {
            let template = facts::read_template(&files.variables)
                .map_err(|error| refuse(format!("{}: {error}", files.variables.display())))?;
            let size = ByteSize(template.len() as u64);
            write_disk(refuse, &layer, size, &template)?;
        }
        ImageFormat::Qcow2 => copy_template(&files.variables, &layer).map_err(refuse)?,
    }
    Ok(reference)
}

/// Some distributions keep the template as qcow2: `qemu-img` copies it into a layer of its own.
fn copy_template(template: &Path, layer: &Path) -> Result<(), String> {
    let tool = confine::find_program("qemu-img").ok_or("qemu-img is not installed")?;
    let mut program = Program::new(tool).args(["convert", "-f", "qcow2", "-O", "qcow2"]);
    program = program.args([template, layer]);
    program.reads.push(template.to_owned());
    program.writes.extend(layer.parent().map(Path::to_owned));
    let finished = confine::run_jailed(Jail::new(program), &mut |_| ControlFlow::Continue(()))
        .map_err(|error| error.to_string())?;
    match finished.outcome {
        Outcome::Success => Ok(()),
        Outcome::Failed(_) | Outcome::Killed(_) => {
            Err(String::from_utf8_lossy(&finished.stderr).into_owned())
        }
    }
}
