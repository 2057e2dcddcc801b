//! Pictures of the hardware page's parts, for a person to look at.
//!
//! `ORANGERY_LOOK=folder cargo test --test it ui_hardware_look -- --ignored` writes them;
//! `ORANGERY_SCENES` names some of them.

use egui::accesskit::Role;
use egui_kittest::Harness;
use egui_kittest::kittest::{NodeT as _, Queryable as _};
use orangery::model::*;
use orangery::ui::theme;

use crate::ui_fixture::{self as fixture, Window};
use crate::ui_hardware as page;
use crate::ui_hardware::whole::PARTS;
use crate::ui_paint::Painter;

fn window(pending: bool) -> Window {
    let mut report = fixture::report(1, "Alpine lab", State::Running);
    let machine = page::machine();
    let mut running = machine.clone();
    if pending {
        apply(&mut running, Change::Memory(ByteSize::gib(2)));
        apply(&mut running, Change::Cpus(4));
        apply(&mut running, Change::Remove("nic0".to_owned()));
        report.running = Some(Box::new(running));
    }
    report.machine = Some(machine);
    Window::new([
        orangery::engine::message::Event::Computer(Box::new(fixture::computer())),
        fixture::show(report),
        fixture::show(fixture::report(2, "FreeBSD router", State::Off)),
    ])
}

fn click(harness: &mut Harness<'_, Window>, label: &str) {
    let roles = [Role::Tab, Role::Button, Role::CheckBox];
    harness
        .get_all_by_label(label)
        .find(|node| roles.contains(&node.accesskit_node().role()))
        .unwrap()
        .click_accesskit();
    harness.run_ok();
}

#[test]
#[ignore = "writes pictures for a person to look at; checks nothing"]
fn every_part_in_both_themes() {
    let folder = std::env::var("ORANGERY_LOOK").expect("ORANGERY_LOOK names a folder");
    let only = std::env::var("ORANGERY_SCENES").unwrap_or_default();
    let small: &[usize] = &[0, 1, 4, 5, 7, 13];
    let all: Vec<usize> = (0..PARTS.len()).collect();
    for (size, scale, name, parts) in [
        ([1280.0, 800.0], 1.0, "large", &all[..]),
        ([1024.0, 640.0], 1.0, "small", small),
        ([1024.0, 640.0], 2.0, "small-2x", &small[3..4]),
        ([1920.0, 1080.0], 1.0, "huge", &small[3..4]),
    ] {
        for &number in parts {
            let part = PARTS[number];
            let scene = format!("{name}-{number}");
            if !only.is_empty() && !only.split(',').any(|only| only == scene) {
                continue;
            }
            for dark in [true, false] {
                let image = picture(size, scale, part, dark);
                let theme = if dark { "dark" } else { "light" };
                image.save(format!("{folder}/{scene}-{theme}.png")).unwrap();
            }
        }
    }
}

fn picture(size: [f32; 2], scale: f32, part: &str, dark: bool) -> image::RgbaImage {
    let painter = Painter::default();
    let mut window = window(part == "Machine" || part == "Boot order");
    window.view.settings.theme = if dark {
        ThemeChoice::Dark
    } else {
        ThemeChoice::Light
    };
    let mut harness = Harness::builder()
        .with_size(size)
        .with_pixels_per_point(scale)
        .with_context_setup(theme::install)
        .renderer(painter.clone())
        .build_ui_state(|ui, window: &mut Window| window.ui(ui), window);
    harness.run_ok();
    click(&mut harness, "Hardware");
    if part != "Machine" || size[0] < 1200.0 {
        click(&mut harness, part);
    }
    if part == "Disks" {
        click(&mut harness, "Add a disk…");
    }
    if part == "Processors" {
        click(&mut harness, "Arrange them by hand");
    }
    harness.run_ok();
    let palette = if dark { &theme::DARK } else { &theme::LIGHT };
    painter.paint(&harness.ctx, harness.output(), palette.background)
}
