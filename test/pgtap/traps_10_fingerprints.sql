-- Schema fingerprints: an application finds its tables as it left them.
SET client_min_messages = warning;
SELECT plan(9);

CREATE TABLE patient (id int PRIMARY KEY, name text);
CREATE INDEX patient_name ON patient (name);
INSERT INTO patient SELECT i, 'p' || i FROM generate_series(1, 1000) i;
CREATE TEMP VIEW fingerprint AS
SELECT (SELECT md5(string_agg(concat_ws(' ', attname, atttypid, attnum, attnotnull, atthasdef), ',' ORDER BY attnum))
		FROM pg_attribute WHERE attrelid = 'patient'::regclass) AS columns,
	(SELECT md5(string_agg(concat_ws(' ', ctid, xmin, xmax, cmin), ',' ORDER BY ctid)) FROM patient) AS rows,
	(SELECT md5(string_agg(concat_ws(' ', relname, relkind, relfilenode), ',' ORDER BY relname))
	 FROM pg_class WHERE relnamespace = 'public'::regnamespace) AS relations,
	(SELECT count(*) FROM pg_proc WHERE pronamespace = 'public'::regnamespace) AS functions,
	(SELECT count(*) FROM pg_constraint WHERE conrelid = 'patient'::regclass) AS constraints;
CREATE TEMP TABLE before AS SELECT * FROM fingerprint;
SELECT is(custody.protect('patient'), 1000::bigint, 'protected');
SELECT results_eq('SELECT columns FROM fingerprint', 'SELECT columns FROM before', 'no column added');
SELECT results_eq('SELECT rows FROM fingerprint', 'SELECT rows FROM before', 'no row touched');
SELECT results_eq('SELECT relations, functions, constraints FROM fingerprint', 'SELECT relations, functions, constraints FROM before',
				  'nothing of ours outside our schema');
CREATE TEMP TABLE seen AS SELECT ctid AS place, xmin AS x FROM patient WHERE id = 1;
SELECT ok(custody.seal() > 0, 'sealed');
SELECT is_empty('SELECT severity, code, message FROM custody.verify()', 'verify finds nothing');
SELECT results_eq('SELECT ctid, xmin FROM patient WHERE id = 1', 'SELECT place, x FROM seen', 'sealing and verifying touch no row');
SELECT lives_ok('SELECT custody.unprotect(''patient'', ''end of test'')', 'protection ended');
SELECT results_eq('SELECT * FROM fingerprint', 'SELECT * FROM before', 'nothing is left');
SELECT * FROM finish();
