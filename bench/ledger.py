"""A ledger of many entries: verification, history and proofs.  Only custody has these."""

import resource
import time

from cluster import TICK, command, say
from options import CALLS, ENTRIES, PROOFS, VERIFY_ROUNDS
from workload import observation_rows, observation_table

SMALL = 1000  # rows of each transaction but the last, which is big
BIG = ENTRIES // 10
SERIAL = "SET max_parallel_workers_per_gather = 0;\n"


def fill(variant, first, last):
    """Insert rows number first to last in transactions of SMALL rows."""
    variant.psql(f"""
        CREATE OR REPLACE PROCEDURE fill(n int, m int) LANGUAGE plpgsql AS $$
        BEGIN
            FOR start IN n .. m BY {SMALL} LOOP
                INSERT INTO record {observation_rows('start', f'least(start + {SMALL} - 1, m)')};
                COMMIT;
            END LOOP;
        END $$;
        SET synchronous_commit = off;
        CALL fill({first}, {last})""")


def build(variant):
    variant.new_database("ledger")
    variant.psql(observation_table("record"))
    variant.protect("record", subject="patient_id")
    fill(variant, 1, ENTRIES - BIG)
    variant.psql(f"INSERT INTO record {observation_rows(ENTRIES - BIG + 1, ENTRIES)}")
    variant.settle()


def verify(variant, arguments=""):
    """Seconds, and CPU time."""
    with variant.cluster.cpu_of() as spent:
        seconds = variant.times(f"SELECT count(*) FROM custody.verify({arguments});")[-1]
    return seconds, max(spent.backend, TICK)


def complain(variant):
    findings = variant.psql("SELECT severity, code, message FROM custody.verify() LIMIT 5")
    if findings:
        say(f"verify() has findings:\n{findings}")


def measure_verify(variant, table):
    """verify() against reading the same ledger relations with count(*), both by CPU seconds."""
    relations = variant.psql("""
        SELECT string_agg(format('(SELECT count(*) FROM %s)', oid::regclass), ' + ') FROM pg_class
         WHERE relnamespace = 'custody'::regnamespace AND relkind = 'r'""")
    for turn in range(VERIFY_ROUNDS):
        say(f"verify() of {ENTRIES} entries: round {turn + 1} of {VERIFY_ROUNDS}")
        with variant.cluster.cpu_of() as counting:
            variant.times(SERIAL + f"SELECT {relations};")
        seconds, cpu = verify(variant)
        table.add("verify(): entries/s", variant.name, ENTRIES / seconds, compare=None)
        table.add("verify(): entries/s and core", variant.name, ENTRIES / cpu, compare=None)
        table.add("verify(): CPU as a multiple of count(*) over the ledger", variant.name,
                  cpu / max(counting.backend, TICK), compare=None)


