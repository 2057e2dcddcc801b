"""Looking at a guest: Orangery's console beside the viewers of today, in turns, with the painter as the guest."""

import fnmatch
import os
import time

from painter import BarCode, Hands, Painting, build_painter
from screen import Screen
from table import median
from viewers import (Console, CopyingConsole, Gtk, Headless, Page, Spice, VirtManager, Vnc,
                     WindowManager)

# 3840x2160 at 1:1 with a bar above it, and the tenth of the screen that new windows leave free.
SCREEN = 4352, 2560
RIVALS = (Gtk, Vnc, Spice, VirtManager)
# Other ways of ours; measured only with virtio-vga and 60 changes a second.
VARIANTS = (CopyingConsole, Page)
SCALED_TO = 1920, 1080
# At most this part of a rival's processor time for a shown frame.
GTK_GOALS = {"full": "at most 0.7", "window": "at most 0.5", "text": "at most 0.5"}
REMOTE_GOAL = "at most 0.1"
PARTS = "QEMU, added", "console and engine", "X server"
QUICK_CASES = ("virtio-full-60", "virtio-text-60", "vga-full-60", "virtio-full-30-4k")


class Case:
    """One painting, and whether its window is smaller than it."""

    def __init__(self, painting, scaled=False):
        self.painting = painting
        self.scaled = scaled
        self.name = f"{painting.display}-{painting.mode}-{painting.rate}"
        self.name += "-4k" if self.is_4k() else ""
        self.name += "-scaled" if scaled else ""

    def is_4k(self):
        return self.painting.height > 1080

    def title(self):
        what = self.painting
        card = "virtio-vga" if what.display == "virtio" else "std VGA"
        area = {"full": "all of", "window": "640x360 of", "text": "720x400 of text in"}[what.mode]
        shown = f", shown in {SCALED_TO[0]}x{SCALED_TO[1]}" if self.scaled else ""
        return (f"{card}, {area} {what.width}x{what.height} changes {what.rate} times a second"
                f"{shown} ({self.name})")

    def variants(self):
        fast = self.painting.display == "virtio" and self.painting.rate == 60
        return VARIANTS if fast else ()


def all_cases():
    cases = [Case(Painting(display, mode, rate)) for display in ("virtio", "vga")
             for mode in ("full", "window", "text") for rate in (60, 30)]
    # The memory of std VGA does not hold so many pixels.
    large = Painting("virtio", "full", 30, 3840, 2160)
    return cases + [Case(large), Case(large, scaled=True)]


def wanted(names, name):
    return any(fnmatch.fnmatch(name, pattern) for pattern in names)


class Session:
    """An X screen with a window manager, and the viewers that are there."""

    def __init__(self, bench):
        self.bench = bench
        self.quick = bool(os.environ.get("QUICK"))
        self.runs = bench.runs = int(os.environ.get("RUNS", "1" if self.quick else "5"))
        self.seconds = 3 if self.quick else 5
        self.image = build_painter(bench.folder)
        self.screen = Screen(os.path.join(bench.folder, "wide"), SCREEN)
        self.manager = WindowManager(self.screen)
        self.hands = Hands(self.screen.display)
        self.only = os.environ.get("VIEWERS", "*").split()

    def viewers(self, kinds):
        """Those to measure, and the names of the others with the reason."""
        viewers = [kind(self.bench, self.screen, self.image) for kind in kinds
                   if wanted(self.only, kind.name) or kind in (Headless, Console)]
        missing = {viewer.name: viewer.missing() for viewer in viewers if viewer.missing()}
        return [viewer for viewer in viewers if viewer.name not in missing], missing

    def close(self):
        self.hands.close()
        self.manager.close()
        self.screen.close()

    def shown(self, viewer, painting, scaled=False):
        """Starts the viewer and gives the bar code on the screen, settled and with the keyboard's focus."""
        viewer.start(painting, scaled)
        if isinstance(viewer, Headless):
            time.sleep(2)
            return None
        viewer.arrange(self.hands)
        code = BarCode.wait_for(self.screen)
        if code and scaled:
            viewer.shape("windowsize", *SCALED_TO)
        time.sleep(1)
        code = code and BarCode.wait_for(self.screen)
        if not code:
            self.bench.keep_picture(self.screen, f"failed-{viewer.name}")
            raise RuntimeError(f"{viewer.name} shows no picture of {painting.name()}")
        self.hands.move(code.x + int(18 * code.cell), code.y + int(4 * code.cell))
        self.hands.click()
        time.sleep(1)
        return BarCode.wait_for(self.screen) or code

    def attempt(self, viewer, painting, measure, scaled=False):
        """What `measure` gives, None if the viewer failed. The screen is empty afterwards."""
        try:
            code = self.shown(viewer, painting, scaled)
            return measure(viewer, code)
        except (RuntimeError, OSError) as error:
            self.bench.say(f"{viewer.name}: {error}")
            self.bench.failures += 1
            return None
        finally:
            viewer.stop()
            time.sleep(0.3)


