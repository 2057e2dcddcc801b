"""The painter: a guest that draws so often a second, and what a look at the screen tells of it.

Its bar code is 36 square cells: magenta, cyan, yellow, 24 bits of the frame's number, 8 bits of the number of key
presses, green. It is found and read at any scale."""

import ctypes
import dataclasses
import os
import random
import re
import struct
import subprocess
import time

HERE = os.path.dirname(os.path.abspath(__file__))
# Where the painter looks for its orders in the image; see painter.c and the test card's README.md.
ORDERS = 512_000 + 32
MODES = ("still", "full", "window", "text")
FRAME_BITS, KEY_BITS = 24, 8
CELLS = 3 + FRAME_BITS + KEY_BITS + 1
# Rows between two looks; a cell that is shown at a third of its size is still hit.
STEP = 4
SAMPLE = 0.001
KEYSYM_A = 0x61


@dataclasses.dataclass(frozen=True)
class Painting:
    """What the guest does, and on which card."""

    display: str  # `virtio` or `vga`
    mode: str
    rate: int = 60
    width: int = 1920
    height: int = 1080

    def name(self):
        return f"{self.display} {self.mode} {self.rate} {self.width}x{self.height}"


def build_painter(folder):
    """The painter's disk image, without orders."""
    path = os.path.join(folder, "painter")
    done = subprocess.run([os.path.join(HERE, "painter", "build.sh"), path], capture_output=True,
                          text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"the painter was not built: {done.stderr.strip()[-500:]}")
    with open(path, "rb") as file:
        return file.read()


def add_machine(orangery, image, painting, folder):
    """Makes a machine for the painting, once. Gives its name."""
    name = painting.name()
    if any(entry["name"] == name for entry in orangery.list()):
        return name
    orders = struct.pack("<4I", MODES.index(painting.mode), painting.rate, painting.width,
                         painting.height)
    disk = os.path.join(folder, "orders.img")
    with open(disk, "wb") as file:
        file.write(image[:ORDERS] + orders + image[ORDERS + len(orders):])
    orangery.run("create", name, "--disk", disk, "--copy", "--era", "modern", "--firmware", "bios",
                 "--cpus", "1", "--memory", "256M")
    os.unlink(disk)
    orangery.run("device", "set", name, "display0", f"model={painting.display}")
    return name


