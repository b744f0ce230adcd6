"""The ways to keep (or not to keep) a record of changes, each in a cluster of its own."""

import time
from pathlib import Path

from cluster import Cluster

HERE = Path(__file__).resolve().parent
DATABASE = "bench"


class Variant:
    schema = None  # where its records are
    preload = ""
    install = ""
    protect_call = None
    takes_subject = False
    seals = False

    def __init__(self, root):
        self.cluster = Cluster(root / self.name, self.preload)
        self.cluster.create()

    def begin(self):
        self.cluster.start()
        self.new_database(DATABASE)

    def use_first_database(self):
        self.database = DATABASE

    def new_database(self, name):
        self.database = name
        self.cluster.psql("postgres", f"CREATE DATABASE {name}")
        self.psql(self.install)

    def psql(self, sql, **variables):
        return self.cluster.psql(self.database, sql, **variables)

    def times(self, sql):
        return self.cluster.times(self.database, sql)

    def protect(self, *tables, subject=None):
        """Protect the tables; how many rows there were, and the seconds it took."""
        rows = 0
        begin = time.perf_counter()
        for table in tables if self.protect_call else ():
            arguments = f", '{subject}'" if subject and self.takes_subject else ""
            rows += int(self.psql(f"SELECT {self.protect_call}('{table}'{arguments})"))
        return rows, time.perf_counter() - begin

    def settle(self):
        """Finish what a run left to do, so that the next one does not pay for it; seconds it took."""
        return 0.0

    def record_bytes(self):
        """Disk bytes of the records, indexes included, with what is dead vacuumed away."""
        if not self.schema:
            return 0
        self.psql(f"""
            SELECT format('VACUUM %s', oid::regclass) FROM pg_class
             WHERE relnamespace = '{self.schema}'::regnamespace AND relkind = 'r' \\gexec""")
        return int(self.psql(f"""
            SELECT coalesce(sum(pg_total_relation_size(oid)), 0) FROM pg_class
             WHERE relnamespace = '{self.schema}'::regnamespace AND relkind IN ('r', 'm')"""))


class Plain(Variant):
    name = "plain"


class Jsonb(Variant):
    name = "jsonb"
    schema = "audit"
    install = (HERE / "audit.sql").read_text()
    protect_call = "audit.protect"


class Pgaudit(Variant):
    """Statements that write go to the server's log; rows are not recorded."""

    name = "pgaudit"
    preload = "pgaudit"
    install = """
        CREATE EXTENSION pgaudit;
        SELECT format('ALTER DATABASE %I SET pgaudit.log = %L', current_database(), 'write') \\gexec"""

    def record_bytes(self):
        return (self.cluster.directory / "log").stat().st_size


class Chain(Variant):
    name = "chain"
    schema = "chain"
    install = (HERE / "chain.sql").read_text()
    protect_call = "chain.protect"


class Custody(Variant):
    name = "custody"
    schema = "custody"
    preload = "pg_custody"
    install = "CREATE EXTENSION pg_custody"
    protect_call = "custody.protect"
    takes_subject = True
    seals = True

    def settle(self):
        begin = time.perf_counter()
        self.psql("SELECT custody.seal()")
        return time.perf_counter() - begin


CLASSES = {variant.name: variant for variant in (Plain, Jsonb, Pgaudit, Chain, Custody)}
