//! The graphs of a machine's page: their values in words, their lines, what the pointer reads.

use std::collections::BTreeMap;

use egui_kittest::Harness;
use egui_kittest::kittest::Queryable as _;
use orangery::engine::message::Event;
use orangery::model::*;

use crate::ui_fixture::{Window, harness, id, load, report, show};

fn sample(second: u64) -> Sample {
    let bytes = second * 1024 * 1024;
    Sample {
        at_ms: second * 1000,
        cpu: 0.5 + (second % 10) as f32 / 10.0,
        cpus: vec![0.5, (second % 10) as f32 / 10.0],
        resident: ByteSize::mib(900 + second),
        guest_used: Some(ByteSize::mib(700)),
        disk: Some(Traffic {
            from: bytes,
            to: bytes * 2,
        }),
        nics: BTreeMap::from([(
            "nic0".to_owned(),
            Traffic {
                from: bytes,
                to: 512 * second,
            },
        )]),
        uncounted: BTreeMap::new(),
    }
}

/// Five minutes in which much happened, for pictures.
pub fn busy_minutes() -> Vec<Event> {
    let mut disk = Traffic::default();
    let mut nic = Traffic::default();
    let wave = |second: u64, period: f32| (second as f32 / period).sin().mul_add(0.5, 0.5);
    let busy = |second: u64| {
        disk.from += (wave(second, 9.0).powi(4) * 9e6) as u64;
        disk.to += (wave(second, 23.0).powi(8) * 2e7) as u64;
        nic.from += (wave(second, 31.0).powi(2) * 3e6) as u64;
        nic.to += (wave(second, 17.0).powi(6) * 4e5) as u64;
        let cpus = vec![wave(second, 13.0), wave(second, 5.0) * 0.6];
        tell(Sample {
            at_ms: second * 1000,
            cpu: cpus.iter().sum(),
            cpus,
            resident: ByteSize::mib(1400 + 4 * second),
            guest_used: Some(ByteSize((wave(second, 60.0) * 1e9) as u64 + (1 << 30))),
            disk: Some(disk),
            nics: BTreeMap::from([("nic0".to_owned(), nic)]),
            ..Sample::default()
        })
    };
    (1..=290).map(busy).collect()
}

fn tell(sample: Sample) -> Event {
    Event::Sample {
        machine: id(1),
        sample,
    }
}

fn page(report: MachineReport, samples: impl Iterator<Item = Sample>) -> Harness<'static, Window> {
    let first = [show(report), Event::Load(load())];
    let mut harness = harness(Window::new(first.into_iter().chain(samples.map(tell))));
    harness.run_ok();
    harness
}

fn running(samples: impl Iterator<Item = Sample>) -> Harness<'static, Window> {
    page(report(1, "Debian", State::Running), samples)
}

#[test]
fn each_graph_says_what_is_now() {
    let harness = running((1..=301).map(sample));
    harness.get_by_label("Processors, 30 %");
    harness.get_by_label("Memory, Here 1.2 GiB, In the guest 700 MiB");
    harness.get_by_label("Disk, Read 1 MiB/s, Written 2 MiB/s");
    harness.get_by_label("Network, nic0, Received 1 MiB/s, Sent 512 bytes/s");
}

#[test]
fn each_processor_can_be_seen() {
    let mut harness = running((1..=20).map(sample));
    harness.get_by_label("Each").click();
    harness.run_ok();
    harness.get_by_label("Processors, 1 50 %, 2 0 %");
    harness.get_by_label("Together").click();
    harness.run_ok();
    harness.get_by_label("Processors, 25 %");
}

#[test]
fn processors_on_one_thread_are_known_together_only() {
    let mut shared = sample(5);
    shared.cpus = Vec::new();
    let harness = running([shared].into_iter());
    harness.get_by_label_contains("take turns on one thread");
    assert!(harness.query_by_label("Each").is_none());
}

#[test]
fn what_is_not_known_is_said_plainly() {
    let without = |second| Sample {
        guest_used: None,
        nics: BTreeMap::new(),
        uncounted: BTreeMap::from([("nic0".to_owned(), "QEMU refused".to_owned())]),
        ..sample(second)
    };
    let harness = running((1..=6).map(without));
    harness.get_by_label("Its bytes can't be counted: QEMU refused");
    harness.get_by_label_contains("no balloon");
    let mut unplugged = report(1, "Debian", State::Running);
    for device in &mut unplugged.machine.as_mut().unwrap().devices {
        if let DeviceKind::Nic(nic) = &mut device.kind {
            nic.network = NicNetwork::None;
        }
    }
    let harness = page(unplugged, (1..=6).map(sample));
    harness.get_by_label("It is not plugged into a network");
}

#[test]
fn a_machine_that_stopped_shows_no_figures_as_live() {
    let mut harness = running((1..=20).map(sample));
    let mut off = report(1, "Debian", State::Off);
    off.generation = 2;
    harness.state_mut().events.push(show(off));
    harness.run_ok();
    harness.get_by_label("They are here while the machine runs");
    assert!(harness.query_by_label_contains("Processors, ").is_none());
    // Started again, nothing of its last life is left; one sample can't tell a rate.
    let mut again = report(1, "Debian", State::Running);
    again.generation = 3;
    harness.state_mut().events.push(show(again));
    harness.state_mut().events.push(tell(sample(1)));
    harness.run_ok();
    harness.get_by_label("Disk, Read –, Written –");
}

/// All texts that were painted.
fn texts(harness: &Harness<'static, Window>) -> Vec<String> {
    fn of(shape: &egui::Shape, texts: &mut Vec<String>) {
        match shape {
            egui::Shape::Text(text) => texts.push(text.galley.text().to_owned()),
            egui::Shape::Vec(shapes) => shapes.iter().for_each(|shape| of(shape, texts)),
            _ => {}
        }
    }
    let mut texts = Vec::new();
    for clipped in &harness.output().shapes {
        of(&clipped.shape, &mut texts);
    }
    texts
}

#[test]
fn the_pointer_reads_time_and_value() {
    let mut harness = running((1..=301).map(sample));
    let says = |harness: &Harness<'static, Window>, text: &str| {
        texts(harness).iter().any(|painted| painted == text)
    };
    assert!(!says(&harness, "1 min 0 s ago"));
    let graph = harness.get_by_label("Processors, 30 %").rect();
    // One minute back, which is a fifth of the way from the right edge; the axis takes some room.
    let left = graph.left() + 70.0;
    let at = graph.right() - (graph.right() - left) / 5.0;
    harness.hover_at(egui::pos2(at, graph.center().y));
    harness.run_ok();
    let read: Vec<String> = texts(&harness)
        .into_iter()
        .filter(|text| text.ends_with(" s ago"))
        .collect();
    assert!(
        read.iter()
            .any(|text| text.starts_with("59 s") || text.starts_with("1 min ")),
        "{read:?}"
    );
    harness.hover_at(egui::pos2(graph.right() - 0.5, graph.center().y));
    harness.run_ok();
    assert!(texts(&harness).iter().filter(|text| *text == "now").count() > 3);
}

#[test]
fn the_footer_warns_in_words() {
    let mut short = load();
    short.disk_free = ByteSize::mib(900);
    short.memory_used = ByteSize::gib(31);
    let harness = harness(Window::new([
        show(report(1, "Debian", State::Off)),
        Event::Load(short),
    ]));
    harness.get_by_label("only 900 MiB free");
    harness.get_by_label("31 GiB of 32 GiB used, nearly full");
}
