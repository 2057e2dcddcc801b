"""A virtual X screen whose pixels are read from a mapped file, without asking the X server."""

import mmap
import os
import select
import shutil
import struct
import subprocess
import time
import zlib

import process

SIZE = 1600, 1000
# Every eighth row is looked at: a row of text, a line or a picture can't hide between them.
STEP = 8
# A blank window has one colour or two; text and pictures have many.
COLOURS = 8
# The test card's strip (assets/test-card/README.md): cells of 16x16, white is 1.
CELL = 16
MAGIC = "0100111101000111"
FRAME_ROW, FRAME_BITS = 7, 32


class Screen:
    """An Xvfb of our own, with a session bus, as a desktop would have."""

    def __init__(self, folder, size=SIZE):
        self.folder = folder
        self.width, self.height = size
        os.makedirs(folder, exist_ok=True)
        self.log = os.path.join(folder, "log")
        self.display = self._start_server()
        self._map()
        self.bus = None
        self.env = dict(os.environ, DISPLAY=self.display, GDK_BACKEND="x11")
        self.env.pop("WAYLAND_DISPLAY", None)
        self._start_bus()

    def _start_server(self):
        read, write = os.pipe()
        with open(self.log, "ab") as log:
            self.server = subprocess.Popen(
                ["Xvfb", "-displayfd", str(write), "-screen", "0", f"{self.width}x{self.height}x24",
                 "-fbdir", self.folder, "-nolisten", "tcp", "-noreset", "-br"],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                pass_fds=[write], start_new_session=True)
        os.close(write)
        return ":" + read_line(read, "Xvfb")

    def _map(self):
        with open(os.path.join(self.folder, "Xvfb_screen0"), "rb") as file:
            self.pixels = mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ)
        # XWD file format, X11/XWDFile.h.
        header = struct.unpack(">25I", self.pixels[:100])
        self.start = header[0] + header[19] * 12
        self.stride = header[12]

    def _start_bus(self):
        if not shutil.which("dbus-daemon"):
            return
        read, write = os.pipe()
        self.bus = subprocess.Popen(
            ["dbus-daemon", "--session", "--nofork", "--nosyslog", f"--print-address={write}"],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            pass_fds=[write], env=self.env, start_new_session=True)
        os.close(write)
        self.env["DBUS_SESSION_BUS_ADDRESS"] = read_line(read, "dbus-daemon")

    def close(self):
        self.pixels.close()
        for server in (self.bus, self.server):
            if server:
                process.stop(server)

    def row(self, y):
        begin = self.start + y * self.stride
        return self.pixels[begin:begin + self.width * 4]

    def sample(self):
        return [self.row(y) for y in range(0, self.height, STEP)]

    def wait_until_painted(self, before, patience):
        """Seconds on the monotonic clock at which something drawn is on the screen."""
        deadline = time.monotonic() + patience
        while time.monotonic() < deadline:
            now = self.sample()
            seen = time.monotonic()
            if now != before and colours(before, now) >= COLOURS:
                return seen
            time.sleep(0.002)
        return None

    def wait_until_calm(self, calm=1.0, patience=15.0):
        """Waits until nothing has changed for `calm` seconds."""
        last, since = self.sample(), time.monotonic()
        deadline = since + patience
        while time.monotonic() < min(since + calm, deadline):
            time.sleep(0.05)
            now = self.sample()
            if now != last:
                last, since = now, time.monotonic()

    def find_strip(self):
        """The pixel at which the test card's strip begins, shown 1:1; None if it is not there."""
        wanted = b"".join((b"\xff" if bit == "1" else b"\x00") * CELL for bit in MAGIC)
        for y in range(2, self.height - CELL * 9, STEP):
            x = self.row(y)[0::4].find(wanted)
            if x >= 0:
                top = y
                while top > 0 and self.row(top - 1)[0::4][x:x + len(wanted)] == wanted:
                    top -= 1
                return x, top
        return None

    def frame(self, place):
        """The number of the test card's frame that is on the screen."""
        x, y = place
        blue = self.row(y + FRAME_ROW * CELL + CELL // 2)[0::4]
        number = 0
        for bit in range(FRAME_BITS):
            number = number << 1 | (blue[x + bit * CELL + CELL // 2] > 127)
        return number

    def count_frames(self, seconds):
        """How many frames of the test card were seen, and how many it drew (None if unknown)."""
        place = self.find_strip()
        if place is None:
            return self._count_changes(seconds), None
        first = last = self.frame(place)
        seen = 0
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            now = self.frame(place)
            if now != last:
                seen, last = seen + 1, now
            time.sleep(0.002)
        return seen, last - first

    def _count_changes(self, seconds):
        last, seen = self.sample(), 0
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            time.sleep(0.004)
            now = self.sample()
            if now != last:
                seen, last = seen + 1, now
        return seen

    def keep_picture(self, path):
        """Writes what is on the screen as a PNG, to be looked at."""
        lines = []
        for y in range(self.height):
            row = self.row(y)
            line = bytearray(self.width * 3)
            line[0::3], line[1::3], line[2::3] = row[2::4], row[1::4], row[0::4]
            lines.append(b"\0" + line)

        def chunk(kind, data):
            check = zlib.crc32(kind + data)
            return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", check)

        with open(path, "wb") as file:
            file.write(b"\x89PNG\r\n\x1a\n")
            file.write(chunk(b"IHDR", struct.pack(">IIBBBBB", self.width, self.height, 8, 2, 0, 0, 0)))
            file.write(chunk(b"IDAT", zlib.compress(b"".join(lines), 1)))
            file.write(chunk(b"IEND", b""))


def read_line(pipe, who, patience=20):
    """The line that a server writes when it is ready. It may come in pieces."""
    line = b""
    while not line.endswith(b"\n"):
        ready = select.select([pipe], [], [], patience)[0]
        piece = os.read(pipe, 1024) if ready else b""
        if not piece:
            raise RuntimeError(f"{who} did not start")
        line += piece
    os.close(pipe)
    return line.decode().strip()


def colours(before, now):
    """How many colours the changed rows have."""
    found = set()
    for old, new in zip(before, now):
        if old != new:
            # The fourth byte of a pixel is padding.
            found.update(zip(new[0::4], new[1::4], new[2::4]))
            if len(found) >= COLOURS:
                break
    return len(found)
