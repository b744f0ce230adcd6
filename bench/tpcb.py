"""Short transactions: TPC-B, and the read-mostly mix of a clinic."""

import os
import re

from cluster import say
from options import CLIENTS, LOOPS, ROUNDS, SCALE, SECONDS
from workload import HERE, TPCB_CHANGES, TPCB_TABLES, observation_rows, observation_table

CLINIC_ROWS = 100_000
MIX_CLIENTS = 4


def pgbench(variant, clients, *arguments):
    """One pgbench run: transactions per second, and how many there were."""
    output = variant.cluster.pgbench(
        variant.database, "-n", "-M", "prepared", "-c", str(clients), "-j", str(min(clients, os.cpu_count())),
        "-T", str(SECONDS), *arguments)
    transactions = int(re.search(r"actually processed: (\d+)", output)[1])
    return float(re.search(r"^tps = ([\d.]+)", output, re.MULTILINE)[1]), transactions


def prepare_tpcb(variants, table):
    for variant in variants:
        say(f"TPC-B, scale {SCALE}: preparing {variant.name}")
        variant.cluster.pgbench(variant.database, "-i", "-q", "-s", str(SCALE))
        variant.psql((HERE / "tpcb.sql").read_text())
        rows, seconds = variant.protect(*TPCB_TABLES)
        if variant.seals:
            table.add("protect(): rows/s of the baseline", variant.name, rows / seconds, compare=None)
        pgbench(variant, max(CLIENTS))  # fills the caches, and writes the full pages to WAL
        variant.settle()


def measure_one_process(variant, table, turn):
    """Backend CPU of TPC-B without client and protocol."""
    with variant.cluster.cpu_of() as spent:
        variant.psql(f"SET synchronous_commit = off; CALL tpcb({LOOPS}, {SCALE}, {turn / 1000});")
    with variant.cluster.cpu_of() as sealing:
        variant.settle()
    table.add("TPC-B in one server process: backend CPU, µs/transaction", variant.name,
              spent.backend / LOOPS * 1e6, compare="added")
    table.add("TPC-B in one server process: CPU with sealing, µs/transaction", variant.name,
              (spent.all() + sealing.all()) / LOOPS * 1e6, compare="added")


def measure_clients(variant, table, clients):
    people = f"TPC-B, {clients} client{'s' if clients > 1 else ''}"
    size = variant.record_bytes()
    with variant.cluster.cpu_of() as spent:
        tps, transactions = pgbench(variant, clients)
    backlog = variant.settle()
    grown = variant.record_bytes() - size
    table.add(f"{people}: transactions/s", variant.name, tps)
    table.add(f"{people}: backend CPU, µs/transaction", variant.name,
              spent.backend / transactions * 1e6, compare="added")
    table.add(f"{people}: background CPU, µs/transaction", variant.name,
              spent.background / transactions * 1e6, compare="added")
    table.add(f"{people}: record on disk, bytes/change", variant.name,
              grown / transactions / TPCB_CHANGES if variant.name != "plain" else None)
    table.add(f"{people}: left to seal at the end, s", variant.name, backlog if variant.seals else None, compare=None)


def measure_tpcb(variants, table):
    prepare_tpcb(variants, table)
    for turn in range(ROUNDS):
        say(f"TPC-B in one server process: round {turn + 1} of {ROUNDS}")
        for variant in variants:
            measure_one_process(variant, table, turn)
    for clients in CLIENTS:
        for turn in range(ROUNDS):
            say(f"TPC-B, {clients} clients: round {turn + 1} of {ROUNDS}")
            for variant in variants:
                measure_clients(variant, table, clients)


def prepare_mix(variant):
    variant.psql(observation_table("clinic"))
    variant.psql(f"""
        INSERT INTO clinic {observation_rows(1, CLINIC_ROWS)};
        CREATE SEQUENCE clinic_id START {CLINIC_ROWS + 1} OWNED BY clinic.id;
        ALTER TABLE clinic ALTER id SET DEFAULT nextval('clinic_id');
        CREATE INDEX ON clinic (patient_id, observed_at);
        VACUUM ANALYZE clinic""")
    variant.protect("clinic", subject="patient_id")


def run_mix(variant):
    return pgbench(variant, MIX_CLIENTS, "-f", f"{HERE / 'mix_read.sql'}@9", "-f", f"{HERE / 'mix_write.sql'}@1")


def measure_mix(variants, table):
    for variant in variants:
        say(f"clinic: preparing {variant.name}")
        prepare_mix(variant)
        run_mix(variant)
        variant.settle()
    for turn in range(ROUNDS):
        say(f"clinic, 90 % reads: round {turn + 1} of {ROUNDS}")
        for variant in variants:
            with variant.cluster.cpu_of() as spent:
                tps, transactions = run_mix(variant)
            variant.settle()
            table.add(f"clinic, 90 % reads, {MIX_CLIENTS} clients: transactions/s", variant.name, tps)
            table.add(f"clinic, 90 % reads, {MIX_CLIENTS} clients: backend CPU, µs/transaction", variant.name,
                      spent.backend / transactions * 1e6, compare="added")
