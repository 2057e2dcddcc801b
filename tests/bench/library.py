"""Large libraries: a thousand and ten thousand stopped machines, beside virt-manager with 500.

    python3 tests/bench/library.py PROGRAM FOLDER COUNT     only makes such a library, to look at
"""

import os
import random
import re
import shutil
import statistics
import subprocess
import sys
import time
import uuid

import process
from machines import Orangery

SIZES = (1000, 10000)
RIVAL = 500
# A place in the middle of the list, from the window's upper left corner.
IN_LIST = (150, 500)
TAGS = ("web", "db", "test", "customer", "old")
NOTES = ("", "Renew the certificate in May", "Ask Ada before it goes", "The build box's twin")
WORDS = ("web", "mail", "build", "debian", "router", "win", "lab", "cache")


def fill(orangery, count):
    """Makes `count` machines: one real test card, and copies of its folder with ids, names, tags,
    notes and ages of their own."""
    orangery.run("create", "m00000", "--test-card")
    orangery.end_owner()
    entry = orangery.machine("m00000")
    with open(os.path.join(entry["path"], "machine.ron"), encoding="utf-8") as file:
        record = file.read()
    created = int(re.search(r'"created": (\d+)', record).group(1))
    disk = orangery.disk("m00000")
    chance = random.Random(count)
    for number in range(1, count):
        ident = str(uuid.UUID(int=chance.getrandbits(128), version=4))
        folder = os.path.join(os.path.dirname(entry["path"]), ident)
        os.makedirs(os.path.join(folder, "disks"), mode=0o700)
        os.chmod(folder, 0o700)
        os.link(disk, os.path.join(folder, "disks", os.path.basename(disk)))
        tags = chance.sample(TAGS, chance.choice((0, 0, 1, 1, 2)))
        text = record.replace(entry["id"], ident)
        text = text.replace("m00000", f"{chance.choice(WORDS)}-{number:05}")
        text = text.replace('"tags": []', '"tags": [' + ", ".join(f'"{tag}"' for tag in tags) + "]")
        text = text.replace('"notes": ""', f'"notes": "{chance.choice(NOTES)}"')
        text = text.replace(f'"created": {created}', f'"created": {created - number * 60}')
        path = os.path.join(folder, "machine.ron")
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(path, 0o600)


def large_libraries(bench):
    """First picture, memory, idle and frames with many stopped machines."""
    rival = rival_starts(bench)
    for count in SIZES:
        bench.attempt(one_size, count, rival)


def starts_of(bench, *libraries):
    from sections import starts_in_turn  # pylint: disable=import-outside-toplevel,cyclic-import
    programs = [(orangery.command(), orangery.log) for orangery in libraries]
    return starts_in_turn(bench, bench.screen(), programs, max(3, bench.runs))


def one_size(bench, count, rival):
    bench.table.section(f"A library of {count} stopped machines")
    orangery = bench.orangery(f"library-{count}")
    fill(orangery, count)
    lists = []
    for _ in range(4):
        began = time.monotonic()
        found = len(orangery.list())
        lists.append((time.monotonic() - began) * 1000)
        if found != count:
            raise RuntimeError(f"{found} machines are listed instead of {count}")
    bench.table.row("list --json", "ms", lists[1:])
    empty, starts = starts_of(bench, bench.orangery("empty"), orangery)
    ours = starts[0]
    bench.table.row("first picture, beside our own with 0", "ms", ours, empty[0], "0 machines",
                    "at most 1.3")
    for machines, wall in rival.items():
        bench.table.row(f"first picture, beside virt-manager with {machines}", "ms", ours, wall,
                        "virt-manager", "at most 1")
    bench.table.row("processor, until calm", "ms", starts[2])
    use(bench, orangery, count)


