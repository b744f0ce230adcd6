"""One attack on a copy of an honest database, and what must be found of it."""

import base64
import json
import random
import re
import shutil
import sys
from pathlib import Path

import catalogs
import moves
import pages
from server import Server

sys.path.insert(0, str(Path(__file__).parent.parent / 'recompute'))
import recompute as rc

TABLES = ('patient', 'reading', 'obs')
# Without these nothing can tell what a row ought to be.
FEEDS = {'log_transaction', 'log_chunk', 'log_leaf', 'log_schema', 'log_relation', 'log_release'}
KEYS = {'patient': ('id',), 'obs': ('id', 'at')}
ASLEEP = 'ALTER EVENT TRIGGER custody_ddl DISABLE; ALTER EVENT TRIGGER custody_drop DISABLE;\n'
AWAKE = 'ALTER EVENT TRIGGER custody_ddl ENABLE ALWAYS; ALTER EVENT TRIGGER custody_drop ENABLE ALWAYS;\n'
CAPTURE = re.compile('capture_|trigger_|function_|event_trigger_|environment_|relation_|schema_|ledger_relation_')
TEXT = rb"(?<=Patient )[0-9]|(?<=urgent )[0-9]|(?<=visit )[0-9]|(?<=episode )[0-9]"


class Hospital:
    """The honest ledger, yesterday's backup of it, and what an auditor and a thief hold."""

    def __init__(self, blind):
        self.blind = blind
        self.server = Server()
        self.server.start()
        s = self.server.sql
        s('postgres', 'CREATE DATABASE honest')
        s('honest', """
            CREATE EXTENSION pg_custody;
            CREATE TYPE stage AS ENUM ('I', 'II', 'III');
            CREATE TABLE patient (id int PRIMARY KEY, name text, dose numeric, note text, story text);
            ALTER TABLE patient ALTER story SET STORAGE EXTERNAL;
            INSERT INTO patient SELECT i, 'Patient ' || i, i, 'urgent ' || i, repeat('episode ' || i, CASE WHEN i < 4 THEN 300 END)
                FROM generate_series(1, 40) i;
            CREATE TABLE reading (at date, value int);
            INSERT INTO reading SELECT '2026-01-01', i % 4 FROM generate_series(1, 12) i;
            CREATE TABLE obs (id int, at date, v text, stage stage DEFAULT 'II', PRIMARY KEY (id, at)) PARTITION BY RANGE (at);
            CREATE TABLE obs1 PARTITION OF obs FOR VALUES FROM ('2026-01-01') TO ('2026-02-01');
            CREATE TABLE obs2 PARTITION OF obs FOR VALUES FROM ('2026-02-01') TO ('2026-03-01');
            INSERT INTO obs SELECT i, date '2026-01-01' + i, 'visit ' || i, (enum_range(NULL::stage))[i % 3 + 1]
                FROM generate_series(1, 50) i;
            SELECT custody.protect('patient'), custody.protect('reading'), custody.protect('obs')""")
        self.anchors = []
        self.day(1)
        s('postgres', 'CREATE DATABASE yesterday TEMPLATE honest')
        s('honest', 'SELECT custody.rotate_key()')
        self.day(2)
        self.key = s('honest', 'SELECT custody.verifier_key(1)')
        self.today = s('honest', 'SELECT custody.verifier_key()')
        pem = max((self.server.work / 'data.custody').glob('*/epoch-*.pem'))
        self.seed = base64.b64decode(''.join(pem.read_text(encoding='ascii').split('\n')[1:-2]))[-32:]
        self.keep('key', self.key + '\n')
        for n, anchor in enumerate(self.anchors):
            self.keep(f'anchor{n}', anchor + '\n')
        self.rows, self.ledger, self.columns = self.look('honest')
        self.bundle = self.export('honest')

    def day(self, day):
        s = self.server.sql
        for n in range(12):
            s('honest', f"""
                UPDATE patient SET dose = dose + 1, note = 'urgent {day}{n}' WHERE id = {n * 3 + day};
                INSERT INTO reading VALUES ('2026-01-0{day}', {n % 3}); INSERT INTO obs VALUES ({day}00 + {n}, '2026-01-20', 'visit {n}');
                DELETE FROM obs WHERE id = {day} * 20 + {n}""")
            if n % 4 == 3:
                s('honest', 'SELECT custody.seal()')
        self.anchors.append(s('honest', 'SELECT custody.checkpoint()'))

    def keep(self, name, text):
        path = self.server.work / name
        path.write_text(text, encoding='utf-8')
        path.chmod(0o644)
        return path

    def look(self, database):
        """Text of all rows of tables and ledger; None for what cannot be read."""
        script = 'SET enable_indexscan = off; SET enable_bitmapscan = off; SET enable_indexonlyscan = off; SET row_security = off;\n'
        script += ''.join(f'\\echo =={t}\nSELECT row_to_json(t) FROM {t} t ORDER BY row_to_json(t)::text;\n' for t in TABLES)
        script += ''.join(f'\\echo ==custody.{t}\nSELECT t FROM custody.{t} t ORDER BY t::text;\n' for t in moves.LEDGER)
        script += "\\echo ==columns\nSELECT attrelid::regclass, attname, atttypid::regtype FROM pg_attribute WHERE attnum > 0" \
                  " AND NOT attisdropped AND attrelid IN (to_regclass('patient'), to_regclass('reading'), to_regclass('obs')) ORDER BY 1, attnum;\n"
        out, err = self.server.psql(database, script, check=False)
        seen = dict((part.split('\n', 1) + [''])[:2] for part in out.split('==')[1:])
        for table in re.findall(r'relation "([a-z_.]+)" does not exist', err):
            seen[table] = None
        return ({t: seen[t] for t in TABLES}, {t: seen['custody.' + t] for t in moves.LEDGER}, seen['columns'])

    def export(self, database):
        return self.server.psql(database, 'SELECT line FROM custody.export()', check=False)[0]


