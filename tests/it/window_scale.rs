//! A machine's page at fractional scales of the desktop: one guest pixel is one physical pixel.

use orangery::display::picture::Picture;

use crate::console_desktop::Shot;
use crate::window_stage::{SOON, Stage, Window, wait};

/// Where widgets are is told in whole points.
const SLACK: usize = 2;

/// True if the guest's picture is seen, pixel for pixel, where the page has it.
fn shows(window: &Window<'_>, guest: &Picture) -> bool {
    let [left, top, ..] = window.card_place().place.map(|at| at.max(0) as usize);
    let (width, height) = (guest.width as usize, guest.height as usize);
    let all = window.stage.desktop.shot("root");
    let rgb = guest.rgba.chunks(4).flat_map(|pixel| &pixel[..3]);
    let wanted = Shot {
        width,
        height,
        rgb: rgb.copied().collect(),
    };
    let near = |at: usize| at.saturating_sub(SLACK)..=at + SLACK;
    near(top).any(|y| {
        near(left).any(|x| {
            let fits = x + width <= all.width && y + height <= all.height;
            fits && all.part(x, y, width, height) == wanted
        })
    })
}

#[test]
fn one_to_one_is_one_to_one_at_every_scale_of_the_desktop() {
    let Some(mut stage) = Stage::sized(2700, 1800) else {
        return;
    };
    stage.ok(&["create", "Card", "--test-card"]);
    stage.ok(&["start", "Card"]);
    let file = stage.file("guest.png");
    // Without a GPU a large window takes half a minute.
    let scales: &[f64] = match std::env::var_os("ORANGERY_SOAK") {
        Some(_) => &[1.25, 1.5, 1.75],
        None => &[1.25],
    };
    for &scale in scales {
        stage.scale = scale;
        let window = stage.open();
        window.click("Card");
        window.tab("Screen");
        window.card("the card in the page's pixels", |card| card.virtio_screen);
        stage.ok(&["pause", "Card"]);
        stage.ok(&["screenshot", "Card", &file.display().to_string()]);
        let guest = Picture::from_png(&std::fs::read(&file).unwrap()).unwrap();
        std::fs::remove_file(&file).unwrap();
        wait(SOON, &format!("the guest's pixels at {scale}"), || {
            shows(&window, &guest)
        });
        window.keep(&format!("screen-{scale}"));
        stage.ok(&["resume", "Card"]);
    }
}
