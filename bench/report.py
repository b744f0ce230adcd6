"""The machine, the figures, the targets and whether they are met, and the plots."""

import os
import platform
import re
import statistics
from pathlib import Path

from cluster import SETTINGS
from growth import STATE, WHOLE
from ledger import BIG
from options import (CLIENTS, ENTRIES, GROWTH_ROWS, LOAD_ROUNDS, LOAD_ROWS, LOOPS, PROOFS, QUICK, ROUNDS, SCALE,
                     SEALER_TRANSACTIONS, SECONDS, VARIANTS)
from plot import chart
from table import aligned, headed, number, spread

HERE = Path(__file__).resolve().parent


def machine(cluster):
    cpu = re.search(r"^model name\s*:\s*(.+)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    flags = re.search(r"^flags\s*:\s*(.+)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    memory = re.search(r"^MemTotal:\s*(\d+) kB", Path("/proc/meminfo").read_text(), re.MULTILINE)
    sha = "with SHA instructions" if flags and "sha_ni" in flags[1].split() else "no SHA instructions seen"
    return [
        f"CPU: {cpu[1] if cpu else platform.machine()}, {os.cpu_count()} cores, {sha}",
        f"Memory: {int(memory[1]) / 2**20:.0f} GB",
        f"System: Linux {platform.release()}, {platform.machine()}",
        "PostgreSQL: " + cluster.psql("postgres", "SHOW server_version"),
        "Settings: " + ", ".join(f"{name} = {value}" for name, value in SETTINGS.items()),
        f"TPC-B and clinic: TPC-B scale {SCALE}, {ROUNDS} rounds of {SECONDS} s with prepared statements;"
        f" in one server process {LOOPS} transactions",
        f"Loads: {LOAD_ROWS} rows, {LOAD_ROUNDS} rounds; sealer: {SEALER_TRANSACTIONS} transactions",
        f"Ledger: {ENTRIES} entries, a tenth of them of one transaction; growth: {GROWTH_ROWS} rows",
    ]


# --- targets -------------------------------------------------------------------------------------

MIX = "clinic, 90 % reads, 4 clients: transactions/s"
ONE_PROCESS = "TPC-B in one server process: backend CPU, µs/transaction"


def added_share(table):
    """CPU added by custody as a share of what the jsonb trigger adds."""
    ours, theirs = (table.compared(ONE_PROCESS, name, "plain", "added") for name in ("custody", "jsonb"))
    return [a / b for a, b in zip(ours, theirs) if b > 0]


def targets():
    """What is wanted: title, how to show it, the samples, at most (or at least) what."""
    def against(figure, base, how="ratio"):
        return lambda table: table.compared(figure, "custody", base, how)

    def own(figure):
        return lambda table: table.samples(figure, "custody")

    yield "TPC-B, CPU added per transaction, µs", against(ONE_PROCESS, "plain", "added"), "at most", 15
    yield "the same, share of what the jsonb trigger adds", added_share, "at most", 1 / 3
    for clients in CLIENTS:
        people = f"TPC-B, {clients} client{'s' if clients > 1 else ''}: transactions/s"
        yield f"{people}, of plain", against(people, "plain"), "at least", 0.90
        yield f"{people}, of the jsonb trigger's", against(people, "jsonb"), "at least", 1
    yield "clinic, 90 % reads: transactions/s, of plain", against(MIX, "plain"), "at least", 0.97
    yield "INSERT ... SELECT, time of plain", against("INSERT ... SELECT: s", "plain"), "at most", 2.6
    yield "COPY, time of plain", against("COPY: s", "plain"), "at most", 1.5
    yield "UPDATE, time of plain", against("UPDATE: s", "plain"), "at most", 2.3
    yield (f"UPDATE of {ENTRIES} rows, memory beyond the jsonb trigger's, MB",
           against(f"UPDATE of {ENTRIES} rows: memory of the backend, MB", "jsonb", "added"), "at most", 64)
    yield ("INSERT ... SELECT, WAL added with sealing, bytes/row",
           against("INSERT ... SELECT: WAL with sealing, bytes/row", "plain", "added"), "at most", 320)
    for statement in ("INSERT ... SELECT", "UPDATE"):
        yield (f"{statement}, disk per change, of the jsonb trigger's log",
               against(f"{statement}: record on disk, bytes/row", "jsonb"), "at most", 0.60)
    yield ("sealer, transactions/s and core",
           own("sealing a backlog of one-row transactions: transactions/s and core"), "at least", 50_000)
    yield (f"s until a transaction of {LOAD_ROWS} rows is sealed",
           own(f"sealer: s until a transaction of {LOAD_ROWS} rows is sealed"), "at most", 10)
    yield ("verify(), CPU of count(*) over the same bytes",
           own("verify(): CPU as a multiple of count(*) over the ledger"), "at most", 3)
    yield "pg_custody_verify, entries/s and core", own("pg_custody_verify: entries/s and core"), "at least", 1_000_000
    for call, limit in (("history by key", 10), (f"history by key, row of a transaction of {BIG}", 10),
                        ("history by subject", 10), ("prove_row()", 5),
                        (f"prove_row(), row of a transaction of {BIG}", 5)):
        figure = f"{call}, among {ENTRIES} entries: ms"
        yield figure, own(figure), "at most", limit


def verdict(values, direction, bound):
    """Met or missed, by the median, and by how much."""
    value = statistics.median(values)
    met = value <= bound if direction == "at most" else value >= bound
    distance = abs(value - bound) / bound
    return f"{'met' if met else '**missed**'} by {distance:.0%}"


def target_table(table):
    lines = [["Target", "Wanted", "Measured", "Verdict"], ["---", "---:", "---:", "---"]]
    for title, samples, direction, bound in targets():
        values = samples(table)
        if values:
            lines.append([title, f"{direction} {number(bound)}", spread(values), verdict(values, direction, bound)])
    return aligned(lines) if len(lines) > 2 else "None of the figures with a target was measured."


# --- plots ---------------------------------------------------------------------------------------


def throughput(table):
    curves = {}
    for name in VARIANTS:
        for clients in CLIENTS:
            people = f"TPC-B, {clients} client{'s' if clients > 1 else ''}: transactions/s"
            values = table.samples(people, name)
            if values:
                point = (clients, statistics.median(values), min(values), max(values))
                curves.setdefault(name, []).append(point)
    return curves and chart("TPC-B, durable commits", "clients", "transactions/s", curves, x_ticks=[0, *CLIENTS])


def verification(table):
    curves = {name: [point[:2] for point in curve] for name, curve in table.curves.items()}
    return curves and chart(f"Verification of a table of {GROWTH_ROWS} rows", "entries in the ledger", "seconds", curves)


def growth_table(table):
    lines = headed(["Entries", f"{WHOLE}, s", "CPU, s", f"{STATE}, s", "CPU, s"])
    for whole, state in zip(table.curves[WHOLE], table.curves[STATE]):
        lines.append([number(value) for value in (*whole, *state[1:])])
    return aligned(lines)


# --- the report ----------------------------------------------------------------------------------


def report(cluster, table, earlier=()):
    """earlier: the names of figures that another run measured."""
    lines = ["# Results", "", "Made by `make bench`; README.md says what each figure means."
             " Cells: median (range) over the interleaved rounds.", ""]
    if QUICK:
        lines += ["**A smoke test: these figures mean nothing.**", ""]
    lines += [f"- {line}" for line in machine(cluster)]
    lines += ["", "## Targets", "", target_table(table), "", "## Side by side", "", table.markdown(),
              "", "## Custody alone", "", table.markdown_alone()]
    if throughput(table):
        lines += ["", "## Throughput against clients", "", "![throughput](throughput.svg)"]
    if table.curves:
        lines += ["", "## Verification time against history length", "", "![verification](verification.svg)", "",
                  growth_table(table)]
    if earlier:
        lines += ["", "## Measured in an earlier run", "", *(f"- {name}" for name in earlier)]
    return "\n".join([*lines, ""])


def write(text, table, folder=HERE):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "RESULTS.md").write_text(text)
    table.save(folder / "samples.json")
    for name, svg in (("throughput", throughput(table)), ("verification", verification(table))):
        if svg:
            (folder / f"{name}.svg").write_text(svg)