class Watched:
    """What a viewer used for some seconds, and the frames that came through."""

    def __init__(self, viewer, code, seconds):
        begin = viewer.frame() if isinstance(viewer, Headless) else None
        began, before = time.monotonic(), viewer.cpu()
        self.seen = self.drawn = 0  # Drawn by the guest, a second.
        if code:
            self.seen, self.drawn = code.count(seconds)
        else:
            time.sleep(seconds)
        after = viewer.cpu()
        self.seconds = time.monotonic() - began
        self.used = [late - early for early, late in zip(before, after)]
        if begin:
            end = viewer.frame()
            self.drawn = (end[0] - begin[0]) / (end[1] - begin[1])


class Costs:
    """The runs of one viewer, over the headless guest, whose QEMU takes `base` seconds for a frame."""

    def __init__(self, runs, base):
        self.runs = [run for run in runs if run and run.seen]
        self.base = base

    def frames(self):
        return [run.seen / run.seconds for run in self.runs]

    def drawn(self):
        return [run.drawn for run in self.runs]

    def part(self, number):
        """Milliseconds a shown frame of QEMU (what it uses more), viewer or X server."""
        less = self.base if number == 0 else 0
        return [1000 * (run.used[number] - less * run.drawn * run.seconds) / run.seen
                for run in self.runs]

    def whole(self):
        return [sum(parts) for parts in zip(*(self.part(number) for number in range(3)))]


def headless_frame(runs):
    """Seconds of processor for a frame that nobody sees."""
    return median([run.used[0] / run.seconds / run.drawn for run in runs if run and run.drawn]) or 0.0


def headless_share(runs):
    """Seconds of processor a second."""
    return median([run.used[0] / run.seconds for run in runs if run]) or 0.0


def watch_case(bench, session, case):
    """All viewers in turns."""
    bench.table.section(case.title())
    kinds = [Headless, Console, *RIVALS, *case.variants()]
    viewers, missing = session.viewers(kinds)
    viewers = [viewer for viewer in viewers if viewer.can_scale or not case.scaled]
    runs = {viewer.name: [] for viewer in viewers}
    for _ in range(session.runs):
        for viewer in viewers:
            run = session.attempt(viewer, case.painting,
                                  lambda viewer, code: keep(session, viewer, code, case),
                                  case.scaled)
            runs[viewer.name].append(run)
    base = headless_frame(runs.pop(Headless.name))
    costs = {name: Costs(found, base) for name, found in runs.items()}
    case_rows(bench, case, costs, missing)


def keep(session, viewer, code, case):
    run = Watched(viewer, code, session.seconds)
    session.bench.keep_picture(session.screen, f"{case.name}-{viewer.name}")
    return run


def case_rows(bench, case, costs, missing):
    row = bench.table.row
    ours = costs.pop(Console.name)
    row("guest, frames drawn", "a second", ours.drawn())
    row("QEMU without a viewer", "ms a drawn frame", 1000 * ours.base)
    for name, goal in frame_goals(case, [*costs, *missing]):
        theirs = costs[name].frames() if name in costs else missing[name]
        row("frames on the screen", "a second", ours.frames(), theirs, name, goal)
    for name, goal in cost_goals(case, [*costs, *missing]):
        theirs = costs[name].whole() if name in costs else missing[name]
        row("processor a shown frame", "ms", ours.whole(), theirs, name, goal)
    for number, part in enumerate(PARTS):
        row(f"  of it {part}", "ms", ours.part(number))


