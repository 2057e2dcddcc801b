"""Ways to look at a guest: Orangery's, and those that people use today on the very same QEMU line."""

import os
import shutil
import socket
import subprocess
import time

import process
from machines import Bare, Monitor
from painter import add_machine, frame_in_dump
from sections import IS_VCPU

RUNNING = b"painter: running"
NOT_INSTALLED = "not installed"
# Windows without frames at 0,0, so that all have the same pixels for the guest.
WINDOW_RULES = """<?xml version="1.0"?>
<openbox_config xmlns="http://openbox.org/3.4/rc">
<focus><focusNew>yes</focusNew></focus>
<applications><application class="*"><decor>no</decor>
<position force="yes"><x>0</x><y>0</y></position></application></applications>
</openbox_config>
"""

DOMAIN = """<domain type="qemu"><name>{name}</name><memory unit="MiB">256</memory><vcpu>1</vcpu>
<os><type arch="x86_64" machine="q35">hvm</type></os><features><acpi/></features>
<devices><emulator>/usr/bin/qemu-system-x86_64</emulator>
<disk type="file" device="disk"><driver name="qemu" type="qcow2"/><source file="{disk}"/>
<target dev="vda" bus="virtio"/></disk>
<input type="keyboard" bus="virtio"/><input type="tablet" bus="virtio"/>
<serial type="unix"><source mode="bind" path="{serial}"/></serial>
<graphics type="spice" autoport="yes"><listen type="address" address="127.0.0.1"/></graphics>
<video><model type="{video}"/></video></devices></domain>
"""
PATIENCE = 30


def qemu_cpu(pid):
    """Processor seconds of a QEMU without its guest's processors, ended threads included."""
    return process.cpu(pid) - process.cpu_of_threads(pid, IS_VCPU.match)


class Viewer:
    """One way to look at a guest. `start` makes a guest run the painting and shows it."""

    name = ""
    can_scale = True

    def __init__(self, bench, screen, image):
        self.bench, self.screen, self.image = bench, screen, image
        self.orangery = bench.orangery("console")
        self.qemu = None  # Its process id.
        self.programs = []  # What was started, and is ended; their trees are the viewer.
        self.log = os.path.join(bench.folder, "viewer.log")

    def missing(self):
        """Why it can't be measured here; None if it can."""
        return None

    def start(self, painting, scaled):
        raise NotImplementedError

    def arrange(self, hands):
        """Brings the guest's picture into sight, where it is not at once."""

    def run(self, command, **more):
        program = process.start(command, self.log, env=dict(self.screen.env, **more))
        self.programs.append(program)
        return program

    def machine(self, painting):
        return add_machine(self.orangery, self.image, painting, self.bench.folder)

    def cpu(self):
        """Processor seconds of QEMU, the viewer and the X server up to now."""
        viewer = sum(process.cpu_of_tree(program.pid) for program in self.programs)
        return qemu_cpu(self.qemu), viewer, process.cpu(self.screen.server.pid)

    def stop(self):
        for program in reversed(self.programs):
            process.stop(program)
        self.programs.clear()

    def window(self):
        """The viewer's greatest window, as xdotool names it."""
        found = subprocess.run(["xdotool", "search", "--onlyvisible", "--name", ".+"],
                               env=self.screen.env, capture_output=True, text=True, check=False)
        windows = [(self.area(window), window) for window in found.stdout.split()]
        return max(windows, default=(0, None))[1]

    def area(self, window):
        told = subprocess.run(["xdotool", "getwindowgeometry", "--shell", window],
                              env=self.screen.env, capture_output=True, text=True, check=False)
        sides = dict(line.split("=") for line in told.stdout.split() if "=" in line)
        return int(sides.get("WIDTH", 0)) * int(sides.get("HEIGHT", 0))

    def shape(self, *words):
        """Lets xdotool do something with the window."""
        window = self.window()
        if window is None:
            raise RuntimeError(f"{self.name} has no window")
        command = ["xdotool", words[0], window, *map(str, words[1:])]
        subprocess.run(command, env=self.screen.env, check=False, capture_output=True)


