"""How much to run, from the environment."""

import os

QUICK = bool(os.environ.get("BENCH_QUICK"))
VARIANTS = os.environ.get("BENCH_VARIANTS", "plain jsonb pgaudit chain custody").split()
ALL_FIGURES = "instructions tpcb mix load sealer ledger growth".split()
FIGURES = os.environ.get("BENCH_FIGURES", " ".join(ALL_FIGURES)).split()
ENTRIES = int(os.environ.get("BENCH_ENTRIES", 20_000 if QUICK else 10_000_000))

SCALE = 1 if QUICK else 10
CLIENTS = (1, 2, 4, 8)
ROUNDS, SECONDS = (2, 1) if QUICK else (5, 6)  # of pgbench runs
LOOPS = 500 if QUICK else 20_000  # transactions of the runs inside one server process
LOAD_ROUNDS, LOAD_ROWS = (2, 5_000) if QUICK else (3, 1_000_000)
SEALER_ROUNDS, SEALER_TRANSACTIONS = (1, 2_000) if QUICK else (3, 200_000)
VERIFY_ROUNDS = 1 if QUICK else 3
CALLS = 20 if QUICK else 200  # of each kind of history and proof
PROOFS = 200 if QUICK else 10_000
GROWTH_ROWS = 2_000 if QUICK else 100_000
GROWTH_STEPS = 4 if QUICK else 10
COUNTED = ("tpcb",) if QUICK else ("tpcb", "insert", "copy", "update")  # by instructions