def colours(row):
    """One byte a pixel: its channels' shares of 1, 4, 16 where about full, of 2, 8, 32 where about empty. Some viewers
    compress with losses, and scaling blurs."""
    whole = sum(int.from_bytes(row[channel::4].translate(shares), "little")
                for channel, shares in enumerate(SHARES))
    return whole.to_bytes(len(row) // 4, "little")


# Of blue, green and red, by value.
SHARES = [bytes(2 * share if value < 0x30 else share if value > 0xd0 else 0 for value in range(256))
          for share in (1, 4, 16)]
MAGENTA, CYAN, YELLOW, GREEN = b"\x19", b"\x25", b"\x16", b"\x26"
START = re.compile(rb"(?s)" + b".{0,3}".join(colour + b"{2,64}" for colour in (MAGENTA, CYAN, YELLOW)))


class BarCode:
    """The painter's bar code, where it lies on the screen."""

    def __init__(self, screen, x, y, cell):
        self.screen = screen
        self.cell = cell
        self.x, self.y = x, y
        self.offsets = [4 * int((index + 0.5) * cell) for index in range(CELLS)]
        self.begin = screen.start + y * screen.stride + 4 * x
        self.end = self.begin + 4 * int(CELLS * cell + 1)

    @classmethod
    def find(cls, screen):
        """None if it is not to be seen."""
        for y in range(0, screen.height, STEP):
            row = colours(screen.row(y))
            found = START.search(row)
            cell = found and cell_size(row, found)
            if cell:
                middle = min(y + int(cell / 2), screen.height - 1)
                code, lower = (cls(screen, found.start(), at, cell) for at in (y, middle))
                return lower if lower.read() else code
        return None

    @classmethod
    def wait_for(cls, screen, patience=40):
        deadline = time.monotonic() + patience
        while time.monotonic() < deadline:
            found = cls.find(screen)
            if found:
                return found
            time.sleep(0.1)
        return None

    def read(self):
        """Frame and key presses, None while it is covered."""
        cells = self.screen.pixels[self.begin:self.end]
        first, last = self.offsets[0], self.offsets[-1]
        if not (cells[first] > 0xd0 > 0x30 > cells[first + 1] and cells[first + 2] > 0xd0):
            return None
        if not (cells[last] < 0x30 < 0xd0 < cells[last + 1] and cells[last + 2] < 0x30):
            return None
        number = 0
        for at in self.offsets[3:-1]:
            number = number << 1 | (cells[at + 1] > 127)
        return number >> KEY_BITS, number & ((1 << KEY_BITS) - 1)

    def count(self, seconds):
        """Frames seen, and how many the guest drew a second meanwhile (0 if that can't be told)."""
        seen, first, last = 0, None, None
        deadline = time.monotonic() + seconds
        while (began := time.monotonic()) < deadline:
            now = self.read()
            if now and (last is None or now[0] != last[0]):
                last = now[0], began
                first = first or last
                seen += 1
            time.sleep(SAMPLE)
        if seen < 2:
            return 0, 0
        # The frame that was there already is not counted.
        return seen - 1, (last[0] - first[0]) % (1 << FRAME_BITS) / (last[1] - first[1])

    def key_delays(self, hands, presses):
        """Milliseconds from a key press at the X server to its trace on the screen; lost ones are left out."""
        delays = []
        for _ in range(presses):
            # Not in step with anything that happens at fixed times.
            time.sleep(0.3 + random.random() * 0.15)
            before = self.read()
            began = time.monotonic()
            hands.key(True)
            while (now := self.read()) is None or before is None or now[1] == before[1]:
                if time.monotonic() > began + 3:
                    break
                time.sleep(0.0002)
            else:
                delays.append((time.monotonic() - began) * 1000)
            time.sleep(0.02)
            hands.key(False)
        return delays


def cell_size(row, start):
    """Pixels of a cell, from the beginning of the first one to that of the last one."""
    first = start.start()
    rough = (start.end() - first) / 3
    last = row.find(GREEN, int(first + 34 * (rough - 1)), int(first + 36 * (rough + 1)))
    return (last - first) / (CELLS - 1) if last > 0 else None


def frame_in_dump(path):
    """The frame's number in a picture that QEMU wrote, a PPM at 1:1."""
    with open(path, "rb") as file:
        data = file.read()
    at = data.index(b"".join(colour * 16 for colour in (b"\xff\0\xff", b"\0\xff\xff", b"\xff\xff\0")))
    middles = (at + 3 * (16 * cell + 8) for cell in range(3, 3 + FRAME_BITS))
    return int("".join("1" if data[middle] > 127 else "0" for middle in middles), 2)


class Hands:
    """Keyboard and mouse of an X screen, by the XTEST extension (libXtst)."""

    def __init__(self, display):
        self.x11 = ctypes.CDLL("libX11.so.6")
        self.test = ctypes.CDLL("libXtst.so.6")
        self.x11.XOpenDisplay.restype = ctypes.c_void_p
        self.display = ctypes.c_void_p(self.x11.XOpenDisplay(display.encode()))
        if not self.display:
            raise RuntimeError(f"no X display {display}")
        self.code = self.x11.XKeysymToKeycode(self.display, ctypes.c_ulong(KEYSYM_A))

    def key(self, down):
        self.test.XTestFakeKeyEvent(self.display, self.code, int(down), ctypes.c_ulong(0))
        self.x11.XFlush(self.display)

    def move(self, x, y):
        self.test.XTestFakeMotionEvent(self.display, -1, x, y, ctypes.c_ulong(0))
        self.x11.XFlush(self.display)

    def click(self):
        for down in (1, 0):
            self.test.XTestFakeButtonEvent(self.display, 1, down, ctypes.c_ulong(0))
            self.x11.XFlush(self.display)
            time.sleep(0.05)

    def close(self):
        self.x11.XCloseDisplay(self.display)
