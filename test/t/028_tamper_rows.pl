#!/usr/bin/perl
#
# More tampering with rows, by what makes readers see something else: the
# columns a catalog names, files that relations name, children, types, and
# rows that a superuser's tools remove.

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

my $node = start_node('tamper_rows');
add_fixture($node, 'postgres');
$node->safe_psql('postgres', q{
	CREATE TYPE stage AS ENUM ('I', 'II', 'III');
	CREATE DOMAIN grams AS numeric CHECK (VALUE >= 0);
	CREATE TYPE pair AS (a int, b text);
	CREATE TABLE visit (id int PRIMARY KEY, patient int REFERENCES patient, stage stage, weight grams, p pair,
		given text, family text, twice numeric GENERATED ALWAYS AS (id * 2) STORED);
	INSERT INTO visit SELECT i, i, 'I', i, ROW(i, 'b'::text)::pair, 'Ann', 'Lee' FROM generate_series(1, 20) i;
	SELECT custody.protect('visit')});
$node->safe_psql('postgres', q{ALTER TABLE visit ADD COLUMN allergy text DEFAULT 'nuts'});
$node->safe_psql('postgres', 'SELECT custody.seal()');

# A column of a catalog's row of table visit
my $attribute = q{UPDATE pg_attribute SET %s WHERE attrelid = 'visit'::regclass AND attname = '%s'};

# What relations a catalog exchanges, and a copy that differs in one row
my $copied = q{CREATE TABLE altered (LIKE patient INCLUDING ALL); INSERT INTO altered SELECT * FROM patient;
	UPDATE altered SET dose = 0 WHERE id = 60; };

