#!/usr/bin/perl
#
# Silence: what is legitimate must give no finding, before it is sealed and
# after.  Each scenario has a name and SQL; all run one after the other on one
# ledger, so that each also shows that nothing before it left a trap.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;

use CustodyTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = start_node('clean',
	conf => "max_prepared_transactions = 5\nwal_level = replica\nmax_wal_senders = 3\n",
	init => { allows_streaming => 1 });

sub is_silent
{
	my ($name, $database) = @_;
	is($node->safe_psql($database // 'postgres',
			q{SELECT severity, code, relation, row_key, leaf_index, message, detail FROM custody.verify()}),
		'', $name);
}

$node->safe_psql('postgres', q{
	CREATE EXTENSION pg_custody;
	SELECT * FROM custody.verify();
});
is_silent('an empty ledger');
$node->safe_psql('postgres', 'SELECT custody.seal()');
is_silent('an empty ledger, sealed');

my @scenarios = (
	[ 'a baseline', q{
		CREATE TABLE patient (id int PRIMARY KEY, name text, born date, note text, dose numeric(8,2));
		INSERT INTO patient SELECT i, '名' || i, date '1970-01-01' + i, repeat('x', i * 20), i * 1.5
			FROM generate_series(1, 100) i;
		SELECT custody.protect('patient', 'name')} ],
	[ 'insert, update, delete', q{
		INSERT INTO patient VALUES (200, 'a', NULL, NULL, 'NaN');
		UPDATE patient SET dose = dose + 1 WHERE id < 20;
		DELETE FROM patient WHERE id BETWEEN 30 AND 35;
		INSERT INTO patient VALUES (30, 'again');
		UPDATE patient SET dose = dose WHERE id = 1} ],
	[ 'changing keys', q{
		UPDATE patient SET id = id + 1000 WHERE id > 90;
		UPDATE patient SET id = 91 WHERE id = 1091} ],
	[ 'rollback, savepoints and caught errors', q{
		BEGIN; UPDATE patient SET name = 'x'; ROLLBACK;
		BEGIN; UPDATE patient SET name = 'b' WHERE id = 2; SAVEPOINT s;
		UPDATE patient SET name = 'c' WHERE id = 2; ROLLBACK TO s;
		UPDATE patient SET name = 'd' WHERE id = 2; COMMIT;
		DO $$ BEGIN
			UPDATE patient SET name = 'e' WHERE id = 3;
			BEGIN UPDATE patient SET name = 'f' WHERE id = 3; INSERT INTO patient VALUES (1);
			EXCEPTION WHEN unique_violation THEN NULL; END;
			UPDATE patient SET dose = 0 WHERE id = 3;
		END $$} ],
	[ 'many updates of one row in one transaction', q{
		DO $$ BEGIN FOR i IN 1..700 LOOP UPDATE patient SET dose = i WHERE id = 4; END LOOP; END $$} ],
	[ 'upsert, merge and copy', q{
		INSERT INTO patient VALUES (5, 'u'), (300, 'u') ON CONFLICT (id) DO UPDATE SET name = 'upserted';
		MERGE INTO patient p USING (VALUES (5), (6), (301)) AS s(id) ON p.id = s.id
			WHEN MATCHED AND s.id = 6 THEN DELETE
			WHEN MATCHED THEN UPDATE SET name = 'merged'
			WHEN NOT MATCHED THEN INSERT VALUES (s.id, 'merged');
		COPY patient (id, name) FROM PROGRAM 'seq 400 450 | sed "s/$/\tcopied/"'} ],
	[ 'prepared transactions', q{
		BEGIN; UPDATE patient SET name = 'p' WHERE id = 7; PREPARE TRANSACTION 'p';
		UPDATE patient SET name = 'q' WHERE id = 8;
		COMMIT PREPARED 'p';
		UPDATE patient SET name = 'r' WHERE id = 7} ],
	[ 'cascades and deferred constraints', q{
		CREATE TABLE encounter (id int PRIMARY KEY,
			patient int REFERENCES patient ON UPDATE CASCADE ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED);
		SELECT custody.protect('encounter');
		INSERT INTO encounter SELECT i, i FROM generate_series(10, 29) i;
		UPDATE patient SET id = id + 5000 WHERE id BETWEEN 10 AND 15;
		DELETE FROM patient WHERE id BETWEEN 16 AND 20} ],
	[ 'triggers that change the row again', q{
		CREATE FUNCTION again() RETURNS trigger LANGUAGE plpgsql AS $$
			BEGIN IF pg_trigger_depth() < 3 THEN
				UPDATE patient SET note = coalesce(note, '') || TG_OP WHERE id = NEW.id; END IF;
			RETURN NULL; END $$;
		CREATE TRIGGER " first" AFTER INSERT OR UPDATE ON patient FOR EACH ROW EXECUTE FUNCTION again();
		CREATE TRIGGER zlast AFTER INSERT OR UPDATE ON patient FOR EACH ROW EXECUTE FUNCTION again();
		INSERT INTO patient VALUES (500, 'nested');
		UPDATE patient SET name = 'nested' WHERE id = 21;
		DROP TRIGGER " first" ON patient; DROP TRIGGER zlast ON patient} ],
	[ 'rows without a key', q{
		CREATE TABLE reading (at timestamptz, value float8);
		INSERT INTO reading SELECT '2026-01-01', i % 3 FROM generate_series(1, 30) i;
		SELECT custody.protect('reading');
		INSERT INTO reading SELECT * FROM reading WHERE value = 1;
		UPDATE reading SET value = 'NaN' WHERE value = 2;
		DELETE FROM reading WHERE ctid IN (SELECT ctid FROM reading WHERE value = 1 LIMIT 3);
		UPDATE reading SET value = value WHERE value = 0} ],
	[ 'a column for rows without a key', q{
		ALTER TABLE reading ADD COLUMN unit text DEFAULT 'mg';
		INSERT INTO reading VALUES ('2026-02-01', 1, NULL);
		ALTER TABLE reading ADD COLUMN place text;
		DELETE FROM reading WHERE ctid IN (SELECT ctid FROM reading WHERE value = 1 LIMIT 1);
		ALTER TABLE reading DROP COLUMN unit} ],
	[ 'a key for rows without one, and none again', q{
		CREATE TABLE slip (n int NOT NULL, t text);
		INSERT INTO slip SELECT i, 'x' FROM generate_series(1, 10) i;
		SELECT custody.protect('slip');
		CREATE UNIQUE INDEX slip_n ON slip (n);
		UPDATE slip SET t = 'y' WHERE n = 1;
		DROP INDEX slip_n;
		UPDATE slip SET t = 'z' WHERE n = 1} ],
	[ 'a primary key that comes late and moves', q{
		ALTER TABLE slip ADD PRIMARY KEY (n);
		DELETE FROM slip WHERE n = 2;
		ALTER TABLE slip ADD COLUMN m int;
		UPDATE slip SET m = -n;
		ALTER TABLE slip DROP CONSTRAINT slip_pkey, ADD PRIMARY KEY (m);
		UPDATE slip SET t = 'm' WHERE m = -4} ],
	[ 'partitions: moved rows, attached, detached, dropped', q{
		CREATE TABLE obs (id int, at date, v text, PRIMARY KEY (id, at)) PARTITION BY RANGE (at);
		CREATE TABLE obs1 PARTITION OF obs FOR VALUES FROM ('2026-01-01') TO ('2026-02-01');
		CREATE TABLE obs2 (v text, gone int, at date NOT NULL, id int NOT NULL);
		ALTER TABLE obs2 DROP COLUMN gone;
		ALTER TABLE obs ATTACH PARTITION obs2 FOR VALUES FROM ('2026-02-01') TO ('2026-03-01');
		INSERT INTO obs SELECT i, date '2026-01-01' + i, 'v' FROM generate_series(1, 50) i;
		SELECT custody.protect('obs');
		UPDATE obs SET at = at + 31 WHERE id < 10;
		UPDATE obs SET at = at - 31 WHERE id < 5;
		CREATE TABLE obs3 PARTITION OF obs FOR VALUES FROM ('2026-03-01') TO ('2026-04-01');
		INSERT INTO obs VALUES (100, '2026-03-05', 'w');
		CREATE TABLE obs4 (LIKE obs INCLUDING ALL);
		INSERT INTO obs4 VALUES (200, '2026-04-05', 'w');
		ALTER TABLE obs ATTACH PARTITION obs4 FOR VALUES FROM ('2026-04-01') TO ('2026-05-01');
		ALTER TABLE obs DETACH PARTITION obs3;
		UPDATE obs3 SET v = 'out';
		UPDATE obs SET v = 'in'} ],
	[ 'a partition comes back', q{
		ALTER TABLE obs ATTACH PARTITION obs3 FOR VALUES FROM ('2026-03-01') TO ('2026-04-01');
		UPDATE obs SET v = 'back' WHERE id = 100} ],
	[ 'a partition is dropped and made again', q{
		DROP TABLE obs3;
		CREATE TABLE obs3 PARTITION OF obs FOR VALUES FROM ('2026-03-01') TO ('2026-04-01');
		INSERT INTO obs VALUES (100, '2026-03-05', 'w')} ],
	[ 'truncate', q{
		TRUNCATE obs1; INSERT INTO obs VALUES (1, '2026-01-05', 'after');
		TRUNCATE reading; INSERT INTO reading VALUES ('2026-01-01', 1);
		BEGIN; TRUNCATE obs; INSERT INTO obs VALUES (3, '2026-01-06', 'x'); ROLLBACK} ],
	[ 'inheritance', q{
		CREATE TABLE person (id int PRIMARY KEY, name text);
		CREATE TABLE nurse (ward text) INHERITS (person);
		INSERT INTO person VALUES (1, 'a'); INSERT INTO nurse VALUES (1, 'b', 'w'), (2, 'c', 'w');
		SELECT custody.protect('person');
		UPDATE person SET name = 'x'; DELETE FROM person WHERE id = 2} ],
	[ 'a later child, empty, then protected, then not any more', q{
		CREATE TABLE porter (cap text) INHERITS (person); SELECT custody.protect('porter');
		INSERT INTO porter VALUES (3, 'd', 'c'); CREATE TABLE cook () INHERITS (person);
		SELECT custody.unprotect('porter', 'test'); INSERT INTO porter VALUES (4, 'e', 'c')} ],
	[ 'added columns', q{
		ALTER TABLE patient ADD COLUMN allergy text DEFAULT 'none known';
		UPDATE patient SET allergy = 'nuts' WHERE id = 22;
		ALTER TABLE patient ADD COLUMN seen timestamptz;
		UPDATE patient SET name = 'n' WHERE id = 23} ],
	[ 'a computed default and a generated column', q{
		ALTER TABLE patient ADD COLUMN ref uuid DEFAULT gen_random_uuid();
		ALTER TABLE patient ADD COLUMN half numeric GENERATED ALWAYS AS (dose / 2) STORED;
		UPDATE patient SET dose = 5 WHERE id = 24} ],
	[ 'dropped, renamed, retyped columns', q{
		ALTER TABLE patient DROP COLUMN ref;
		ALTER TABLE patient RENAME COLUMN name TO full_name;
		UPDATE patient SET full_name = 'r' WHERE id = 25;
		ALTER TABLE patient DROP COLUMN half, ALTER COLUMN dose TYPE numeric(10,4) USING dose * 2;
		UPDATE patient SET full_name = 's' WHERE id = 26;
		ALTER TABLE patient RENAME COLUMN id TO patient_id;
		UPDATE patient SET full_name = 't' WHERE patient_id = 27} ],
	[ 'a dropped column comes back', q{
		ALTER TABLE patient DROP COLUMN allergy;
		ALTER TABLE patient ADD COLUMN allergy text;
		UPDATE patient SET allergy = 'x' WHERE patient_id = 28;
		ALTER TABLE patient DROP COLUMN allergy;
		ALTER TABLE patient ADD COLUMN allergy text DEFAULT 'other'} ],
	[ 'renamed tables and schemas', q{
		ALTER TABLE patient RENAME TO person_treated;
		UPDATE person_treated SET full_name = 'u' WHERE patient_id = 29;
		CREATE SCHEMA clinic; ALTER TABLE person_treated SET SCHEMA clinic;
		UPDATE clinic.person_treated SET full_name = 'v' WHERE patient_id = 29;
		ALTER SCHEMA clinic RENAME TO hospital} ],
	[ 'changes after a schema was renamed', q{
		UPDATE hospital.person_treated SET full_name = 'w' WHERE patient_id = 29} ],
	[ 'maintenance', q{
		VACUUM FULL; REINDEX DATABASE postgres; ANALYZE;
		CLUSTER hospital.person_treated USING patient_pkey; VACUUM FREEZE} ],
	[ 'types and settings', q{
		CREATE TYPE mood AS ENUM ('ok', 'bad'); CREATE DOMAIN grams AS numeric CHECK (VALUE >= 0);
		CREATE TYPE pair AS (a int, b text);
		CREATE TABLE kinds (id int PRIMARY KEY, f float8, r real, n numeric, ts timestamptz, t time, i interval,
			b bytea, j jsonb, js json, a text[], m mood, d grams, p pair, rng daterange, bp char(5), mo money, u uuid, bo bool);
		SELECT custody.protect('kinds');
		INSERT INTO kinds VALUES (1, 'Infinity', 0.1, 1.00, 'infinity', '12:00', '1 mon 2 days', '\x00ff', '{"b":1,"a":2}',
			'{"b":1, "a":2,"a":3}', '{a,NULL,"b c"}', 'ok', 1.50, '(1,x)', '[2026-01-01,2026-02-01)', 'ab', 12.5, gen_random_uuid(), true),
			(2, '-0', 'NaN', 'NaN', '2026-03-29 02:30:00.123456+01', NULL, '-1 day', '', '[]', '1', '{}', 'bad', 0, NULL, 'empty', '', -1, NULL, false);
		SET datestyle = 'German, DMY'; SET timezone = 'Asia/Seoul'; SET intervalstyle = 'iso_8601';
		SET bytea_output = 'escape'; SET extra_float_digits = -3;
		UPDATE kinds SET f = f, ts = ts + interval '1 us';
		SELECT count(*) FROM custody.verify() WHERE severity = 'tampering'} ],
	[ 'long values kept and replaced', q{
		CREATE TABLE report (id int PRIMARY KEY, body text, page bytea, status text);
		SELECT custody.protect('report');
		INSERT INTO report SELECT i, (SELECT string_agg(md5(i || '/' || k), '') FROM generate_series(1, 500) k),
			convert_to(repeat('z', 3000 * i), 'UTF8'), 'new' FROM generate_series(1, 10) i;
		UPDATE report SET status = 'read';
		UPDATE report SET body = body || 'x' WHERE id = 1;
		UPDATE report SET status = 'signed' WHERE id = 1;
		DELETE FROM report WHERE id = 2} ],
	[ 'the end of a protection, and a new one', q{
		SELECT custody.unprotect('encounter', 'test');
		UPDATE encounter SET patient = NULL WHERE id = 21;
		SELECT custody.protect('encounter');
		DELETE FROM encounter WHERE id = 22} ],
	[ 'a protected table is dropped', q{
		DROP TABLE encounter} ],
	[ 'append-only', q{
		CREATE TABLE event (id int PRIMARY KEY); SELECT custody.protect('event', mode => 'append_only');
		INSERT INTO event VALUES (1), (2)} ],
	[ 'replica mode', q{
		SET session_replication_role = replica; INSERT INTO event VALUES (3); RESET session_replication_role} ],
	[ 'a serializable transaction that is repeated', q{
		BEGIN ISOLATION LEVEL SERIALIZABLE; INSERT INTO report (id, status) VALUES (50, 'a'); ROLLBACK;
		BEGIN ISOLATION LEVEL SERIALIZABLE; INSERT INTO report (id, status) VALUES (50, 'a'); COMMIT} ],
	[ 'rules, cursors and RETURNING', q{
		CREATE TABLE shelf (id int PRIMARY KEY, gone bool DEFAULT false); SELECT custody.protect('shelf');
		INSERT INTO shelf SELECT generate_series(1, 9);
		CREATE RULE keep AS ON DELETE TO shelf DO INSTEAD UPDATE shelf SET gone = true WHERE id = OLD.id;
		DELETE FROM shelf WHERE id < 3;
		DO $$ DECLARE c CURSOR FOR SELECT * FROM shelf FOR UPDATE; BEGIN
			FOR r IN c LOOP UPDATE shelf SET gone = NOT gone WHERE CURRENT OF c; END LOOP; END $$;
		WITH moved AS (UPDATE shelf SET id = id + 100 WHERE id > 5 RETURNING *) INSERT INTO shelf SELECT id + 100 FROM moved} ],
	[ 'foreign keys that set NULL', q{
		CREATE TABLE bed (id int PRIMARY KEY, shelf int REFERENCES shelf ON DELETE SET NULL ON UPDATE CASCADE); SELECT custody.protect('bed');
		INSERT INTO bed SELECT i, i FROM generate_series(1, 5) i;
		DROP RULE keep ON shelf; DELETE FROM shelf WHERE id = 1; UPDATE shelf SET id = -id WHERE id = 2} ],
	[ 'a trigger that changes or drops what comes', q{
		CREATE FUNCTION mend() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
			IF NEW.id = 77 THEN RETURN NULL; END IF; NEW.gone := true; RETURN NEW; END $$;
		CREATE TRIGGER mend BEFORE INSERT OR UPDATE ON shelf FOR EACH ROW EXECUTE FUNCTION mend();
		INSERT INTO shelf VALUES (77), (78); UPDATE shelf SET gone = false} ],
	[ 'row security', q{
		CREATE ROLE ward LOGIN; GRANT ALL ON shelf TO ward;
		CREATE POLICY even ON shelf USING (id % 2 = 0); ALTER TABLE shelf ENABLE ROW LEVEL SECURITY;
		SET ROLE ward; UPDATE shelf SET gone = true; DELETE FROM shelf; RESET ROLE} ],
	[ 'new labels, attributes and checks', q{
		ALTER TYPE mood ADD VALUE 'fair' BEFORE 'bad'; ALTER TYPE mood RENAME VALUE 'ok' TO 'good';
		ALTER DOMAIN grams ADD CONSTRAINT light CHECK (VALUE < 1e6);
		ALTER TABLE kinds ADD CONSTRAINT known CHECK (id > 0), ALTER t SET DEFAULT '08:00'} ],
	[ 'an identity column and gaps of its sequence', q{
		CREATE TABLE slot (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, t text); SELECT custody.protect('slot');
		INSERT INTO slot (t) VALUES ('a'); BEGIN; INSERT INTO slot (t) VALUES ('b'), ('c'); ROLLBACK; INSERT INTO slot (t) VALUES ('d');
		SELECT setval(pg_get_serial_sequence('slot', 'id'), 1000); INSERT INTO slot (t) VALUES ('e')} ],
	[ 'rotation of the key', q{
		SELECT custody.rotate_key(); INSERT INTO slot (t) VALUES ('f')} ],
	[ 'roles and grants', q{
		CREATE ROLE head; GRANT ward TO head; GRANT SELECT ON slot TO head; ALTER TABLE slot OWNER TO head; ALTER ROLE head CREATEROLE;
		INSERT INTO slot (t) VALUES ('g')} ],
	[ 'moved to another place', q{
		ALTER TABLE slot SET (fillfactor = 50); ALTER TABLE slot SET LOGGED; VACUUM FULL slot; ALTER INDEX slot_pkey RENAME TO slot_key} ],
	[ 'dates before Christ, and far ones, and leap and daylight', q{
		CREATE TABLE dates (id int PRIMARY KEY, d date, ts timestamptz, tz timetz, i interval); SELECT custody.protect('dates');
		SET timezone = 'Europe/Berlin'; INSERT INTO dates VALUES (1, '0044-03-15 BC', '2026-10-25 02:30:00', '02:30+02', '-1 day +02:03'),
			(2, '5874897-12-31', '2026-10-25 01:30:00+00', '24:00:00-15', '178000000 years'), (3, '-infinity', '2016-12-31 23:59:60+00', NULL, '0.000001 s'),
			(4, '2024-02-29', '1883-11-18 12:00:00', NULL, NULL);
		SET timezone = 'Pacific/Apia'; UPDATE dates SET ts = ts + interval '1 month', d = d} ],
	[ 'names in other scripts, very long, with quotes', q{
		CREATE SCHEMA "병원 ""A"""; CREATE TABLE "병원 ""A"""."患者's" ("編號" int PRIMARY KEY, "Name with a very long name, of sixty-three bytes in all, as is" text);
		SELECT custody.protect('"병원 ""A"""."患者''s"'); INSERT INTO "병원 ""A"""."患者's" VALUES (1, '김서연'), (2, '李'), (3, E'tab\tline\n');
		UPDATE "병원 ""A"""."患者's" SET "編號" = 9 WHERE "編號" = 2} ],
);

