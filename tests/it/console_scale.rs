//! A console's own window under Wayland at fractional scales of the desktop: one guest pixel is one physical pixel.
#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test that cannot go on should stop there"
)]

use std::process::Child;

use orangery::display::picture::Picture;

use crate::card;
use crate::compositor::{Compositor, Kind};
use crate::console_desktop::{Shot, wait};
use crate::console_stage::{BAR, assert_shown, boot, open, this_program};
use crate::display_live::machine::Machine;

struct Window {
    compositor: Compositor,
    /// Height of the bar in physical pixels.
    bar: usize,
    child: Child,
}

impl Window {
    fn open(kind: Kind, home: &std::path::Path) -> Self {
        let compositor = Compositor::start(kind);
        let child = open(compositor.command(&this_program()), home, "direct", 1.0);
        Self {
            compositor,
            bar: (BAR as u32 * kind.scale).div_ceil(120) as usize,
            child,
        }
    }

    fn picture(&self) -> Shot {
        let shot = self.compositor.shot();
        let height = shot.height - self.bar;
        shot.part(0, self.bar, shot.width, height)
    }

    /// Waits for the card, and that the picture is the guest's to the pixel.
    fn assert_exact(&mut self, machine: &mut Machine) {
        wait("the card", || {
            assert!(self.child.try_wait().unwrap().is_none());
            let picture = self.picture();
            let card = card::decode_rgb(&picture.rgb, picture.width, picture.height);
            card.is_ok_and(|card| card.virtio_screen)
        });
        assert_shown(machine, || self.picture());
    }

    /// True if pixels are seen that lie in a file of the machine's.
    fn shows_memory_of(&self, machine: &Machine) -> bool {
        let files = machine.memory_files();
        let numbers = files.iter().map(|(_, number)| *number);
        let shown = self.compositor.files();
        numbers.into_iter().any(|number| shown.contains(&number))
    }
}

impl Drop for Window {
    fn drop(&mut self) {
        if let Some(folder) = std::env::var_os("ORANGERY_TEST_SHOTS") {
            let shot = self.compositor.shot();
            let rgba = shot.rgb.chunks(3).flat_map(|rgb| [rgb, &[255]].concat());
            let picture = Picture {
                width: shot.width as u32,
                height: shot.height as u32,
                rgba: rgba.collect(),
            };
            let path = std::path::Path::new(&folder).join(format!("{}.png", self.child.id()));
            std::fs::write(path, picture.to_png().unwrap()).ok();
        }
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

#[test]
fn one_to_one_is_one_to_one_at_every_scale_of_a_wayland_desktop() {
    let home = tempfile::tempdir().unwrap();
    let Some(mut machine) = boot(home.path(), &["-device", "virtio-tablet-pci"]) else {
        return;
    };
    // QEMU's screendump takes widths of whole fours only, and none of them is a whole number of logical pixels. A
    // compositor that can't crop has no fractions either.
    let mut kinds = vec![(150, 803, true), (210, 802, true), (120, 804, false)];
    if std::env::var_os("ORANGERY_SOAK").is_some() {
        kinds.extend([(180, 805, true), (240, 802, true)]);
    }
    for (scale, width, viewporter) in kinds {
        let kind = Kind {
            size: (width, 603),
            scale,
            viewporter,
        };
        let mut window = Window::open(kind, home.path());
        window.assert_exact(&mut machine);
        let direct = window.shows_memory_of(&machine);
        assert_eq!(direct, viewporter, "at {scale} 120ths");
    }
}
