#!/usr/bin/perl
#
# Tampering, as a table: name, what a superuser does, and the finding that must
# name it (code, row key or leaf as a pattern over the finding).  Each runs in
# a transaction that is rolled back; what needs commits runs on a copy of the
# database.  The event triggers sleep meanwhile, so that nothing records the
# move itself.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;

use CustodyFixture;
use CustodyTamper;
use CustodyTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = start_node('tamper');
add_fixture($node, 'postgres');

my $leaf5 = '(SELECT txn_no FROM custody.log_leaf WHERE leaf_index = 5)';
my @tampers = (
	# Rows
	[ 'one value', unseen('patient', 'UPDATE patient SET dose = dose * 2 WHERE id = 60'),
		qr/row_changed\|public.patient\|\{"id": 60}.*recorded: dose\|/, 'only' ],
	[ 'two values of a row changed since', unseen('patient', q{UPDATE patient SET name = 'x', allergy = NULL WHERE id = 5}),
		qr/row_changed\|public.patient\|\{"id": 5}.*recorded: name, allergy\|/, 'only' ],
	[ 'a long value', unseen('patient', q{UPDATE patient SET note = repeat('z', 5000) WHERE id = 90}),
		qr/row_changed\|public.patient\|\{"id": 90}.*recorded: note\|/, 'only' ],
	[ 'an empty string for a NULL', unseen('patient', q{UPDATE patient SET note = '' WHERE id = 2000}),
		qr/row_changed\|public.patient\|\{"id": 2000}.*recorded: note\|/, 'only' ],
	[ 'a row not yet sealed', unseen('patient', q{UPDATE patient SET note = 'other' WHERE id = 50}),
		qr/row_changed\|public.patient\|\{"id": 50}/, 'only' ],
	[ 'a row removed', unseen('patient', 'DELETE FROM patient WHERE id = 61'),
		qr/row_missing\|public.patient\|\{"id": 61}/, 'only' ],
	[ 'a row added', unseen('patient', q{INSERT INTO patient VALUES (9000, 'forged')}),
		qr/row_extra\|public.patient\|\{"id": 9000}.*never recorded/, 'only' ],
	[ 'a deleted row put back', unseen('patient', q{INSERT INTO patient VALUES (41, 'back')}),
		qr/row_extra\|public.patient\|\{"id": 41}\|leaf \d+\|.*recorded as deleted/, 'only' ],
	[ 'two rows swapped', unseen('patient', q{UPDATE patient SET id = -1 WHERE id = 70; UPDATE patient SET id = 70 WHERE id = 71;
			UPDATE patient SET id = 71 WHERE id = -1}),
		[ qr/row_changed\|public.patient\|\{"id": 70}/, qr/row_changed\|public.patient\|\{"id": 71}/ ], 'only' ],
	[ 'a key changed', unseen('patient', 'UPDATE patient SET id = 7777 WHERE id = 72'),
		[ qr/row_missing\|public.patient\|\{"id": 72}/, qr/row_extra\|public.patient\|\{"id": 7777}/ ], 'only' ],
	[ 'a table emptied', unseen('reading', 'TRUNCATE reading'), qr/row_missing\|public.reading\|\{"at": "2026-01-01", "value": 0}.*3 recorded rows/ ],
	[ 'one of equal rows removed', unseen('reading', 'DELETE FROM reading WHERE ctid = (SELECT ctid FROM reading WHERE value = 2 LIMIT 1)'),
		qr/row_missing\|public.reading\|\{"at": "2026-01-01", "value": 2}.*1 recorded rows/, 'only' ],
	[ 'one of equal rows added', unseen('reading', q{INSERT INTO reading VALUES ('2026-01-01', 0)}),
		qr/row_extra\|public.reading\|\{"at": "2026-01-01", "value": 0}/, 'only' ],
	[ 'a row in a partition', unseen('obs1', q{UPDATE obs1 SET v = 'x' WHERE id = 10}),
		qr/row_changed\|public.obs\|\{"at": "2026-01-11", "id": 10}.*recorded: v\|/, 'only' ],
	[ 'a partition left', 'ALTER EVENT TRIGGER custody_ddl DISABLE; ALTER TABLE obs DETACH PARTITION obs2; ALTER EVENT TRIGGER custody_ddl ENABLE ALWAYS',
		qr/row_missing\|public.obs\|\{"at": "2026-02-1/ ],
	[ 'a filled partition came', q{ALTER EVENT TRIGGER custody_ddl DISABLE; CREATE TABLE obs9 (LIKE obs INCLUDING ALL);
			INSERT INTO obs9 VALUES (1, '2026-05-05', 'x');
			ALTER TABLE obs ATTACH PARTITION obs9 FOR VALUES FROM ('2026-05-01') TO ('2026-06-01'); ALTER EVENT TRIGGER custody_ddl ENABLE ALWAYS},
		qr/row_extra\|public.obs\|\{"at": "2026-05-05", "id": 1}/ ],
	[ 'a column retyped', q{ALTER EVENT TRIGGER custody_ddl DISABLE; ALTER TABLE patient ALTER dose TYPE numeric(8,2) USING dose * 2;
			ALTER EVENT TRIGGER custody_ddl ENABLE ALWAYS}, qr/row_changed\|public.patient\|.*recorded: dose/ ],
	[ 'a column added', q{ALTER EVENT TRIGGER custody_ddl DISABLE; ALTER TABLE patient ADD risk text DEFAULT 'none';
			ALTER EVENT TRIGGER custody_ddl ENABLE ALWAYS}, qr/schema_changed\|public.patient\|/ ],
	[ 'a table replaced by a copy', q{ALTER EVENT TRIGGER custody_ddl DISABLE; ALTER TABLE patient RENAME TO patient_old;
			CREATE TABLE patient AS SELECT * FROM patient_old; ALTER EVENT TRIGGER custody_ddl ENABLE ALWAYS},
		qr/relation_altered\|public.patient\|/ ],
	[ 'a table dropped', q{ALTER EVENT TRIGGER custody_ddl DISABLE; ALTER EVENT TRIGGER custody_drop DISABLE; DROP TABLE patient;
			ALTER EVENT TRIGGER custody_ddl ENABLE ALWAYS; ALTER EVENT TRIGGER custody_drop ENABLE ALWAYS},
		qr/relation_missing\|/ ],
	# Around the table
	[ 'two columns exchanged by hand', q{UPDATE pg_attribute SET attname = CASE attname WHEN 'name' THEN '~' ELSE 'name' END
			WHERE attrelid = 'patient'::regclass AND attname IN ('name', 'note');
			UPDATE pg_attribute SET attname = 'note' WHERE attrelid = 'patient'::regclass AND attname = '~'}, qr/schema_changed\|public.patient\|/ ],
	[ 'a column dropped by hand', q{UPDATE pg_attribute SET attisdropped = true, attname = '........pg.dropped.5........', atttypid = 0
			WHERE attrelid = 'patient'::regclass AND attname = 'dose'}, qr/schema_changed\|public.patient\|/ ],
	[ 'a table replaced by a view', q{ALTER TABLE patient RENAME TO patient_old; CREATE VIEW patient AS SELECT * FROM patient_old},
		qr/relation_altered\|public.patient\|/ ],
	[ 'a table moved to another schema', q{CREATE SCHEMA attic; ALTER TABLE patient SET SCHEMA attic}, qr/relation_altered\|public.patient\|/ ],
	[ 'a schema exchanged', q{ALTER SCHEMA public RENAME TO attic; CREATE SCHEMA public; CREATE TABLE public.patient AS SELECT * FROM attic.patient; ALTER TABLE attic.obs SET SCHEMA public},
		qr/relation_altered\|public.patient\|/ ],
	[ 'another file under the table', q{CREATE TABLE twin (LIKE reading); INSERT INTO twin SELECT * FROM reading WHERE value <> 2;
			UPDATE pg_class c SET relfilenode = (SELECT relfilenode FROM pg_class WHERE relname = 'twin') WHERE relname = 'reading'},
		qr/row_missing\|public.reading\|\{"at": "2026-01-01", "value": 2}/ ],
	[ 'a child with a row', q{CREATE TABLE more () INHERITS (patient); INSERT INTO more (id, name) VALUES (9100, 'hidden')},
		qr/child_unprotected\|public.patient\|table public.more has rows/ ],
	[ 'a row hidden in a child of a child', q{CREATE TABLE more () INHERITS (patient); CREATE TABLE yet () INHERITS (more);
			INSERT INTO yet (id, name) VALUES (9100, 'hidden')}, qr/child_unprotected\|public.patient\|table public.yet has rows/ ],
	[ 'a copy, truncated and loaded again', unseen('patient', q{CREATE TABLE kept AS SELECT * FROM patient; TRUNCATE patient;
			INSERT INTO patient SELECT * FROM kept WHERE id <> 73; DROP TABLE kept}), qr/row_missing\|public.patient\|\{"id": 73}/, 'only' ],
	[ 'a row behind row security', 'CREATE POLICY p ON patient USING (id <> 74); ALTER TABLE patient ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;'
			. unseen('patient', 'UPDATE patient SET dose = 0 WHERE id = 74'), qr/row_changed\|public.patient\|\{"id": 74}.*recorded: dose\|/ ],
	[ 'operators of the insider', q{CREATE FUNCTION public.same(text, text) RETURNS bool LANGUAGE sql AS 'SELECT true';
			CREATE OPERATOR public.= (LEFTARG = text, RIGHTARG = text, FUNCTION = public.same);
			SET LOCAL search_path = public, pg_catalog; } . unseen('patient', q{UPDATE patient SET name = 'x' WHERE id = 75}),
		qr/row_changed\|public.patient\|\{"id": 75}.*recorded: name\|/, 'only' ],
	[ 'a row of the past put back', unseen('patient', q{UPDATE patient SET note = repeat('note ', 9) WHERE id = 3}),
		qr/row_changed\|public.patient\|\{"id": 3}.*recorded: note\|/, 'only' ],
	[ 'all rows', unseen('patient', 'UPDATE patient SET dose = 0'), [ map { qr/row_changed\|public.patient\|\{"id": $_}/ } 1, 39, 60, 95, 1096, 2000 ] ],
	[ 'a number that reads the same', unseen('patient', q{UPDATE patient SET name = 'Patient ' || chr(1637) WHERE id = 76}),
		qr/row_changed\|public.patient\|\{"id": 76}.*recorded: name\|/, 'only' ],
	[ 'a partition bound of another', unseen('obs2', q{UPDATE obs2 SET id = -id WHERE id = 40}),
		[ qr/row_missing\|public.obs\|\{"at": "2026-02-10", "id": 40}/, qr/row_extra\|public.obs\|\{"at": "2026-02-10", "id": -40}/ ], 'only' ],
	[ 'rows exchanged between partitions', unseen('obs1', unseen('obs2', q{UPDATE obs SET at = at + 31 WHERE id = 12})),
		[ qr/row_missing\|public.obs\|\{"at": "2026-01-13", "id": 12}/, qr/row_extra\|public.obs\|\{"at": "2026-02-13", "id": 12}/ ], 'only' ],
	# Capture
	[ 'triggers off', 'ALTER TABLE patient DISABLE TRIGGER ALL', qr/trigger_disabled\|public.patient\|.*"!custody_capture"/ ],
	[ 'trigger not for replicas', 'ALTER TABLE patient ENABLE TRIGGER "!custody_capture"', qr/trigger_disabled\|public.patient\|.*does not always fire/, 'only' ],
	[ 'trigger off by hand', q{UPDATE pg_trigger SET tgenabled = 'D' WHERE tgrelid = 'obs1'::regclass AND tgname = '!custody_capture'},
		qr/trigger_disabled\|public.obs1\|/, 'only' ],
	[ 'triggers hidden by hand', q{UPDATE pg_class SET relhastriggers = false WHERE oid = 'patient'::regclass},
		qr/trigger_disabled\|public.patient\|.*pg_class/, 'only' ],
	[ 'trigger dropped', 'DROP TRIGGER "!custody_capture" ON patient', qr/trigger_missing\|public.patient\|/ ],
	[ 'truncate trigger dropped', q{DROP TRIGGER "!custody_truncate" ON obs2},
		qr/trigger_missing\|public.obs2\|.*"!custody_truncate"/, 'only' ],
	[ 'trigger narrowed', q{DROP TRIGGER "!custody_capture" ON patient;
			CREATE TRIGGER "!custody_capture" AFTER INSERT OR UPDATE OR DELETE ON patient FOR EACH ROW WHEN (pg_trigger_depth() > 5)
			EXECUTE FUNCTION custody.capture(); ALTER TABLE patient ENABLE ALWAYS TRIGGER "!custody_capture"},
		qr/trigger_changed\|public.patient\|.*WHEN condition/, 'only' ],
	[ 'trigger for some columns', q{UPDATE pg_trigger SET tgattr = '1'::int2vector WHERE tgrelid = 'patient'::regclass AND tgname = '!custody_capture'},
		qr/trigger_changed\|public.patient\|.*some columns/, 'only' ],
	[ 'trigger for some events', q{UPDATE pg_trigger SET tgtype = tgtype & ~8 WHERE tgrelid = 'patient'::regclass AND tgname = '!custody_capture'},
		qr/trigger_changed\|public.patient\|.*other events/, 'only' ],
	[ 'trigger calls another function', q{CREATE FUNCTION nothing() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
			UPDATE pg_trigger SET tgfoid = 'nothing'::regproc WHERE tgrelid = 'patient'::regclass AND tgname = '!custody_capture'},
		qr/trigger_changed\|public.patient\|.*another function/, 'only' ],
	[ 'function replaced', q{CREATE OR REPLACE FUNCTION custody.capture() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'},
		qr/function_changed\|.*custody.capture\(\)/, 'only' ],
	[ 'truncate function replaced', q{CREATE OR REPLACE FUNCTION custody.capture_truncate() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'},
		qr/function_changed\|.*custody.capture_truncate\(\)/, 'only' ],
	[ 'function of another file', q{UPDATE pg_proc SET probin = '$libdir/plpgsql' WHERE oid = 'custody.capture'::regproc},
		qr/function_changed\|.*custody.capture\(\)/, 'only' ],
	[ 'event function replaced', q{CREATE OR REPLACE FUNCTION custody.capture_ddl() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END'},
		qr/function_changed\|.*custody.capture_ddl\(\)/, 'only' ],
	[ 'event trigger for some commands', q{UPDATE pg_event_trigger SET evttags = '{COMMENT}' WHERE evtname = 'custody_ddl'},
		qr/event_trigger_\w+\|.*"custody_ddl"/, 'only' ],
	[ 'event trigger not for replicas', 'ALTER EVENT TRIGGER custody_drop ENABLE', qr/event_trigger_disabled\|.*"custody_drop"/, 'only' ],
	[ 'function of another symbol', q{UPDATE pg_proc SET prosrc = 'custody_sql_capture_truncate' WHERE oid = 'custody.capture'::regproc},
		qr/function_changed\|.*custody.capture\(\)/, 'only' ],
	[ 'function with settings', 'ALTER FUNCTION custody.capture_ddl() SET search_path = public', qr/function_changed\|.*custody.capture_ddl\(\)/, 'only' ],
	[ 'event trigger off', 'ALTER EVENT TRIGGER custody_ddl DISABLE', qr/event_trigger_disabled\|.*"custody_ddl"/, 'only' ],
	[ 'event trigger gone', 'ALTER EXTENSION pg_custody DROP EVENT TRIGGER custody_drop; DROP EVENT TRIGGER custody_drop',
		qr/event_trigger_missing\|.*"custody_drop"/, 'only' ],
	# The ledger's relations
	[ 'ledger table with a rule', 'CREATE RULE r AS ON INSERT TO custody.log_chunk DO INSTEAD NOTHING', qr/ledger_relation_changed\|custody.log_chunk\|.*rule/, 'only' ],
	[ 'ledger table with a trigger', 'CREATE TRIGGER t BEFORE INSERT ON custody.log_block FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger()',
		qr/ledger_relation_changed\|custody.log_block\|.*trigger/, 'only' ],
	[ 'ledger table with row security', 'ALTER TABLE custody.log_leaf ENABLE ROW LEVEL SECURITY', qr/ledger_relation_changed\|custody.log_leaf\|.*row security/, 'only' ],
	[ 'ledger table with a child', 'CREATE TABLE child () INHERITS (custody.log_transaction)', qr/ledger_relation_changed\|custody.log_transaction\|.*inheritance/, 'only' ],
	[ 'ledger table that a crash empties', 'ALTER TABLE custody.log_chunk SET UNLOGGED', qr/ledger_relation_changed\|custody.log_chunk\|.*permanent/, 'only' ],
	[ 'ledger table dropped', $asleep . 'ALTER EXTENSION pg_custody DROP TABLE custody.log_tile; DROP TABLE custody.log_tile', qr/ledger_relation_changed\|custody.log_tile\|.*does not exist/ ],
	[ 'ledger table replaced by a view', $asleep . q{ALTER EXTENSION pg_custody DROP TABLE custody.log_tile; ALTER TABLE custody.log_tile RENAME TO hidden;
			CREATE VIEW custody.log_tile AS SELECT * FROM custody.hidden}, qr/ledger_relation_changed\|custody.log_tile\|.*plain table/ ],
	[ 'ledger index dropped', $asleep . 'ALTER TABLE custody.log_leaf DROP CONSTRAINT log_leaf_txn_no_key', qr/ledger_relation_changed\|custody.log_leaf_txn_no_key\|/ ],
	# The ledger's rows
	[ 'a record gone', "DELETE FROM custody.log_transaction WHERE txn_no = $leaf5", qr/transaction_missing\|leaf 5\|/ ],
	[ 'a record of another transaction', "UPDATE custody.log_transaction SET record = (SELECT record FROM custody.log_transaction WHERE txn_no = $leaf5 + 1) WHERE txn_no = $leaf5",
		qr/leaf_altered\|leaf 5\|/ ],
	[ 'entries gone', "UPDATE custody.log_transaction SET entries = '' WHERE txn_no = $leaf5", qr/entries_count\|leaf 5\|/ ],
	[ 'a chunk of entries gone', 'DELETE FROM custody.log_chunk c WHERE first_entry = (SELECT max(first_entry) FROM custody.log_chunk WHERE txn_no = c.txn_no) AND txn_no = (SELECT txn_no FROM custody.log_leaf WHERE leaf_index = 1)', qr/entries_count\|leaf 1\|/ ],
	[ 'a chunk of entries added', "INSERT INTO custody.log_chunk SELECT $leaf5, first_entry, entries FROM custody.log_chunk WHERE first_entry = 0 LIMIT 1",
		qr/chunk_extra\|.*transaction/, 'only' ],
	[ 'entries of another transaction', q{UPDATE custody.log_transaction t SET entries = o.entries FROM custody.log_leaf l, custody.log_leaf m, custody.log_transaction o
			WHERE l.leaf_index = 70 AND t.txn_no = l.txn_no AND m.leaf_index = 71 AND o.txn_no = m.txn_no},
		qr/entry_altered\|.*leaf 70\|/ ],
	[ 'one entry of many', q{UPDATE custody.log_chunk SET entries = overlay(entries PLACING 'Patient x7' FROM position('Patient 17'::bytea IN entries))
			WHERE position('Patient 17'::bytea IN entries) > 0},
		qr/entry_altered\|public.patient\|\{"id": 17}\|leaf 1\|.*entry \d+/ ],
	[ 'values withheld without an erasure', q{
			WITH bundle AS (SELECT line, count(*) FILTER (WHERE line LIKE 'leaf %') OVER (ORDER BY n) - 1 AS leaf
							FROM custody.export() WITH ORDINALITY AS e (line, n)),
				 entry AS (SELECT decode(split_part(line, ' ', 2), 'base64') AS part FROM bundle WHERE leaf = 20 AND line LIKE 'entry %')
			UPDATE custody.log_transaction SET entries = set_byte('\x00'::bytea, 0, 7 + length(part)) || '\x03' || substr(part, 1, 2)
				|| substr(part, 6, 1) || substr(part, 10, 1) || set_byte('\x00'::bytea, 0, length(part)) || part || '\x00'
			FROM entry WHERE txn_no = (SELECT txn_no FROM custody.log_leaf WHERE leaf_index = 20)},
		qr/erasure_unexplained\|leaf 20\|/ ],
	[ 'values gone', q{UPDATE custody.log_transaction SET entries = '\x06010300010100' WHERE txn_no = (SELECT txn_no FROM custody.log_leaf WHERE leaf_index = 20)},
		qr/entry_altered\|.*leaf 20\|/ ],
	[ 'a mark altered', q{UPDATE custody.log_leaf SET marks = set_byte(marks, 1, get_byte(marks, 1) # 1) WHERE leaf_index = 20},
		qr/marks_altered\|leaf 20\|/, 'only' ],
	[ 'a root altered', q{UPDATE custody.log_leaf SET root = set_byte(root, 1, get_byte(root, 1) # 1) WHERE leaf_index = 20},
		qr/leaf_altered\|leaf 20\|/ ],
	[ 'a transaction id altered', q{UPDATE custody.log_leaf SET xact_id = (xact_id::text::bigint + 1000)::text::xid8 WHERE leaf_index = 20},
		qr/transaction_altered\|leaf 20\|/, 'only' ],
	[ 'a leaf gone', 'DELETE FROM custody.log_leaf WHERE leaf_index = 5', qr/leaf_missing\|leaf 5\|/, 'only' ],
	[ 'many leaves gone', 'DELETE FROM custody.log_leaf WHERE leaf_index BETWEEN 30 AND 60', qr/leaf_missing\|leaf 30\|leaves 30 to 60/, 'only' ],
	[ 'leaves exchanged', q{ALTER TABLE custody.log_leaf DROP CONSTRAINT log_leaf_pkey, ADD CONSTRAINT log_leaf_pkey PRIMARY KEY (leaf_index) DEFERRABLE INITIALLY DEFERRED;
			UPDATE custody.log_leaf SET leaf_index = 11 - leaf_index WHERE leaf_index IN (5, 6); SET CONSTRAINTS ALL IMMEDIATE},
		qr/leaf 5\|/ ],
	[ 'a record inserted', qq{INSERT INTO custody.log_transaction SELECT xact_id, 900, first_entry, record, entries FROM custody.log_transaction WHERE txn_no = $leaf5},
		qr/transaction_altered\|.*under number 900/ ],
	[ 'a leaf added', q{INSERT INTO custody.log_leaf VALUES (500, 900, NULL, sha256('x'))}, qr/leaf_extra\|leaf 500\|/, 'only' ],
	[ 'a block gone', 'DELETE FROM custody.log_block WHERE block_no = 1', qr/block_missing\|leaf 4\|/ ],
	[ 'all blocks gone', 'TRUNCATE custody.log_block', qr/block_missing\|leaf 0\|/ ],
	[ 'all leaves gone', 'TRUNCATE custody.log_leaf', qr/leaf_missing\|leaf 0\|/ ],
	[ 'all records gone', 'TRUNCATE custody.log_transaction', qr/transaction_missing\|leaf 1\|/ ],
	[ 'all chunks gone', 'TRUNCATE custody.log_chunk', qr/entries_count\|leaf 1\|/ ],
	[ 'a tile gone', 'DELETE FROM custody.log_tile', qr/tile_missing\|leaf 0\|/, 'only' ],
	[ 'a tile too many', q{INSERT INTO custody.log_tile SELECT 0, 7, hashes FROM custody.log_tile}, qr/tile_extra\|/, 'only' ],
	[ 'a checkpoint gone', 'DELETE FROM custody.log_checkpoint WHERE tree_size = (SELECT tree_size FROM custody.log_block WHERE block_no = 1)',
		qr/checkpoint_missing\|.*block 1\b/, 'only' ],
	[ 'a checkpoint of another block', q{UPDATE custody.log_checkpoint SET note = (SELECT note FROM custody.log_checkpoint ORDER BY tree_size LIMIT 1)
			WHERE tree_size = (SELECT tree_size FROM custody.log_block WHERE block_no = 2)}, qr/checkpoint_mismatch\|.*block 2\b/ ],
	[ 'a record altered with its leaf hash', qq{UPDATE custody.log_transaction SET record = record || '\\x80' || '\\x00' WHERE txn_no = $leaf5;
			UPDATE custody.log_leaf SET leaf_hash = sha256('\\x00' || (SELECT substr(record, 1, length(record) - 2) || '\\x0f20' || root || '\\x8000'
				FROM custody.log_transaction t WHERE t.txn_no = log_leaf.txn_no)) WHERE leaf_index = 5},
		qr/tile_altered\|leaf 5\||checkpoint_mismatch\|/ ],
	[ 'a key exchanged', q{UPDATE custody.log_key SET verifier_key = 'x+00000000+AAAA'}, qr/key_altered\|.*epoch 1\b/ ],
	[ 'a protection ended by hand', 'INSERT INTO custody.log_release VALUES (1)', qr/release_extra\|.*protection 1\b/ ],
	[ 'a protection gone', 'DELETE FROM custody.log_relation WHERE relation_id = 1', qr/relation_unlisted\|public.patient\|/ ],
);

found_when($node, @$_) foreach @tampers;
is($node->safe_psql('postgres', 'SELECT * FROM custody.verify()'), '', 'clean after');

my $moves = @tampers;

# What decides nothing is a warning.
my $lookups = q{SELECT string_agg(concat_ws('|', severity, code, relation), ' ') FROM custody.verify()};
foreach my $sql (q{DELETE FROM custody.log_lookup WHERE ctid = (SELECT max(ctid) FROM custody.log_lookup)},
	q{UPDATE custody.log_lookup SET items = set_byte(items, 0, get_byte(items, 0) # 1)},
	q{UPDATE custody.log_lookup SET level = 5}, q{UPDATE custody.log_lookup SET first_number = first_number - 1})
{
	is($node->safe_psql('postgres', "BEGIN; $sql; $lookups"), 'warning|lookup_incomplete|custody.log_lookup', $sql);
}

# What needs commits
sub on_copy
{
	$moves++;
	found_on_copy($node, @_);
}

on_copy('a row changed and changed back is proven by the next honest update',
	[ unseen('patient', q{UPDATE patient SET dose = 99 WHERE id = 80}),
		q{UPDATE patient SET name = 'honest' WHERE id = 80},
		unseen('patient', q{UPDATE patient SET dose = 120 WHERE id = 80}) ],
	qr/^tampering\|overwritten_mismatch\|public.patient\|\{"id": 80\}\|/m);
on_copy('a row removed and put back is proven by its delete',
	[ unseen('patient', q{UPDATE patient SET note = 'hidden' WHERE id = 81}), 'DELETE FROM patient WHERE id = 81' ],
	qr/^tampering\|overwritten_mismatch\|public.patient\|\{"id": 81\}\|.*without an entry/m);
on_copy('an honest change of a row that was never recorded',
	[ unseen('patient', q{INSERT INTO patient VALUES (8000)}), 'DELETE FROM patient WHERE id = 8000' ],
	qr/^tampering\|overwritten_mismatch\|public.patient\|.*never recorded/m);
on_copy('a row removed and inserted anew',
	[ unseen('patient', q{DELETE FROM patient WHERE id = 82}), q{INSERT INTO patient VALUES (82, 'new')} ],
	qr/^tampering\|overwritten_mismatch\|public.patient\|\{"id": 82\}\|.*removed without an entry/m);

# Anchors
my $anchor = $node->safe_psql('postgres', 'SELECT custody.checkpoint()');
(my $literal = $anchor) =~ s/'/''/g;
my $size = (split /\n/, $anchor)[1];
on_copy('the tail cut off',
	[ q{DELETE FROM custody.log_leaf WHERE leaf_index >= (SELECT tree_size FROM custody.log_block WHERE block_no = 2);
		DELETE FROM custody.log_checkpoint WHERE tree_size > (SELECT tree_size FROM custody.log_block WHERE block_no = 2);
		DELETE FROM custody.log_block WHERE block_no > 2;} ],
	qr/^tampering\|anchor_ahead\|.*checkpoint of size $size was signed, the ledger has only \d+ leaves: 2 leaves are missing/m,
	"anchors => ARRAY[E'" . $literal . "\n']");
on_copy('the last checkpoint gone', ['DELETE FROM custody.log_checkpoint WHERE tree_size = (SELECT max(tree_size) FROM custody.log_checkpoint)'],
	qr/^tampering\|checkpoint_missing\|leaf @{[ $size - 1 ]}\|checkpoint of size $size was signed/m, "anchors => ARRAY[E'" . $literal . "\n']");
my $strange = $anchor =~ s/\n\d+\n/\n1\n/r;
on_copy('an anchor with another size', [], qr/^tampering\|anchor_unsigned\|/m, "anchors => ARRAY['$strange\n']");
on_copy('an anchor that is none', [], qr/^warning\|anchor_unreadable\|/m, "anchors => ARRAY['nonsense']");
$node->safe_psql('postgres', 'CREATE DATABASE another');
add_fixture($node, 'another');
my $foreign = $node->safe_psql('another', 'SELECT custody.checkpoint()');
on_copy('an anchor of another ledger', [], qr/^tampering\|anchor_unsigned\|/m, "anchors => ARRAY['$foreign\n']");
like($node->safe_psql('postgres', sprintf($findings, 'since => 5')),
	qr/^tampering\|since_unknown\|/m, 'since a size the ledger never had');

cmp_ok($moves, '>=', 90, "$moves moves of an insider");

# Refusals
fails_with($node, q{SELECT * FROM custody.verify('pg_class')}, 'PC102', 'is not protected', 'a table that is not protected');
fails_with($node, q{BEGIN; UPDATE patient SET name = 'x' WHERE id = 1; SELECT * FROM custody.verify()},
	'25001', 'custody.verify', 'not within a transaction that made changes');
$node->safe_psql('postgres', 'CREATE ROLE nobody; GRANT USAGE ON SCHEMA custody TO nobody');
fails_with($node, 'SET ROLE nobody; SELECT * FROM custody.verify()', '42501', 'permission denied', 'without the right');

# Lookup numbers can be made again.
$node->safe_psql('postgres', 'DELETE FROM custody.log_lookup');
is($node->safe_psql('postgres', $lookups), 'warning|lookup_incomplete|custody.log_lookup', 'no lookups at all');
is($node->safe_psql('postgres', q{SELECT count(*) FROM custody.history('patient', '{"id": 17}')}), '0', 'nothing is found by them');
cmp_ok($node->safe_psql('postgres', 'SELECT custody.rebuild_lookup()'), '>', 400, 'they are made again');
cmp_ok($node->safe_psql('postgres', q{SELECT count(*) FROM custody.history('patient', '{"id": 17}')}), '>', 3, 'and found');
is($node->safe_psql('postgres', 'SELECT * FROM custody.verify()'), '', 'and verify clean');

done_testing();
