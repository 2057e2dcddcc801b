"""What is measured. Each section takes a `Bench` and adds rows to its table."""

import os
import re
import shutil
import subprocess
import time

import process
from library import large_libraries
from machines import Bare, Greeting, Monitor, wait_for_guest, wait_until_filled

# Long enough for a debug build on a busy computer.
PAINT_PATIENCE = 30
STARTING = ("wall, until painted", "processor, until painted", "processor, until calm")
CARD = "Bench Card"
BALLAST = "Bench Ballast"
BALLAST_MIB = 512
IS_VCPU = re.compile(r"CPU \d+/")
BARE = "bare QEMU"


def not_vcpu(name):
    return not IS_VCPU.match(name)


def share(seconds, over):
    """Percent of one core."""
    return 100 * seconds / over


def card_library(bench):
    """A library with the test card in it."""
    orangery = bench.orangery("card")
    if not orangery.list():
        # The window opens with the first machine chosen; the one that runs is only in the list.
        orangery.run("create", "A Machine That Is Off", "--test-card")
        orangery.run("create", CARD, "--test-card")
    return orangery


# Start to painted window.

def first_window(screen, command, log):
    """Starts a program with a window: wall and CPU ms until it is painted, and the program."""
    before = screen.sample()
    began = time.monotonic()
    program = process.start(command, log, env=screen.env)
    seen = screen.wait_until_painted(before, PAINT_PATIENCE)
    used = process.cpu_of_tree(program.pid)
    if seen is None:
        process.stop(program)
        said = process.tail(log)
        raise RuntimeError(f"{command[0]} showed no window in {PAINT_PATIENCE} s: {said}")
    return (seen - began) * 1000, used * 1000, program


def repeated_start(bench, screen, command, log, runs):
    """Wall and CPU ms until painted, and CPU ms until nothing changes any more."""
    return starts_in_turn(bench, screen, [(command, log)], runs)[0]


def starts_in_turn(bench, screen, programs, runs):
    """The same for each of several commands with their logs, one after the other in each run: a computer that is
    faster one minute than the next compares nothing otherwise."""
    results = [[] for _ in programs]
    for run in range(runs + 1):
        for (command, log), row in zip(programs, results):
            wall, used, program = first_window(screen, command, log)
            screen.wait_until_calm(0.7)
            calm = process.cpu_of_tree(program.pid) * 1000
            bench.keep_picture(screen, os.path.basename(command[0]))
            process.stop(program)
            screen.wait_until_calm(0.3)
            if run > 0:  # The first fills the page cache.
                row.append((wall, used, calm))
    return [[list(column) for column in zip(*row)] for row in results]


def window_start(bench):
    """Process start to painted window without machines, beside virt-manager."""
    bench.table.section("Process start of the window, 0 machines")
    orangery = bench.orangery("empty")
    screen = bench.screen()
    ours = repeated_start(bench, screen, orangery.command(), orangery.log, bench.runs)
    theirs = rival_start(bench, screen)
    for what, mine, other in zip(STARTING, ours, theirs):
        bench.table.row(what, "ms", mine, other, "virt-manager", "under 1")


def rival_start(bench, screen):
    if not shutil.which("virt-manager"):
        return ["not installed"] * len(STARTING)
    # Its daemon runs already, as it would after the first start of the day.
    daemon = shutil.which("libvirtd") or "/usr/sbin/libvirtd"
    log = os.path.join(bench.folder, "libvirt.log")
    server = None
    if os.access(daemon, os.X_OK):
        server = process.start([daemon, "--timeout", "3600"], log)
        time.sleep(2)
    command = ["virt-manager", "--connect", "qemu:///session", "--no-fork"]
    try:
        return repeated_start(bench, screen, command, log, bench.runs)
    except RuntimeError as error:
        bench.say(str(error))
        return ["failed"] * len(STARTING)
    finally:
        if server:
            process.stop(server)


# Idle.

def start_agent(orangery):
    """Any command that changes something starts one."""
    orangery.run("create", "Nobody", "--test-card")
    orangery.run("delete", "Nobody")
    orangery.run("trash", "--empty", "--yes")
    return orangery.owner()


def idle_empty(bench):
    """Processor time and memory without machines."""
    bench.table.section(f"Idle for {bench.idle} s, 0 machines; memory is the proportional share")
    orangery = bench.orangery("empty")
    agent = start_agent(orangery)
    time.sleep(3)
    span = min(bench.idle, 20)  # After 30 s without work the agent ends by itself.
    before = process.cpu(agent)
    time.sleep(span)
    used = share(process.cpu(agent) - before, span)
    bench.table.row("agent", "% of a core", used, goal="at most 0.1")
    bench.table.row("agent", "MiB", process.memory(agent))
    orangery.end_owner()
    screen = bench.screen()
    program = first_window(screen, orangery.command(), orangery.log)[2]
    time.sleep(bench.settle)
    before = process.cpu(program.pid)
    time.sleep(bench.idle)
    used = share(process.cpu(program.pid) - before, bench.idle)
    bench.table.row("window", "% of a core", used, goal="at most 0.1")
    bench.table.row("window", "MiB", process.memory(program.pid))
    process.stop(program)


