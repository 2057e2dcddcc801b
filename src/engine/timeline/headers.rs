//! Layers' headers name what they rest on, for other tools: Orangery itself names every layer when it opens a chain. Merging
//! leaves some that name a layer which is gone; they are mended here.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

use super::overlays::relative;
use super::remove::{Live, frozen, whole_records};
use crate::confine::{self, Jail, Outcome, Program, find_program};
use crate::library::Library;
use crate::model::{LayerRef, MachineId, Overlay};
use crate::qemu::merge::{self, MergeError};
use crate::step;
use crate::storage::{ImageKind, read_header};

/// Mends the headers of a machine's own layers. What can't be mended now is, the next time.
pub(super) fn mend(library: &Library, machine: MachineId, live: Option<&Live>) {
    let Ok(present) = library.machine(machine) else {
        return;
    };
    let records = whole_records(library, machine);
    let mut rests: BTreeMap<LayerRef, BTreeSet<LayerRef>> = BTreeMap::new();
    let machines = records.iter().map(|record| &record.hardware);
    for machine in machines.chain([&present]) {
        for (_, chain) in machine.chains() {
            for pair in chain.windows(2) {
                rests.entry(pair[1]).or_default().insert(pair[0]);
            }
        }
    }
    for (new, below) in rests {
        let Some(below) = below.first().copied().filter(|_| new.machine == machine) else {
            continue;
        };
        let overlay = Overlay { below, new };
        let wanted = relative(overlay);
        if named(library, new).is_some_and(|name| name != wanted)
            && let Err(why) = mend_one(library, overlay, &wanted, live)
        {
            eprintln!("orangery: {}: {why}", library.layer_file(new).display()); // For other tools only.
        }
        step::at("header mended");
    }
}

/// What a layer's header says it rests on.
fn named(library: &Library, layer: LayerRef) -> Option<String> {
    match read_header(&library.layer_file(layer)).ok()?.kind {
        ImageKind::Qcow2(header) => header.backing,
        _ => None,
    }
}

fn mend_one(
    library: &Library,
    overlay: Overlay,
    wanted: &str,
    live: Option<&Live>,
) -> Result<(), String> {
    if let Some(live) = live.filter(|live| live.machine.layers().contains(&overlay.new)) {
        return mend_open(library, live, overlay.new, wanted).map_err(|error| error.to_string());
    }
    let path = library.layer_file(overlay.new);
    let tool = find_program("qemu-img").ok_or("qemu-img is not installed")?;
    let mut program = Program::new(tool).args(["rebase", "-u", "-f", "qcow2", "-F", "qcow2", "-b"]);
    program = program.args([wanted.as_ref(), path.as_os_str()]);
    program.writes.push(path.clone());
    let finished = confine::run_jailed(Jail::new(program), &mut |_| ControlFlow::Continue(()))
        .map_err(|error| error.to_string())?;
    match finished.outcome {
        Outcome::Success => Ok(()),
        Outcome::Failed(_) | Outcome::Killed(_) => {
            Err(String::from_utf8_lossy(&finished.stderr).trim().to_owned())
        }
    }
}

fn mend_open(
    library: &Library,
    live: &Live,
    layer: LayerRef,
    wanted: &str,
) -> Result<(), MergeError> {
    let root = live
        .machine
        .chains()
        .find(|(_, chain)| chain.contains(&layer));
    let root = root
        .and_then(|(_, chain)| chain.last().copied())
        .unwrap_or(layer);
    let frozen = frozen(library, live, layer);
    if let Some(frozen) = &frozen {
        merge::set_writable(&live.monitor, frozen, true)?;
    }
    let named = merge::name_backing(&live.monitor, root.layer, layer.layer, wanted);
    if let Some(frozen) = &frozen {
        merge::set_writable(&live.monitor, frozen, false)?;
    }
    named
}