class BareViewer(Viewer):
    """A viewer of a QEMU that is run by hand."""

    def display(self, scaled):
        """QEMU's options for its display."""
        raise NotImplementedError

    def start(self, painting, scaled):
        self.folder = os.path.join(self.bench.folder, "bare")
        bare = Bare(self.orangery, self.machine(painting), self.folder)
        at = bare.words.index("-display")
        bare.words[at:at + 2] = self.display(scaled)
        serial = os.path.join(self.folder, "serial")
        for path in (serial, self.socket()):
            if os.path.exists(path):
                os.unlink(path)
        program = process.start(bare.words, bare.log, env=self.screen.env)
        self.programs.append(program)
        self.qemu = program.pid
        wait_for_line(serial, RUNNING, bare.log)
        self.view(scaled)

    def socket(self):
        return os.path.join(self.folder, "view")

    def view(self, scaled):
        """Starts the viewer."""

    def cpu(self):
        qemu, viewer, server = super().cpu()
        # The first program is QEMU itself, with its guest's processors.
        return qemu, viewer - process.cpu_of_tree(self.qemu), server


class Headless(BareViewer):
    """Nobody looks: what the guest costs anyway."""

    name = "headless"

    def display(self, scaled):
        return ["-display", "none"]

    def frame(self):
        """The number of the frame that the guest has drawn last, and when that was asked for."""
        monitor = Monitor(os.path.join(self.folder, "mon0"))
        picture = os.path.join(self.folder, "dump")
        asked = time.monotonic()
        monitor.ask("screendump", filename=picture)
        monitor.close()
        return frame_in_dump(picture), asked


class Gtk(BareViewer):
    name = "gtk"

    def missing(self):
        told = subprocess.run(["qemu-system-x86_64", "-display", "help"], capture_output=True,
                              text=True, check=False).stdout
        return None if "gtk" in told.split() else NOT_INSTALLED

    def display(self, scaled):
        fit = "on" if scaled else "off"
        return ["-display", f"gtk,zoom-to-fit={fit},show-menubar=off"]


class Vnc(BareViewer):
    name = "vncviewer"
    can_scale = False

    def missing(self):
        return None if shutil.which("vncviewer") else NOT_INSTALLED

    def display(self, scaled):
        return ["-display", "none", "-vnc", f"unix:{self.socket()}"]

    def view(self, scaled):
        self.run(["vncviewer", "-RemoteResize=0", self.socket()])


class Spice(BareViewer):
    name = "remote-viewer"

    def missing(self):
        told = subprocess.run(["qemu-system-x86_64", "-display", "help"], capture_output=True,
                              text=True, check=False).stdout
        both = shutil.which("remote-viewer") and "spice-app" in told.split()
        return None if both else NOT_INSTALLED

    def display(self, scaled):
        return ["-display", "none", "-spice",
                f"unix=on,addr={self.socket()},disable-ticketing=on"]

    def view(self, scaled):
        self.run(["remote-viewer", f"spice+unix://{self.socket()}"])


