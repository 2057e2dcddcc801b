"""Processes: processor time to the nanosecond, memory, starting and ending."""

import os
import signal
import subprocess
import time

MIB = 1 << 20
TICK = os.sysconf("SC_CLK_TCK")


def start(command, log, env=None, files=()):
    """Starts a program in a session of its own. `files` are (our number, its number)."""

    def numbers():
        for ours, its in files:
            os.dup2(ours, its)

    with open(log, "ab") as output:
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env=env,
            start_new_session=True,
            pass_fds=[its for _, its in files],
            preexec_fn=numbers if files else None,
        )


def stop(process, patience=5.0):
    """Ends a program that `start` started, kindly first."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(patience)
        except subprocess.TimeoutExpired:
            process.kill()
    process.wait()


def alive(pid):
    """Whether it runs. One that has ended and was not waited for does not."""
    try:
        return fields_of(pid)[0] not in "ZX"
    except OSError:
        return False


def end_pid(pid, patience=5.0):
    """Ends one process by its id, and waits for that."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        deadline = time.monotonic() + patience
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            return
        while time.monotonic() < deadline:
            if not alive(pid):
                return
            time.sleep(0.01)


def fields_of(pid):
    """State, parent and what follows them in /proc/PID/stat; proc(5)."""
    with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
        return file.read().rpartition(") ")[2].split()


def stat(pid):
    """Parent, and seconds that the children it waited for have used."""
    fields = fields_of(pid)
    return int(fields[1]), (int(fields[13]) + int(fields[14])) / TICK


def tree(root):
    """`root` and everything below it that lives."""
    parents = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                parents[int(name)] = stat(name)[0]
            except OSError:
                pass  # It ended meanwhile.
    found = {root}
    grown = True
    while grown:
        below = {pid for pid, parent in parents.items() if parent in found}
        grown = not below <= found
        found |= below
    return found


def cpu(pid):
    """Processor seconds of one process, ended threads included; see clock_getcpuclockid(3)."""
    return time.clock_gettime((~pid << 3) | 2)


def cpu_of_tree(root):
    """Processor seconds of a process and its children, ended ones included."""
    total = 0.0
    for pid in tree(root):
        try:
            total += cpu(pid) + stat(pid)[1]
        except OSError:
            pass  # It ended meanwhile; its parent has its time.
    return total


def cpu_of_threads(pid, choose):
    """Processor seconds of the living threads whose name `choose` accepts."""
    total = 0
    for thread in os.listdir(f"/proc/{pid}/task"):
        folder = f"/proc/{pid}/task/{thread}"
        try:
            with open(f"{folder}/comm", encoding="utf-8", errors="replace") as file:
                if not choose(file.read().strip()):
                    continue
            with open(f"{folder}/schedstat", encoding="utf-8") as file:
                total += int(file.read().split()[0])
        except OSError:
            pass  # It ended meanwhile.
    return total / 1e9


def memory(pid, key="Pss"):
    """Proportional set size in MiB, or another line of smaps_rollup."""
    with open(f"/proc/{pid}/smaps_rollup", encoding="utf-8") as file:
        for line in file:
            if line.startswith(key + ":"):
                return int(line.split()[1]) / 1024
    return 0.0


def tail(path):
    """The end of a log."""
    with open(path, encoding="utf-8", errors="replace") as file:
        return file.read()[-2000:].strip() or "it said nothing"