def is_ours(name):
    return name in [kind.name for kind in VARIANTS]


def frame_goals(case, names):
    """What is compared with each name, in order."""
    for name in names:
        goal = "at least 1.0"  # At 30 a second nobody need lose one.
        if case.painting.display == "vga":
            goal = goal if name == Gtk.name else ""
        elif case.is_4k():
            goal = "at least 28 a second"
        elif case.painting.rate == 60:
            goal = "at least 58 a second, over 1.0"
        yield name, "" if is_ours(name) else goal


def cost_goals(case, names):
    for name in names:
        goal = GTK_GOALS[case.painting.mode] if name == Gtk.name else REMOTE_GOAL
        yield name, "" if is_ours(name) else goal


def console_frames(bench, session):
    """Frames on the screen and what they cost."""
    names = os.environ.get("CASES", " ".join(QUICK_CASES) if session.quick else "*").split()
    for case in all_cases():
        if wanted(names, case.name):
            bench.say(f"{case.name} …")
            watch_case(bench, session, case)


def console_keys(bench, session):
    """From a key press to its trace on the screen, while nothing else moves."""
    for display, card in (("virtio", "virtio-vga"), ("vga", "std VGA")):
        presses = 10 if session.quick else 20
        bench.table.section(f"From key to pixel, {card}, 1920x1080, medians of {presses} presses a run")
        viewers, missing = session.viewers([Console, *RIVALS, *VARIANTS])
        delays = {viewer.name: [] for viewer in viewers}
        for _ in range(session.runs):
            for viewer in viewers:
                found = session.attempt(viewer, Painting(display, "still"),
                                        lambda _, code: code.key_delays(session.hands, presses))
                delays[viewer.name] += found or []
        ours = delays.pop(Console.name)
        rivals = [median(found) for name, found in delays.items() if found and not is_ours(name)]
        if rivals:
            bench.table.row("key to pixel", "ms", ours, min(rivals), "best rival", "at most 0.7")
        for name, found in [*delays.items(), *missing.items()]:
            bench.table.row("key to pixel", "ms", ours, found or "none seen", name)


def console_still(bench, session):
    """What a console costs while nothing moves, and while it is hidden from a guest that draws."""
    seconds = 5 if session.quick else 20
    bench.table.section(f"Consoles of a guest that is still, and hidden ones, for {seconds} s; QEMU (added), "
                        "viewer and X server")
    viewers, missing = session.viewers([Headless, Console, *RIVALS, Page])
    measured = {}
    for hidden, mode in ((False, "still"), (True, "full")):
        for viewer in viewers:
            def watch(viewer, code, hidden=hidden):
                if hidden and code:
                    viewer.shape("windowminimize")
                time.sleep(2)
                return Watched(viewer, None, seconds)
            measured[hidden, viewer.name] = session.attempt(viewer, Painting("virtio", mode), watch)
    for hidden, what, goal in ((False, "shown, guest still", "at most 0.5"), (True, "hidden", "0")):
        base = headless_share([measured[hidden, Headless.name]])
        ours = added_share(measured[hidden, Console.name], base)
        for viewer in viewers[2:]:
            theirs = added_share(measured[hidden, viewer.name], base)
            bench.table.row(what, "% of a core", ours and ours[-1], theirs and theirs[-1],
                            viewer.name, goal)
        for number, part in enumerate(PARTS):
            bench.table.row(f"  of it {part}", "% of a core", ours and ours[number])
    for name, why in missing.items():
        bench.table.row("shown, guest still", "% of a core", None, why, name)


def added_share(run, base):
    """Percent of a core of QEMU (what it uses more), viewer, X server, and all of them."""
    if run is None:
        return None
    parts = [100 * used / run.seconds for used in run.used]
    parts[0] -= 100 * base
    return [*parts, sum(parts)]


def in_session(measure):
    """A section with an X screen of its own."""
    def section(bench):
        session = Session(bench)
        try:
            measure(bench, session)
        finally:
            session.close()
    section.__name__ = measure.__name__
    return section


CONSOLE_SECTIONS = {
    "console": in_session(console_frames),
    "console-keys": in_session(console_keys),
    "console-still": in_session(console_still),
}
