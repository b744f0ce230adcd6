#!/usr/bin/perl
#
# The environment in the ledger: every attribute of the machinery, the schema,
# roles and settings that somebody changes behind the event triggers is an entry
# in the next block, with what was before; what happened meanwhile to capture
# is a finding for ever.  What is legitimate is silent.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;

use CustodyFixture;
use CustodyTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = start_node('environment',
	conf => "allow_system_table_mods = on\ncustody.seal_interval = '1h'\nwal_level = replica\n");
add_fixture($node, 'postgres');
$node->safe_psql('postgres', q{
	CREATE ROLE clinic; CREATE ROLE nurse LOGIN; CREATE ROLE files;
	CREATE TYPE stage AS ENUM ('I', 'II', 'III');
	CREATE DOMAIN grams AS numeric CHECK (VALUE >= 0);
	CREATE TYPE pair AS (a int, b text);
	CREATE FUNCTION stamp() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$;
	CREATE TABLE visit (id int PRIMARY KEY, patient int REFERENCES patient, stage stage, weight grams,
		p pair, note text DEFAULT 'none', at timestamptz NOT NULL DEFAULT '2026-01-01 00:00:00+00',
		ward int GENERATED ALWAYS AS IDENTITY, twice numeric GENERATED ALWAYS AS (id * 2) STORED,
		CONSTRAINT short CHECK (length(note) < 100));
	CREATE TRIGGER stamp BEFORE UPDATE ON visit FOR EACH ROW EXECUTE FUNCTION stamp();
	CREATE POLICY own ON visit USING (id > 0);
	SELECT custody.protect('visit'), custody.protect('former')});
$node->safe_psql('postgres', 'SELECT custody.seal()');

my $asleep = q{ALTER EVENT TRIGGER custody_ddl DISABLE; ALTER EVENT TRIGGER custody_drop DISABLE;};
my $awake = q{ALTER EVENT TRIGGER custody_ddl ENABLE ALWAYS; ALTER EVENT TRIGGER custody_drop ENABLE ALWAYS;};
my $capture = q{tgrelid = 'patient'::regclass AND tgname = '!custody_capture'};
my $proc = q{oid = 'custody.capture'::regproc};

