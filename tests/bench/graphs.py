"""What it costs to watch machines: their lines in the list, and one machine's page with its graphs."""

import time

import process
from sections import first_window, share

MANY_RUNNING = 20
PAGE = "Bench Page"


def cost(pid, seconds):
    """Percent of one core that a process uses from now on."""
    before = process.cpu(pid)
    time.sleep(seconds)
    return share(process.cpu(pid) - before, seconds)


def many_running(bench):
    """The window with many machines that run; as many rows are in sight as fit."""
    bench.table.section(f"{MANY_RUNNING} machines running, a page without graphs open, "
                        f"for {bench.idle} s")
    orangery = bench.orangery("running")
    # The window opens with the first machine chosen; that one does not run.
    orangery.run("create", "A Machine That Is Off", "--test-card")
    for number in range(MANY_RUNNING):
        orangery.run("create", f"m{number:04}", "--test-card")
        orangery.run("start", f"m{number:04}")
    time.sleep(bench.settle)
    agent = cost(orangery.owner(), bench.idle)
    bench.table.row("agent, nobody looks", "% of a core a machine", agent / MANY_RUNNING)
    screen = bench.screen()
    program = first_window(screen, orangery.command(), orangery.log)[2]
    try:
        # The lines grow from the first measurements on.
        time.sleep(bench.settle * 2)
        used = cost(program.pid, bench.idle)
        bench.keep_picture(screen, "running")
        bench.table.row("window, all", "% of a core", used)
        bench.table.row("window", "% of a core a machine", used / MANY_RUNNING)
        bench.table.row("window", "MiB", process.memory(program.pid))
    finally:
        process.stop(program)
        orangery.stop_all()


def page_with_graphs(bench):
    """One machine's page. A paused guest draws nothing, so only the graphs cost."""
    bench.table.section(f"A machine's page with its graphs, for {bench.idle} s")
    orangery = bench.orangery("page")
    orangery.run("create", PAGE, "--test-card")
    orangery.run("start", PAGE)
    guest = orangery.machine(PAGE)["pid"]
    time.sleep(bench.settle)
    screen = bench.screen()
    program = first_window(screen, orangery.command(), orangery.log)[2]
    try:
        time.sleep(bench.settle)
        live = cost(program.pid, bench.idle)
        bench.table.row("window, with a live picture of a guest that draws", "% of a core", live)
        orangery.run("pause", PAGE)
        time.sleep(bench.settle)
        before = process.cpu(guest)
        used = cost(program.pid, bench.idle)
        qemu = (process.cpu(guest) - before) / bench.idle
        bench.keep_picture(screen, "graphs")
        bench.table.row("window, graphs alone", "% of a core", used, goal="at most 3")
        bench.table.row("QEMU", "ms a second", qemu * 1000)
        bench.table.row("window", "MiB", process.memory(program.pid))
    finally:
        process.stop(program)
        orangery.stop_all()


GRAPH_SECTIONS = {
    "running": many_running,
    "graphs": page_with_graphs,
}
