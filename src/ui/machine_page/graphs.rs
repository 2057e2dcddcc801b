//! What the running machine does now: processors, memory, disks, network cards.

use egui::{Color32, RichText, Ui, vec2};

use crate::language::{fill, told, tr};
use crate::model::{ByteSize, DeviceKind, Machine, MachineReport, NicNetwork};
use crate::ui::history::{History, Point, Rates};
use crate::ui::kit::graph::{Graph, Series, readable_top};
use crate::ui::theme::{self, Palette, palette};
use crate::ui::view::View;
use crate::ui::{Ask, kit};

/// How many points it takes until a missing figure is missed.
const MISSED_AFTER: usize = 4;

/// The cards of a machine with a process.
pub(super) fn graphs_ui(ui: &mut Ui, view: &View, report: &MachineReport, _asks: &mut Vec<Ask>) {
    let running = report.hardware();
    let Some(machine) = running else {
        return;
    };
    let nothing = History::default();
    let history = view.history(report.id).unwrap_or(&nothing);
    cpu_ui(ui, history, machine);
    ui.add_space(theme::GAP - 8.0);
    memory_ui(ui, history, machine);
    ui.add_space(theme::GAP - 8.0);
    disk_ui(ui, history);
    for device in &machine.devices {
        if let DeviceKind::Nic(nic) = &device.kind {
            ui.add_space(theme::GAP - 8.0);
            nic_ui(ui, history, &device.id, &nic.network);
        }
    }
}

/// In their place while the machine is not running.
pub(super) fn no_graphs_ui(ui: &mut Ui) {
    kit::card(ui, tr("Live graphs"), |ui| {
        dim(ui, tr("They are here while the machine runs"));
    });
}

fn dim(ui: &mut Ui, text: &str) {
    let text = RichText::new(text).size(13.0).color(palette(ui).dim);
    ui.add(egui::Label::new(text).wrap());
}

/// A card with a graph, its title and its values of now; `more` is beside the title.
fn card_ui(
    ui: &mut Ui,
    graph: &Graph<'_>,
    more: impl FnOnce(&mut Ui),
    below: impl FnOnce(&mut Ui),
) {
    let from_right = egui::Layout::right_to_left(egui::Align::Center);
    let mut fits = true;
    kit::card(ui, "", |ui| {
        ui.horizontal(|ui| {
            ui.set_height(theme::CONTROL + 2.0);
            let title = RichText::new(graph.name).font(theme::semibold(theme::BODY));
            ui.label(title.color(palette(ui).text));
            more(ui);
            fits = graph.values_width(ui) <= ui.available_width();
            if fits {
                ui.with_layout(from_right, |ui| graph.values_ui(ui));
            }
        });
        if !fits {
            let line = vec2(ui.available_width(), 20.0);
            ui.allocate_ui_with_layout(line, from_right, |ui| graph.values_ui(ui));
        }
        graph.show(ui);
        below(ui);
    });
}

fn series(
    history: &History,
    name: impl Into<String>,
    color: Color32,
    value: impl Fn(&Point) -> Option<f64>,
) -> Series {
    let at = |point: &Point| (point.at_ms, value(point).unwrap_or(f64::NAN));
    Series {
        name: name.into(),
        color,
        points: history.points().map(at).collect(),
    }
}

fn percent(share: f64) -> String {
    fill("{share} %", &[("share", &format!("{:.0}", share * 100.0))])
}

fn size(bytes: f64) -> String {
    if bytes < 1.0 {
        return "0".to_owned();
    }
    ByteSize(bytes as u64).to_string()
}

fn rate(bytes: f64) -> String {
    if bytes < 1.0 {
        return "0".to_owned();
    }
    fill("{size}/s", &[("size", &ByteSize(bytes as u64))])
}

fn cpu_ui(ui: &mut Ui, history: &History, machine: &Machine) {
    let p = palette(ui);
    let count = machine.cpu.count.max(1);
    let known = history.newest().is_some_and(|now| now.cpus.len() > 1);
    let id = egui::Id::unique(("each processor", machine.id));
    let mut each = known && ui.data(|data| data.get_temp(id)).unwrap_or(false);
    let name = if count > 1 {
        tr("Processors")
    } else {
        tr("Processor")
    };
    let total = |point: &Point| Some(f64::from(point.cpu) / f64::from(count));
    let together = [series(history, "", p.leaf, total)];
    let separate = each.then(|| each_processor(history, p, count as usize));
    let graph = Graph {
        name,
        series: separate.as_deref().unwrap_or(&together),
        shown: Some(&together),
        top: 1.0,
        unit: percent,
    };
    let choice = |ui: &mut Ui| {
        let choices = [(false, tr("Together")), (true, tr("Each"))];
        if known && kit::segmented(ui, &mut each, &choices) {
            ui.data_mut(|data| data.insert_temp(id, each));
        }
    };
    let shared = count > 1 && !known && history.newest().is_some();
    card_ui(ui, &graph, choice, |ui| {
        if shared {
            dim(
                ui,
                tr("The processors take turns on one thread here, so only their sum is known"),
            );
        }
    });
}

