"""Snapshots beside virsh's and QEMU's own: how long the guest stands, what they take, going back, deleting, depth."""

import os
import shutil
import subprocess
import time

import process
from keepers import Guest, Ours, Plain, Virsh
from sections import allocated
from table import median

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
CACHE = os.environ.get("ORANGERY_TEST_CACHE", os.path.join(ROOT, "tests", ".cache"))
TEXT = "Text", 512
DESKTOP = "Desktop", 1024
# Both write as fast as they can: 64 MiB in memory over and over, and 64 MiB on the disk.
BUSY = ("touch /run/busy; (for file in /dev/shm/busy /root/busy; do while [ -e /run/busy ]; do "
        "dd if=/dev/urandom of=$file bs=1M count=64 conv=notrunc; done & done) >/dev/null 2>&1")
CALM = "rm /run/busy; sleep 2; sync"
WRITE = "dd if=/dev/urandom of=/root/{0} bs=1M count=64 conv=fsync 2>/dev/null"
# A desktop with something on it, that does not go dark.
X = ("(startx -- vt7 >/dev/null 2>&1 &); export DISPLAY=:0; until xset s off -dpms 2>/dev/null; do sleep 1; done; "
     "xsetroot -mod 16 16; (xterm >/dev/null 2>&1 &); sleep 5")
CHECKPOINTS = 100
DEPTHS = 1, 8, 32
LAYERED_MIB = 256


class Amount:
    """How much is done: all of it, or a short look."""

    def __init__(self, bench):
        quick = os.environ.get("QUICK") == "1"
        self.runs = max(1, int(os.environ.get("RUNS", "1" if quick else "5")))
        bench.runs = self.runs  # The headline says it.
        self.series = 3 if quick else 10
        self.checkpoints = 5 if quick else CHECKPOINTS
        self.depths = DEPTHS[:2] if quick else DEPTHS
        self.reads = 5000 if quick else 30000


def time_sections(bench):
    """All of it, with the two guests one after the other."""
    amount = Amount(bench)
    image = os.path.join(CACHE, "debian-12-v2.qcow2")
    if not os.path.exists(image):
        raise RuntimeError(f"{image} is not there: run tests/guests/prepare")
    wanted = os.environ.get("CASES", "text desktop depth").split()
    try:
        if "text" in wanted:
            bench.attempt(with_guest, amount, Guest(*TEXT, image, graphical=False))
        if "desktop" in wanted:
            bench.attempt(with_guest, amount, Guest(*DESKTOP, image, graphical=True))
        if "depth" in wanted:
            bench.attempt(depths, amount)
    finally:
        if getattr(bench, "libvirt", None):
            process.stop(bench.libvirt)


def with_guest(bench, amount, guest):
    """Boots the guest under each keeper, and measures."""
    began = time.monotonic()
    ours = Ours(bench, guest)
    keepers = [ours, Plain(bench, guest, ours)]
    if Virsh.missing():
        bench.table.row("virsh", "", None, Virsh.missing())
    else:
        keepers.insert(1, Virsh(bench, guest))
    try:
        for keeper in keepers:
            keeper.start()
        for keeper in keepers:
            keeper.shell("true", 600)  # Three at once, and emulated.
            keeper.shell("stty -echo; sync")
            if guest.graphical:
                keeper.shell(X)
                wait_for_picture(keeper)
            keeper.hold()
        bench.say(f"{guest.name}: booted {len(keepers)} times in {time.monotonic() - began:.0f} s")
        what = f"{guest.memory} MiB {'desktop (X, openbox, xterm)' if guest.graphical else 'text'}"
        bench.attempt(taking, keepers, amount, what, False)
        bench.attempt(taking, keepers, amount, what, True)
        bench.attempt(rewinding, keepers, amount, what)
        if guest.graphical:
            bench.attempt(many, ours, amount, what)
        else:
            bench.attempt(after_a_rewind, keepers, amount, what)
            bench.attempt(middle_layer, keepers, amount, what)
    finally:
        for keeper in keepers:
            keeper.stop()
            shutil.rmtree(keeper.folder, ignore_errors=True)


def rows(bench, what, unit, results, goals=None):
    """One row for each rival, with what goes for Orangery in each."""
    ours = results.pop("Orangery", None)
    goals = goals or {}
    if not results:
        bench.table.row(what, unit, ours, goal=goals.get("", ""))
    for rival, theirs in results.items():
        bench.table.row(what, unit, ours, theirs, rival, goals.get(rival, ""))


class Awake:
    """One guest runs, and what it is to do, while the others stand."""

    def __init__(self, keeper, busy=False):
        self.keeper, self.busy = keeper, busy

    def __enter__(self):
        self.keeper.go_on()
        if self.busy:
            self.keeper.shell(BUSY)
            time.sleep(3)

    def __exit__(self, *_):
        if self.busy:
            self.keeper.shell(CALM)
        self.keeper.settle()
        self.keeper.hold()


