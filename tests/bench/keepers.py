"""Who keeps moments of a guest: Orangery, virsh with external snapshots, QEMU's own snapshots by hand."""

import glob
import json
import os
import shutil
import socket
import subprocess
import time

import process
from machines import Bare, Monitor
from sections import allocated

PROCESSORS = 2
DOMAIN = """<domain type="qemu" xmlns:qemu="http://libvirt.org/schemas/domain/qemu/1.0">
<name>{name}</name><memory unit="MiB">{memory}</memory><vcpu>{processors}</vcpu>
<os><type arch="x86_64" machine="q35">hvm</type></os><features><acpi/></features>
<cpu mode="maximum"/>
<devices><emulator>/usr/bin/qemu-system-x86_64</emulator>
<disk type="file" device="disk"><driver name="qemu" type="qcow2" discard="unmap"/><source file="{disk}"/>
<target dev="vda" bus="virtio"/></disk>
<input type="keyboard" bus="virtio"/><input type="tablet" bus="virtio"/>
<serial type="unix"><source mode="bind" path="{serial}"/></serial>
<graphics type="vnc" socket="{vnc}"/><video><model type="virtio"/></video></devices>
<qemu:commandline><qemu:arg value="-qmp"/><qemu:arg value="unix:{monitor},server=on,wait=off"/></qemu:commandline>
</domain>
"""
OLDEST = [9, 10]  # Of libvirt.
# More than a save into internal snapshots after a load takes.
PATIENCE = 300


class Guest:
    """What all keepers run: Debian from one disk."""

    def __init__(self, name, memory, image, graphical):
        self.name, self.memory, self.image, self.graphical = name, memory, image, graphical


class Watch:
    """Hears a QEMU's events on a QMP socket of its own: how long the guest stood still, by QEMU's own clock."""

    def __init__(self, path):
        self.socket = Monitor(path).socket
        self.bytes = b""

    def stopped(self):
        """Milliseconds between STOP and RESUME since the last call; None if it did not stop. Waits for RESUME."""
        total, since, seen = 0.0, None, False
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            event = self.next_event(0.3)
            if event is None:
                if since is None:
                    break
                continue
            stamp = event["timestamp"]
            at = stamp["seconds"] * 1000 + stamp["microseconds"] / 1000
            if event["event"] == "STOP" and since is None:
                since, seen = at, True
            elif event["event"] == "RESUME" and since is not None:
                total, since = total + at - since, None
        return total if seen else None

    def next_event(self, patience):
        """The next event; None when none comes."""
        self.socket.settimeout(patience)
        while True:
            line, newline, rest = self.bytes.partition(b"\n")
            if newline:
                self.bytes = rest
                message = json.loads(line)
                if "event" in message:
                    return message
                continue
            try:
                more = self.socket.recv(65536)
            except TimeoutError:
                return None
            if not more:
                return None
            self.bytes += more

    def close(self):
        self.socket.close()


class Keeper:
    """One who keeps moments. Names of moments are words."""

    name = ""

    def __init__(self, bench, guest):
        self.bench, self.guest = bench, guest
        self.folder = os.path.join(bench.folder, f"{type(self).__name__}-{guest.name}".lower())
        os.makedirs(self.folder)
        self.log = os.path.join(self.folder, "log")

    def start(self):
        """Lets the guest boot; does not wait."""
        raise NotImplementedError

    def take(self, moment):
        raise NotImplementedError

    def rewind(self, moment):
        raise NotImplementedError

    def delete(self, moment):
        raise NotImplementedError

    def forget(self, moments):
        """Frees their place if that is quickly done; they are not needed any more."""

    def settle(self):
        """Waits until nothing is done in the background."""

    def monitor(self):
        """The path of a QMP socket that nobody else uses."""
        raise NotImplementedError

    def serial(self):
        """A connected stream to the guest's serial port, and how to end it."""
        raise NotImplementedError

    def screenshot(self, path):
        """The guest's screen as a picture file."""
        raise NotImplementedError

    def hold(self):
        """The guest stands still while another is measured."""
        self.ask("stop")

    def go_on(self):
        self.ask("cont")
        time.sleep(1)

    def ask(self, command):
        monitor = Monitor(self.monitor())
        monitor.ask(command)
        monitor.close()

    def stopped_during(self, action):
        """Milliseconds that the guest stood still, and seconds that the action took."""
        watch = Watch(self.monitor())
        try:
            began = time.monotonic()
            action()
            took = time.monotonic() - began
            return watch.stopped(), took
        finally:
            watch.close()

    def disk(self):
        """MiB that all of it takes."""
        return allocated(self.folder)

    def shell(self, line, patience=120):
        """Types a line into the guest's shell and waits until it was done."""
        deadline = time.monotonic() + patience
        number = 0
        while time.monotonic() < deadline:
            number += 1
            stream, end = self.serial()
            try:
                # The sum is not in the echo of the line, only in what it prints.
                stream.sendall(f"\n{line}; echo done-$(({number}+1000))\n".encode())
                if heard(stream, f"done-{number + 1000}".encode(), patience if line != "true" else 4):
                    return
            finally:
                end()
        raise RuntimeError(f"{self.name}: the guest's shell does not answer")

    def has_picture(self):
        """Whether the guest's screen can be had now, and not all of it is of one colour."""
        path = os.path.join(self.folder, "picture")
        try:
            self.screenshot(path)
        except (RuntimeError, OSError):
            return False
        colours = subprocess.run(["identify", "-format", "%k", path], capture_output=True, text=True,
                                 check=False)
        return colours.returncode == 0 and int(colours.stdout) > 1

    def stop(self):
        """Ends the guest and all that was started for it."""


