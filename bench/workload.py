"""What the benchmark runs: tables, rows and statements."""

import random
from pathlib import Path

HERE = Path(__file__).resolve().parent

TPCB_TABLES = ("pgbench_accounts", "pgbench_branches", "pgbench_tellers", "pgbench_history")
TPCB_CHANGES = 4  # per transaction: three updates and an insert


def observation_table(name):
    return (HERE / "observation.sql").read_text().replace(':"name"', name)


def observation_rows(first, last):
    """A query for rows number first to last: the same in every run, about 150 bytes each."""
    query = (HERE / "observation_rows.sql").read_text()
    return query.replace(":first", str(first)).replace(":last", str(last))


def load_files(folder, first, last):
    """Statements that write rows number first to last to a file, one for COPY; and the file."""
    path = folder / f"observations_{first}_{last}"
    return f"COPY ({observation_rows(first, last)}) TO '{path}';", path


# TPC-B as pgbench's prepared statements run it, for a server that reads statements from standard input.

TPCB_PREPARE = [
    "PREPARE a(int, int) AS UPDATE pgbench_accounts SET abalance = abalance + $1 WHERE aid = $2;",
    "PREPARE s(int) AS SELECT abalance FROM pgbench_accounts WHERE aid = $1;",
    "PREPARE t(int, int) AS UPDATE pgbench_tellers SET tbalance = tbalance + $1 WHERE tid = $2;",
    "PREPARE b(int, int) AS UPDATE pgbench_branches SET bbalance = bbalance + $1 WHERE bid = $2;",
    "PREPARE h(int, int, int, int) AS INSERT INTO pgbench_history (tid, bid, aid, delta, mtime)"
    " VALUES ($1, $2, $3, $4, CURRENT_TIMESTAMP);",
]


SMALL_TABLE = """
CREATE TABLE small (id int PRIMARY KEY, note text, at timestamptz);
INSERT INTO small VALUES (1, 'note', now());
"""


def tpcb_transactions(count, seed):
    numbers = random.Random(seed)
    for _ in range(count):
        aid, tid, delta = numbers.randint(1, 100_000), numbers.randint(1, 10), numbers.randint(-5000, 5000)
        yield "BEGIN;"
        yield f"EXECUTE a({delta}, {aid});"
        yield f"EXECUTE s({aid});"
        yield f"EXECUTE t({delta}, {tid});"
        yield f"EXECUTE b({delta}, 1);"
        yield f"EXECUTE h({tid}, 1, {aid}, {delta});"
        yield "END;"
