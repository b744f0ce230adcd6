"""Instructions of one backend, counted by callgrind: a figure that other people's work does not disturb.

A workload runs twice in a single-user backend, once short and once longer; the difference, divided by the
difference in length, is what one more transaction or row costs.  valgrind has no SHA instructions, so that
OpenSSL takes several times as many instructions for a hash as it does outside; libcrypto is a line of its own.
"""

import re
import subprocess
import time
from pathlib import Path

from cluster import ROOT_RUNS_AS, command
from variants import DATABASE
from workload import (SMALL_TABLE, TPCB_PREPARE, TPCB_TABLES, load_files, observation_rows, observation_table,
                      tpcb_transactions)

LINE = re.compile(r"^\s*([\d,]+) \([^)]*\)\s+(?:[^: ]*[^:]*:)?(\S.*?)(?: \[(\S+)\])?$")
LENGTHS = {"tpcb": (100, 400), "insert": (1000, 4000), "copy": (1000, 4000), "update": (1000, 4000),
           "seal": (200, 800)}
UNIT = {"tpcb": "transaction", "insert": "row", "copy": "row", "update": "row", "seal": "transaction"}
SEALING = "custody_seal_pass"  # what is counted of the process that seals


def prepare_rows(variant, workload, length):
    name = f"{workload}_{length}"
    variant.psql(observation_table(name) + observation_table(f"{name}_rows"))
    variant.psql(f"INSERT INTO {name}_rows {observation_rows(1, length)}")
    if workload == "update":
        variant.psql(f"INSERT INTO {name} TABLE {name}_rows")
    if workload == "copy":
        variant.psql(load_files(variant.cluster.directory, 1, length)[0])
    variant.protect(name, subject="patient_id")


def prepare(variant, workloads, lengths=None):
    """Tables and files of the workloads; leaves the cluster stopped."""
    variant.begin()
    for workload in workloads:
        if workload == "tpcb":
            variant.cluster.pgbench(DATABASE, "-i", "-q", "-s", "1")
            variant.protect(*TPCB_TABLES)
        elif workload == "seal":
            variant.psql(SMALL_TABLE)
            variant.protect("small")
        else:
            for length in lengths or LENGTHS[workload]:
                prepare_rows(variant, workload, length)
    variant.settle()
    variant.cluster.stop()


def statements(variant, workload, length):
    name = f"{workload}_{length}"
    if workload == "tpcb":
        return TPCB_PREPARE + list(tpcb_transactions(length, seed=length))
    if workload == "seal":
        return [f"UPDATE small SET note = 'note {i}', at = now();" for i in range(length)] + ["SELECT custody.seal();"]
    return [{
        "insert": f"INSERT INTO {name} TABLE {name}_rows;",
        "copy": f"COPY {name} FROM '{load_files(variant.cluster.directory, 1, length)[1]}';",
        "update": f"UPDATE {name} SET status = 'corrected';",
    }[workload]]


def single_user(variant, workload, length, *tool):
    """Run a workload in a single-user backend under a tool."""
    done = subprocess.run(
        [*tool, variant.cluster.bindir / "postgres", "--single", "-D", variant.cluster.data,
         "-c", "log_min_messages=error", DATABASE],
        input="\n".join(statements(variant, workload, length)) + "\n", cwd="/", text=True, check=False,
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, **ROOT_RUNS_AS)
    if done.returncode or "ERROR:" in done.stderr:
        raise SystemExit(f"{workload} under {tool[0]} failed:\n{done.stderr[-2000:]}")


def run(variant, workload, length):
    """One run under callgrind: instructions by (function, object), own and with what they call."""
    out = variant.cluster.directory / f"callgrind.{workload}.{length}"
    if workload == "seal":
        out = sealing(variant, length, out)
    else:
        single_user(variant, workload, length, "valgrind", "--tool=callgrind", f"--callgrind-out-file={out}")
    return annotate(out, "no", sum), annotate(out, "yes", max)


def sealing(variant, length, out):
    """A server under callgrind, whose process that seals writes the file returned."""
    cluster = variant.cluster
    server = subprocess.Popen(
        ["valgrind", "--tool=callgrind", f"--callgrind-out-file={out}.%p", f"--toggle-collect={SEALING}",
         cluster.bindir / "postgres", "-D", cluster.data, "-c", "custody.seal_interval=3600s"],
        cwd="/", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **ROOT_RUNS_AS)
    while subprocess.run([cluster.bindir / "pg_isready", "-q", "-h", cluster.directory], check=False).returncode:
        if server.poll() is not None:
            raise SystemExit("the server under valgrind ended")
        time.sleep(0.2)
    variant.psql("\n".join(statements(variant, "seal", length)))
    cluster.program("pg_ctl", "-D", cluster.data, "-t", "600", "stop")
    server.wait()  # valgrind writes its file after the server has gone
    return max(out.parent.glob(f"{out.name}.*"), key=lambda path: sum(annotate(path, "no", sum).values()))


def annotate(out, inclusive, combine):
    """A function has a line for each file that parts of it were inlined from; only one names the object."""
    text = command("callgrind_annotate", "--threshold=100", f"--inclusive={inclusive}", "--auto=no", out)
    lines = [found for found in map(LINE.match, text.splitlines()) if found and found[2] != "PROGRAM TOTALS"]
    objects = {found[2]: Path(found[3]).name for found in lines if found[3]}
    counts = {}
    for found in lines:
        function = (found[2], Path(found[3]).name if found[3] else objects.get(found[2], "?"))
        counts.setdefault(function, []).append(int(found[1].replace(",", "")))
    return {function: combine(parts) for function, parts in counts.items()}


def sample(variant, workload, length):
    """Share of CPU time by (function, object), in percent, as perf samples it."""
    out = variant.cluster.directory / f"perf.{workload}"
    single_user(variant, workload, length, "perf", "record", "-q", "-F", "5000", "-e", "cpu-clock", "-o", out)
    text = command("perf", "report", "-i", out, "--stdio", "--sort", "dso,symbol", "-q")
    shares = {}
    for line in text.splitlines():
        found = re.match(r"\s*([\d.]+)%\s+(\S+)\s+\[.\] (\S+)", line)
        if found:
            symbol = "(static)" if found[3].startswith("0x") else found[3]
            shares[symbol, found[2]] = shares.get((symbol, found[2]), 0) + float(found[1])
    return shares


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