class Scenario:
    def __init__(self, hospital, seed):
        self.hospital, self.server, self.seed = hospital, hospital.server, seed
        self.random = random.Random(seed)
        self.name = f's{seed}'
        self.moves, self.script, self.outcome, self.quiet = [], '', None, True

    def did(self, name, what):
        self.moves.append(name)
        self.script += f'\n    [{name}] {what}'

    def attack(self):
        r = self.random
        template = 'yesterday' if r.random() < 0.05 else 'honest'
        if template == 'yesterday':
            self.did('backup restored', 'the whole database')
        self.server.sql('postgres', f'CREATE DATABASE {self.name} TEMPLATE {template}')
        for name, make, quiet in r.choices(moves.MOVES + catalogs.MOVES, moves.WEIGHTS + catalogs.WEIGHTS, k=r.randrange(4)):
            sql = make(r)
            if not quiet:
                self.quiet = False
                sql = ASLEEP + sql + ';\n' + AWAKE
            self.did(name, sql)
            self.server.psql(self.name, sql, check=False)
        if r.random() < 0.15:
            self.resign()
        self.files = self.server.files(self.name)
        self.yesterday = self.server.files('yesterday')

    def resign(self):
        """A checkpoint of another root, under the key that was stolen today."""
        size = self.random.choice(self.server.sql('honest', 'SELECT tree_size FROM custody.log_checkpoint').split('\n'))
        note = self.server.sql('honest', f'SELECT custody.checkpoint({size})')
        text = rc.checkpoint_text(note.split('\n', maxsplit=1)[0], int(size), self.random.randbytes(32))
        key = rc.Key(self.hospital.today)
        public, signature = rc.ed25519_make(self.hospital.seed, text)
        assert public == key.key
        line = base64.b64encode(key.id + signature).decode()
        forged = text + f'\n\u2014 {key.name} {line}\n'.encode()
        sql = f"UPDATE custody.log_checkpoint SET note = '\\x{forged.hex()}' WHERE tree_size = {size}"
        self.did('key stolen', sql)
        self.server.psql(self.name, sql, check=False)

    def attack_files(self):
        r = self.random
        for _ in range(r.choice((0, 0, 1, 2))):
            table = r.choice(('patient', 'obs1', 'obs2', 'log_transaction', 'log_chunk'))
            if r.random() < 0.75:
                # the table, or where its long values are
                files = self.files.get(table, [])
                if any(pages.edit(path, TEXT, r) for path in r.sample(files, len(files))):
                    self.did('page edited', table)
            else:
                table = r.choice(('patient', 'reading', 'log_leaf', 'log_block', 'log_checkpoint'))
                self.put_back(table)

    def put_back(self, table):
        for old, new in zip(self.yesterday[table], self.files.get(table, ())):
            shutil.copyfile(old, new)
            for fork in ('_fsm', '_vm'):
                Path(str(new) + fork).unlink(missing_ok=True)
        self.did('file of a backup', table)

    def judge(self):
        rows, ledger, columns = self.hospital.look(self.name)
        self.found, error = self.server.findings(self.name, self.hospital.anchors)
        if self.hospital.blind:
            self.found = []
        self.tampering = [f for f in self.found if f['severity'] == 'tampering']
        rows_differ = rows != self.hospital.rows
        ledger_differs = ledger != self.hospital.ledger
        self.outcome = ('both differ' if rows_differ and ledger_differs else 'rows differ' if rows_differ
                        else 'ledger differs' if ledger_differs else 'nothing differs')
        problems = []
        if error and not ledger_differs:
            problems.append('could not verify: ' + error)
        if error:
            return problems + self.judge_offline(ledger_differs)
        if rows_differ:
            fed = all(ledger[t] == self.hospital.ledger[t] for t in FEEDS)
            problems += self.judge_rows(rows, columns, fed)
        if ledger_differs:
            problems += self.judge_ledger(ledger)
        if not rows_differ and not ledger_differs and columns == self.hospital.columns:
            problems += [f'false alarm: {f}' for f in self.tampering if self.quiet or not CAPTURE.match(f['code'])]
        return problems + self.judge_offline(ledger_differs)

    def judge_rows(self, rows, columns, fed):
        problems = []
        for table in TABLES:
            if rows[table] == self.hospital.rows[table]:
                continue
            named = [f for f in self.tampering if f['relation'] == 'public.' + table or table in (f['message'] or '')]
            if not named and (fed or not self.tampering):
                problems.append(f'rows of {table} differ, which no finding names')
            elif table in KEYS and columns == self.hospital.columns and fed and rows[table] is not None:
                problems += self.judge_keys(table, rows, named)
        return problems

    def judge_keys(self, table, rows, named):
        lines = set(rows[table].split('\n')) ^ set(self.hospital.rows[table].split('\n'))
        keys = [{k: json.loads(line)[k] for k in KEYS[table]} for line in lines if line]
        told = [f['row_key'] for f in named if f['code'].startswith('row_')]
        if any(f['code'] in ('relation_altered', 'relation_missing', 'child_unprotected') for f in named):
            return []
        return [f'row {key} of {table} differs, which no finding names' for key in keys if key not in told]

    def judge_ledger(self, ledger):
        changed = [t for t in moves.LEDGER if ledger[t] != self.hospital.ledger[t]]
        if changed == ['log_lookup']:
            return [] if any(f['code'] == 'lookup_incomplete' for f in self.found) else ['lookups differ, not found']
        if not self.tampering:
            return [f'{", ".join(changed)} differ, nothing found']
        if 'log_leaf' not in changed or ledger['log_leaf'] is None:
            return []
        places = {int(line[1:].split(',')[0]) for line in
                  set(ledger['log_leaf'].split('\n')) ^ set(self.hospital.ledger['log_leaf'].split('\n')) if line}
        if any(f['leaf_index'] in places or f['code'].startswith(('anchor_', 'leaf_missing', 'leaf_extra')) for f in self.tampering):
            return []
        return [f'leaves {sorted(places)} differ, none of which a finding names: {self.tampering[:3]}']

    def judge_offline(self, ledger_differs):
        """What the exported ledger says elsewhere, to somebody with the first key and two checkpoints."""
        bundle = self.hospital.export(self.name)
        same = bundle == self.hospital.bundle
        path = self.hospital.keep('bundle', bundle)
        arguments = ['--key', self.hospital.key]
        for n in range(len(self.hospital.anchors)):
            arguments += ['--anchor', self.server.work / f'anchor{n}']
        done = self.server.run('pg_custody_verify', 'bundle', *arguments, path, check=False)
        if not same and done.returncode == 0:
            return ['another bundle verifies offline']
        if same and done.returncode != 0:
            return [f'the same bundle does not verify offline: {done.stdout}{done.stderr}']
        if not same and not ledger_differs:
            return ['another bundle of the same ledger']
        return []

    def end(self):
        self.server.sql('postgres', f'DROP DATABASE {self.name}')
