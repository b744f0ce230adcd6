-- What PostgreSQL 18 brought: virtual generated columns, keys over time,
-- RETURNING of both versions, NOT NULL as a constraint, NOT ENFORCED.
SET client_min_messages = warning;
CREATE EXTENSION btree_gist;
SELECT plan(25);

-- A virtual column is computed when it is read: it is no part of the record.
CREATE TABLE dose (id int PRIMARY KEY, mg int, daily int GENERATED ALWAYS AS (mg * 2),
	stored int GENERATED ALWAYS AS (mg * 3) STORED, person text);
INSERT INTO dose (id, mg, person) VALUES (1, 10, 'P1');
SELECT throws_ok($$SELECT custody.protect('dose', 'daily')$$, '0A000', NULL, 'a virtual column names no subject');
SELECT is(custody.protect('dose', 'person'), 1::bigint, 'a table with a virtual column');
SELECT results_eq($$INSERT INTO dose (id, mg, person) VALUES (2, 20, 'P2') RETURNING old.mg, new.mg, new.daily$$,
	'VALUES (NULL::int, 20, 40)', 'INSERT returns both versions');
SELECT results_eq('UPDATE dose SET mg = 21 WHERE id = 2 RETURNING old.mg, new.mg, old.daily, new.daily',
	'VALUES (20, 21, 40, 42)', 'so does UPDATE');
SELECT results_eq('DELETE FROM dose WHERE id = 1 RETURNING old.mg, new.mg', 'VALUES (10, NULL::int)', 'and DELETE');
SELECT results_eq($$SELECT operation, "row" FROM custody.history('dose', '{"id": 2}')$$,
	$$VALUES ('insert', '{"id": 2, "mg": 20, "stored": 60, "person": "P2"}'::jsonb),
			 ('update', '{"id": 2, "mg": 21, "stored": 63, "person": "P2"}')$$, 'the history has stored columns');
SELECT results_eq('SELECT id, mg, daily, stored, person FROM custody.as_of(NULL::dose, now())',
	$$VALUES (2, 21, NULL::int, 63, 'P2')$$, 'as typed rows, the virtual one is unknown');
SELECT ok(custody.seal() > 0, 'sealed');
SELECT results_eq($$SELECT valid, "values" FROM custody.verify_proof(custody.prove_row('dose', '{"id": 2}'),
	ARRAY[custody.verifier_key()])$$, $$VALUES (true, '{"id": 2, "mg": 21, "stored": 63, "person": "P2"}'::jsonb)$$,
	'a proof says nothing of it');
SELECT throws_ok($$SELECT custody.prove_row('dose', '{"id": 2}', '{daily}')$$, '42703', NULL, 'nor can it be asked to');

-- Changes of virtual columns leave the layout of rows alone.
SELECT is((SELECT count(*) FROM custody.entries WHERE operation = 'schema version'), 1::bigint, 'one layout');
ALTER TABLE dose ALTER COLUMN daily SET EXPRESSION AS (mg * 5);
ALTER TABLE dose ADD COLUMN label text GENERATED ALWAYS AS ('x' || mg) VIRTUAL;
UPDATE dose SET mg = 22;
ALTER TABLE dose DROP COLUMN daily;
ALTER TABLE dose ADD COLUMN note text DEFAULT 'none';
UPDATE dose SET mg = 23;
SELECT results_eq($$SELECT operation, "row" FROM custody.history('dose', '{"id": 2}') OFFSET 2$$,
	$$VALUES ('update', '{"id": 2, "mg": 22, "stored": 66, "person": "P2"}'::jsonb),
			 ('update', '{"id": 2, "mg": 23, "stored": 69, "person": "P2", "note": "none"}')$$, 'positions still fit');
SELECT is((SELECT count(*) FROM custody.entries WHERE operation = 'schema version'), 2::bigint,
	'only the stored column made another layout');
SELECT is((SELECT count(*) FROM custody.subject_history('P2')), 4::bigint, 'the subject is found behind it');

-- Without a key, the stored columns name a row.
CREATE TABLE reading (x int, twice int GENERATED ALWAYS AS (x * 2), y int);
DO $$ BEGIN PERFORM custody.protect('reading'); END $$;
INSERT INTO reading VALUES (1, DEFAULT, 5);
SELECT results_eq($$SELECT "row" FROM custody.history('reading', '{"x": 1, "y": 5}')$$,
	$$VALUES ('{"x": 1, "y": 5}'::jsonb)$$, 'a whole row is its stored columns');
SELECT ok(custody.seal() > 0, 'sealed');
SELECT is_empty('SELECT severity, code, message FROM custody.verify()', 'verify finds nothing');

-- Keys over time
CREATE TABLE room (no int, during daterange, who text, PRIMARY KEY (no, during WITHOUT OVERLAPS));
CREATE TABLE visit (no int, during daterange, FOREIGN KEY (no, PERIOD during) REFERENCES room (no, PERIOD during));
INSERT INTO room VALUES (1, '[2026-01-01,2026-02-01)', 'ana');
SELECT is(custody.protect('room') + custody.protect('visit'), 1::bigint, 'a key over time');
INSERT INTO room VALUES (1, '[2026-02-01,2026-03-01)', 'ben');
INSERT INTO visit VALUES (1, '[2026-01-20,2026-02-10)');
UPDATE room SET who = 'eva' WHERE during @> date '2026-02-05';
UPDATE visit SET during = '[2026-01-20,2026-01-25)';
UPDATE room SET during = '[2026-02-02,2026-03-01)' WHERE who = 'eva';
SELECT ok(custody.seal() > 0, 'sealed');
SELECT results_eq($$SELECT operation FROM custody.history('room', '{"no": 1, "during": "[2026-02-01,2026-03-01)"}')$$,
	$$VALUES ('insert'), ('update'), ('update')$$, 'the history of one period');
SELECT is((SELECT valid FROM custody.verify_proof(
	custody.prove_row('room', '{"no": 1, "during": "[2026-02-02,2026-03-01)"}'), ARRAY[custody.verifier_key()])),
	true, 'and its proof');
SELECT results_eq('SELECT * FROM custody.as_of(NULL::room, now()) ORDER BY during', 'SELECT * FROM room ORDER BY during',
	'as of now');

-- Constraints come and go.
ALTER TABLE reading ADD CONSTRAINT x_known NOT NULL x NOT VALID;
ALTER TABLE reading VALIDATE CONSTRAINT x_known;
ALTER TABLE reading ADD CONSTRAINT small CHECK (x < 10) NOT ENFORCED;
INSERT INTO reading VALUES (11, DEFAULT, 6);
ALTER TABLE reading DROP CONSTRAINT x_known;
SELECT is((SELECT count(*) FROM custody.entries WHERE operation = 'schema version' AND relation = 'public.reading'),
	1::bigint, 'constraints are no part of the layout');
SELECT ok(custody.seal() > 0, 'sealed');
SELECT is_empty('SELECT severity, code, message FROM custody.verify()', 'verify finds nothing');
SELECT * FROM finish();