cmp_ok(scalar(@scenarios), '>=', 40, @scenarios . ' that must be silent');
foreach my $scenario (@scenarios)
{
	my ($name, $sql) = @$scenario;
	$node->safe_psql('postgres', $sql);
	is_silent("$name, not sealed");
	$node->safe_psql('postgres', 'SELECT custody.seal()');
	is_silent("$name, sealed");
}

# Anchors and since
my $sizes = $node->safe_psql('postgres',
	q{SELECT string_agg(tree_size::text, ' ' ORDER BY tree_size) FROM custody.log_block});
is($node->safe_psql('postgres', q{
		SELECT * FROM custody.verify(anchors => ARRAY(SELECT convert_from(note, 'UTF8') FROM custody.log_checkpoint))}),
	'', 'all checkpoints as anchors');
foreach my $size ((split / /, $sizes)[ 0, 3, -2, -1 ])
{
	is($node->safe_psql('postgres', qq{
			SELECT * FROM custody.verify(since => $size,
				anchors => ARRAY(SELECT convert_from(note, 'UTF8') FROM custody.log_checkpoint))}),
		'', "since $size");
}
is($node->safe_psql('postgres', q{SELECT * FROM custody.verify('hospital.person_treated')}),
	'', 'one table');

# Nothing is written, no lock stays
is($node->safe_psql('postgres', q{
		SET default_transaction_read_only = on; SELECT * FROM custody.verify()}),
	'', 'in a read-only transaction');
is($node->safe_psql('postgres', q{
		BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM kinds; SELECT * FROM custody.verify();
		SELECT relation::regclass FROM pg_locks WHERE pid = pg_backend_pid() AND relation = 'report'::regclass; COMMIT}),
	'2', 'takes no lasting lock');
is($node->safe_psql('postgres', q{SET maintenance_work_mem = '1MB'; SELECT * FROM custody.verify()}),
	'', 'with little memory');

# Copies
$node->backup('copy');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($node, 'copy', has_streaming => 1);
$standby->start;
$node->wait_for_catchup($standby, 'replay', $node->lsn('write'));
is($standby->safe_psql('postgres', 'SELECT * FROM custody.verify()'), '', 'on a hot standby');
$standby->stop;

done_testing();
