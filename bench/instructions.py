"""Instructions of one backend, counted by callgrind: a figure that other people's work does not disturb.

A workload runs twice in a single-user backend, once short and once longer; the difference, divided by the
difference in length, is what one more transaction or row costs.  valgrind has no SHA instructions, so that
OpenSSL takes several times as many instructions for a hash as it does outside; libcrypto is a line of its own.
"""

import re
import subprocess
from pathlib import Path

from cluster import ROOT_RUNS_AS, command
from variants import DATABASE
from workload import TPCB_PREPARE, TPCB_TABLES, load_files, observation_rows, observation_table, tpcb_transactions

LINE = re.compile(r"^\s*([\d,]+) \([^)]*\)\s+(?:[^: ]*[^:]*:)?(\S.*?)(?: \[(\S+)\])?$")
LENGTHS = {"tpcb": (100, 400), "insert": (1000, 4000), "copy": (1000, 4000), "update": (1000, 4000)}
UNIT = {"tpcb": "transaction", "insert": "row", "copy": "row", "update": "row"}


def prepare_rows(variant, workload, length):
    name = f"{workload}_{length}"
    variant.psql(observation_table(name) + observation_table(f"{name}_rows"))
    variant.psql(f"INSERT INTO {name}_rows {observation_rows(1, length)}")
    if workload == "update":
        variant.psql(f"INSERT INTO {name} TABLE {name}_rows")
    if workload == "copy":
        variant.psql(load_files(variant.cluster.directory, 1, length)[0])
    variant.protect(name, subject="patient_id")


def prepare(variant, workloads):
    """Tables and files of the workloads; leaves the cluster stopped."""
    variant.begin()
    for workload in workloads:
        if workload == "tpcb":
            variant.cluster.pgbench(DATABASE, "-i", "-q", "-s", "1")
            variant.protect(*TPCB_TABLES)
        else:
            for length in LENGTHS[workload]:
                prepare_rows(variant, workload, length)
    variant.settle()
    variant.cluster.stop()


def statements(variant, workload, length):
    name = f"{workload}_{length}"
    if workload == "tpcb":
        return TPCB_PREPARE + list(tpcb_transactions(length, seed=length))
    return [{
        "insert": f"INSERT INTO {name} TABLE {name}_rows;",
        "copy": f"COPY {name} FROM '{load_files(variant.cluster.directory, 1, length)[1]}';",
        "update": f"UPDATE {name} SET status = 'corrected';",
    }[workload]]


def run(variant, workload, length):
    """One run under callgrind: instructions by (function, object), own and with what they call."""
    out = variant.cluster.directory / f"callgrind.{workload}.{length}"
    done = subprocess.run(
        ["valgrind", "--tool=callgrind", f"--callgrind-out-file={out}", variant.cluster.bindir / "postgres", "--single",
         "-D", variant.cluster.data, "-c", "log_min_messages=error", DATABASE],
        input="\n".join(statements(variant, workload, length)) + "\n", cwd="/", text=True, check=False,
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, **ROOT_RUNS_AS)
    if done.returncode or "ERROR:" in done.stderr:
        raise SystemExit(f"{workload} under valgrind failed:\n{done.stderr[-2000:]}")
    return annotate(out, "no"), annotate(out, "yes")


def annotate(out, inclusive):
    text = command("callgrind_annotate", "--threshold=100", f"--inclusive={inclusive}", "--auto=no", out)
    counts = {}
    for line in text.splitlines():
        found = LINE.match(line)
        if found and "PROGRAM TOTALS" not in line:
            function = (found[2], Path(found[3] or "?").name)
            counts[function] = counts.get(function, 0) + int(found[1].replace(",", ""))
    return counts


def measure(variant, workload):
    """Instructions per transaction or row by (function, object): own, and with what they call."""
    short, long = LENGTHS[workload]
    few, many = run(variant, workload, short), run(variant, workload, long)
    return tuple({function: (count - before.get(function, 0)) / (long - short) for function, count in after.items()}
                 for before, after in zip(few, many))


def by_object(own):
    totals = {}
    for (_, where), count in own.items():
        totals[where] = totals.get(where, 0) + count
    return totals
