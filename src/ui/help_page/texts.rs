//! The texts of the help page, in English.

/// An address to open, and what it is called.
pub struct Link {
    pub words: &'static str,
    pub url: &'static str,
}

pub const QEMU_GUIDE: Link = Link {
    words: "More in QEMU's own guide",
    url: "https://www.qemu.org/docs/master/system/index.html",
};

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
pub const FIRST_STEPS: [(&str, &str); 6] = [
    (
        "Make a machine",
        "Drop an installer ISO or a disk image on the window, or press “New machine”. What is not said is chosen to suit this computer; all of it can be changed later.",
    ),
    (
        "Use its screen",
        "Click the guest's screen to type into it. {key}, tapped alone, gives the keyboard back. “Open in a window” shows the screen in a window of its own.",
    ),
    (
        "Stop and go on",
        "“Save” writes a running machine to disk; “Continue” goes on where it stopped. “Shut down” asks the guest to end by itself; “Power off” is like pulling the plug.",
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

/// What each part of the hardware means, in two sentences.
pub const PARTS: [(&str, &str); 11] = [
    (
        "Processors",
        "How many of this computer's processors the guest may use at the same time. More than half of them rarely makes a guest faster and makes everything else slower.",
    ),
    (
        "Memory",
        "What the guest sees as its RAM; it is taken from this computer while the machine runs. With a balloon the guest can give back what it does not use.",
    ),
    (
        "Firmware",
        "The first program that runs and finds the system to start. UEFI suits systems made since 2012, BIOS suits older ones; Secure Boot starts only what its maker has signed.",
    ),
    (
        "Board",
        "Which chips the guest finds around its processors. q35 suits nearly everything; i440fx is for systems from before 2010.",
    ),
    (
        "Disks",
        "A disk is a file on this computer that grows as the guest writes. virtio is the fastest bus, but old systems and Windows without drivers need SATA or IDE.",
    ),
    (
        "CD drives",
        "An ISO image lies in a CD drive as a disc does. It can be changed and taken out while the machine runs.",
    ),
    (
        "Network",
        "A network card connects the guest through this computer, which hides it from the outside. The model decides which driver the guest needs; virtio is the fastest.",
    ),
    (
        "Screen",
        "The card that draws the guest's picture. virtio suits current systems; VGA works with everything.",
    ),
    (
        "Sound",
        "The sound card that the guest finds. Intel HDA suits current systems, AC97 and Sound Blaster old ones.",
    ),
    (
        "USB",
        "The tablet lets the pointer enter and leave the guest's screen freely. Without a USB controller the guest has a mouse, which has to be caught and released.",
    ),
    (
        "Clock and watchdog",
        "The clock can run in UTC, as Linux wants it, or in local time, as Windows does. A watchdog restarts a guest that hangs, if the guest feeds it.",
    ),
];

pub const ABOUT: &str = "Virtual machines on the desktop, over QEMU. Drives QEMU as you, without a service and without root, and sends nothing anywhere.";

pub const LICENCES: [&str; 4] = [
    "Orangery itself may be used under the MIT licence or the Apache licence 2.0, as you like.",
    "Fonts: Inter and JetBrains Mono under the SIL Open Font License 1.1. Icons: Lucide, under the ISC licence.",
    "It is built from Rust libraries under the MIT, Apache, BSD, ISC, Zlib, Unicode and similar licences; Cargo.lock in its source names each of them.",
    "QEMU and the firmware of the machines are programs of their own, under the GPL and other licences; they are not part of Orangery.",
];