my @tampers = (
	[ 'a foreign key re-pointed', unseen('visit', 'UPDATE visit SET patient = 9 WHERE id = 4'),
		qr/row_changed\|public.visit\|\{"id": 4}.*recorded: patient\|/, 'only' ],
	[ 'the visits of two patients swapped', unseen('visit', 'UPDATE visit SET patient = 11 - patient WHERE id IN (5, 6)'),
		[ qr/row_changed\|public.visit\|\{"id": 5}.*recorded: patient\|/, qr/row_changed\|public.visit\|\{"id": 6}.*recorded: patient\|/ ], 'only' ],
	[ 'a field of a composite value', unseen('visit', q{UPDATE visit SET p.b = 'c' WHERE id = 7}),
		qr/row_changed\|public.visit\|\{"id": 7}.*recorded: p\|/, 'only' ],
	[ 'another label of an enum', unseen('visit', q{UPDATE visit SET stage = 'III' WHERE id = 8}),
		qr/row_changed\|public.visit\|\{"id": 8}.*recorded: stage\|/, 'only' ],
	[ 'a value under a domain without its constraint', 'ALTER DOMAIN grams DROP CONSTRAINT grams_check; ' . unseen('visit', 'UPDATE visit SET weight = -1 WHERE id = 9'),
		qr/row_changed\|public.visit\|\{"id": 9}.*recorded: weight\|/, 'only' ],
	[ 'a scale that a value did not have', unseen('visit', 'UPDATE visit SET weight = 10.0 WHERE id = 10'),
		qr/row_changed\|public.visit\|\{"id": 10}.*recorded: weight\|/, 'only' ],
	[ 'a value computed no more', 'ALTER TABLE visit ALTER twice DROP EXPRESSION; ' . unseen('visit', 'UPDATE visit SET twice = 1 WHERE id = 11'),
		qr/row_changed\|public.visit\|\{"id": 11}.*recorded: twice\|/ ],
	[ 'a child by hand', q{CREATE TABLE ghost (LIKE patient INCLUDING ALL); INSERT INTO ghost (id, name) VALUES (9002, 'ghost');
			INSERT INTO pg_inherits VALUES ('ghost'::regclass, 'patient'::regclass, 1, false); UPDATE pg_class SET relhassubclass = true WHERE oid = 'patient'::regclass},
		qr/child_unprotected\|public.patient\|table public.ghost has rows/ ],
	[ 'a partition left by hand', q{DELETE FROM pg_inherits WHERE inhrelid = 'obs2'::regclass; UPDATE pg_class SET relispartition = false, relpartbound = NULL WHERE oid = 'obs2'::regclass},
		qr/row_missing\|public.obs\|/ ],
	[ 'a partition exchanged', q{ALTER TABLE obs DETACH PARTITION obs2; CREATE TABLE obs9 (LIKE obs INCLUDING ALL); INSERT INTO obs9 SELECT id, at, 'x' FROM obs2;
			ALTER TABLE obs ATTACH PARTITION obs9 FOR VALUES FROM ('2026-02-01') TO ('2026-03-01')},
		[ qr/schema_changed\|public.obs\|/, qr/row_missing\|public.obs\|\{"at": "2026-02-03", "id": 2}/ ] ],
	[ 'the names of two columns exchanged', 'ALTER TABLE visit RENAME given TO x; ALTER TABLE visit RENAME family TO given; ALTER TABLE visit RENAME x TO family',
		qr/schema_changed\|public.visit\|/ ],
	[ 'a type exchanged by hand', sprintf($attribute, q{atttypid = 'bytea'::regtype}, 'given'), qr/schema_changed\|public.visit\|/ ],
	[ 'the value of rows older than a column', q{CREATE TABLE other (id int); INSERT INTO other VALUES (1); ALTER TABLE other ADD v text DEFAULT 'none';
			} . sprintf($attribute, q{attmissingval = (SELECT attmissingval FROM pg_attribute WHERE attrelid = 'other'::regclass AND attname = 'v')}, 'allergy'),
		qr/row_changed\|public.visit\|\{"id": 1}.*recorded: allergy\|/ ],
	[ 'a column dropped and added with another default', q{ALTER TABLE visit DROP allergy; ALTER TABLE visit ADD allergy text DEFAULT 'none known'},
		qr/row_changed\|public.visit\|\{"id": 1}.*recorded: allergy\|/ ],
	[ 'a column dropped that came last', 'ALTER TABLE visit DROP allergy', qr/schema_changed\|public.visit\|/ ],
	[ 'a label of an enum renamed by hand', q{UPDATE pg_enum SET enumlabel = 'IV' WHERE enumlabel = 'I'}, qr/row_changed\|public.visit\|.*recorded: stage\|/ ],
	[ 'labels of an enum exchanged', q{ALTER TYPE stage RENAME VALUE 'I' TO 'x'; ALTER TYPE stage RENAME VALUE 'II' TO 'I'; ALTER TYPE stage RENAME VALUE 'x' TO 'II'},
		qr/row_changed\|public.visit\|.*recorded: stage\|/ ],
	[ 'a column retyped with another scale', 'ALTER TABLE visit ALTER weight TYPE numeric(8,1)', qr/(schema|row)_changed\|public.visit\|/ ],
	[ 'a file exchanged in the catalog', $copied . q{UPDATE pg_class SET relfilenode = (SELECT relfilenode FROM pg_class WHERE relname = 'altered') WHERE relname = 'patient'},
		qr/row_changed\|public.patient\|\{"id": 60}.*recorded: dose\|/ ],
	[ 'a table exchanged by name', $copied . q{ALTER TABLE patient RENAME TO hidden; ALTER TABLE altered RENAME TO patient},
		qr/relation_altered\|public.patient\|/ ],
	[ 'a table exchanged by name and protection', $copied . q{ALTER TABLE patient RENAME TO hidden; ALTER TABLE altered RENAME TO patient;
			UPDATE custody.log_relation SET relation = 'patient'::regclass WHERE relation = 'hidden'::regclass;
			UPDATE custody.log_schema SET leaf = 'patient'::regclass WHERE leaf = 'hidden'::regclass},
		[ qr/trigger_missing\|public.patient\|/, qr/row_changed\|public.patient\|\{"id": 60}.*recorded: dose\|/ ] ],
	[ 'partitions that the catalog denies', q{UPDATE pg_class SET relhassubclass = false WHERE oid = 'obs'::regclass}, qr/row_missing\|public.obs\|\{"at": "2026-01-13", "id": 12}/ ],
	[ 'a table of another kind by hand', q{UPDATE pg_class SET relkind = 'v' WHERE oid = 'patient'::regclass}, qr/relation_missing\|/ ],
	[ 'a last column that the catalog does not count', q{UPDATE pg_class SET relnatts = relnatts - 1 WHERE oid = 'visit'::regclass; DELETE FROM pg_attrdef WHERE adrelid = 'visit'::regclass AND adnum = 9}, qr/schema_changed\|public.visit\|/ ],
	[ 'the numbers of two columns exchanged by hand', q{UPDATE pg_attribute SET attnum = 100 WHERE attrelid = 'visit'::regclass AND attname = 'given';
			UPDATE pg_attribute SET attnum = 6 WHERE attrelid = 'visit'::regclass AND attname = 'family'; UPDATE pg_attribute SET attnum = 7 WHERE attrelid = 'visit'::regclass AND attnum = 100},
		qr/row_changed\|public.visit\|\{"id": 14}.*recorded: family, given\|/ ],
	[ 'a field of a composite type dropped', 'ALTER TYPE pair DROP ATTRIBUTE b', qr/row_changed\|public.visit\|\{"id": 14}.*recorded: p\|/ ],
	[ 'a domain over another type by hand', q{UPDATE pg_type SET typbasetype = 'text'::regtype WHERE typname = 'grams'}, qr/row_changed\|public.visit\|\{"id": 14}.*recorded: weight\|/ ],
	[ 'a type that is written otherwise', q{UPDATE pg_type SET typoutput = 'textout'::regproc WHERE typname = 'numeric'}, qr/row_changed\|public.patient\|\{"id": 77}.*recorded: dose\|/ ],
	[ 'the versions of two tables exchanged', q{UPDATE custody.log_schema SET leaf = 'obs1'::regclass WHERE leaf = 'obs2'::regclass}, qr/row_missing\|public.obs\|\{"at": "2026-02-03", "id": 2}/ ],
	[ 'the bounds of two partitions exchanged by hand', q{UPDATE pg_class c SET relpartbound = o.relpartbound FROM pg_class o
			WHERE c.relname IN ('obs1', 'obs2') AND o.relname IN ('obs1', 'obs2') AND o.relname <> c.relname}, qr/environment_changed\|table public.obs1\/bound/, 'warning' ],
	[ 'labels of an enum in another order', q{UPDATE pg_enum SET enumsortorder = -enumsortorder}, qr/environment_changed\|type public.stage\/labels/, 'warning' ],
	[ 'an index that is not used', q{UPDATE pg_index SET indisvalid = false WHERE indrelid = 'patient'::regclass}, qr/environment_changed\|table public.patient\/index patient_pkey/, 'warning' ],
	[ 'a table that a crash empties', 'ALTER TABLE reading SET UNLOGGED', qr/environment_changed\|table public.reading\b.*persistence/, 'warning' ],
	[ 'rows that a policy hides', 'CREATE POLICY p ON patient USING (id <> 60); ALTER TABLE patient ENABLE ROW LEVEL SECURITY',
		qr/environment_changed\|table public.patient\b.*row security/, 'warning' ],
	[ 'changes that a rule swallows', 'CREATE RULE r AS ON UPDATE TO patient DO INSTEAD NOTHING', qr/environment_changed\|table public.patient\b.*rule/, 'warning' ],
	[ 'changes that a trigger swallows', q{CREATE FUNCTION swallow() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
			CREATE TRIGGER s BEFORE UPDATE ON patient FOR EACH ROW EXECUTE FUNCTION swallow()},
		qr/environment_changed\|table public.patient\b.*trigger s/, 'warning' ],
);
found_when($node, @$_) foreach @tampers;
is($node->safe_psql('postgres', 'SELECT * FROM custody.verify()'), '', 'clean after');

