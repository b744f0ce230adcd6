"""Catalog rows edited by hand, as moves.py has moves: no DDL runs and no event trigger could see it."""

from moves import ROWS, change


def file_exchanged(random):
    """The catalog says that the table is in another file, that of an altered copy.

    Not after a column was dropped: the copy has no place for it, and a server that reads one for the other crashes.
    """
    table = random.choice(ROWS)
    copy = f'altered_{table}'
    return (f'CREATE TABLE {copy} (LIKE {table} INCLUDING ALL); INSERT INTO {copy} SELECT * FROM {table};'
            f'{change(copy, random, like=table)}; UPDATE pg_class SET relfilenode = '
            f"(SELECT relfilenode FROM pg_class WHERE oid = '{copy}'::regclass) WHERE oid = '{table}'::regclass "
            f"AND NOT EXISTS (SELECT FROM pg_attribute WHERE attrelid = '{table}'::regclass AND attisdropped)")


def label(random):
    return f"UPDATE pg_enum SET enumlabel = 'IV' WHERE enumlabel = '{random.choice(('I', 'II', 'III'))}'"


def columns(random):
    mine = "attrelid = 'patient'::regclass"
    return random.choice((
        f"UPDATE pg_attribute SET attisdropped = true WHERE {mine} AND attname = 'note'",
        f"UPDATE pg_attribute SET attname = 'x' WHERE {mine} AND attname = 'name';"
        f"UPDATE pg_attribute SET attname = 'name' WHERE {mine} AND attname = 'note';"
        f"UPDATE pg_attribute SET attname = 'note' WHERE {mine} AND attname = 'x'"))


def partition(random):
    return f"DELETE FROM pg_inherits WHERE inhrelid = 'obs{random.choice((1, 2))}'::regclass"


def triggers(random):
    """The triggers fire for no event, and are then as they were."""
    table = random.choice(ROWS)
    mine = f"WHERE tgrelid = '{table}'::regclass AND tgname LIKE '!custody%'"
    return (f'UPDATE pg_trigger SET tgtype = tgtype << 7 {mine};\n\\connect -\n{change(table, random)};\n'
            f'UPDATE pg_trigger SET tgtype = tgtype >> 7 {mine}')


MOVES = (('file exchanged', file_exchanged, False), ('enum label', label, False), ('columns edited', columns, False),
         ('partition unlinked', partition, False), ('triggers without events', triggers, False))
WEIGHTS = (2, 1, 1, 1, 2)