class Idle:
    """What a QEMU and its owner use while the guest draws and nobody looks."""

    def __init__(self, seconds, qemu, owner=None):
        pids = [pid for pid in (qemu, owner) if pid]
        before = [process.cpu(pid) for pid in pids] + [process.cpu_of_threads(qemu, not_vcpu)]
        time.sleep(seconds)
        after = [process.cpu(pid) for pid in pids] + [process.cpu_of_threads(qemu, not_vcpu)]
        used = [share(late - early, seconds) for early, late in zip(before, after)]
        self.qemu, self.qemu_own = used[0], used[-1]
        self.owner = used[1] if owner else None
        self.qemu_memory = process.memory(qemu)
        self.owner_memory = process.memory(owner) if owner else None


def idle_running(bench):
    """The same with one machine that runs the test card, and its QEMU beside a bare one."""
    bench.table.section(f"Idle for {bench.idle} s, 1 machine running, its screen hidden")
    orangery = card_library(bench)
    bare = Bare(orangery, CARD, os.path.join(bench.folder, "idle"))
    qemu = bare.start()
    time.sleep(bench.settle)
    base = Idle(bench.idle, qemu.pid)
    qemu.kill()
    qemu.wait()
    orangery.run("start", CARD)
    time.sleep(bench.settle)
    guest = orangery.machine(CARD)["pid"]
    agent = Idle(bench.idle, guest, orangery.owner())
    bench.table.row("agent", "% of a core", agent.owner, goal="at most 0.3")
    bench.table.row("agent", "MiB", agent.owner_memory)
    idle_rows(bench, "QEMU under the agent", agent, base)
    bench.attempt(idle_window, orangery, guest, base)
    orangery.stop_all()


def idle_rows(bench, what, ours, base):
    bench.table.row(f"{what}, all threads", "% of a core", ours.qemu, base.qemu, BARE)
    bench.table.row(f"{what}, without the guest's", "% of a core", ours.qemu_own, base.qemu_own,
                    BARE)
    bench.table.row(what, "MiB", ours.qemu_memory, base.qemu_memory, BARE)


def idle_window(bench, orangery, guest, base):
    screen = bench.screen()
    program = first_window(screen, orangery.command(), orangery.log)[2]
    time.sleep(bench.settle)
    bench.keep_picture(screen, "idle")
    window = Idle(bench.idle, guest, program.pid)
    bench.table.row("window", "% of a core", window.owner, goal="at most 0.3")
    bench.table.row("window", "MiB", window.owner_memory)
    idle_rows(bench, "QEMU under the window", window, base)
    process.stop(program)


# Start to guest code.

def start_to_guest(bench):
    """`orangery start` beside the same QEMU run by hand, in turns."""
    bench.table.section("Start of the test card (engine running already), in turns")
    orangery = card_library(bench)
    bare = Bare(orangery, CARD, os.path.join(bench.folder, "start"))
    disk = orangery.disk(CARD)
    ours, theirs = [], []
    for run in range(bench.runs + 1):
        mine, other = start_ours(orangery, disk), start_bare(bare)
        if run > 0:
            ours.append(mine)
            theirs.append(other)
    bench.table.row("until it runs", "ms", *zip_column(ours, theirs, 0), BARE)
    bench.table.row("until the guest writes to its disk", "ms", *zip_column(ours, theirs, 1), BARE,
                    "at most 1.15")
    orangery.stop_all()


def zip_column(ours, theirs, column):
    return [pair[column] for pair in ours], [pair[column] for pair in theirs]


def start_ours(orangery, disk):
    before = os.stat(disk).st_mtime_ns
    began = time.monotonic()
    command = process.start(orangery.command("start", CARD), orangery.log)
    moments = wait_for_guest(disk, before, lambda: command.poll() is not None)
    if command.returncode != 0:
        raise RuntimeError(f"orangery start failed: {process.tail(orangery.log)}")
    orangery.run("power-off", CARD)
    return [(moment - began) * 1000 for moment in moments]


def start_bare(bare):
    before = os.stat(bare.disk).st_mtime_ns
    began = time.monotonic()
    qemu = bare.start()
    greeting = Greeting(bare.monitor)
    moments = wait_for_guest(bare.disk, before, greeting.came)
    greeting.close()
    qemu.kill()
    qemu.wait()
    return [(moment - began) * 1000 for moment in moments]


# Memory to disk and back.

