"""The attacked cluster: one server, a database for each scenario."""

import json
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

AS = {'user': 'postgres', 'group': 'postgres', 'extra_groups': []} if os.geteuid() == 0 else {}
CONF = """
listen_addresses = ''
fsync = off
autovacuum = off
allow_system_table_mods = on
custody.seal_interval = '1h'
custody.heartbeat_interval = 0
"""


class Server:
    def __init__(self):
        config = os.environ.get('PG_CONFIG', 'pg_config')
        self.bin = Path(subprocess.check_output([config, '--bindir'], text=True).strip())
        self.work = Path(tempfile.mkdtemp(prefix='custody-attack.'))
        if AS:
            shutil.chown(self.work, 'postgres')
        self.data = self.work / 'data'
        self.run('initdb', '-k', '-D', self.data, '-U', 'postgres', '-A', 'trust', '-E', 'UTF8', '--locale=C', '-N')
        with open(self.data / 'postgresql.conf', 'a', encoding='ascii') as f:
            f.write(CONF + f"unix_socket_directories = '{self.work}'\n")

    def run(self, program, *arguments, stdin=None, check=True):
        done = subprocess.run([str(self.bin / program)] + [str(a) for a in arguments], input=stdin, cwd='/',
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False, **AS)
        if check and done.returncode:
            raise SystemExit(f'{program}: {done.stdout[-1000:]}{done.stderr[-2000:]}')
        return done

    def start(self):
        self.run('pg_ctl', '-D', self.data, '-l', self.work / 'log', '-w', 'start')

    def stop(self):
        self.run('pg_ctl', '-D', self.data, '-m', 'fast', '-w', 'stop')

    def close(self):
        if (self.data / 'postmaster.pid').exists():
            self.run('pg_ctl', '-D', self.data, '-m', 'immediate', 'stop')
        shutil.rmtree(self.work)

    def psql(self, database, sql, check=True):
        """What a script prints; an error stops it only if it is checked."""
        arguments = ['-XAtq', '-h', self.work, '-U', 'postgres', '-d', database, '-v', f'ON_ERROR_STOP={int(check)}']
        done = self.run('psql', *arguments, stdin=sql, check=check)
        return done.stdout, done.stderr

    def sql(self, database, sql):
        return self.psql(database, sql)[0].rstrip('\n')

    def files(self, database):
        """Files of every table with its indexes and long values, by the table's name."""
        rows = self.sql(database, """
            SELECT c.relname, pg_relation_filepath(o) FROM pg_class c CROSS JOIN LATERAL (
                SELECT c.oid UNION ALL SELECT indexrelid FROM pg_index WHERE indrelid IN (c.oid, c.reltoastrelid)
                UNION ALL SELECT c.reltoastrelid WHERE c.reltoastrelid <> 0) AS part (o)
            WHERE c.relkind = 'r' AND c.relnamespace::regnamespace::text IN ('public', 'attic', 'custody') ORDER BY 1, part.o""")
        found = {}
        for row in rows.split('\n'):
            name, path = row.split('|')
            found.setdefault(name, []).append(self.data / path)
        return found

    def findings(self, database, anchors):
        quoted = ', '.join("$n$%s\n$n$" % a for a in anchors)
        out, err = self.psql(database, f'SELECT row_to_json(v) FROM custody.verify(anchors => ARRAY[{quoted}]) v', check=False)
        return [json.loads(line) for line in out.split('\n') if line], err