def taking(bench, keepers, amount, what, busy):
    """Stop time, duration and size of snapshots while the guest runs, in turns."""
    bench.table.section(f"Snapshot of a running {what}, {'busy' if busy else 'quiet'}")
    ways = [(keeper.name, keeper, keeper.take) for keeper in keepers]
    ways += [("virsh", keeper, keeper.take_standing) for keeper in keepers if isinstance(keeper, Virsh)]
    stops, times, sizes = ({name: [] for name, *_ in ways} for _ in range(3))
    taken = []
    # The first is a whole memory where the others are differences; it does not count on any side.
    for run in range(amount.runs + 1):
        for name, keeper, take in ways:
            moment = f"{'busy' if busy else 'quiet'}{name.replace(' ', '')}{run}"
            with Awake(keeper, busy):
                before = keeper.disk()
                row = keeper.stopped_during(lambda take=take, moment=moment: take(moment))
                row += (keeper.disk() - before,)
            taken.append((keeper, moment))
            if run > 0:
                for column, value in zip((stops, times, sizes), row):
                    column[name].append(value)
    goals = {"virsh --live": "at most 0.5", "virsh": "at most 0.5"}
    if not busy:
        goals["snapshot-save"] = "at most 300 ms"
    rows(bench, "guest stands", "ms", stops, goals)
    rows(bench, "until the command ends", "s", times)
    rows(bench, "on the disk", "MiB", sizes)
    for keeper, moment in taken:
        keeper.forget([moment])


def rewinding(bench, keepers, amount, what):
    """From the command to a running guest whose picture can be had."""
    bench.table.section(f"Rewind of a running {what}, quiet, to a running picture")
    ways = [(keeper.name, keeper, keeper.rewind) for keeper in keepers]
    kept = []
    for name, keeper, rewind in ways:
        with Awake(keeper):
            keeper.take("home")
        if isinstance(keeper, Ours):
            kept.append(("kept", keeper, rewind))
            ways = [(name, keeper, keeper.rewind_dropping), *ways[1:]]
    results = {name: [] for name, *_ in ways + kept}
    for _ in range(amount.runs):
        for name, keeper, rewind in ways + kept:
            with Awake(keeper):
                results[name].append(rewound(keeper, rewind))
    keeping = results.pop("kept")
    rows(bench, "present dropped", "s", dict(results), {"virsh --live": "at most 0.5"})
    results["Orangery"] = keeping
    rows(bench, "present kept first (rivals: lost)", "s", results)


def rewound(keeper, rewind):
    began = time.monotonic()
    rewind("home")
    wait_for_picture(keeper)
    return time.monotonic() - began


def wait_for_picture(keeper, patience=120):
    deadline = time.monotonic() + patience
    while not keeper.has_picture():
        if time.monotonic() > deadline:
            raise RuntimeError(f"{keeper.name}: the guest's screen is of one colour")
        time.sleep(0.005)


def after_a_rewind(bench, keepers, amount, what):
    """One checkpoint after another, behind a rewind."""
    bench.table.section(f"Checkpoints one after another behind a rewind, {what}, quiet: until the command ends")
    first, last = {}, {}
    for keeper in keepers:
        with Awake(keeper):
            keeper.rewind("home")
            keeper.settle()  # Ours packs the present that it kept.
            times = []
            for number in range(amount.series):
                time.sleep(1)
                times.append(keeper.stopped_during(lambda name=f"after{number}": keeper.take(name))[1])
                keeper.settle()
            first[keeper.name], last[keeper.name] = times[0], times[-1]
        keeper.forget([f"after{number}" for number in range(amount.series)])
    rows(bench, "the first", "s", dict(first))
    rows(bench, f"number {amount.series}", "s", dict(last))
    rows(bench, f"number {amount.series} by the first", "",
         {name: last[name] / first[name] for name in first}, {"snapshot-save": "Orangery at most 1"})


def middle_layer(bench, keepers, amount, what):
    """Three snapshots with 64 MiB written between; the second goes."""
    bench.table.section(f"Delete of a middle snapshot, {what}, quiet, running: 64 MiB of disk before, 64 MiB behind")
    times, freed = ({keeper.name: [] for keeper in keepers} for _ in range(2))
    for run in range(min(amount.runs, 3)):
        for keeper in keepers:
            with Awake(keeper):
                for place in ("low", "middle", "high"):
                    keeper.shell(WRITE.format(place))
                    keeper.take(f"{place}{run}")
                    keeper.settle()
                before = keeper.disk()
                began = time.monotonic()
                keeper.delete(f"middle{run}")
                times[keeper.name].append(time.monotonic() - began)
                keeper.settle()
                freed[keeper.name].append(before - keeper.disk())
            keeper.forget([f"low{run}", f"high{run}"])
    rows(bench, "until the command ends", "s", times)
    rows(bench, "came back on the disk", "MiB", freed)