# What needs commits: name, steps, finding
my $file = $node->basedir . '/rows';
my @committed = (
	[ 'a row changed with the triggers off, sealed after', [ unseen('visit', 'UPDATE visit SET weight = 99 WHERE id = 12'), 'SELECT custody.seal()' ],
		qr/^tampering\|row_changed\|public.visit\|\{"id": 12}/m ],
	[ 'the gap that it leaves', [ 'SELECT custody.seal()', unseen('visit', 'UPDATE visit SET weight = 99 WHERE id = 12'), 'SELECT custody.seal()' ],
		qr/^tampering\|capture_gap\|public.visit\|/m ],
	[ 'a row changed with nobody awake, sealed after', [ $asleep . unseen('visit', 'DELETE FROM visit WHERE id = 13') . $awake, 'SELECT custody.seal()' ],
		qr/^tampering\|row_missing\|public.visit\|\{"id": 13}/m ],
	[ 'a row changed with the catalog edited by hand and back', [ q{SET allow_system_table_mods = on;
			UPDATE pg_trigger SET tgenabled = 'D' WHERE tgrelid = 'visit'::regclass; UPDATE visit SET weight = 98 WHERE id = 14;
			UPDATE pg_trigger SET tgenabled = 'A' WHERE tgrelid = 'visit'::regclass AND tgname LIKE '!custody%'}, 'SELECT custody.seal()' ],
		qr/^tampering\|row_changed\|public.visit\|\{"id": 14}/m ],
	[ 'a row changed while the capture function did nothing', [ q{ALTER FUNCTION custody.capture() RENAME TO captured;
			CREATE FUNCTION custody.capture() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
			SET allow_system_table_mods = on; UPDATE pg_trigger SET tgfoid = 'custody.capture'::regproc WHERE tgrelid = 'visit'::regclass AND tgname = '!custody_capture';
			UPDATE visit SET weight = 97 WHERE id = 15; UPDATE pg_trigger SET tgfoid = 'custody.captured'::regproc WHERE tgfoid = 'custody.capture'::regproc;
			DROP FUNCTION custody.capture(); ALTER FUNCTION custody.captured() RENAME TO capture} ],
		qr/^tampering\|row_changed\|public.visit\|\{"id": 15}/m ],
	[ 'a partition emptied and copied back frozen', [ unseen('obs1', qq{BEGIN; COPY obs1 TO '$file'; TRUNCATE obs1;
			COPY obs1 FROM PROGRAM 'sed s/v20/other/ $file' (FREEZE); COMMIT}) ],
		qr/^tampering\|row_changed\|public.obs\|\{"at": "2026-01-21", "id": 20}.*recorded: v\|/m ],
	[ 'a tuple of no transaction frozen', [ 'CREATE EXTENSION pg_surgery; CREATE TABLE place (t tid)',
			qq{BEGIN; INSERT INTO patient (id) VALUES (9100); COPY (SELECT ctid FROM patient WHERE id = 9100) TO '$file'; ROLLBACK},
			qq{COPY place FROM '$file'; SELECT heap_force_freeze('patient', (SELECT array_agg(t) FROM place))} ],
		qr/^tampering\|row_extra\|public.patient\|\{"id": 9100}/m ],
	[ 'a protection made anew over an altered row', [ 'SELECT custody.seal()', unseen('visit', 'UPDATE visit SET weight = 77 WHERE id = 17'),
			q{SELECT custody.unprotect('visit', 'a moment'); SELECT custody.protect('visit'); SELECT custody.seal()} ],
		qr/^tampering\|capture_gap\|public.visit\|/m ]);

found_on_copy($node, @$_) foreach @committed;

# Replica mode and event triggers that sleep keep nothing from being captured.
foreach my $set ('session_replication_role = replica', $node->pg_version >= 17 ? 'event_triggers = off' : ())
{
	my $before = $node->safe_psql('postgres', q{SELECT count(*) FROM custody.history('visit', '{"id": 1}')});
	$node->safe_psql('postgres', "SET $set; UPDATE visit SET weight = weight + 1 WHERE id = 1");
	is($node->safe_psql('postgres', q{SELECT count(*) FROM custody.history('visit', '{"id": 1}')}), $before + 1, "captured with $set");
}
done_testing();