class VirtManager(Viewer):
    """Its console speaks SPICE to a QEMU that a libvirt of this session runs."""

    name = "virt-manager"
    can_scale = False  # Only after a choice in a menu.
    domain = "painter"

    def missing(self):
        there = shutil.which("virt-manager") and shutil.which("virsh") and libvirtd()
        return None if there else NOT_INSTALLED

    def start(self, painting, scaled):
        folder = os.path.join(self.bench.folder, "libvirt")
        os.makedirs(folder, exist_ok=True)
        disk, serial = os.path.join(folder, "disk.qcow2"), os.path.join(folder, "serial")
        shutil.copyfile(self.orangery.disk(self.machine(painting)), disk)
        self.run([libvirtd(), "--timeout", "3600"])
        time.sleep(1)
        definition = os.path.join(folder, "domain.xml")
        with open(definition, "w", encoding="utf-8") as file:
            file.write(DOMAIN.format(name=self.domain, disk=disk, serial=serial,
                                     video=painting.display))
        self.virsh("create", definition)
        with open(os.path.join(os.environ["XDG_RUNTIME_DIR"], "libvirt", "qemu", "run",
                               f"{self.domain}.pid"), encoding="utf-8") as file:
            self.qemu = int(file.read())
        wait_for_line(serial, RUNNING, self.log)
        self.run(["virt-manager", "--connect", "qemu:///session", "--no-fork",
                  "--show-domain-console", self.domain])

    def arrange(self, hands):
        self.screen.wait_until_painted(self.screen.sample(), PATIENCE)
        # Its bars and the guest's pixels.
        self.shape("windowsize", 2000, 1300)

    def virsh(self, *words):
        done = subprocess.run(["virsh", "--connect", "qemu:///session", *words], check=False,
                              capture_output=True, text=True, env=self.screen.env)
        if done.returncode != 0:
            raise RuntimeError(f"virsh {words[0]}: {done.stderr.strip()}")

    def stop(self):
        if self.qemu and process.alive(self.qemu):
            self.virsh("destroy", self.domain)
        self.qemu = None
        super().stop()


def libvirtd():
    return shutil.which("libvirtd", path=os.environ["PATH"] + ":/usr/sbin")


class Console(Viewer):
    """`orangery console`, with the engine that owns the machine."""

    name = "console"
    presenter = "auto"

    def start(self, painting, scaled):
        name = self.machine(painting)
        self.orangery.run("start", name)
        self.qemu = self.orangery.machine(name)["pid"]
        self.show(name)

    def show(self, name):
        self.run(self.orangery.command("console", name), ORANGERY_PRESENTER=self.presenter)

    def cpu(self):
        qemu, viewer, server = super().cpu()
        owner = self.orangery.owner()
        return qemu, viewer + (process.cpu(owner) if owner else 0), server

    def stop(self):
        super().stop()
        self.orangery.stop_all()


class CopyingConsole(Console):
    """Where the window system can't take the guest's own memory."""

    name = "console, copied"
    presenter = "copied"


class Page(Console):
    """The machine's page in the main window, which opens with the library's first machine."""

    name = "page"
    TAB = 420, 120  # Where "Screen" stands in the window.

    def __init__(self, bench, screen, image):
        super().__init__(bench, screen, image)
        self.orangery = bench.orangery("page-console")

    def show(self, name):
        self.run(self.orangery.command())

    def arrange(self, hands):
        self.screen.wait_until_painted(self.screen.sample(), PATIENCE)
        # The guest's pixels and what is around them.
        self.shape("windowsize", 2260, 1300)
        self.screen.wait_until_calm(0.5, 3)
        hands.move(*self.TAB)
        hands.click()

    def stop(self):
        super().stop()
        for entry in self.orangery.list():
            self.orangery.run("delete", entry["name"])
        self.orangery.end_owner()


def wait_for_line(path, line, log, patience=60):
    """Waits until the guest says this on its serial port, a socket of QEMU's."""
    deadline = time.monotonic() + patience
    with socket.socket(socket.AF_UNIX) as port:
        while True:
            try:
                port.connect(path)
                break
            except OSError:
                if time.monotonic() > deadline:
                    raise RuntimeError(f"QEMU did not start: {process.tail(log)}") from None
                time.sleep(0.005)
        port.settimeout(1)
        said = b""
        while line not in said:
            if time.monotonic() > deadline:
                raise RuntimeError("the painter did not start")
            try:
                said += port.recv(4096) or b"\0"
            except TimeoutError:
                pass


class WindowManager:
    """Openbox, without frames around windows."""

    def __init__(self, screen):
        rules = os.path.join(screen.folder, "openbox.xml")
        with open(rules, "w", encoding="utf-8") as file:
            file.write(WINDOW_RULES)
        self.program = process.start(["openbox", "--config-file", rules], screen.log, env=screen.env)
        time.sleep(0.5)

    def close(self):
        process.stop(self.program)
