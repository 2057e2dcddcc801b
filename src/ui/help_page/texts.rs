//! The texts of the help page, in English.

/// An address to open, and what it is called.
pub struct Link {
    pub words: &'static str,
    pub url: &'static str,
}

pub const LINKS: [Link; 2] = [
    Link {
        words: "QEMU, which runs the machines",
        url: "https://www.qemu.org/",
    },
    Link {
        words: "KVM, which makes them fast",
        url: "https://linux-kvm.org/",
    },
];

/// Title and text; `{key}` is the key that gives the keyboard back.
pub const FIRST_STEPS: [(&str, &str); 13] = [
    (
        "Make a machine",
        "Drop an installer ISO or a disk image on the window, or press “New machine”. What is not said is chosen to suit this computer; all of it can be changed later.",
    ),
    (
        "Use its screen",
        "Click the guest's screen to type into it. {key}, tapped alone, gives the keyboard back. “Open in a window” shows the screen in a window of its own.",
    ),
    (
        "Give it several screens",
        "Under Hardware → Display, with the virtio card. “More actions” opens a window for each, and F11 or the window's menu fills a monitor with it. The guest should have them side by side from left to right, as most do by themselves; closing a window unplugs its screen.",
    ),
    (
        "Keys, text and fingers",
        "While the guest has the keyboard, Super, Alt+Tab and Print are the guest's too; the settings can leave some to your desktop. “Send keys” presses what you can't, and types the clipboard's text where no clipboard reaches. A touchscreen is added under “USB and input”.",
    ),
    (
        "Use its serial console",
        "“Terminal” on a machine's page is the guest's text console, also where it has no screen. A Linux guest shows a login there once its kernel is started with console=ttyS0. What is said there is kept in the machine's folder, at most 3 MB of it, which only you may read: a guest may show secrets there.",
    ),
    (
        "Stop and go on",
        "“Save” writes a running machine to disk; “Continue” goes on where it stopped. “Shut down” asks the guest to end by itself; “Power off” is like pulling the plug.",
    ),
    (
        "Go back in time",
        "“Take a snapshot” keeps a moment: disks, hardware and, while the guest runs, its memory. “Timeline” on a machine's page shows all of them with pictures; drag along the strip to look through, and “Go back…” makes one the present. The present is kept as a branch unless you say otherwise, so nothing is lost on the way.",
    ),
    (
        "Have moments kept by themselves",
        "“Checkpoints” on the timeline keeps one every few minutes, and before a machine shuts down, is reset or changed. Older ones get sparse by themselves, and together they take no more room than you give them. A new machine made as an experiment has them from the start.",
    ),
    (
        "Have a second one in a blink",
        "“Fork” makes a machine that goes on from this very moment; this one goes on, too, and each by itself from then on. “Try” does the same in a copy of which nothing is kept unless you say so: its page has a coloured frame, and you are asked when its guest ends or the window closes. Copies begin with their network cables out, since from outside both are one computer. Any snapshot can be forked, cloned, or made a template that new machines begin from at once.",
    ),
    (
        "Work with several machines together",
        "Select machines in the list with Ctrl or Shift and choose “Make a lab of these…”. A lab starts its machines in their order and shows them side by side. “Keep this moment…” keeps all of them at the very same moment, and “Go back…” takes all of them back to it and lets them go on together.",
    ),
    (
        "Nothing is lost by accident",
        "Deleted machines stay in the trash until you empty it. Closing the window asks what becomes of machines that run.",
    ),
    (
        "What is an installer image?",
        "A file, often ending in .iso, with a system's installation disc on it. Makers of Linux, BSD and Windows offer them on their download pages; choose the one for x86-64, also called amd64 or 64-bit PC.",
    ),
    (
        "When something does not work",
        "“This computer” says what is missing and how to mend it. A failed start says why on the machine's page. “Report a problem” collects what others need to help you.",
    ),
];

pub const ABOUT: &str = "Virtual machines on the desktop, over QEMU. Drives QEMU as you, without a service and without root, and sends nothing anywhere.";

pub const LICENCES: [&str; 4] = [
    "Orangery itself may be used under the MIT licence or the Apache licence 2.0, as you like.",
    "Fonts: Inter and JetBrains Mono under the SIL Open Font License 1.1. Icons: Lucide, under the ISC licence.",
    "It is built from Rust libraries under the MIT, Apache, BSD, ISC, Zlib, Unicode and similar licences; Cargo.lock in its source names each of them.",
    "QEMU and the firmware of the machines are programs of their own, under the GPL and other licences; they are not part of Orangery.",
];