def use(bench, orangery, count):
    """Idle, memory and frames of an open window."""
    from sections import first_window, share  # pylint: disable=import-outside-toplevel,cyclic-import
    screen = bench.screen()
    frames = os.path.join(bench.folder, f"frames-{count}")
    if os.path.exists(frames):
        os.unlink(frames)
    screen.env["ORANGERY_FRAMES"] = frames
    try:
        program = first_window(screen, orangery.command(), orangery.log)[2]
    finally:
        del screen.env["ORANGERY_FRAMES"]
    try:
        screen.wait_until_calm(2.0)
        time.sleep(bench.settle)
        before = process.cpu(program.pid)
        time.sleep(bench.idle)
        used = share(process.cpu(program.pid) - before, bench.idle)
        bench.table.row("idle", "% of a core", used, goal="at most 0.2")
        bench.table.row("memory, resident", "MiB", process.memory(program.pid, "Rss"),
                        goal="under 150")
        bench.keep_picture(screen, f"library-{count}")
        if not shutil.which("xdotool"):
            bench.table.row("frames while scrolling and searching", "", "needs xdotool")
            return
        # No window manager gives it the keyboard.
        tool(screen, "search", "--onlyvisible", "--name", "^Orangery$", "windowfocus", "--sync")
        for what, act in (("scrolling", scroll), ("searching", search)):
            begin = len(read(frames))
            act(screen)
            screen.wait_until_calm(0.5)
            took = read(frames)[begin:]
            frame_rows(bench, what, took)
            bench.keep_picture(screen, f"library-{count}-{what}")
    finally:
        process.stop(program)


def frame_rows(bench, what, took):
    if not took:
        raise RuntimeError(f"no frame was drawn while {what}")
    took = sorted(took)
    at = took[min(len(took) - 1, int(len(took) * 0.95))]
    bench.table.row(f"a frame while {what}, median of {len(took)}", "ms", statistics.median(took))
    bench.table.row(f"a frame while {what}, 95 of 100", "ms", at)
    bench.table.row(f"a frame while {what}, longest", "ms", took[-1], goal="at most 50")


def read(path):
    with open(path, encoding="utf-8") as file:
        return [float(line) for line in file]


def tool(screen, *words):
    subprocess.run(["xdotool", *words], env=screen.env, check=True, timeout=60)


def scroll(screen):
    """Wheel and page keys over the list, and to its end and back."""
    tool(screen, "mousemove", *map(str, IN_LIST))
    tool(screen, "click", "--repeat", "40", "--delay", "25", "5")
    tool(screen, "click", "--repeat", "20", "--delay", "25", "4")
    tool(screen, "click", "1")
    tool(screen, "key", "--delay", "30", *["Next"] * 10, "End", "Home", *["Down"] * 10)


def search(screen):
    """Types words and takes them away again, letter by letter."""
    tool(screen, "key", "ctrl+f")
    for word in ("build", "web off", "certificate", "00777"):
        tool(screen, "type", "--delay", "60", word)
        tool(screen, "key", "--delay", "40", *["BackSpace"] * len(word))


# virt-manager with libvirt's test driver: no daemon, no disk, nothing but its list.

def rival_starts(bench):
    """Wall ms until painted, by the number of machines; words where it can't be had."""
    if not shutil.which("virt-manager"):
        bench.say("virt-manager is not installed: its ratios are left out")
        return {0: "not installed", RIVAL: "not installed"}
    from sections import repeated_start  # pylint: disable=import-outside-toplevel,cyclic-import
    found = {}
    for count in (0, RIVAL):
        node = os.path.join(bench.folder, f"node-{count}.xml")
        with open(node, "w", encoding="utf-8") as file:
            file.write(node_of(count))
        command = ["virt-manager", "--connect", f"test://{node}", "--no-fork"]
        log = os.path.join(bench.folder, "virt-manager.log")
        try:
            runs = max(3, bench.runs // 2)
            found[count] = repeated_start(bench, bench.screen(), command, log, runs)[0]
        except RuntimeError as error:
            bench.say(str(error))
            found[count] = "failed"
    return found


def node_of(count):
    """A computer with `count` stopped machines, as the test driver reads it (drvtest.html)."""
    domains = "".join(
        f"""<domain type='test' xmlns:test='http://libvirt.org/schemas/domain/test/1.0'>
        <name>vm{number:04}</name><uuid>{uuid.UUID(int=number + 1)}</uuid>
        <memory unit='MiB'>512</memory><vcpu>1</vcpu><os><type arch='x86_64'>hvm</type></os>
        <devices><disk type='file' device='disk'><source file='/guest/{number}.img'/>
        <target dev='vda' bus='virtio'/></disk></devices>
        <test:runstate>5</test:runstate></domain>""" for number in range(count))
    return f"<node><cpu><mhz>2400</mhz><model>x86_64</model><active>2</active></cpu>{domains}</node>"


def main():
    program, folder, count = sys.argv[1:]
    os.makedirs(folder, exist_ok=True)
    fill(Orangery(os.path.abspath(program), os.path.abspath(folder)), int(count))


if __name__ == "__main__":
    main()