def heard(stream, wanted, patience):
    deadline = time.monotonic() + patience
    said = b""
    stream.settimeout(0.5)
    while time.monotonic() < deadline:
        try:
            more = stream.recv(65536)
        except TimeoutError:
            continue
        if not more:
            time.sleep(0.2)
            return False
        said = said[-1000:] + more
        if wanted in said:
            return True
    return False


def connected(path):
    stream = socket.socket(socket.AF_UNIX)
    stream.connect(path)
    return stream, stream.close


class Ours(Keeper):
    """`orangery snapshot`."""

    name = "Orangery"

    def __init__(self, bench, guest):
        super().__init__(bench, guest)
        self.orangery = bench.orangery(f"keeper-{guest.name}")
        self.orangery.run("create", guest.name, "--disk", guest.image, "--copy", "--memory", f"{guest.memory}M",
                          "--cpus", str(PROCESSORS), "--firmware", "bios")
        self.folder = self.orangery.folder

    def start(self):
        self.orangery.run("start", self.guest.name)

    def snapshot(self, task, *words):
        return self.orangery.run("snapshot", task, self.guest.name, *words, patience=PATIENCE)

    def take(self, moment):
        self.snapshot("take", moment)

    def rewind(self, moment):
        self.snapshot("rewind", moment)

    def rewind_dropping(self, moment):
        """Back without keeping the present, as virsh and QEMU do."""
        self.snapshot("rewind", moment, "--drop-present")

    def delete(self, moment):
        self.snapshot("delete", moment, "--yes")

    def moments(self):
        return json.loads(self.orangery.run("timeline", self.guest.name, "--json"))

    def settle(self):
        while any(moment["writing"] for moment in self.moments()):
            time.sleep(0.02)
        time.sleep(0.5)  # The job that wrote it ends.

    def monitor(self):
        """The second monitor of the QEMU that runs now; the engine keeps to the first."""
        pattern = os.path.join(os.environ["XDG_RUNTIME_DIR"], "orangery", "*", "m",
                               self.orangery.machine(self.guest.name)["id"][:8], "*", "**", "mon1")
        return max(glob.glob(pattern, recursive=True), key=os.path.getmtime)

    def serial(self):
        ours, its = socket.socketpair()
        program = subprocess.Popen(self.orangery.command("serial", self.guest.name), stdin=its, stdout=its,
                                   stderr=subprocess.DEVNULL, start_new_session=True)
        its.close()

        def end():
            ours.close()
            process.stop(program)
        return ours, end

    def screenshot(self, path):
        self.orangery.run("screenshot", self.guest.name, path)

    def hold(self):
        self.orangery.run("pause", self.guest.name)

    def go_on(self):
        self.orangery.run("resume", self.guest.name)
        time.sleep(1)

    def stop(self):
        self.orangery.stop_all()


class Plain(Keeper):
    """The very QEMU line of the machine, with `snapshot-save` and `snapshot-load` into its disk."""

    name = "snapshot-save"

    def __init__(self, bench, guest, ours):
        super().__init__(bench, guest)
        self.bare = Bare(ours.orangery, guest.name, self.folder)
        self.qemu = None

    def start(self):
        self.qemu = self.bare.start()

    def job(self, command, moment):
        monitor = Monitor(self.bare.monitor)
        monitor.socket.settimeout(PATIENCE)
        try:
            disk = next(disk for disk in monitor.ask("query-blockstats") if "disk0" in disk["qdev"])
            node = disk["node-name"]
            arguments = {"job-id": "job", "tag": moment, "devices": [node]}
            if command != "snapshot-delete":
                arguments["vmstate"] = node
            monitor.ask(command, **arguments)
            while True:
                job = monitor.ask("query-jobs")[0]
                if job["status"] == "concluded":
                    break
                time.sleep(0.005)
            monitor.ask("job-dismiss", id="job")
            if "error" in job:
                raise RuntimeError(f"{command}: {job['error']}")
            if command == "snapshot-load":
                monitor.ask("cont")
        finally:
            monitor.close()

    def take(self, moment):
        self.job("snapshot-save", moment)

    def rewind(self, moment):
        self.job("snapshot-load", moment)

    def delete(self, moment):
        self.job("snapshot-delete", moment)

    def monitor(self):
        return os.path.join(self.folder, "mon1")

    def serial(self):
        return connected(os.path.join(self.folder, "serial"))

    def screenshot(self, path):
        monitor = Monitor(self.monitor())
        monitor.ask("screendump", filename=path)
        monitor.close()

    def stop(self):
        if self.qemu:
            process.stop(self.qemu)