def many(bench, ours, amount, what):
    """What a long row of checkpoints takes."""
    bench.table.section(f"{amount.checkpoints} checkpoints of a quiet {what}, a second apart")
    with Awake(ours):
        before = ours.disk()
        stops = []
        for number in range(amount.checkpoints):
            time.sleep(1)
            stops.append(ours.stopped_during(lambda name=f"row{number}": ours.take(name))[0])
        ours.settle()
        used = ours.disk() - before
    bench.table.row("all together on the disk", "MiB", used, goal="under 400 for 100")
    bench.table.row("guest stands, the last ten", "ms", stops[-10:])


# Chains of layers.

class Layers:
    """A machine that is off and whose disk rests on ever more layers, each with 1/32 of the disk rewritten."""

    def __init__(self, name, folder):
        self.name = name
        os.makedirs(folder, exist_ok=True)
        self.folder, self.depth = folder, 0
        self.base = os.path.join(folder, "base.qcow2")
        run("qemu-img", "create", "-q", "-f", "qcow2", self.base, f"{LAYERED_MIB}M")
        run("qemu-io", "-f", "qcow2", "-c", f"write -q -P 1 0 {LAYERED_MIB}M", self.base)

    def grow(self, depth):
        while self.depth < depth:
            self.depth += 1
            self.freeze(f"layer{self.depth}")
            writes = []
            for part in range(LAYERED_MIB * 16 // 32):
                at = (part * 32 + self.depth) * 64 % (LAYERED_MIB * 1024)
                writes += ["-c", f"write -q -P {self.depth} {at}k 64k"]
            run("qemu-io", "-f", "qcow2", *writes, self.top())

    def reads(self, count):
        """4 KiB reads a second, scattered over the disk by a step that has no factor in common with it."""
        began = time.monotonic()
        run("qemu-img", "bench", "-q", "-f", "qcow2", "-d", "1", "-c", str(count), "-s", "4096",
            "-S", str(4096 * 12347), self.top())
        return count / (time.monotonic() - began)

    def started(self):
        began = time.monotonic()
        self.start()
        took = time.monotonic() - began
        self.end()
        return took


class OurLayers(Layers):
    def __init__(self, bench):
        self.orangery = bench.orangery("layers")
        super().__init__("Orangery", self.orangery.folder)
        self.orangery.run("create", "Layers", "--disk", self.base, "--copy", "--memory", "256M", "--firmware", "bios")

    def freeze(self, moment):
        self.orangery.run("snapshot", "take", "Layers", moment)

    def top(self):
        disks = os.path.join(self.orangery.machine("Layers")["path"], "disks")
        layers = [os.path.join(disks, name) for name in os.listdir(disks) if name.endswith(".qcow2")]
        return max(layers, key=os.path.getmtime)

    def start(self):
        self.orangery.run("start", "Layers")

    def end(self):
        self.orangery.run("power-off", "Layers")


class VirshLayers(Layers):
    def __init__(self, bench):
        super().__init__("virsh", os.path.join(bench.folder, "depth"))
        guest = Guest("Layers", 256, self.base, graphical=False)
        self.keeper = Virsh(bench, guest)
        self.keeper.define()
        self.files = [self.keeper.files["disk"]]

    def freeze(self, moment):
        overlay = os.path.join(self.folder, f"{moment}.qcow2")
        self.keeper.virsh("snapshot-create-as", self.keeper.domain, moment, "--disk-only",
                          "--diskspec", f"vda,snapshot=external,file={overlay}")
        self.files.append(overlay)

    def top(self):
        return self.files[-1]

    def start(self):
        self.keeper.virsh("start", self.keeper.domain)

    def end(self):
        self.keeper.virsh("destroy", self.keeper.domain)


def run(*words):
    done = subprocess.run(words, check=False, capture_output=True, text=True, timeout=300)
    if done.returncode != 0:
        raise RuntimeError(f"{words[0]} {words[1]}: {done.stderr.strip()}")


def depths(bench, amount):
    """Start and scattered reads where the disk rests on many layers."""
    bench.table.section(f"A disk of {LAYERED_MIB} MiB on layers that each rewrote 1/32 of it, in turns")
    sides = [OurLayers(bench)]
    if not Virsh.missing():
        sides.append(VirshLayers(bench))
    for depth in amount.depths:
        starts, reads = ({side.name: [] for side in sides} for _ in range(2))
        for side in sides:
            side.grow(depth)
        for attempt in range(amount.runs + 1):
            for side in list(sides):
                try:
                    row = side.started(), side.reads(amount.reads)
                except RuntimeError as error:
                    if side is sides[0]:
                        raise
                    # libvirt writes a chain into one JSON text, and has a limit of depth for those that it reads.
                    bench.say(f"{side.name} does not start at depth {depth}: {error}")
                    sides.remove(side)
                    starts.pop(side.name)
                    reads.pop(side.name)
                    continue
                if attempt > 0:
                    starts[side.name].append(row[0])
                    reads[side.name].append(row[1])
        rows(bench, f"start, depth {depth}", "s", starts)
        rows(bench, f"4 KiB reads, depth {depth}", "a second", reads)


TIME_SECTIONS = {
    "time": time_sections,
}