def measure_since(variant, table):
    """What is new is one hundredth of the ledger."""
    say("verify(since)")
    size = int(variant.psql("SELECT tree_size FROM custody.status"))
    fill(variant, ENTRIES + 1, ENTRIES + ENTRIES // 100)
    variant.settle()
    for _ in range(VERIFY_ROUNDS):
        whole, whole_cpu = verify(variant)
        part, part_cpu = verify(variant, f"since => {size}")
        table.add("verify(since), 1 % new: s", variant.name, part, compare=None)
        table.add("verify(since), 1 % new: share of the CPU of verify()", variant.name, part_cpu / whole_cpu, compare=None)


# --- history and proofs --------------------------------------------------------------------------


def measure_calls(variant, table):
    """Latency of single calls: for rows of small transactions and rows of the big one."""
    small = [1 + i * (ENTRIES - BIG) // CALLS for i in range(CALLS)]
    big = [ENTRIES - BIG + 1 + i * BIG // CALLS for i in range(CALLS)]
    calls = {
        "history by key": ("SELECT count(*) FROM custody.history('record', '{{\"id\": {}}}');", small),
        f"history by key, row of a transaction of {BIG}":
            ("SELECT count(*) FROM custody.history('record', '{{\"id\": {}}}');", big),
        "history by subject": ("SELECT count(*) FROM custody.subject_history('{}');",
                               [i * 50_000 // CALLS for i in range(CALLS)]),
        "prove_row()": ("SELECT length(custody.prove_row('record', '{{\"id\": {}}}'));", small),
        f"prove_row(), row of a transaction of {BIG}":
            ("SELECT length(custody.prove_row('record', '{{\"id\": {}}}'));", big),
    }
    for figure, (sql, arguments) in calls.items():
        say(f"{figure}: {CALLS} calls among {ENTRIES} entries")
        statements = [sql.format(argument) for argument in arguments]
        for seconds in variant.times("\n".join([statements[0], *statements]))[1:]:
            table.add(f"{figure}, among {ENTRIES} entries: ms", variant.name, seconds * 1000, compare=None)


def children_cpu():
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def offline(variant, *arguments):
    """Run the offline verifier: CPU seconds, and seconds."""
    cpu, begin = children_cpu(), time.perf_counter()
    command(variant.cluster.bindir / "pg_custody_verify", *arguments)
    return children_cpu() - cpu, time.perf_counter() - begin


def write_keys(variant):
    keys = variant.cluster.directory / "keys"
    command("tee", keys, stdin=variant.psql("SELECT verifier_key FROM custody.keys") + "\n")
    return keys


def measure_proofs(variant, table):
    say(f"{PROOFS} proofs: making, then checking offline")
    folder = variant.cluster.directory / "proofs"
    command("mkdir", folder)
    numbers = [1 + i * ENTRIES // PROOFS for i in range(PROOFS)]
    sql = "".join(f"\\o {folder}/{n}\nSELECT custody.prove_row('record', '{{\"id\": {n}}}');\n" for n in numbers)
    begin = time.perf_counter()
    variant.psql(sql)
    table.add("proofs made: proofs/s", variant.name, PROOFS / (time.perf_counter() - begin), compare=None)
    proofs = folder / "list"
    command("tee", proofs, stdin="".join(f"{folder}/{n}\n" for n in numbers))
    for _ in range(VERIFY_ROUNDS):
        _, seconds = offline(variant, "proof", "--keys", write_keys(variant), "--list", proofs)
        table.add(f"{PROOFS} proofs checked offline: proofs/s", variant.name, PROOFS / seconds, compare=None)


def measure_export(variant, table):
    say(f"export of {ENTRIES} entries, verified offline")
    ledger = variant.cluster.directory / "ledger"
    begin = time.perf_counter()
    variant.psql(f"\\set FETCH_COUNT 10000\n\\o {ledger}\nSELECT line FROM custody.export();")
    table.add("export(): entries/s", variant.name, ENTRIES / (time.perf_counter() - begin), compare=None)
    table.add("export(): bytes/entry", variant.name, ledger.stat().st_size / ENTRIES, compare=None)
    for _ in range(VERIFY_ROUNDS):
        cpu, _ = offline(variant, "bundle", "--keys", write_keys(variant), ledger)
        table.add("pg_custody_verify: entries/s and core", variant.name, ENTRIES / cpu, compare=None)
    command("rm", ledger)


def measure_memory(variants, table):
    """One UPDATE of all the rows.  PostgreSQL itself keeps a list of them for any row trigger, as jsonb shows."""
    for variant in variants:
        if variant.name in ("plain", "jsonb", "custody"):
            say(f"UPDATE of {ENTRIES} rows: {variant.name}")
            if not variant.seals:
                variant.psql(observation_table("record"))
                variant.psql(f"INSERT INTO record {observation_rows(1, ENTRIES)}")
                variant.protect("record")
            with variant.cluster.memory_of() as peak:
                variant.psql("UPDATE record SET status = 'corrected'")
            variant.settle()
            table.add(f"UPDATE of {ENTRIES} rows: memory of the backend, MB", variant.name,
                      peak.bytes / 2**20, compare="added")


def measure_ledger(variants, table):
    for variant in variants:
        if variant.seals:
            say(f"ledger: building {ENTRIES} entries")
            build(variant)
            measure_calls(variant, table)
            measure_proofs(variant, table)
            measure_verify(variant, table)
            measure_export(variant, table)
            measure_since(variant, table)
    measure_memory(variants, table)
    for variant in variants:
        if variant.seals:
            complain(variant)
