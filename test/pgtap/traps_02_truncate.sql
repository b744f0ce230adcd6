-- TRUNCATE has no rows: what it took is an entry with their number.
SET client_min_messages = warning;
SELECT plan(14);

CREATE TABLE patient (id int PRIMARY KEY, name text);
CREATE TABLE visit (id int PRIMARY KEY, patient int REFERENCES patient);
INSERT INTO patient SELECT i, 'p' || i FROM generate_series(1, 100) i;
INSERT INTO visit SELECT i, i FROM generate_series(1, 50) i;
SELECT is(custody.protect('patient') + custody.protect('visit'), 150::bigint, 'two tables');

TRUNCATE patient CASCADE;
SELECT is((SELECT string_agg(relation, ' ' ORDER BY relation) FROM custody.entries
		   WHERE operation = 'truncate'), 'public.patient public.visit', 'both tables, in one statement');
SELECT is((SELECT count(*) FROM custody.history('patient', '{"id": 7}')), 2::bigint,
		  'the history of a row says that its table was emptied');
INSERT INTO patient VALUES (7, 'again');
SELECT is((SELECT string_agg(operation, ' ' ORDER BY ordinality)
		   FROM custody.history('patient', '{"id": 7}') WITH ORDINALITY),
		  'baseline truncate insert', 'and goes on');

-- rolled back, and rows of the same transaction
BEGIN;
TRUNCATE patient CASCADE;
ROLLBACK;
BEGIN;
INSERT INTO patient VALUES (8, 'short-lived');
TRUNCATE patient CASCADE;
INSERT INTO patient VALUES (8, 'stays');
COMMIT;
SELECT results_eq('SELECT * FROM custody.as_of(NULL::patient, now())', 'SELECT * FROM patient',
				  'rows made and truncated in one transaction');

-- TRUNCATE and COPY FREEZE of an altered copy
BEGIN;
TRUNCATE patient CASCADE;
COPY patient FROM stdin WITH (FREEZE);
8	altered
9	new
\.
COMMIT;
SELECT results_eq('SELECT * FROM custody.as_of(NULL::patient, now()) ORDER BY id', 'SELECT * FROM patient ORDER BY id',
				  'COPY FREEZE is captured');

-- replica role, and ONLY on an inheritance parent that empties no child
SET session_replication_role = replica;
TRUNCATE visit;
RESET session_replication_role;
SELECT is((SELECT count(*) FROM custody.entries WHERE operation = 'truncate' AND relation = 'public.visit'), 4::bigint,
		  'captured in the replica role');
CREATE TABLE note (id int PRIMARY KEY, txt text);
CREATE TABLE long_note (pages int) INHERITS (note);
ALTER TABLE long_note ADD PRIMARY KEY (id);
INSERT INTO note VALUES (1, 'a');
INSERT INTO long_note VALUES (2, 'b', 3), (3, 'c', 4);
SELECT is(custody.protect('note'), 3::bigint, 'an inheritance parent and its child');
TRUNCATE ONLY note;
SELECT is((SELECT count(*) FROM custody.entries WHERE operation = 'truncate' AND relation LIKE '%note'), 1::bigint,
		  'only the parent');
TRUNCATE note;
SELECT is((SELECT count(*) FROM custody.entries WHERE operation = 'truncate' AND relation LIKE '%note'), 3::bigint,
		  'both');

CREATE TABLE log (line text);
SELECT is(custody.protect('log', mode => 'append_only'), 0::bigint, 'an append-only table');
SELECT throws_ok('TRUNCATE log', 'PC104', 'cannot truncate rows of table "log"', 'is not emptied');

SELECT ok(custody.seal() > 0, 'sealed');
SELECT is_empty('SELECT severity, code, message FROM custody.verify()', 'verify finds nothing');
SELECT * FROM finish();
