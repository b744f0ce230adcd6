"""PostgreSQL clusters of the benchmark's own, and how much CPU, memory and WAL their processes use."""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import contextmanager
from pathlib import Path

PG_CONFIG = os.environ.get("PG_CONFIG", "pg_config")
ROOT_RUNS_AS = {"user": "postgres", "group": "postgres", "extra_groups": []} if os.geteuid() == 0 else {}
TICK = 1 / os.sysconf("SC_CLK_TCK")  # seconds; the grain of CPU times

SETTINGS = {
    "shared_buffers": "1GB",
    "max_wal_size": "4GB",
    "synchronous_commit": "on",
    "fsync": "on",
    "checkpoint_timeout": "1h",
    "autovacuum": "off",
}


def say(text):
    print(time.strftime("%H:%M:%S ") + text, file=sys.stderr, flush=True)


def command(*arguments, stdin=None, **options):
    """Run a program as the unprivileged user; its standard output."""
    done = subprocess.run(
        [str(argument) for argument in arguments], input=stdin, cwd="/", text=True, check=False,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, **ROOT_RUNS_AS, **options)
    if done.returncode:
        sys.exit(f"{arguments[0]} failed:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    return done.stdout


def bindir():
    return Path(command(PG_CONFIG, "--bindir").strip())


@contextmanager
def temporary_folder():
    """A folder of the unprivileged user's, removed with the servers that run in it."""
    folder = Path(tempfile.mkdtemp(prefix="custody-bench."))
    if ROOT_RUNS_AS:
        shutil.chown(folder, ROOT_RUNS_AS["user"])
    try:
        yield folder
    finally:
        for pidfile in folder.glob("*/data/postmaster.pid"):
            command(bindir() / "pg_ctl", "-D", pidfile.parent, "-m", "immediate", "stop")
        shutil.rmtree(folder)


class Cluster:
    """A cluster in a directory of its own, reached by its Unix socket only."""

    def __init__(self, directory, preload=""):
        self.directory = directory
        self.data = directory / "data"
        self.preload = preload
        self.bindir = bindir()
        self.postmaster = None
        command("mkdir", directory)

    def program(self, name, *arguments, stdin=None):
        return command(self.bindir / name, *arguments, stdin=stdin)

    def create(self):
        self.program("initdb", "-D", self.data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C")
        settings = dict(SETTINGS, listen_addresses="", unix_socket_directories=self.directory,
                        shared_preload_libraries=self.preload)
        lines = "".join(f"{name} = '{value}'\n" for name, value in settings.items())
        command("tee", "-a", self.data / "postgresql.conf", stdin=lines)

    def start(self):
        self.program("pg_ctl", "-D", self.data, "-l", self.directory / "log", "-w", "start")
        self.postmaster = int((self.data / "postmaster.pid").read_text().split()[0])

    def stop(self, mode="fast"):
        if self.postmaster:
            self.program("pg_ctl", "-D", self.data, "-m", mode, "stop")
            self.postmaster = None

    def psql(self, database, sql, **variables):
        arguments = [f"-v{name}={value}" for name, value in variables.items()]
        return self.program("psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", *arguments,
                            "-h", self.directory, "-U", "postgres", "-d", database, "-f", "-", stdin=sql).strip()

    def times(self, database, sql):
        """Run statements; seconds of each by psql's own clock."""
        answer = self.psql(database, f"\\timing on\n{sql}\n")
        return [float(time) / 1000 for time in re.findall(r"^Time: ([\d.]+) ms", answer, re.MULTILINE)]

    def pgbench(self, database, *arguments):
        return self.program("pgbench", "-h", self.directory, "-U", "postgres", *arguments, database)

    def set(self, **settings):
        for name, value in settings.items():
            self.psql("postgres", f"ALTER SYSTEM SET {name.replace('__', '.')} = '{value}'")
        self.psql("postgres", "SELECT pg_reload_conf()")

    def wal_position(self):
        return int(self.psql("postgres", "SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')"))

    # CPU time, from /proc: the living children one by one, the reaped ones through the postmaster.

    def children(self):
        found = {}
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                times = process_times(entry)
                if times and times["parent"] == self.postmaster:
                    found[int(entry.name)] = times["own"]
        return found

    def cpu(self):
        return process_times(Path(f"/proc/{self.postmaster}"))["reaped"], self.children()

    @contextmanager
    def cpu_of(self):
        """CPU seconds spent inside the block: .backend by processes that ended, .background by the rest."""
        spent = CpuTime()
        reaped, living = self.cpu()
        yield spent
        self.wait_for_exits(living)
        reaped_after, living_after = self.cpu()
        ended = sum(cpu for pid, cpu in living.items() if pid not in living_after)  # what they spent before
        spent.backend = reaped_after - reaped - ended
        spent.background = sum(cpu - living.get(pid, 0) for pid, cpu in living_after.items())

    def wait_for_exits(self, expected):
        for _ in range(200):
            if set(self.children()) <= set(expected):
                return
            time.sleep(0.01)

    @contextmanager
    def memory_of(self):
        """Highest memory of a backend that began inside the block, without what is shared, in bytes."""
        peak = Peak()
        before = set(self.children())
        ended = threading.Event()

        def watch():
            while not ended.wait(0.05):
                for pid in set(self.children()) - before:
                    peak.bytes = max(peak.bytes, own_memory(pid))

        watcher = threading.Thread(target=watch)
        watcher.start()
        try:
            yield peak
        finally:
            ended.set()
            watcher.join()


class CpuTime:
    backend = 0.0
    background = 0.0

    def all(self):
        return self.backend + self.background


class Peak:
    bytes = 0


def process_times(process):
    """CPU seconds of a /proc entry, its own and of its reaped children; None when it is gone."""
    try:
        fields = (process / "stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    utime, stime, cutime, cstime = (int(field) for field in fields[11:15])
    return {"parent": int(fields[1]), "own": (utime + stime) * TICK, "reaped": (cutime + cstime) * TICK}


def own_memory(pid):
    try:
        found = re.search(r"^RssAnon:\s*(\d+) kB", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return int(found[1]) * 1024 if found else 0
