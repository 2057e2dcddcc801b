//! Memory: how much, whether the guest gives some back, and where it lives.

use egui::Ui;

use super::fields::{Spec, device_switch, value_field};
use super::{Desk, HardwareForm, Section, words};
use crate::language::{fill, told, tr};
use crate::model::{
    ByteSize, Change, ComputerReport, DeviceKind, MemoryBacking, Part, read_memory,
};
use crate::ui::kit::{self, Scale};

const SECTION: Section = Section::Memory;

/// Where the slider stops, in MiB: from 64 MiB in quarters of a doubling.
const SMALLEST: u64 = 64;

pub(super) fn memory_ui(ui: &mut Ui, form: &mut HardwareForm, desk: &mut Desk<'_>) {
    let computer = desk.view.computer.as_ref();
    amount_ui(ui, form, computer);
    if let Some(text) = computer.and_then(|computer| warning(form.draft.memory, computer)) {
        kit::warning(ui, &text);
    }
    device_switch(
        ui,
        form,
        (
            tr("Balloon"),
            tr("The guest says how much it uses and can give back what it does not need"),
        ),
        |kind| matches!(kind, DeviceKind::Balloon),
        DeviceKind::Balloon,
    );
    let mut backing = form.draft.memory_backing;
    kit::field(ui, tr("Where it lives"), None, |ui, _| {
        let choices =
            [MemoryBacking::Forkable, MemoryBacking::Private].map(|it| (it, words::backing(it)));
        if kit::segmented(ui, &mut backing, &choices) {
            form.edit(Change::MemoryBacking(backing));
        }
    });
    kit::hint(
        ui,
        match form.draft.memory_backing {
            MemoryBacking::Forkable => tr(
                "In a memory file of Orangery: the running machine can be forked and share folders",
            ),
            MemoryBacking::Private => {
                tr("In QEMU's own memory: a little less to set up, but the machine can't be forked")
            }
        },
    );
}

fn amount_ui(ui: &mut Ui, form: &mut HardwareForm, computer: Option<&ComputerReport>) {
    let now = form.draft.memory;
    ui.columns(2, |columns| {
        let spec = Spec {
            section: SECTION,
            field: "memory",
            label: tr("Amount"),
            hint: "4 GiB",
            complaint: form.complaint(&Part::Memory),
        };
        let read = |text: &str| read_memory(text).map_err(|why| told(&why).into_owned());
        if let Some(size) = value_field(&mut columns[0], form, spec, &now.to_string(), read) {
            form.edit(Change::Memory(size));
        }
        let ui = &mut columns[1];
        ui.add_space(22.0); // level with the field, below its label
        let here = computer.map_or(ByteSize::gib(8), |computer| computer.memory_total);
        let stops = stops(here);
        let mark = fill("{size} in this computer", &[("size", &here)]);
        let scale = Scale {
            range: 0.0..=(stops.len() - 1) as f64,
            mark: computer.map(|_| (place(&stops, here), mark.as_str())),
        };
        if let Some(moved) = kit::slider(ui, tr("Memory"), place(&stops, now), &scale) {
            form.forget_text(SECTION, "memory");
            let stop = stops.get(moved.round().max(0.0) as usize).or(stops.last());
            if let Some(size) = stop {
                form.edit(Change::Memory(*size));
            }
        }
    });
}

/// The amounts that the slider offers on a computer with so much memory.
fn stops(here: ByteSize) -> Vec<ByteSize> {
    let end = here.as_mib().max(1024) * 5 / 4;
    let doublings = std::iter::successors(Some(SMALLEST), |size| size.checked_mul(2));
    doublings
        .take_while(|size| *size <= end)
        .flat_map(|size| (0..4).map(move |quarter| size + size / 4 * quarter))
        .filter(|size| *size <= end)
        .map(ByteSize::mib)
        .collect()
}

/// Where `size` lies between the stops.
fn place(stops: &[ByteSize], size: ByteSize) -> f64 {
    let after = stops.partition_point(|stop| *stop <= size);
    match (
        after.checked_sub(1).and_then(|at| stops.get(at)),
        stops.get(after),
    ) {
        (None, _) => 0.0,
        (Some(_), None) => (stops.len() - 1) as f64,
        (Some(low), Some(high)) => {
            let share = (size.0 - low.0) as f64 / (high.0 - low.0) as f64;
            (after - 1) as f64 + share
        }
    }
}

/// What speaks against so much memory on this computer.
fn warning(size: ByteSize, computer: &ComputerReport) -> Option<String> {
    if size > computer.memory_total {
        Some(fill(
            "This computer has {size}: the machine would use its swap and be very slow",
            &[("size", &computer.memory_total)],
        ))
    } else if size > computer.memory_free {
        Some(fill(
            "{size} are free now; more has to come from other programs",
            &[("size", &computer.memory_free)],
        ))
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_slider_offers_round_amounts_and_knows_where_others_lie() {
        let stops = stops(ByteSize::gib(32));
        assert_eq!(stops.first(), Some(&ByteSize::mib(64)));
        assert_eq!(stops.last(), Some(&ByteSize::gib(40)));
        assert!(stops.contains(&ByteSize::gib(4)) && stops.contains(&ByteSize::gib(32)));
        assert!(stops.is_sorted());
        let at = |size| place(&stops, size);
        assert_eq!(stops[at(ByteSize::gib(4)) as usize], ByteSize::gib(4));
        assert!(at(ByteSize::mib(4500)) > at(ByteSize::gib(4)));
        assert_eq!(at(ByteSize::mib(16)), 0.0);
        assert_eq!(at(ByteSize::gib(512)), (stops.len() - 1) as f64);
    }
}
