//! Pictures of every page and dialog in every look, for a person to look at.
//!
//! `ORANGERY_LOOK=folder cargo test --test it ui_look -- --ignored` writes them all;
//! `ORANGERY_SCENES=palette,trash` and `ORANGERY_LOOKS=german,large-dark` name some of them.

mod copies;
mod labs;
mod scenes;
mod timelines;

use egui_kittest::Harness;
use orangery::language::{self, Language};
use orangery::model::ThemeChoice;
use orangery::ui::theme;

use crate::ui_fixture::Window;
use crate::ui_paint::Painter;
use scenes::{Scene, scenes};

/// How the window is looked at.
struct Look {
    name: &'static str,
    /// In points.
    size: [f32; 2],
    scale: f32,
    dark: bool,
    language: Language,
}

const fn look(name: &'static str, size: [f32; 2], scale: f32, dark: bool) -> Look {
    Look {
        name,
        size,
        scale,
        dark,
        language: Language::English,
    }
}

const SMALL: [f32; 2] = [1024.0, 640.0];
const LARGE: [f32; 2] = [1920.0, 1080.0];
const LOOKS: [Look; 7] = [
    look("small-dark", SMALL, 1.0, true),
    look("small-light", SMALL, 1.0, false),
    look("large-dark", LARGE, 1.0, true),
    look("large-light", LARGE, 1.0, false),
    look("double-dark", SMALL, 2.0, true),
    look("double-light", SMALL, 2.0, false),
    Look {
        language: Language::German,
        ..look("german", SMALL, 1.0, true)
    },
];

#[test]
#[ignore = "writes pictures for a person to look at; checks nothing"]
fn every_page_in_every_look() {
    let folder = std::env::var("ORANGERY_LOOK").expect("ORANGERY_LOOK names a folder");
    let (only_scenes, only_looks) = (wanted("ORANGERY_SCENES"), wanted("ORANGERY_LOOKS"));
    let is_wanted =
        |only: &[String], name: &str| only.is_empty() || only.iter().any(|it| it == name);
    for look in LOOKS
        .iter()
        .filter(|look| is_wanted(&only_looks, look.name))
    {
        for scene in scenes() {
            if is_wanted(&only_scenes, &scene.name) {
                let path = format!("{folder}/{}-{}.png", scene.name, look.name);
                picture(&scene, look).save(path).unwrap();
            }
        }
    }
}

fn wanted(variable: &str) -> Vec<String> {
    let names = std::env::var(variable).unwrap_or_default();
    let names = names.split(',').filter(|name| !name.is_empty());
    names.map(str::to_owned).collect()
}

fn picture(scene: &Scene, look: &Look) -> image::RgbaImage {
    language::choose(look.language);
    let painter = Painter::default();
    let mut window = (scene.window)();
    let (theme, palette) = match look.dark {
        true => (ThemeChoice::Dark, &theme::DARK),
        false => (ThemeChoice::Light, &theme::LIGHT),
    };
    window.view.settings.theme = theme;
    let mut harness = Harness::builder()
        .with_size(look.size)
        .with_pixels_per_point(look.scale)
        .with_context_setup(theme::install)
        .renderer(painter.clone())
        .build_ui_state(|ui, window: &mut Window| window.ui(ui), window);
    harness.run_ok();
    (scene.steps)(&mut harness);
    harness.run_ok();
    language::choose(Language::English);
    painter.paint(&harness.ctx, harness.output(), palette.background)
}