# Name, what is done, the item, a pattern over "before -> after", what undoes it.
my @changes = (
	# Our triggers
	[ 'trigger off by hand', "UPDATE pg_trigger SET tgenabled = 'D' WHERE $capture",
		'table public.patient/trigger "!custody_capture"', qr/^enabled A.* -> enabled D/, "UPDATE pg_trigger SET tgenabled = 'A' WHERE $capture" ],
	[ 'trigger for other events', "UPDATE pg_trigger SET tgtype = tgtype & ~8 WHERE $capture",
		'table public.patient/trigger "!custody_capture"', qr/type 29.* -> .*type 21/, "UPDATE pg_trigger SET tgtype = 29 WHERE $capture" ],
	[ 'trigger for some columns', "UPDATE pg_trigger SET tgattr = '1' WHERE $capture",
		'table public.patient/trigger "!custody_capture"', qr/ -> .*UPDATE OF id/, "UPDATE pg_trigger SET tgattr = '' WHERE $capture" ],
	[ 'trigger of another function', "UPDATE pg_trigger SET tgfoid = 'stamp'::regproc WHERE $capture",
		'table public.patient/trigger "!custody_capture"', qr/custody\.capture\(\) -> .*stamp\(\)/, "UPDATE pg_trigger SET tgfoid = 'custody.capture'::regproc WHERE $capture" ],
	[ 'trigger deferred', "UPDATE pg_trigger SET tgdeferrable = true WHERE $capture",
		'capture public.patient', qr/^complete -> .*constraint trigger/, "UPDATE pg_trigger SET tgdeferrable = false WHERE $capture" ],
	[ 'trigger gone', 'DROP TRIGGER "!custody_truncate" ON patient',
		'capture public.patient', qr/^complete -> .*has no trigger "!custody_truncate"/,
		'CREATE TRIGGER "!custody_truncate" BEFORE TRUNCATE ON patient EXECUTE FUNCTION custody.capture_truncate(); ALTER TABLE patient ENABLE ALWAYS TRIGGER "!custody_truncate"' ],
	[ 'trigger of a partition', q{ALTER TABLE obs1 DISABLE TRIGGER ALL},
		'capture public.obs', qr/^complete -> .*public\.obs1 is disabled/,
		q{ALTER TABLE obs1 ENABLE ALWAYS TRIGGER "!custody_capture"; ALTER TABLE obs1 ENABLE ALWAYS TRIGGER "!custody_truncate"} ],
	# Our functions and event triggers
	[ 'function of another symbol', "UPDATE pg_proc SET prosrc = 'custody_sql_capture_truncate' WHERE $proc",
		'function custody.capture()', qr/custody_sql_capture\$.* -> .*custody_sql_capture_truncate/, "UPDATE pg_proc SET prosrc = 'custody_sql_capture' WHERE $proc" ],
	[ 'function of another file', "UPDATE pg_proc SET probin = '\$libdir/other' WHERE $proc",
		'function custody.capture()', qr{ -> .*libdir/other}, "UPDATE pg_proc SET probin = '\$libdir/pg_custody' WHERE $proc" ],
	[ 'function as its owner', "UPDATE pg_proc SET prosecdef = true WHERE $proc",
		'function custody.capture()', qr/ -> .*SECURITY DEFINER/, "UPDATE pg_proc SET prosecdef = false WHERE $proc" ],
	[ 'function with settings', 'ALTER FUNCTION custody.capture() SET search_path = public',
		'function custody.capture()', qr/ -> .*SET search_path/, 'ALTER FUNCTION custody.capture() RESET search_path' ],
	[ 'owner of a function', 'ALTER FUNCTION custody.export() OWNER TO clinic',
		'function custody.export()/owner', qr/^postgres -> clinic$/, 'ALTER FUNCTION custody.export() OWNER TO postgres' ],
	[ 'grant on a function', 'GRANT EXECUTE ON FUNCTION custody.export() TO nurse',
		'function custody.export()/grants', qr{^- -> nurse=X/postgres$}, 'REVOKE EXECUTE ON FUNCTION custody.export() FROM nurse' ],
	[ 'event trigger off', 'SELECT 1', 'event trigger custody_ddl', qr/^enabled A.* -> enabled D/, $awake, 'stay asleep' ],
	[ 'event trigger for some commands', "UPDATE pg_event_trigger SET evttags = '{COMMENT}' WHERE evtname = 'custody_drop'",
		'event trigger custody_drop', qr/ -> .* for COMMENT /, "UPDATE pg_event_trigger SET evttags = NULL WHERE evtname = 'custody_drop'" ],
	[ 'another event trigger', q{CREATE FUNCTION nothing() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END'; CREATE EVENT TRIGGER mine ON sql_drop EXECUTE FUNCTION nothing()},
		'event trigger mine', qr/^ -> enabled O on sql_drop owner postgres function public\.nothing\(\)/, 'DROP EVENT TRIGGER mine' ],
	# Tables
	[ 'owner', 'ALTER TABLE visit OWNER TO clinic', 'table public.visit/owner', qr/^postgres -> clinic$/, 'ALTER TABLE visit OWNER TO postgres' ],
	[ 'grant', 'GRANT UPDATE ON visit TO nurse', 'table public.visit/grants', qr{ -> nurse=w/postgres}, 'REVOKE ALL ON visit FROM nurse' ],
	[ 'grant on a column', 'GRANT UPDATE (note) ON visit TO nurse', 'table public.visit/column note', qr{ -> .*grants nurse=w/postgres}, 'REVOKE ALL (note) ON visit FROM nurse' ],
	[ 'persistence', 'ALTER TABLE reading SET UNLOGGED', 'table public.reading', qr/persistence p.* -> .*persistence u/, 'ALTER TABLE reading SET LOGGED' ],
	[ 'access method', 'CREATE ACCESS METHOD heap2 TYPE TABLE HANDLER heap_tableam_handler; ALTER TABLE reading SET ACCESS METHOD heap2',
		'table public.reading', qr/method heap -> .*method heap2/, 'ALTER TABLE reading SET ACCESS METHOD heap' ],
	[ 'row security', 'ALTER TABLE visit ENABLE ROW LEVEL SECURITY', 'table public.visit', qr/ -> .*row security/, 'ALTER TABLE visit DISABLE ROW LEVEL SECURITY' ],
	[ 'forced row security', 'ALTER TABLE visit FORCE ROW LEVEL SECURITY', 'table public.visit', qr/ -> .*forced/, 'ALTER TABLE visit NO FORCE ROW LEVEL SECURITY' ],
	[ 'replica identity', 'ALTER TABLE visit REPLICA IDENTITY FULL', 'table public.visit', qr/identity d.* -> .*identity f/, 'ALTER TABLE visit REPLICA IDENTITY DEFAULT' ],
	[ 'storage parameter', 'ALTER TABLE visit SET (user_catalog_table = true)', 'table public.visit', qr/ -> .*user_catalog_table=true/, 'ALTER TABLE visit RESET (user_catalog_table)' ],
	[ 'policy', 'ALTER POLICY own ON visit USING (true)', 'table public.visit/policy own', qr/id > 0.* -> .*true/, 'ALTER POLICY own ON visit USING (id > 0)' ],
	[ 'policy for others', 'ALTER POLICY own ON visit TO nurse', 'table public.visit/policy own', qr/to PUBLIC.* -> .*to nurse/, 'ALTER POLICY own ON visit TO PUBLIC' ],
	[ 'rule', 'CREATE RULE r AS ON DELETE TO visit DO INSTEAD NOTHING', 'table public.visit/rule r', qr/^ -> enabled O; CREATE RULE r/, 'DROP RULE r ON visit' ],
	[ 'another trigger', 'CREATE TRIGGER more BEFORE INSERT ON visit FOR EACH ROW EXECUTE FUNCTION stamp()', 'table public.visit/trigger more', qr/^ -> enabled O type 7; CREATE TRIGGER more/, 'DROP TRIGGER more ON visit' ],
	[ 'another trigger off', 'ALTER TABLE visit DISABLE TRIGGER stamp', 'table public.visit/trigger stamp', qr/^enabled O.* -> enabled D/, 'ALTER TABLE visit ENABLE TRIGGER stamp' ],
	[ 'function of another trigger', q{CREATE OR REPLACE FUNCTION stamp() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$},
		'function public.stamp()', qr/RETURN NEW.* -> .*RETURN NULL/, q{CREATE OR REPLACE FUNCTION stamp() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$} ],
	[ 'unique index', 'CREATE UNIQUE INDEX once ON visit (patient)', 'table public.visit/index once', qr/^ -> CREATE UNIQUE INDEX once/, 'DROP INDEX once' ],
	[ 'constraint added', 'ALTER TABLE visit ADD CONSTRAINT c CHECK (id < 1000) NOT VALID', 'table public.visit/constraint c', qr/^ -> CHECK .* NOT VALID/, 'ALTER TABLE visit DROP CONSTRAINT c' ],
	[ 'constraint dropped', 'ALTER TABLE visit DROP CONSTRAINT short', 'table public.visit/constraint short', qr/^CHECK .* -> $/, 'ALTER TABLE visit ADD CONSTRAINT short CHECK (length(note) < 100)' ],
	[ 'foreign key not enforced', q{UPDATE pg_trigger SET tgenabled = 'D' WHERE tgconstraint = (SELECT oid FROM pg_constraint WHERE conname = 'visit_patient_fkey')},
		'table public.visit/constraint visit_patient_fkey', qr/enabled O.* -> .*enabled D/, q{UPDATE pg_trigger SET tgenabled = 'O' WHERE tgconstraint = (SELECT oid FROM pg_constraint WHERE conname = 'visit_patient_fkey')} ],
	[ 'child', 'CREATE TABLE child () INHERITS (visit)', 'table public.visit/child public.child', qr/^ -> inherits/, 'DROP TABLE child' ],
	[ 'parent', 'CREATE TABLE parent (id int); ALTER TABLE visit INHERIT parent', 'table public.visit/parent public.parent', qr/^ -> 1/, 'ALTER TABLE visit NO INHERIT parent' ],
	[ 'partition bound', q{UPDATE pg_class SET relpartbound = (SELECT relpartbound FROM pg_class WHERE relname = 'obs1') WHERE relname = 'former'},
		'table public.former/bound', qr/^ -> FOR VALUES FROM/, q{UPDATE pg_class SET relpartbound = NULL WHERE relname = 'former'} ],
	# Columns
	[ 'column type', 'ALTER TABLE visit ALTER note TYPE varchar(200)', 'table public.visit/column note', qr/pg_catalog\.text.* -> .*varying\(200\)/, 'ALTER TABLE visit ALTER note TYPE text' ],
	[ 'column collation', 'ALTER TABLE visit ALTER note TYPE text COLLATE "C"', 'table public.visit/column note', qr/ -> .*collation C/, 'ALTER TABLE visit ALTER note TYPE text COLLATE "default"' ],
	[ 'column may be NULL', 'ALTER TABLE visit ALTER at DROP NOT NULL', 'table public.visit/column at', qr/not null.* -> (?!.*not null)/, 'ALTER TABLE visit ALTER at SET NOT NULL' ],
	[ 'column default', q{ALTER TABLE visit ALTER note SET DEFAULT 'all well'}, 'table public.visit/column note', qr/'none'.* -> .*'all well'/, q{ALTER TABLE visit ALTER note SET DEFAULT 'none'} ],
	[ 'column identity', 'ALTER TABLE visit ALTER ward SET GENERATED BY DEFAULT', 'table public.visit/column ward', qr/identity a.* -> .*identity d/, 'ALTER TABLE visit ALTER ward SET GENERATED ALWAYS' ],
	[ 'column computed no more', 'ALTER TABLE visit ALTER twice DROP EXPRESSION', 'table public.visit/column twice', qr/generated s.* -> (?!.*generated)/, 'ALTER TABLE visit DROP twice' ],
	[ 'column added', q{ALTER TABLE visit ADD allergy text DEFAULT 'none known'}, 'table public.visit/column allergy', qr/^ -> 9 pg_catalog\.text/, 'ALTER TABLE visit DROP allergy' ],
	[ 'column renamed', 'ALTER TABLE visit RENAME p TO q', 'table public.visit/column q', qr/^ -> 5 public\.pair/, 'ALTER TABLE visit RENAME q TO p' ],
	[ 'column dropped', 'ALTER TABLE visit DROP at', 'table public.visit/column at', qr/^7 .* -> $/, q{ALTER TABLE visit ADD at timestamptz NOT NULL DEFAULT '2026-01-01 00:00:00+00'} ],
	# Types
	[ 'enum label added', q{ALTER TYPE stage ADD VALUE 'IIa' BEFORE 'III'}, 'type public.stage/labels', qr/^'I', 'II', 'III' -> 'I', 'II', 'IIa', 'III'$/, q{DELETE FROM pg_enum WHERE enumlabel = 'IIa'} ],
	[ 'enum labels exchanged by hand', q{UPDATE pg_enum SET enumlabel = CASE enumlabel WHEN 'I' THEN 'x' ELSE enumlabel END}, 'type public.stage/labels', qr/^'I', .* -> 'x'/, q{UPDATE pg_enum SET enumlabel = 'I' WHERE enumlabel = 'x'} ],
	[ 'domain constraint', 'ALTER DOMAIN grams DROP CONSTRAINT grams_check', 'type public.grams/constraint grams_check', qr/^CHECK .* -> $/, 'ALTER DOMAIN grams ADD CHECK (VALUE >= 0)' ],
	[ 'domain default', 'ALTER DOMAIN grams SET DEFAULT 70', 'type public.grams/base', qr/ -> .*default .*70/, 'ALTER DOMAIN grams DROP DEFAULT' ],
	[ 'attribute of a composite type', 'ALTER TYPE pair ADD ATTRIBUTE c int', 'type public.pair/attributes', qr/ -> a integer, b .*, c integer$/, 'ALTER TYPE pair DROP ATTRIBUTE c' ],
	# The ledger's relations
	[ 'ledger table of another owner', 'ALTER TABLE custody.log_block OWNER TO clinic', 'table custody.log_block/owner', qr/^postgres -> clinic$/, 'ALTER TABLE custody.log_block OWNER TO postgres' ],
	[ 'grant on a ledger table', 'GRANT ALL ON custody.log_chunk TO clinic', 'table custody.log_chunk/grants', qr{ -> clinic=\w+/postgres}, 'REVOKE ALL ON custody.log_chunk FROM clinic' ],
	[ 'default in a ledger table', q{ALTER TABLE custody.log_key ALTER epoch SET DEFAULT 1}, 'table custody.log_key/column epoch', qr/ -> .*default 1/, 'ALTER TABLE custody.log_key ALTER epoch DROP DEFAULT' ],
	[ 'view of the ledger', 'CREATE OR REPLACE VIEW custody.keys AS SELECT * FROM custody.read_keys() WHERE epoch > 1', 'table custody.keys/rule "_RETURN"', qr/ -> .*epoch > 1/, 'CREATE OR REPLACE VIEW custody.keys AS SELECT * FROM custody.read_keys()' ],
	[ 'schema of the ledger', 'GRANT USAGE ON SCHEMA custody TO nurse', 'schema custody', qr{ -> .*nurse=U/postgres}, 'REVOKE USAGE ON SCHEMA custody FROM nurse' ],
	# Roles and settings
	[ 'superuser', 'ALTER ROLE nurse SUPERUSER', 'role nurse', qr/^ -> superuser/, 'ALTER ROLE nurse NOSUPERUSER' ],
	[ 'row security bypassed', 'ALTER ROLE clinic BYPASSRLS', 'role clinic', qr/ -> bypassrls/, 'ALTER ROLE clinic NOBYPASSRLS' ],
	[ 'role that makes roles', 'ALTER ROLE clinic CREATEROLE', 'role clinic', qr/ -> createrole/, 'ALTER ROLE clinic NOCREATEROLE' ],
	[ 'role that replicates', 'ALTER ROLE clinic REPLICATION', 'role clinic', qr/ -> replication/, 'ALTER ROLE clinic NOREPLICATION' ],
	[ 'member of a powerful role', 'GRANT pg_write_server_files TO files', 'role files/member of pg_write_server_files', qr/^ -> .*by postgres/, 'REVOKE pg_write_server_files FROM files' ],
	[ 'member of a member', 'GRANT pg_read_all_data TO files; GRANT files TO nurse', 'role nurse/member of files', qr/^ -> .*by postgres/, 'REVOKE files FROM nurse; REVOKE pg_read_all_data FROM files' ],
	[ 'setting of the database', 'ALTER DATABASE postgres SET session_replication_role = replica', 'settings of every role in this database/session_replication_role', qr/^ -> replica$/, 'ALTER DATABASE postgres RESET session_replication_role' ],
	[ 'setting of a role', q{ALTER ROLE nurse SET session_preload_libraries = 'x'}, 'settings of nurse in every database/session_preload_libraries', qr/^ -> x$/, 'ALTER ROLE nurse RESET ALL' ],
	[ 'setting in a file', q{ALTER SYSTEM SET session_replication_role = replica}, 'configuration/session_replication_role', qr/^ -> replica$/, 'ALTER SYSTEM RESET session_replication_role' ],
	[ 'setting of the server', q{ALTER SYSTEM SET log_connections = on; SELECT pg_reload_conf(); SELECT pg_sleep(0.3)}, 'settings/log_connections', qr/ -> on$/, 'ALTER SYSTEM RESET log_connections; SELECT pg_reload_conf(); SELECT pg_sleep(0.3)' ],
);

sub run_sql
{
	my ($sql) = @_;
	# Enum values and ALTER SYSTEM want a transaction of their own.
	$node->safe_psql('postgres', $_) foreach grep { /\S/ } split /;(?=(?:[^\$]*\$\$[^\$]*\$\$)*[^\$]*$)/, $sql;
}

my $last = $node->safe_psql('postgres', 'SELECT max(number) FROM custody.environment_changes');
foreach my $c (@changes)
{
	my ($name, $sql, $item, $pattern, $undo, $sleepy) = @$c;

	run_sql("$asleep $sql;" . ($sleepy ? '' : $awake));
	$node->safe_psql('postgres', 'SELECT custody.seal()');
	my $found = $node->safe_psql('postgres',
		"SELECT before || ' -> ' || after FROM custody.environment_changes WHERE number > $last AND name = \$n\$$item\$n\$");
	like($found, $pattern, $name)
	  or diag $node->safe_psql('postgres', "SELECT name, before, after FROM custody.environment_changes WHERE number > $last");
	run_sql("$asleep $undo; $awake");
	$node->safe_psql('postgres', 'SELECT custody.seal()');
	$last = $node->safe_psql('postgres', 'SELECT max(number) FROM custody.environment_changes');
}

# What verification says of it: what was off is found, what was changed is history.
my $findings = q{SELECT concat_ws('|', severity, code, relation, row_key, 'leaf ' || leaf_index, message, detail) FROM custody.verify()};

sub verified
{
	my ($database) = @_;
	return $node->safe_psql($database // 'postgres', $findings);
}

my $environment = q{SELECT code, relation, count(*) FROM custody.verify()
	WHERE code ~ '^(capture_gap|environment_|heartbeat_gap)' AND message !~ 'row of event trigger' GROUP BY 1, 2 ORDER BY 1, 2};
my $gaps = $node->safe_psql('postgres', $environment);
is($gaps, "capture_gap|public.obs|1\ncapture_gap|public.patient|8\ncapture_gap|public.reading|1\ncapture_gap||6",
	'each gap in capture is found for ever, and no other change is') or diag $gaps;

# Off by hand, changed, on by hand, with nobody looking in between: the catalog's
# row is another one.
my $rows = q{SELECT concat_ws('|', severity, code, relation, message) FROM custody.verify() WHERE message ~ 'written anew' AND leaf_index >= %s};
foreach my $c (
	[ 'of a trigger', "UPDATE pg_trigger SET tgenabled = 'D' WHERE $capture; UPDATE pg_trigger SET tgenabled = 'A' WHERE $capture",
		'tampering|capture_gap|public.patient|the row of table public.patient/trigger "!custody_capture" was written anew between two looks, though it reads as before' ],
	[ 'of a trigger, with a command after it', "UPDATE pg_trigger SET tgenabled = 'D' WHERE $capture; UPDATE pg_trigger SET tgenabled = 'A' WHERE $capture; ALTER TABLE patient ALTER id SET STATISTICS 99",
		'tampering|capture_gap|public.patient|the row of table public.patient/trigger "!custody_capture" was written anew between two looks, though it reads as before' ],
	[ 'of a trigger on a partition', q{UPDATE pg_trigger SET tgtype = 1 WHERE tgrelid = 'obs1'::regclass AND tgname = '!custody_truncate'; UPDATE pg_trigger SET tgtype = 34 WHERE tgrelid = 'obs1'::regclass AND tgname = '!custody_truncate'},
		'tampering|capture_gap|public.obs1|the row of table public.obs1/trigger "!custody_truncate" was written anew between two looks, though it reads as before' ],
	[ 'of an event trigger, by hand', q{UPDATE pg_event_trigger SET evtenabled = 'D' WHERE evtname = 'custody_ddl'; UPDATE pg_event_trigger SET evtenabled = 'A' WHERE evtname = 'custody_ddl'},
		'tampering|capture_gap|the row of event trigger custody_ddl was written anew between two looks, though it reads as before' ],
	[ 'of an event trigger, by command', 'ALTER EVENT TRIGGER custody_drop DISABLE; ALTER EVENT TRIGGER custody_drop ENABLE ALWAYS',
		'tampering|capture_gap|the row of event trigger custody_drop was written anew between two looks, though it reads as before' ])
{
	my ($name, $sql, $expected) = @$c;
	my $size = $node->safe_psql('postgres', 'SELECT custody.seal()');

	run_sql($sql);
	$node->safe_psql('postgres', 'SELECT custody.seal()');
	is($node->safe_psql('postgres', sprintf($rows, $size)), $expected, "off and on again: $name");
}
$gaps = $node->safe_psql('postgres', $environment);

# Silence
sub is_as_before
{
	my ($name, $sql) = @_;
	$node->safe_psql('postgres', $sql) if $sql;
	is($node->safe_psql('postgres', $environment), $gaps, "$name: no other finding");
	$node->safe_psql('postgres', 'SELECT custody.seal()');
	is($node->safe_psql('postgres', "SELECT name FROM custody.environment_changes WHERE number > $last"), '', "$name: no entry");
}

$last = $node->safe_psql('postgres', 'SELECT max(number) FROM custody.environment_changes');
is_as_before('nothing');
is_as_before('rewrites', 'VACUUM FULL; REINDEX DATABASE postgres; ANALYZE; CLUSTER patient USING patient_pkey; VACUUM FREEZE');
is_as_before('concurrent reindexing', 'REINDEX TABLE CONCURRENTLY visit');
is_as_before('changes of rows', "INSERT INTO visit (id, patient, note) VALUES (1, 1, 'x'); UPDATE visit SET note = 'y'");
is_as_before('tables of others', 'CREATE TABLE other (id int PRIMARY KEY); CREATE TEMP TABLE t (id int); DROP TABLE other');
is_as_before('ordinary roles', 'CREATE ROLE somebody LOGIN; GRANT somebody TO files; DROP ROLE somebody');
is_as_before('statistics and tuning', 'ALTER TABLE visit ALTER note SET STATISTICS 500; ALTER TABLE visit SET (fillfactor = 90, autovacuum_enabled = off)');
is($node->safe_psql('postgres', q{
		SET datestyle = 'German, DMY'; SET timezone = 'Asia/Seoul'; SET intervalstyle = 'iso_8601'; SET search_path = custody, public, pg_catalog;
		SET quote_all_identifiers = on; SET standard_conforming_strings = off; SET extra_float_digits = -3; } . $environment),
	$gaps, 'settings of a session: no other finding');
$node->restart;
is($node->safe_psql('postgres', $environment), $gaps, 'restart: no other finding');
$node->safe_psql('postgres', 'SELECT custody.seal()');
is($node->safe_psql('postgres', "SELECT name FROM custody.environment_changes WHERE number > $last"), 'server start', 'restart: its entry');

# Triggers made anew by protection, and by a partition that leaves and returns.
$node->safe_psql('postgres', q{
	SELECT custody.unprotect('visit', 'for a moment'); SELECT custody.protect('visit');
	ALTER TABLE obs DETACH PARTITION obs1; ALTER TABLE obs ATTACH PARTITION obs1 FOR VALUES FROM ('2026-01-01') TO ('2026-02-01');
	SELECT custody.seal()});
is($node->safe_psql('postgres', $environment), $gaps, 'protected anew, detached and attached: no other finding');

# Legitimate DDL is recorded at once, with who did it.
$node->safe_psql('postgres', q{GRANT ALL ON SCHEMA public TO clinic; ALTER TABLE visit OWNER TO clinic; GRANT postgres TO nurse; SELECT custody.seal()});
$last = $node->safe_psql('postgres', 'SELECT max(number) FROM custody.environment_changes');
foreach my $ddl (
	'ALTER TABLE visit ADD CONSTRAINT heavy CHECK (weight < 1000)', 'CREATE POLICY more ON visit USING (id < 0)',
	'DROP POLICY more ON visit', 'CREATE UNIQUE INDEX once ON visit (patient, note)', 'DROP INDEX once',
	'CREATE RULE r AS ON DELETE TO visit DO ALSO SELECT 1', 'DROP RULE r ON visit', 'ALTER TABLE visit ENABLE ROW LEVEL SECURITY',
	'GRANT SELECT ON visit TO files', 'REVOKE ALL ON ALL TABLES IN SCHEMA public FROM files', 'CREATE TABLE child () INHERITS (visit)',
	'ALTER TABLE child NO INHERIT visit', 'ALTER TABLE child INHERIT visit', 'DROP TABLE child',
	'ALTER TYPE stage RENAME VALUE $$I$$ TO $$i$$', 'ALTER DOMAIN grams SET DEFAULT 1', 'ALTER TYPE pair RENAME ATTRIBUTE a TO aa',
	'ALTER FUNCTION stamp() SECURITY DEFINER', 'ALTER TABLE visit RENAME CONSTRAINT heavy TO light', 'ALTER TABLE patient RENAME id TO patient_id')
{
	$node->safe_psql('postgres', "SET SESSION AUTHORIZATION nurse; SET ROLE postgres; $ddl");
	is($node->safe_psql('postgres', $environment), $gaps, "$ddl: no finding before it is sealed");
	is($node->safe_psql('postgres', qq{SELECT count(*) > 0 FROM custody.environment_changes WHERE number > $last}), 't', 'an entry');
	is($node->safe_psql('postgres', q{
		SELECT DISTINCT session_user_name FROM custody.transactions JOIN custody.entries USING (txn_no)
		WHERE transactions.leaf_index IS NULL AND operation = 'environment'}), 'nurse', 'of the session user');
	my $own = $node->safe_psql('postgres', 'SELECT max(number) FROM custody.environment_changes');
	$node->safe_psql('postgres', 'SELECT custody.seal()');
	is($node->safe_psql('postgres', "SELECT name, before, after FROM custody.environment_changes WHERE number > $own"), '', 'and nothing left to the sealer');
	$last = $own;
}

# Off, changed, on again, all between two blocks
my $before = $node->safe_psql('postgres', 'SELECT custody.seal()');
$node->safe_psql('postgres', q{SET SESSION AUTHORIZATION nurse; SET ROLE postgres;
	BEGIN; ALTER TABLE patient DISABLE TRIGGER ALL; UPDATE patient SET dose = dose * 2 WHERE patient_id = 60;
	ALTER TABLE patient ENABLE TRIGGER ALL; ALTER TABLE patient ENABLE ALWAYS TRIGGER "!custody_capture";
	ALTER TABLE patient ENABLE ALWAYS TRIGGER "!custody_truncate"; COMMIT});
like(verified(), qr/^tampering\|capture_gap\|public\.patient\|capture of table public\.patient was not complete from an entry that is not sealed to an entry that is not sealed\|trigger "!custody_capture" of table public\.patient is disabled/m,
	'capture off for a moment, before it is sealed');
$node->safe_psql('postgres', 'SELECT custody.seal()');
like(verified(), qr/^tampering\|capture_gap\|public\.patient\|leaf @{[ $before + 1 ]}\|capture of table public\.patient was not complete from leaf @{[ $before + 1 ]}, sealed at .* to leaf @{[ $before + 1 ]}, sealed/m,
	'and after');
like(verified(), qr/^tampering\|row_changed\|public\.patient\|\{"patient_id": 60\}/m, 'with the row');
is($node->safe_psql('postgres', "SELECT session_user_name FROM custody.transactions WHERE leaf_index = @{[ $before + 1 ]}"), 'nurse', 'and who');
like($node->safe_psql('postgres', "SELECT code FROM custody.verify(since => $before) WHERE code = 'capture_gap'"), qr/capture_gap/, 'also since then');

# Capture that stays off
$node->safe_psql('postgres', 'ALTER TABLE reading DISABLE TRIGGER ALL; SELECT custody.seal()');
like(verified(), qr/^tampering\|capture_gap\|public\.reading\|leaf \d+\|capture of table public\.reading has not been complete since leaf \d+/m, 'capture that stays off');

# Dumped and restored, things are as they were.
my $dump = $node->basedir . '/dump';
$node->command_ok([ 'pg_dump', '-Fc', '-f', $dump, $node->connstr('postgres') ], 'dump');
$node->safe_psql('postgres', 'CREATE DATABASE restored');
$node->command_ok([ 'pg_restore', '--exit-on-error', '-d', $node->connstr('restored'), $dump ], 'restore');
$last = $node->safe_psql('restored', 'SELECT max(number) FROM custody.environment_changes');
my $same = verified();
is(verified('restored'), $same, 'the same findings in what was restored');
$node->safe_psql('restored', 'SELECT custody.seal()');
is($node->safe_psql('restored', "SELECT name FROM custody.environment_changes WHERE number > $last AND name !~ 'trigger row'"), 'server identity', 'and only another place to record');
is(verified('restored'), $same, 'and after the first seal there');

# An insider edits what is recorded.
foreach my $t (
	[ 'a change rewritten', q{UPDATE custody.log_environment SET after = 'complete' WHERE name = 'capture public.reading'}, qr/^tampering\|environment_altered\|leaf \d+\|.*of capture public\.reading/m ],
	[ 'a change removed', q{DELETE FROM custody.log_environment WHERE number = 5}, qr/^tampering\|environment_missing\|leaf \d+\|change 5 of /m ],
	[ 'a change invented', q{INSERT INTO custody.log_environment VALUES (1000000, 'capture', 'x', 'y')}, qr/^tampering\|environment_extra\|change 1000000 /m ])
{
	my ($name, $sql, $pattern) = @$t;
	my ($ret, $out) = $node->psql('postgres', "BEGIN; $sql; $findings; ROLLBACK");
	like($out, $pattern, $name);
}

# What is missing when a block is sealed is missing in its fingerprint.
my $key = $node->safe_psql('postgres', 'SELECT custody.verifier_key()');
my $file = $node->basedir . '/ledger';
spew($file, $node->safe_psql('postgres', 'SELECT line FROM custody.export()') . "\n");
command_ok([ 'pg_custody_verify', 'bundle', '--key', $key, $file ], 'fingerprints verified offline');
command_ok([ 'python3', 'test/recompute/recompute.py', $file, $key ], 'and recomputed from the format alone');
$node->safe_psql('postgres', q{DELETE FROM custody.log_environment WHERE name = 'settings/fsync'; INSERT INTO visit (id, weight) VALUES (2, 1); SELECT custody.seal()});
like(verified(), qr/^tampering\|environment_missing\|.*settings\/fsync/m, 'a change that was removed before sealing');
spew($file, $node->safe_psql('postgres', 'SELECT line FROM custody.export()') . "\n");
command_ok([ 'pg_custody_verify', 'bundle', '--key', $key, $file ], 'which is recorded anew');
$node->safe_psql('postgres', q{INSERT INTO custody.log_environment VALUES (nextval('custody.environment_number'), 'server clock', '', 'moved');
	ALTER TABLE visit ALTER note SET DEFAULT 'z'});
$node->safe_psql('postgres', 'SELECT custody.seal()');
like(verified(), qr/^tampering\|environment_mismatch\|leaf \d+\|the environment entries up to block \d+ do not add up/m, 'a fingerprint of something else');
spew($file, $node->safe_psql('postgres', 'SELECT line FROM custody.export()') . "\n");
command_checks_all([ 'pg_custody_verify', 'bundle', '--key', $key, $file ], 1, [ qr/^finding: environment_mismatch block=\d+ leaf=\d+: the environment entries/m ], [ qr/^$/ ], 'also offline');
command_checks_all([ 'python3', 'test/recompute/recompute.py', $file, $key ], 1, [ qr/environment fingerprint: recomputed/ ], [ qr/^$/ ], 'and from the format alone');
$node->stop;

done_testing();
