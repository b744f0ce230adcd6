"""What the attacker can do: primitives, each with what it may leave in the catalogs.

A move is (name, function of the random generator, quiet): the function gives SQL; a quiet move touches no capture
machinery and no schema, so that it alone may leave no finding unless rows or ledger differ afterwards.
"""

ROWS = ('patient', 'reading', 'obs1', 'obs2')
LEDGER = ('log_transaction', 'log_chunk', 'log_leaf', 'log_block', 'log_checkpoint', 'log_key', 'log_schema',
          'log_relation', 'log_release', 'log_state', 'log_event', 'log_environment', 'log_incarnation', 'log_lookup')
BYTES = (('log_transaction', 'record'), ('log_transaction', 'entries'), ('log_chunk', 'entries'),
         ('log_leaf', 'leaf_hash'), ('log_leaf', 'root'), ('log_leaf', 'marks'), ('log_block', 'header'),
         ('log_block', 'frontier'), ('log_checkpoint', 'note'), ('log_schema', 'definition'),
         ('log_event', 'chain'), ('log_state', 'row_set'), ('log_lookup', 'items'))


def any_row(table, random):
    return (f'ctid = (SELECT ctid FROM {table} ORDER BY ctid OFFSET '
            f'{random.randrange(1000)} % (SELECT greatest(count(*), 1) FROM {table}) LIMIT 1)')


def change(table, random, like=None):
    """One statement on a row of a table, or of a copy that is like it."""
    like = like or table
    row = any_row(table, random)
    n = random.randrange(9000, 10000)
    column = {'patient': ('name', 'note', 'dose'), 'reading': ('value',)}.get(like, ('v',))
    column = random.choice(column)
    value = str(n) if column in ('dose', 'value') else f"'forged {n}'"
    day = f"'2026-0{like[-1]}-{random.randrange(10, 28)}'" if like.startswith('obs') else ''
    insert = {'patient': f"INSERT INTO {table} VALUES ({n}, 'forged')",
              'reading': f"INSERT INTO {table} VALUES ('2026-01-01', {random.randrange(4)})"}.get(
                  like, f"INSERT INTO {table} VALUES ({n}, {day}, 'forged')")
    return random.choice((
        f'UPDATE {table} SET {column} = {value} WHERE {row}', f'DELETE FROM {table} WHERE {row}', insert,
        f'UPDATE {table} SET {column} = {column} WHERE {row}',
        f'CREATE TEMP TABLE kept AS SELECT * FROM {table}; TRUNCATE {table}; INSERT INTO {table} SELECT * FROM kept'))


def always(table):
    return ''.join(f'ALTER TABLE {table} ENABLE ALWAYS TRIGGER "!custody_{t}";' for t in ('capture', 'truncate'))


def hidden(statement, table, random):
    """A statement that capture does not see, and everything put back."""
    mine = f"tgrelid = '{table}'::regclass AND tgname LIKE '!custody%'"
    function = "CREATE OR REPLACE FUNCTION custody.capture() RETURNS trigger "
    return random.choice((
        f'ALTER TABLE {table} DISABLE TRIGGER ALL; {statement}; ALTER TABLE {table} ENABLE TRIGGER ALL; {always(table)}',
        f"UPDATE pg_trigger SET tgenabled = 'D' WHERE {mine};\n\\connect -\n{statement};\n"
        f"UPDATE pg_trigger SET tgenabled = 'A' WHERE {mine}",
        f"UPDATE pg_class SET relhastriggers = false WHERE oid = '{table}'::regclass; {statement};"
        f"UPDATE pg_class SET relhastriggers = true WHERE oid = '{table}'::regclass",
        f"ALTER TABLE {table} ENABLE TRIGGER \"!custody_capture\"; ALTER TABLE {table} ENABLE TRIGGER \"!custody_truncate\";"
        f"SET session_replication_role = replica; {statement}; {always(table)}",
        f"{function} LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';\n\\connect -\n{statement};\n"
        f"{function} LANGUAGE c AS '$libdir/pg_custody', 'custody_sql_capture'"))


def rows(random):
    table = random.choice(ROWS)
    return hidden(change(table, random), table, random)


def rows_and_back(random):
    n = random.randrange(1, 40)
    away = f'UPDATE patient SET dose = dose * 2, name = name || 1 WHERE id = {n}'
    back = f"UPDATE patient SET dose = dose / 2, name = left(name, -1) WHERE id = {n}"
    return hidden(f'{away}; {back}', 'patient', random)


def swap(random):
    a, b = random.sample(range(1, 40), 2)
    return hidden(f'UPDATE patient p SET name = q.name, dose = q.dose, note = q.note FROM patient q '
                  f'WHERE (p.id, q.id) IN (({a}, {b}), ({b}, {a}))', 'patient', random)


def table_swap(random):
    return ('ALTER TABLE patient RENAME TO patient_old; CREATE TABLE patient (LIKE patient_old INCLUDING ALL);'
            'INSERT INTO patient SELECT * FROM patient_old;' +
            random.choice(('', 'UPDATE patient SET dose = 0 WHERE id < 5')))


