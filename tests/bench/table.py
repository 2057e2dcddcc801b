"""The result: a plain table of medians, with a ratio where there is something to compare with."""

import statistics
import sys

HEAD = ("what", "unit", "Orangery", "compared", "ratio", "goal", "with")


def median(values):
    values = [value for value in values if value is not None]
    return statistics.median(values) if values else None


class Table:
    def __init__(self):
        self.rows = []

    def section(self, title):
        self.rows.append(title)

    def row(self, what, unit, ours, theirs=None, rival="", goal=""):
        """`ours` and `theirs` are numbers, lists of them (the median counts) or words."""
        ours, theirs = settle(ours), settle(theirs)
        ratio = ""
        if isinstance(ours, float) and isinstance(theirs, float) and theirs > 0:
            ratio = f"{ours / theirs:.2f}"
        self.rows.append((what, unit, shown(ours), shown(theirs), ratio, goal, rival))
        print("bench:", *filter(None, self.rows[-1]), sep="  ", file=sys.stderr, flush=True)  # It may be cut off.

    def text(self):
        cells = [HEAD] + [row for row in self.rows if isinstance(row, tuple)]
        widths = [max(len(row[column]) for row in cells) for column in range(len(HEAD))]
        lines = [line(HEAD, widths)]
        for row in self.rows:
            lines.append(line(row, widths) if isinstance(row, tuple) else f"\n{row}")
        return "\n".join(lines)


def settle(value):
    if isinstance(value, (list, tuple)):
        value = median(value)
    return float(value) if isinstance(value, (int, float)) else value


def shown(value):
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    digits = 0 if value >= 100 else 1 if value >= 10 else 2 if value >= 1 else 3
    return f"{value:.{digits}f}"


def line(row, widths):
    left = f"{row[0]:{widths[0]}}  {row[1]:{widths[1]}}  "
    middle = "  ".join(f"{row[column]:>{widths[column]}}" for column in range(2, 5))
    return f"{left}{middle}  {row[5]:{widths[5]}}  {row[6]}".rstrip()