fn each_processor(history: &History, p: &Palette, count: usize) -> Vec<Series> {
    let colors = [p.leaf, p.accent_text, p.saved, p.warn, p.error, p.text];
    (0..count)
        .map(|index| {
            let color = colors[index % colors.len()];
            let share = move |point: &Point| point.cpus.get(index).copied().map(f64::from);
            series(history, (index + 1).to_string(), color, share)
        })
        .collect()
}

fn memory_ui(ui: &mut Ui, history: &History, machine: &Machine) {
    let p = palette(ui);
    let here = |point: &Point| Some(point.resident.0 as f64);
    let inside = |point: &Point| Some(point.guest_used?.0 as f64);
    let mut lines = vec![series(history, tr("Here"), p.accent_text, here)];
    let known = history.points().any(|point| point.guest_used.is_some());
    if known {
        lines.push(series(history, tr("In the guest"), p.saved, inside));
    }
    let most = lines.iter().flat_map(|line| &line.points);
    let most = most.map(|(_, bytes)| *bytes).fold(0.0, f64::max);
    let graph = Graph {
        name: tr("Memory"),
        series: &lines,
        shown: None,
        top: most.max(machine.memory.0 as f64),
        unit: size,
    };
    let balloon = machine.has(|kind| matches!(kind, DeviceKind::Balloon));
    let missed = !known && history.points().len() >= MISSED_AFTER;
    card_ui(
        ui,
        &graph,
        |_| {},
        |ui| match (balloon || known, missed) {
            (false, _) => dim(
                ui,
                tr("The machine has no balloon, so what the guest uses inside is not known"),
            ),
            (true, true) => dim(
                ui,
                tr("The guest has no balloon driver, so what it uses inside is not known"),
            ),
            (true, false) => {}
        },
    );
}

fn disk_ui(ui: &mut Ui, history: &History) {
    let p = palette(ui);
    let read = |point: &Point| Some(point.disk?.from);
    let written = |point: &Point| Some(point.disk?.to);
    let lines = [
        series(history, tr("Read"), p.accent_text, read),
        series(history, tr("Written"), p.saved, written),
    ];
    card_ui(ui, &traffic(tr("Disk"), &lines), |_| {}, |_| {});
}

/// A graph of bytes a second that is as high as its highest value.
fn traffic<'a>(name: &'a str, lines: &'a [Series]) -> Graph<'a> {
    let values = lines.iter().flat_map(|line| &line.points);
    let most = values.map(|(_, value)| *value).fold(0.0, f64::max);
    Graph {
        name,
        series: lines,
        shown: None,
        top: readable_top(most),
        unit: rate,
    }
}

fn nic_ui(ui: &mut Ui, history: &History, id: &str, network: &NicNetwork) {
    let p = palette(ui);
    let name = fill("Network, {card}", &[("card", &id)]);
    let why = match network {
        NicNetwork::User => history
            .uncounted(id)
            .map(|why| fill("Its bytes can't be counted: {why}", &[("why", &told(why))])),
        NicNetwork::None => Some(tr("It is not plugged into a network").to_owned()),
        NicNetwork::Switch(_) | NicNetwork::Bridge(_) => {
            Some(tr("The bytes on this kind of network can't be counted").to_owned())
        }
    };
    if let Some(why) = why {
        kit::card(ui, &name, |ui| dim(ui, &why));
        return;
    }
    let rates = |point: &Point| -> Option<Rates> { point.nics.get(id).copied() };
    let lines = [
        series(history, tr("Received"), p.leaf, |point| {
            Some(rates(point)?.from)
        }),
        series(history, tr("Sent"), p.warn, |point| Some(rates(point)?.to)),
    ];
    card_ui(ui, &traffic(&name, &lines), |_| {}, |_| {});
}
