"""Machines: ours by the command line, and the same QEMU run bare."""

import json
import os
import shlex
import shutil
import socket
import subprocess
import time

import process

NUMBER = 10  # The memory file's number in the printed command line.


class Orangery:
    """The program under test, with a home of its own."""

    def __init__(self, program, folder):
        self.program = program
        self.folder = folder
        self.library = os.path.join(folder, "library")
        self.log = os.path.join(folder, "orangery.log")

    def command(self, *words):
        return [self.program, *words, "--library", self.library]

    def run(self, *words, patience=120):
        """Runs a subcommand to its end and gives what it prints."""
        done = subprocess.run(self.command(*words), capture_output=True, text=True,
                              timeout=patience, check=False, stdin=subprocess.DEVNULL)
        if done.returncode != 0:
            raise RuntimeError(f"orangery {' '.join(words)}: {done.stderr.strip()}")
        return done.stdout

    def list(self):
        return json.loads(self.run("list", "--json"))

    def machine(self, name):
        return next(entry for entry in self.list() if entry["name"] == name)

    def owner(self):
        """The process that owns the library, None if nobody does. The lock names it."""
        try:
            with open(os.path.join(self.library, ".lock"), encoding="utf-8") as file:
                pid = int(file.readline())
            with open(f"/proc/{pid}/cmdline", "rb") as file:
                return pid if os.fsencode(self.program) in file.read() else None
        except (OSError, ValueError):
            return None

    def stop_all(self):
        """Powers off what runs and ends the agent."""
        for entry in self.list():
            if "pid" in entry:
                self.run("power-off", entry["name"])
            elif entry["state"] == "saved":
                self.run("discard", entry["name"])
        self.end_owner()

    def end_owner(self):
        owner = self.owner()
        if owner:
            process.end_pid(owner)

    def disk(self, name):
        """The machine's one disk file."""
        folder = os.path.join(self.machine(name)["path"], "disks")
        return os.path.join(folder, next(iter(os.listdir(folder))))


class Bare:
    """The very QEMU command line of a machine, run by hand: on a copy of its disk, with ordinary
    memory instead of a memory file, and without waiting for an owner to let the guest go."""

    def __init__(self, orangery, name, folder):
        os.makedirs(folder, exist_ok=True)
        self.folder = folder
        self.disk = os.path.join(folder, "disk.qcow2")
        self.log = os.path.join(folder, "qemu.log")
        self.monitor = os.path.join(folder, "mon0")
        disk = orangery.disk(name)
        shutil.copyfile(disk, self.disk)
        words = shlex.split(orangery.run("command-line", name))
        sockets = next(word for word in words if "id=mon0,path=" in word)
        sockets = os.path.dirname(sockets.split("path=")[1].split(",")[0])
        words = [word.replace(disk, self.disk).replace(sockets, folder) for word in words]
        words.remove("-S")
        self.words = [own_memory(word) for word in words]

    def start(self, *more):
        if os.path.exists(self.monitor):
            os.unlink(self.monitor)
        return process.start(self.words + list(more), self.log)


def own_memory(word):
    """Memory as QEMU has it when nobody passes a file in."""
    if word.startswith("memory-backend-file,"):
        parts = word.split(",")
        kept = [part for part in parts if not part.startswith(("mem-path=", "share="))]
        return ",".join(["memory-backend-ram", *kept[1:]])
    return word


class Monitor:
    """A minimal QMP client."""

    def __init__(self, path, patience=20):
        deadline = time.monotonic() + patience
        while True:
            self.socket = socket.socket(socket.AF_UNIX)
            try:
                self.socket.connect(path)
                break
            except OSError:
                self.socket.close()
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.002)
        self.socket.settimeout(60)
        self.lines = self.socket.makefile("rw", encoding="utf-8")
        self.lines.readline()
        self.ask("qmp_capabilities")

    def ask(self, command, **arguments):
        self.lines.write(json.dumps({"execute": command, "arguments": arguments}) + "\n")
        self.lines.flush()
        while True:
            answer = json.loads(self.lines.readline())
            if "return" in answer:
                return answer["return"]
            if "error" in answer:
                raise RuntimeError(f"{command}: {answer['error']['desc']}")

    def close(self):
        self.lines.close()
        self.socket.close()


class Greeting:
    """Tells, without waiting, whether QEMU has greeted: its main loop runs, and so does the guest."""

    def __init__(self, path):
        self.path = path
        self.socket = None

    def came(self):
        try:
            if self.socket is None:
                self.socket = socket.socket(socket.AF_UNIX)
                self.socket.connect(self.path)
                self.socket.setblocking(False)
            return bool(self.socket.recv(4096))
        except BlockingIOError:
            return False
        except OSError:
            self.close()
            return False

    def close(self):
        if self.socket:
            self.socket.close()
        self.socket = None


def wait_for_guest(disk, before, runs, patience=60):
    """When `runs` came true, and when the guest first wrote to its disk."""
    deadline = time.monotonic() + patience
    running = wrote = None
    while running is None or wrote is None:
        now = time.monotonic()
        if now > deadline:
            raise RuntimeError(f"no guest wrote to {disk}")
        if running is None and runs():
            running = now
        if wrote is None and os.stat(disk).st_mtime_ns != before:
            wrote = now
        time.sleep(0.0005)
    return running, wrote


def wait_until_filled(pid, size, patience=120):
    """Waits until the test card has filled its ballast of `size` MiB."""
    deadline = time.monotonic() + patience
    while process.memory(pid, "Rss") < size:
        if time.monotonic() > deadline:
            raise RuntimeError(f"the ballast of {size} MiB was not filled")
        time.sleep(0.1)
    last = 0.0
    while process.memory(pid, "Rss") > last + 1:
        last = process.memory(pid, "Rss")
        time.sleep(0.5)
