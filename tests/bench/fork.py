"""Forks of a running machine beside what rivals have instead: a saved guest restored, a linked disk booted, virt-clone."""

import json
import os
import shutil
import subprocess
import time

import process
from keepers import Guest, Ours, Virsh
from machines import Bare, Monitor
from sections import allocated
from table import median
from timeline import CACHE, rows, wait_for_picture

MEMORY = 1024
COUNTS = 1, 4, 10
# The kernel's sum of a process's memory, each shared page divided by those who share it.
PSS = "/proc/{}/smaps_rollup"


def fork_sections(bench):
    """All of it, with a booted text Debian of 1 GiB."""
    quick = os.environ.get("QUICK") == "1"
    bench.runs = max(1, int(os.environ.get("RUNS", "2" if quick else "7")))
    image = os.path.join(CACHE, "debian-12-v2.qcow2")
    if not os.path.exists(image):
        raise RuntimeError(f"{image} is not there: run tests/guests/prepare")
    guest = Guest("Text", MEMORY, image, graphical=False)
    ours = Ours(bench, guest)
    began = time.monotonic()
    try:
        ours.start()
        ours.shell("true", 600)
        booted = time.monotonic() - began
        ours.shell("stty -echo; sync")
        bench.attempt(times, ours, "a running machine")
        bench.attempt(sizes, ours, (5,) if quick else (5, 60))
        bench.attempt(of_forks, ours)
        bench.attempt(rivals, ours, image, booted)
    finally:
        ours.stop()
        if getattr(bench, "libvirt", None):
            process.stop(bench.libvirt)


def machines(ours):
    return {machine["name"]: machine for machine in json.loads(ours.orangery.run("list", "--json"))}


def tries(ours, name, count):
    """Makes them; how long that took, and their names."""
    before = set(machines(ours))
    began = time.monotonic()
    ours.orangery.run("try", name, "--count", str(count))
    took = time.monotonic() - began
    return took, sorted(set(machines(ours)) - before)


def throw_away(ours, names):
    for name in names:
        ours.orangery.run("throw-away", name)
    deadline = time.monotonic() + 60
    while set(names) & set(machines(ours)) and time.monotonic() < deadline:
        time.sleep(0.05)
    ours.settle()


def measured(bench, ours, what, monitor_of):
    """Forks one, and four at once, in turns: until all run, and how long the other stood."""
    one, more, stops, bare = [], [], [], []
    alone = Bare(ours.orangery, what, os.path.join(ours.folder, f"bare-{what}"))
    for run in range(bench.runs + 1):
        names = []
        row = {}
        for count in (1, 5):
            def fork(count=count):
                row[count], new = tries(ours, what, count)
                names.extend(new)
            watch = monitor_of()
            stood = ours.stopped_during(fork) if watch is None else watch(fork)
            if run > 0:
                stops.append(stood[0])
        throw_away(ours, names)
        start = started(alone)
        if run > 0:
            one.append(row[1] * 1000)
            more.append((row[5] - row[1]) * 1000 / 4)
            bare.append(start * 1000)
    line = "a bare QEMU of its line, until it answers"
    bench.table.row("the first, from the command to running", "ms", one, bare, line, goal="at most 250")
    bench.table.row("each further one of five at once", "ms", more, bare, line, goal="at most 100")
    bench.table.row("the machine itself stands", "ms", stops, goal="at most 200")


def started(bare):
    """Seconds from the start of a bare QEMU until its monitor answers."""
    began = time.monotonic()
    qemu = bare.start()
    try:
        monitor = Monitor(bare.monitor)
        monitor.ask("query-status")
        took = time.monotonic() - began
        monitor.close()
    finally:
        process.stop(qemu)
    return took


def times(bench, ours, what):
    bench.table.section(f"Forks of {what}, {MEMORY} MiB text, TCG; the command's own start included")
    measured(bench, ours, ours.guest.name, lambda: None)


def memory(pid, field):
    with open(PSS.format(pid), encoding="ascii") as file:
        return next(int(line.split()[1]) for line in file if line.startswith(f"{field}:")) / 1024


