"""Statements that change many rows, and the sealer after them."""

import time

from cluster import TICK, say
from options import LOAD_ROUNDS, LOAD_ROWS, SEALER_ROUNDS, SEALER_TRANSACTIONS
from workload import SMALL_TABLE, load_files, observation_rows, observation_table

LAG_LIMIT = 600  # seconds


def measure_statement(variant, table, figure, sql):
    """One statement that changes LOAD_ROWS rows: time, CPU, WAL and disk, with and without sealing."""
    size = variant.record_bytes()
    variant.cluster.psql("postgres", "CHECKPOINT")
    wal = variant.cluster.wal_position()
    with variant.cluster.memory_of() as peak, variant.cluster.cpu_of() as spent:
        seconds = variant.times(sql)[-1]
    wal_written = variant.cluster.wal_position() - wal
    with variant.cluster.cpu_of() as sealed:
        sealing = variant.settle()
    wal_sealed = variant.cluster.wal_position() - wal
    grown = variant.record_bytes() - size
    table.add(f"{figure}: s", variant.name, seconds)
    table.add(f"{figure}: backend CPU, µs/row", variant.name, spent.backend / LOAD_ROWS * 1e6, compare="added")
    table.add(f"{figure}: CPU with sealing, µs/row", variant.name,
              (spent.all() + sealed.all()) / LOAD_ROWS * 1e6, compare="added")
    table.add(f"{figure}: memory of the backend, MB", variant.name, peak.bytes / 2**20, compare="added")
    table.add(f"{figure}: WAL, bytes/row", variant.name, wal_written / LOAD_ROWS, compare="added")
    table.add(f"{figure}: WAL with sealing, bytes/row", variant.name, wal_sealed / LOAD_ROWS, compare="added")
    table.add(f"{figure}: sealing afterwards, s", variant.name, sealing if variant.seals else None, compare=None)
    table.add(f"{figure}: record on disk, bytes/row", variant.name,
              grown / LOAD_ROWS if variant.name != "plain" else None)


def new_table(variant, name):
    variant.psql(observation_table(name))
    variant.protect(name, subject="patient_id")
    variant.settle()


def measure_load(variants, table):
    """Three statements on a table with ten columns, a primary key and, where that exists, a subject."""
    files = {}
    variants = [variant for variant in variants if variant.name != "chain"]  # minutes a million rows
    for variant in variants:
        write, files[variant.name] = load_files(variant.cluster.directory, 1, LOAD_ROWS)
        variant.psql(write)
        variant.psql(observation_table("source"))
        variant.psql(f"INSERT INTO source {observation_rows(1, LOAD_ROWS)}; VACUUM ANALYZE source")
    for turn in range(LOAD_ROUNDS):
        for figure, sql in (
                ("INSERT ... SELECT", "INSERT INTO {new} SELECT * FROM source;"),
                ("UPDATE", "UPDATE {new} SET status = 'corrected';"),
                ("COPY", "COPY {copied} FROM '{file}';")):
            say(f"{figure} of {LOAD_ROWS} rows: round {turn + 1} of {LOAD_ROUNDS}")
            for variant in variants:
                names = {"new": f"observation_{turn}", "copied": f"copied_{turn}", "file": files[variant.name]}
                if figure != "UPDATE":
                    new_table(variant, names["new" if figure.startswith("INSERT") else "copied"])
                measure_statement(variant, table, figure, sql.format(**names))


# --- the sealer ----------------------------------------------------------------------------------


def measure_backlog(variant, table):
    """Seal transactions of one row that were left unsealed."""
    variant.settle()
    variant.cluster.set(custody__seal_interval="3600s")
    time.sleep(2)  # the sealer reads its settings
    variant.psql(f"SET synchronous_commit = off; CALL small_transactions({SEALER_TRANSACTIONS});")
    with variant.cluster.cpu_of() as spent:
        seconds = variant.settle()
    variant.cluster.set(custody__seal_interval="1s")
    table.add("sealing a backlog of one-row transactions: transactions/s", variant.name,
              SEALER_TRANSACTIONS / seconds, compare=None)
    table.add("sealing a backlog of one-row transactions: transactions/s and core", variant.name,
              SEALER_TRANSACTIONS / max(spent.all(), TICK), compare=None)


def unsealed(variant):
    return int(variant.psql("SELECT unsealed_transactions FROM custody.status"))


def measure_lag(variant, table, turn):
    """A transaction of many rows: how long after its commit nothing is left to seal."""
    new_table(variant, f"big_{turn}")
    variant.psql(f"INSERT INTO big_{turn} {observation_rows(1, LOAD_ROWS)}")
    begin = time.perf_counter()
    while unsealed(variant) and time.perf_counter() - begin < LAG_LIMIT:
        time.sleep(0.05)
    table.add(f"sealer: s until a transaction of {LOAD_ROWS} rows is sealed", variant.name,
              time.perf_counter() - begin, compare=None)


def measure_sealer(variants, table):
    for variant in variants:
        if not variant.seals:
            continue
        variant.new_database("sealing")
        variant.psql(SMALL_TABLE + """
            CREATE PROCEDURE small_transactions(n int) LANGUAGE plpgsql AS $$
            BEGIN
                FOR i IN 1 .. n LOOP
                    UPDATE small SET note = 'note ' || i, at = now() WHERE id = 1;
                    COMMIT;
                END LOOP;
            END $$""")
        variant.protect("small")
        for turn in range(SEALER_ROUNDS):
            say(f"sealer: round {turn + 1} of {SEALER_ROUNDS}")
            measure_backlog(variant, table)
            measure_lag(variant, table, turn)
