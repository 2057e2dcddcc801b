//! What each part of a machine means, in two sentences and a link: for the hardware page and the help page.

use crate::language::tr;

/// Help on one part of a machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Help {
    /// English; shown by [`Self::title`].
    pub title: &'static str,
    /// Two sentences in English; shown by [`Self::text`].
    pub text: &'static str,
    /// QEMU's documentation.
    pub link: &'static str,
}

impl Help {
    /// The title in the spoken language.
    pub fn title(&self) -> &'static str {
        tr(self.title)
    }

    /// The sentences in the spoken language.
    pub fn text(&self) -> &'static str {
        tr(self.text)
    }
}

const INVOCATION: &str = "https://www.qemu.org/docs/master/system/invocation.html";

pub const MACHINE: Help = Help {
    title: "Name, picture, tags and notes",
    text: "These are for you: the guest never sees them. Tags find and filter machines in the list, and notes keep what you would otherwise forget.",
    link: "https://www.qemu.org/docs/master/system/introduction.html",
};
pub const PROCESSORS: Help = Help {
    title: "Processors",
    text: "How many processors the guest finds and of which model; more than this computer has only make it slower. Choose an older model if the guest must later move to an older computer, and sockets where the system's license counts them.",
    link: "https://www.qemu.org/docs/master/system/i386/cpu.html",
};
pub const MEMORY: Help = Help {
    title: "Memory",
    text: "What the guest finds as its RAM; this computer gives it only as the guest writes to it. The balloon lets a guest say what it uses and give back what it does not need.",
    link: "https://www.qemu.org/docs/master/system/devices/virtio/virtio-balloon.html",
};
pub const FIRMWARE: Help = Help {
    title: "Firmware and board",
    text: "The firmware starts the boot loader: systems since about 2012 know UEFI, older ones only BIOS, and Secure Boot starts only signed systems, as Windows 11 wants. The board decides which buses there are; an installed system often does not start any more when either changes.",
    link: "https://www.qemu.org/docs/master/system/i386/pc.html",
};
pub const BOOT: Help = Help {
    title: "Boot order",
    text: "The firmware tries these devices from the top until one of them starts. An installer's CD above an empty disk is enough: once the disk can start, put it first.",
    link: "https://www.qemu.org/docs/master/system/bootindex.html",
};
pub const DISKS: Help = Help {
    title: "Disks",
    text: "virtio is fastest where the guest has its driver; SATA or IDE works everywhere. Detaching keeps the disk's file, so that it can be attached again; deleting is another step and asks first.",
    link: "https://www.qemu.org/docs/master/system/images.html",
};
pub const DRIVES: Help = Help {
    title: "CD and floppy drives",
    text: "An image in a drive is never written to by a CD, and it can be changed while the guest runs. A guest may lock its drive; force takes the medium out all the same, as a paper clip would.",
    link: "https://www.qemu.org/docs/master/system/images.html",
};
pub const NETWORK: Help = Help {
    title: "Network",
    text: "User networking lets the guest reach out through this computer without root, and nothing can reach in. virtio is fastest; the other cards are for systems that have no driver for it.",
    link: "https://www.qemu.org/docs/master/system/devices/net.html",
};
pub const DISPLAY: Help = Help {
    title: "Display",
    text: "virtio follows the window's size and can have several screens. Standard VGA and Cirrus are for systems without a driver for it.",
    link: "https://www.qemu.org/docs/master/system/devices/virtio/virtio-gpu.html",
};
pub const SHARING: Help = Help {
    title: "Sharing",
    text: "What is copied on one side can be pasted on the other, and files dropped on the guest's screen arrive in it, if spice-vdagent runs in the guest. You are asked before anything goes over unless you choose always, so a guest that you don't trust sees only what you paste into it.",
    link: INVOCATION,
};
pub const SOUND: Help = Help {
    title: "Sound",
    text: "The card that the guest finds; HDA suits every system since 2005, AC’97 and Sound Blaster 16 older ones. It is heard through PipeWire or PulseAudio; how loud, and whether the guest may hear the microphone, is chosen at the speaker below its screen.",
    link: INVOCATION,
};
pub const USB: Help = Help {
    title: "USB and input",
    text: "The controller brings a tablet and a keyboard for guests without virtio drivers, and takes USB disks. A tablet says where the pointer is, so that the mouse need not be captured.",
    link: "https://www.qemu.org/docs/master/system/devices/usb.html",
};
pub const OTHER: Help = Help {
    title: "Other devices",
    text: "Small helpers that most guests use by themselves: a source of random numbers, a watchdog that acts when the guest hangs, a serial port, a TPM for the keys of Windows 11 and encrypted disks. They cost next to nothing.",
    link: "https://www.qemu.org/docs/master/system/device-emulation.html",
};
pub const CLOCK: Help = Help {
    title: "Clock",
    text: "What the guest's hardware clock shows at the start: Linux and the BSDs expect universal time, DOS and Windows local time. The wrong one shows a time that is some hours off.",
    link: INVOCATION,
};
pub const EXPERT: Help = Help {
    title: "Arguments for QEMU",
    text: "They are put at the end of QEMU's command line as they are. Wrong ones keep the machine from starting; take them out again if it does not.",
    link: INVOCATION,
};

/// All of them, in the order of the hardware page.
pub const ALL: [&Help; 15] = [
    &MACHINE,
    &PROCESSORS,
    &MEMORY,
    &FIRMWARE,
    &BOOT,
    &DISKS,
    &DRIVES,
    &NETWORK,
    &DISPLAY,
    &SHARING,
    &SOUND,
    &USB,
    &OTHER,
    &CLOCK,
    &EXPERT,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn help_is_two_sentences_and_a_link_to_qemus_documentation() {
        for help in ALL {
            assert_eq!(help.text.matches(". ").count(), 1, "{}", help.text);
            assert!(help.text.ends_with('.'), "{}", help.text);
            let path = help.link.strip_prefix("https://www.qemu.org/docs/master/");
            assert!(path.is_some_and(|path| path.contains(".html")));
        }
    }

    #[test]
    fn help_is_there_in_german() {
        use crate::language::{Language, choose};
        choose(Language::German);
        for help in ALL {
            assert_ne!(help.text(), help.text, "{}", help.title);
        }
        choose(Language::English);
    }
}