class Virsh(Keeper):
    """libvirt of this session: external snapshots with memory, copied while the guest runs."""

    name = "virsh --live"

    def __init__(self, bench, guest):
        super().__init__(bench, guest)
        self.domain = f"bench-{guest.name}".lower()
        self.files = {word: os.path.join(self.folder, word) for word in ("disk", "serial", "vnc", "monitor")}
        shutil.copyfile(guest.image, self.files["disk"])

    @staticmethod
    def missing():
        """Why it can't be measured here; None if it can."""
        if not shutil.which("virsh") or not daemon():
            return "not installed"
        version = subprocess.run(["virsh", "--version"], capture_output=True, text=True, check=False).stdout
        if [int(part) for part in version.split(".")[:2]] < OLDEST:
            return f"{version.strip()} is too old to go back to external snapshots"
        return None

    def define(self):
        start_daemon(self.bench)
        definition = os.path.join(self.folder, "domain.xml")
        with open(definition, "w", encoding="utf-8") as file:
            file.write(DOMAIN.format(name=self.domain, memory=self.guest.memory, processors=PROCESSORS,
                                     **self.files))
        self.virsh("define", definition)

    def start(self):
        self.define()
        self.virsh("start", self.domain)

    @staticmethod
    def virsh(*words):
        done = subprocess.run(["virsh", "--connect", "qemu:///session", *words], check=False, timeout=PATIENCE,
                              capture_output=True, text=True, stdin=subprocess.DEVNULL)
        if done.returncode != 0:
            raise RuntimeError(f"virsh {words[0]}: {done.stderr.strip()}")
        return done.stdout

    def take(self, moment, *more):
        memory = os.path.join(self.folder, f"{moment}.memory")
        overlay = os.path.join(self.folder, f"{moment}.qcow2")
        self.virsh("snapshot-create-as", self.domain, moment, "--memspec", f"file={memory},snapshot=external",
                   "--diskspec", f"vda,snapshot=external,file={overlay}", *(more or ("--live",)))

    def take_standing(self, moment):
        """As it does by itself: the guest stands while its memory is written."""
        self.take(moment, "--atomic")

    def rewind(self, moment):
        self.virsh("snapshot-revert", self.domain, moment, "--running")

    def delete(self, moment):
        self.virsh("snapshot-delete", self.domain, moment)

    def forget(self, moments):
        for moment in moments:
            memory = os.path.join(self.folder, f"{moment}.memory")
            if os.path.exists(memory):
                self.virsh("snapshot-delete", self.domain, moment, "--metadata")
                os.unlink(memory)

    def monitor(self):
        return self.files["monitor"]

    def serial(self):
        return connected(self.files["serial"])

    def screenshot(self, path):
        self.virsh("screenshot", self.domain, path)

    def hold(self):
        self.virsh("suspend", self.domain)

    def go_on(self):
        self.virsh("resume", self.domain)
        time.sleep(1)

    def stop(self):
        try:
            self.virsh("destroy", self.domain)
        except RuntimeError:
            pass  # It had ended.


def daemon():
    return shutil.which("libvirtd", path=os.environ["PATH"] + ":/usr/sbin")


def start_daemon(bench):
    """libvirt of this session, ended with the bench."""
    if getattr(bench, "libvirt", None):
        return
    settings = os.path.join(os.environ["HOME"], ".config", "libvirt")
    os.makedirs(settings, exist_ok=True)
    with open(os.path.join(settings, "qemu.conf"), "w", encoding="utf-8") as file:
        file.write('security_driver = "none"\nstdio_handler = "file"\nremember_owner = 0\n')
    log = os.path.join(bench.folder, "libvirt.log")
    bench.libvirt = process.start([daemon(), "--timeout", "3600"], log)
    deadline = time.monotonic() + 20
    while True:
        try:
            Virsh.virsh("list")
            return
        except RuntimeError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)
