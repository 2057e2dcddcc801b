//! Processors: how many, of which model, and how they are arranged.

use egui::Ui;

use super::draft::number;
use super::fields::{Spec, value_field};
use super::{Desk, HardwareForm, Section};
use crate::language::{count, fill, tr};
use crate::model::{Change, Cpu, Part, Topology, check_cpus, fit_topology};
use crate::ui::kit::{self, Scale};

const SECTION: Section = Section::Processors;

pub(super) fn processors_ui(ui: &mut Ui, form: &mut HardwareForm, desk: &mut Desk<'_>) {
    let here = desk.view.computer.as_ref().map(|computer| computer.cpus);
    count_ui(ui, form, here);
    model_ui(ui, form, desk);
    topology_ui(ui, form);
}

fn count_ui(ui: &mut Ui, form: &mut HardwareForm, here: Option<u32>) {
    let now = form.draft.cpu.count;
    ui.columns(2, |columns| {
        let spec = Spec {
            section: SECTION,
            field: "count",
            label: tr("Number"),
            hint: "2",
            complaint: form.complaint(&Part::Processors),
        };
        let typed = value_field(&mut columns[0], form, spec, &now.to_string(), |text| {
            let count = number(text)?;
            check_cpus(count).map_err(|why| crate::language::told(&why).into_owned())?;
            Ok(count)
        });
        if let Some(count) = typed {
            set_count(form, count);
        }
        let ui = &mut columns[1];
        ui.add_space(22.0); // level with the field, below its label
        let here = here.unwrap_or(4);
        let mark = count_mark(here);
        let scale = Scale {
            range: 1.0..=f64::from((here * 2).clamp(8, 255)),
            mark: Some((f64::from(here), &mark)),
        };
        if let Some(count) = kit::slider(ui, tr("Processors"), f64::from(now), &scale) {
            form.forget_text(SECTION, "count");
            set_count(form, count.round() as u32);
        }
    });
    if let Some(here) = here
        && form.draft.cpu.count > here
    {
        let text = count(
            u64::from(here),
            "This computer has {count} processor; more make the machine slower",
            "This computer has {count} processors; more make the machine slower",
        );
        kit::warning(ui, &text);
    }
}

fn count_mark(here: u32) -> String {
    fill("{number} in this computer", &[("number", &here)])
}

fn set_count(form: &mut HardwareForm, count: u32) {
    let cpu = &form.draft.cpu;
    let topology = cpu.topology.map(|old| fit_topology(old, count));
    form.edit(Change::Cpu(Cpu {
        count,
        topology,
        model: cpu.model.clone(),
    }));
    for field in ["sockets", "cores", "threads"] {
        form.forget_text(SECTION, field);
    }
}

fn model_ui(ui: &mut Ui, form: &mut HardwareForm, desk: &Desk<'_>) {
    let mut model = form.draft.cpu.model.clone();
    let known = desk.view.computer.as_ref();
    let known = known.map_or(&[][..], |computer| &computer.cpu_models[..]);
    let mut choices = vec![(None, tr("Best this computer has").to_owned())];
    // A model that this computer does not know stays what it is until another is chosen.
    if let Some(own) = model.clone().filter(|own| !known.contains(own)) {
        choices.push((Some(own.clone()), own));
    }
    choices.extend(known.iter().map(|name| (Some(name.clone()), name.clone())));
    if kit::choice(ui, tr("Model"), &mut model, &choices) {
        form.edit(Change::Cpu(Cpu {
            model,
            ..form.draft.cpu.clone()
        }));
    }
    let text = match &form.draft.cpu.model {
        None => tr("All that this computer's processors can do, as fast as they can"),
        Some(_) => tr("The same on every computer: the machine can move to one that is older"),
    };
    kit::hint(ui, text);
}

fn topology_ui(ui: &mut Ui, form: &mut HardwareForm) {
    let own = form.draft.cpu.topology.is_some();
    let meaning = tr("Sockets, cores and threads, for systems that count or license sockets");
    if kit::switch(ui, true, own, tr("Arrange them by hand"), meaning).clicked() {
        let cpu = form.draft.cpu.clone();
        let topology = (!own).then(|| cpu.arranged());
        form.edit(Change::Cpu(Cpu { topology, ..cpu }));
    }
    let Some(now) = form.draft.cpu.topology else {
        return;
    };
    type Put = fn(&mut Topology, u32);
    let parts: [(&str, &str, u32, Put); 3] = [
        ("sockets", tr("Sockets"), now.sockets, |to, it| {
            to.sockets = it
        }),
        ("cores", tr("Cores of each"), now.cores, |to, it| {
            to.cores = it
        }),
        ("threads", tr("Threads of each"), now.threads, |to, it| {
            to.threads = it;
        }),
    ];
    ui.columns(3, |columns| {
        for ((field, label, value, put), ui) in parts.into_iter().zip(columns) {
            let spec = Spec {
                section: SECTION,
                field,
                label,
                hint: "1",
                complaint: None,
            };
            let typed = value_field(ui, form, spec, &value.to_string(), |text| {
                let part = number(text)?;
                let mut topology = now;
                put(&mut topology, part);
                let all = topology.count().unwrap_or(u32::MAX);
                check_cpus(all).map_err(|why| crate::language::told(&why).into_owned())?;
                Ok((topology, all))
            });
            if let Some((topology, count)) = typed {
                form.forget_text(SECTION, "count");
                form.edit(Change::Cpu(Cpu {
                    count,
                    topology: Some(topology),
                    model: form.draft.cpu.model.clone(),
                }));
            }
        }
    });
    kit::hint(
        ui,
        &fill(
            "{sockets} × {cores} × {threads} are {count} processors",
            &[
                ("sockets", &now.sockets),
                ("cores", &now.cores),
                ("threads", &now.threads),
                ("count", &form.draft.cpu.count),
            ],
        ),
    );
}
