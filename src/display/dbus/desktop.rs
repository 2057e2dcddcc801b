//! Where a pointer on one of a guest's screens is on its whole desktop: pure geometry.
//!
//! A guest has one absolute pointer, whose way across its tablet is the way across all its screens, side by side from
//! left to right with their upper edges on one line. QEMU scales what it is told on a console from that console's
//! size to the tablet, whichever console it is; so a position on a head is told as a share of the desktop.

use crate::display::frame::Size;

/// The console to tell, and the position on it, for the pixel `at` of `head`.
///
/// `sizes` are those of all heads, `desktop` the heads that the guest uses. A desktop twice as wide as the widest head
/// is met to one pixel.
pub(super) fn place(
    sizes: &[Size],
    desktop: &[u32],
    head: u32,
    at: (u32, u32),
) -> (u32, (u32, u32)) {
    let size_of = |head: u32| sizes.get(head as usize).copied().unwrap_or_default();
    let before = desktop.iter().take_while(|other| **other != head);
    let left: u64 = before.map(|other| u64::from(size_of(*other).width)).sum();
    let width: u64 = desktop
        .iter()
        .map(|head| u64::from(size_of(*head).width))
        .sum();
    let height = desktop.iter().map(|head| size_of(*head).height).max();
    let finest = desktop.iter().max_by_key(|head| {
        let size = size_of(**head);
        (size.width, size.height)
    });
    let (Some(height), Some(&finest), true) = (height, finest, desktop.contains(&head)) else {
        return (head, inside(at, size_of(head)));
    };
    let own = size_of(finest);
    let share = |at: u64, whole: u64, own: u32| {
        let told = (at * u64::from(own) + whole / 2) / whole.max(1);
        u32::try_from(told).unwrap_or(u32::MAX)
    };
    let (x, y) = inside(at, size_of(head));
    let told = (
        share(left + u64::from(x), width, own.width),
        share(u64::from(y), u64::from(height), own.height),
    );
    (finest, inside(told, own))
}

/// QEMU refuses positions outside its picture.
fn inside((x, y): (u32, u32), size: Size) -> (u32, u32) {
    (
        x.min(size.width.saturating_sub(1)),
        y.min(size.height.saturating_sub(1)),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The pixel of the desktop that a guest makes of what QEMU was told.
    fn arrives(sizes: &[Size], desktop: &[u32], told: (u32, (u32, u32))) -> (u32, u32) {
        let (console, (x, y)) = told;
        let own = sizes[console as usize];
        let width: u32 = desktop.iter().map(|head| sizes[*head as usize].width).sum();
        let height = desktop
            .iter()
            .map(|head| sizes[*head as usize].height)
            .max();
        let scale = |at: u32, own: u32, whole: u32| {
            let tablet = u64::from(at) * 0x7fff / u64::from(own);
            (tablet * u64::from(whole)).div_ceil(0x7fff) as u32
        };
        (
            scale(x, own.width, width),
            scale(y, own.height, height.unwrap()),
        )
    }

    #[test]
    fn a_single_screen_is_told_to_the_pixel() {
        let sizes = [Size::new(1280, 800), Size::new(640, 480)];
        assert_eq!(place(&sizes, &[], 0, (300, 200)), (0, (300, 200)));
        assert_eq!(place(&sizes, &[0], 0, (1279, 799)), (0, (1279, 799)));
        assert_eq!(place(&sizes, &[0], 1, (9_999, 9_999)), (1, (639, 479)));
        assert_eq!(place(&[], &[], 3, (5, 5)), (3, (0, 0)));
    }

    #[test]
    fn positions_on_either_screen_arrive_there_to_a_pixel() {
        let sizes = [Size::new(1280, 800), Size::new(1024, 768)];
        let desktop = [0, 1];
        for (head, left) in [(0, 0), (1, 1280)] {
            let size = sizes[head as usize];
            for at in [
                (0, 0),
                (1, 1),
                (300, 200),
                (size.width - 1, size.height - 1),
            ] {
                let told = place(&sizes, &desktop, head, at);
                let (x, y) = arrives(&sizes, &desktop, told);
                assert!(x.abs_diff(left + at.0) <= 2, "{head} {at:?}: {x}");
                assert!(y.abs_diff(at.1) <= 1, "{head} {at:?}: {y}");
            }
        }
    }
}
