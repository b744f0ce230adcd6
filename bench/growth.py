"""A table that stays as large as it is while its history grows: what verification takes."""

import statistics

from cluster import say
from ledger import verify
from options import GROWTH_ROWS, GROWTH_STEPS, VERIFY_ROUNDS
from workload import observation_rows, observation_table

WHOLE, STATE = "verify()", "verify(since => the last checkpoint): the live rows only"


def measure_growth(variants, table):
    """Time against history length; every step changes each row once."""
    for variant in variants:
        if not variant.seals:
            continue
        variant.new_database("growth")
        variant.psql(observation_table("fixed"))
        variant.psql(f"INSERT INTO fixed {observation_rows(1, GROWTH_ROWS)}")
        variant.protect("fixed", subject="patient_id")
        for step in range(1, GROWTH_STEPS + 1):
            say(f"growth: {step} of {GROWTH_STEPS}")
            variant.psql(f"UPDATE fixed SET status = 'version {step}'; VACUUM fixed")
            variant.settle()
            size = int(variant.psql("SELECT tree_size FROM custody.status"))
            entries = (step + 1) * GROWTH_ROWS
            for name, arguments in ((WHOLE, ""), (STATE, f"since => {size}")):
                seconds, cpu = zip(*(verify(variant, arguments) for _ in range(VERIFY_ROUNDS)))
                table.curve(name, entries, statistics.median(seconds), statistics.median(cpu))