def save_and_resume(bench):
    """`save` and `start` of a guest full of noise, beside QEMU's own migration to a file."""
    bench.table.section(f"Saved state with {BALLAST_MIB} MiB of noise in memory")
    orangery = bench.orangery("card")
    orangery.run("create", BALLAST, "--test-card", "--memory", "768M", "--ballast",
                 f"{BALLAST_MIB}M")
    bare = Bare(orangery, BALLAST, os.path.join(bench.folder, "save"))
    runs = max(3, bench.runs // 2)
    theirs = save_bare(bare, runs)
    ours = save_ours(orangery, runs)
    rival = BARE + ", migrate to a file"
    bench.table.row("save, until it is on the disk", "s", ours[0], theirs[0], rival)
    bench.table.row("guest goes on", "s", ours[1], theirs[1], rival)
    bench.table.row("size on disk", "MiB", ours[2], theirs[2], rival)


def save_ours(orangery, runs):
    orangery.run("start", BALLAST)
    wait_until_filled(orangery.machine(BALLAST)["pid"], BALLAST_MIB)
    saves, resumes, size = [], [], 0
    for _ in range(runs):
        time.sleep(1)
        began = time.monotonic()
        orangery.run("save", BALLAST)
        saves.append(time.monotonic() - began)
        size = allocated(os.path.join(orangery.library, "memory"))
        time.sleep(1)
        began = time.monotonic()
        orangery.run("start", BALLAST)
        resumes.append(time.monotonic() - began)
    orangery.run("power-off", BALLAST)
    return saves, resumes, size


def save_bare(bare, runs):
    state = os.path.join(bare.folder, "state")
    qemu = bare.start()
    monitor = Monitor(bare.monitor)
    wait_until_filled(qemu.pid, BALLAST_MIB)
    saves, resumes, size = [], [], 0
    for _ in range(runs):
        time.sleep(1)
        saves.append(migrate_out(monitor, state))
        size = allocated(bare.folder) - allocated(bare.folder, "disk.qcow2")
        monitor.close()
        qemu.kill()
        qemu.wait()
        time.sleep(1)
        began = time.monotonic()
        qemu = bare.start("-incoming", f"file:{state}")
        monitor = Monitor(bare.monitor)
        wait_for_status(monitor, "running")
        resumes.append(time.monotonic() - began)
        os.unlink(state)
    monitor.close()
    qemu.kill()
    qemu.wait()
    return saves, resumes, size


def migrate_out(monitor, state):
    """Stops the guest and writes its state; ours ends with its files synced, so this does too."""
    began = time.monotonic()
    monitor.ask("stop")
    monitor.ask("migrate-set-parameters", **{"max-bandwidth": 0})  # No limit, not 128 MiB/s.
    monitor.ask("migrate", uri=f"file:{state}")
    while True:
        status = monitor.ask("query-migrate").get("status")
        if status == "completed":
            break
        if status == "failed":
            raise RuntimeError("the bare QEMU could not migrate to a file")
        time.sleep(0.005)
    with open(state, "rb") as file:
        os.fsync(file.fileno())
    return time.monotonic() - began


def wait_for_status(monitor, wanted):
    """After a migration of a stopped guest it is paused; it goes on when told to."""
    while True:
        status = monitor.ask("query-status")["status"]
        if status == wanted:
            return
        if status in ("paused", "postmigrate"):
            monitor.ask("cont")
        time.sleep(0.005)


def allocated(*path):
    """MiB that files take on disk."""
    total = 0
    path = os.path.join(*path)
    for folder, _, names in os.walk(path) if os.path.isdir(path) else [("", [], [path])]:
        total += sum(os.stat(os.path.join(folder, name)).st_blocks for name in names)
    return total * 512 / process.MIB


# The guest's screen.

def screen_path(bench):
    """What it costs to look at a guest that draws 60 frames a second."""
    bench.table.section("The test card at 60 frames a second in `orangery console`, 1280x800")
    orangery = card_library(bench)
    screen = bench.screen()
    orangery.run("start", CARD)
    guest = orangery.machine(CARD)["pid"]
    time.sleep(bench.settle)
    base = Idle(5, guest)
    console = first_window(screen, orangery.command("console", CARD), orangery.log)[2]
    try:
        time.sleep(bench.settle)
        bench.keep_picture(screen, "console")
        pids = [console.pid, screen.server.pid, guest]
        seconds = 10
        before = [process.cpu(pid) for pid in pids[:2]]
        before.append(process.cpu_of_threads(guest, not_vcpu))
        seen, drawn = screen.count_frames(seconds)
        after = [process.cpu(pid) for pid in pids[:2]]
        after.append(process.cpu_of_threads(guest, not_vcpu))
    finally:
        process.stop(console)
        orangery.stop_all()
    used = [late - early for early, late in zip(before, after)]
    bench.table.row("frames drawn by the guest", "a second", drawn and drawn / seconds)
    bench.table.row("frames seen on the screen", "a second", seen / seconds)
    each = 1000 / max(seen, 1)
    added = used[2] - base.qemu_own / 100 * seconds
    bench.table.row("console process", "ms a frame", used[0] * each)
    bench.table.row("X server", "ms a frame", used[1] * each)
    bench.table.row("QEMU, added to a hidden screen", "ms a frame", max(added, 0) * each)


SECTIONS = {
    "start-up": window_start,
    "idle-empty": idle_empty,
    "idle-running": idle_running,
    "start": start_to_guest,
    "save": save_and_resume,
    "screen": screen_path,
    "library": large_libraries,
}