def schema_moved(random):
    return random.choice(('CREATE SCHEMA attic; ALTER TABLE patient SET SCHEMA attic',
                          'ALTER SCHEMA public RENAME TO attic; CREATE SCHEMA public; ALTER TABLE attic.obs SET SCHEMA public;'
                          'CREATE TABLE public.reading AS SELECT * FROM attic.reading'))


def child(random):
    return ("CREATE TABLE more () INHERITS (patient); INSERT INTO more (id, name) "
            f"VALUES ({random.randrange(9000, 9999)}, 'hidden')")


def partition_left(random):
    return f'ALTER TABLE obs DETACH PARTITION obs{random.choice((1, 2))}'


def retype(random):
    return random.choice(('ALTER TABLE patient ALTER dose TYPE numeric USING dose * 2',
                          "ALTER TABLE patient ADD allergy text DEFAULT 'none'", 'ALTER TABLE patient DROP note',
                          'ALTER TABLE patient RENAME note TO remark', 'ALTER TABLE reading ALTER value TYPE bigint'))


def ledger_byte(random):
    table, column = random.choice(BYTES)
    bit = f'({random.random()} * (8 * length({column}) - 1))::bigint'
    return (f'UPDATE custody.{table} SET {column} = set_bit({column}, {bit}, 1 - get_bit({column}, {bit})) '
            f"WHERE {any_row('custody.' + table, random)}")


def ledger_delete(random):
    table = 'custody.' + random.choice(LEDGER)
    return random.choice((f'DELETE FROM {table} WHERE {any_row(table, random)}',) * 3 + (f'TRUNCATE {table}',))


def ledger_exchange(random):
    a, b = random.sample(range(2, 30), 2)
    return (f'UPDATE custody.log_leaf l SET leaf_hash = m.leaf_hash, txn_no = m.txn_no, xact_id = m.xact_id, '
            f'root = m.root, marks = m.marks FROM (SELECT * FROM custody.log_leaf) m '
            f'WHERE (l.leaf_index, m.leaf_index) IN (({a}, {b}), ({b}, {a}))')


def ledger_copy(random):
    return ('INSERT INTO custody.log_transaction SELECT xact_id, txn_no + 1000, first_entry, record, entries '
            f"FROM custody.log_transaction WHERE {any_row('custody.log_transaction', random)}")


def tail_cut(random):
    n = random.randrange(1, 6)
    size = f'(SELECT tree_size FROM custody.log_block ORDER BY block_no DESC OFFSET {n} LIMIT 1)'
    return (f'CREATE TEMP TABLE cut AS SELECT {size} AS size;'
            'DELETE FROM custody.log_transaction WHERE txn_no IN (SELECT txn_no FROM custody.log_leaf, cut WHERE leaf_index >= size);'
            'DELETE FROM custody.log_leaf USING cut WHERE leaf_index >= size;'
            'DELETE FROM custody.log_checkpoint USING cut WHERE tree_size > size;'
            'DELETE FROM custody.log_event USING cut WHERE leaf_index >= size;'
            'DELETE FROM custody.log_block USING cut WHERE tree_size > size')


def old_checkpoint(random):
    return ('UPDATE custody.log_checkpoint SET note = (SELECT note FROM custody.log_checkpoint ORDER BY tree_size OFFSET '
            f'{random.randrange(3)} LIMIT 1) WHERE tree_size = (SELECT max(tree_size) FROM custody.log_checkpoint)')


def maintain(random):
    return random.choice(('VACUUM FULL patient', 'CLUSTER patient USING patient_pkey', 'REINDEX TABLE custody.log_leaf',
                          'VACUUM FREEZE', 'ANALYZE', 'VACUUM FULL custody.log_transaction', 'REINDEX TABLE obs',
                          "BEGIN; DELETE FROM patient; DELETE FROM custody.log_leaf; ROLLBACK"))


def honest(random):
    n = random.randrange(1, 40)
    return random.choice(('SELECT count(*) FROM custody.verify()', f'BEGIN; UPDATE patient SET dose = 1 WHERE id = {n}; ROLLBACK'))


MOVES = (('rows', rows, False), ('rows and back', rows_and_back, False), ('two rows swapped', swap, False),
         ('table swapped', table_swap, False), ('schema moved', schema_moved, False), ('child', child, False),
         ('partition left', partition_left, False), ('schema', retype, False),
         ('ledger bytes', ledger_byte, True), ('ledger rows deleted', ledger_delete, True),
         ('leaves exchanged', ledger_exchange, True), ('record copied', ledger_copy, True), ('tail cut', tail_cut, True),
         ('checkpoint replayed', old_checkpoint, True), ('maintenance', maintain, True), ('honest', honest, True))
WEIGHTS = (6, 2, 2, 1, 1, 1, 1, 1, 6, 4, 1, 1, 1, 1, 3, 1)
