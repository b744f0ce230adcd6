"""Samples by figure and variant; every cell shows the median and the range over the rounds."""

import json
import statistics

from options import VARIANTS

PAIRS = [("jsonb", "plain"), ("custody", "plain"), ("custody", "jsonb")]


class Table:
    def __init__(self):
        self.figures = {}
        self.curves = {}  # name -> [(entries, seconds, CPU seconds), ...], of custody

    def curve(self, name, entries, seconds, cpu):
        self.curves.setdefault(name, []).append((entries, seconds, cpu))

    def add(self, figure, variant, value, compare="ratio"):
        """compare: how a sample is set against another variant's of the same round: ratio, added, or None.

        A value of None only gives the figure its place in the table.
        """
        entry = self.figures.setdefault(figure, {"compare": compare, "samples": {}})
        if value is not None:
            entry["samples"].setdefault(variant, []).append(value)

    def save(self, path):
        path.write_text(json.dumps({"figures": self.figures, "curves": self.curves}, ensure_ascii=False, indent=1) + "\n")

    def add_earlier(self, path):
        """Take over the figures of an earlier run that this one does not have; returns their names."""
        earlier = json.loads(path.read_text())
        taken = [name for name in earlier["figures"] if name not in self.figures]
        self.figures.update((name, earlier["figures"][name]) for name in taken)
        for name, points in earlier["curves"].items():
            self.curves.setdefault(name, [tuple(point) for point in points])
        return taken

    def samples(self, figure, variant):
        return self.figures.get(figure, {"samples": {}})["samples"].get(variant, [])

    def compared(self, figure, variant, base, how):
        """Samples set against another variant's of the same rounds."""
        pairs = zip(self.samples(figure, variant), self.samples(figure, base))
        if how == "ratio":
            return [a / b for a, b in pairs if b]
        return [a - b for a, b in pairs]

    def markdown(self):
        """Figures of several variants, side by side."""
        pairs = [(a, b) for a, b in PAIRS if a in VARIANTS and b in VARIANTS]
        lines = headed(["Figure", *VARIANTS, *(f"{a} against {b}" for a, b in pairs)])
        for figure, entry in self.figures.items():
            if len(entry["samples"]) > 1:
                cells = [spread(self.samples(figure, name)) for name in VARIANTS]
                cells += [self.comparison(figure, a, b, entry["compare"]) for a, b in pairs]
                lines.append([figure, *cells])
        return aligned(lines)

    def markdown_alone(self):
        """Figures that only one variant has."""
        lines = headed(["Figure", "Measured"])
        for figure, entry in self.figures.items():
            if len(entry["samples"]) == 1:
                lines += [[figure, spread(values)] for values in entry["samples"].values()]
        return aligned(lines)

    def comparison(self, figure, variant, base, how):
        if how is None:
            return "–"
        show = signed if how == "added" else times
        return spread(self.compared(figure, variant, base, how), show)


def headed(heads):
    return [heads, ["---"] + ["---:"] * (len(heads) - 1)]


def aligned(lines):
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    return "\n".join("| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths)) + " |"
                     for line in lines)


def number(value):
    if abs(value) >= 1000:
        return f"{value:,.0f}".replace(",", " ")
    return f"{value:.3g}" if abs(value) < 100 else f"{value:.0f}"


def signed(value):
    return ("+" if value > 0 else "") + number(value)


def times(value):
    return "×" + number(value)


def spread(values, show=number):
    if not values:
        return "–"
    middle = show(statistics.median(values))
    return middle if len(values) == 1 else f"{middle} ({number(min(values))} to {number(max(values))})"