def translated(pid):
    """What lies where QEMU may both write and execute: its translated code, MiB."""
    total, inside = 0, False
    with open(f"/proc/{pid}/smaps", encoding="ascii", errors="replace") as file:
        for line in file:
            words = line.split()
            if not words[0].endswith(":"):
                inside = words[1].startswith("rwx")
            elif inside and words[0] == "Rss:":
                total += int(words[1])
    return total / 1024


def sizes(bench, ours, moments):
    """Proportional memory and disk of some forks."""
    bench.table.section("What they take")
    for count in COUNTS:
        before = allocated(ours.folder)
        _, names = tries(ours, ours.guest.name, count)
        slept = 0
        for moment in moments:
            time.sleep(moment - slept)
            slept = moment
            pids = [machines(ours)[name]["pid"] for name in names]
            goal = "at most 45" if moment == 5 else ""
            shared = [memory(pid, "Pss") for pid in pids]
            bench.table.row(f"memory of each of {count} after {moment} s", "MiB", shared, goal=goal)
            own = [memory(pid, "Pss_Anon") for pid in pids]
            bench.table.row("of that nobody else's, the guest's and QEMU's", "MiB", own)
            code = [translated(pid) for pid in pids]
            bench.table.row("of that code that TCG translated; with KVM there is none", "MiB", code)
        bench.table.row(f"disk of all {count} then", "MiB", [allocated(ours.folder) - before])
        throw_away(ours, names)


def of_forks(bench, ours):
    """A fork is forked as its parent is."""
    bench.table.section("Forks of a fork")
    ours.orangery.run("fork", ours.guest.name, "--called", "Child")
    watched = Child(ours)
    try:
        measured(bench, ours, "Child", lambda: watched.stopped_during)
    finally:
        ours.orangery.run("power-off", "Child")


class Child(Ours):
    """The fork, to be watched: the same library, another machine."""

    def __init__(self, ours):  # pylint: disable=super-init-not-called
        self.__dict__.update(ours.__dict__)
        self.guest = Guest("Child", MEMORY, None, graphical=False)


def rivals(bench, ours, image, booted):
    """What else brings a second running machine."""
    bench.table.section("A second running machine otherwise: until its picture can be had")
    times_ours = []
    for _ in range(bench.runs):
        began = time.monotonic()
        _, names = tries(ours, ours.guest.name, 1)
        child = Child(ours)
        child.guest = Guest(names[0], MEMORY, None, graphical=False)
        wait_for_picture(child)
        times_ours.append(time.monotonic() - began)
        throw_away(ours, names)
    bench.table.row("a linked disk, booted (once)", "s", times_ours, [booted], "qemu-img create -b", "")
    if Virsh.missing():
        bench.table.row("virsh", "", None, Virsh.missing())
        return
    virsh = Virsh(bench, Guest("Rival", MEMORY, image, graphical=False))
    try:
        virsh.start()
        virsh.shell("true", 600)
        saved = os.path.join(virsh.folder, "saved")
        stands, restored = [], []
        for _ in range(min(bench.runs, 3)):
            began = time.monotonic()
            virsh.virsh("save", virsh.domain, saved)
            middle = time.monotonic()
            virsh.virsh("restore", saved)
            wait_for_picture(virsh)
            stands.append(middle - began)
            restored.append(time.monotonic() - began)
        rows(bench, "save and restore (one machine, not two)", "s", {"Orangery": times_ours, "virsh": restored})
        virsh.virsh("destroy", virsh.domain)
        if shutil.which("virt-clone"):
            began = time.monotonic()
            target = os.path.join(virsh.folder, "clone.qcow2")
            done = subprocess.run(["virt-clone", "--connect", "qemu:///session", "--original", virsh.domain, "--name",
                                   "bench-clone", "--file", target], capture_output=True, text=True, check=False)
            if done.returncode == 0:
                took = time.monotonic() - began
                rows(bench, "virt-clone of a machine that is off, without a boot", "s",
                     {"Orangery": times_ours, "virt-clone": [took]})
                virsh.virsh("undefine", "bench-clone")
            else:
                bench.say(f"virt-clone: {done.stderr.strip()}")
        else:
            bench.table.row("virt-clone", "", None, "not installed")
    finally:
        virsh.stop()
    bench.say(f"medians: {median(times_ours):.2f} s ours")


FORK_SECTIONS = {
    "fork": fork_sections,
}
