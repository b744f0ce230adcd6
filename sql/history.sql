-- The past of a row, and of a table: history() in its three forms.
SET client_min_messages = warning;
CREATE SCHEMA hist;
SET search_path = hist;

CREATE TABLE patient (
	id integer PRIMARY KEY,
	name text,
	weight numeric(6,2),
	score double precision,
	ok boolean,
	doc jsonb,
	raw json,
	born date,
	note text
);
INSERT INTO patient VALUES
	(1, '김철수', 71.50, 0.1, true, '{"a": [1, null]}', '{"b":  1}', '1970-01-02', NULL);
SELECT custody.protect('patient');

INSERT INTO patient VALUES
	(2, 'Müller', 80, 'NaN', false, '"s"', '{"c":"\u0000"}', '1980-12-31', repeat('x', 5000));
BEGIN;
SELECT custody.set_context('dr. who', 'weighed', 'care');
UPDATE patient SET weight = weight + 0.5 WHERE id = 2;
UPDATE patient SET id = 3 WHERE id = 2;
COMMIT;
DELETE FROM patient WHERE id = 1;

-- Oldest first, whether sealed or not.
SELECT operation, session_user_name = session_user AS me, actor, reason, purpose,
	"row" - 'note' AS "row", length("row" ->> 'note') AS note
FROM custody.history('patient');
SELECT custody.seal() > 0 AS sealed;
SELECT operation, entry_no, leaf_index IS NOT NULL AS has_leaf, sealed,
	changed_at <= now() AS past, "row" -> 'id' AS id
FROM custody.history('patient');

-- One row: an update of the key belongs to the old key and to the new one.
SELECT operation, "row" -> 'id' AS id, "row" -> 'weight' AS weight FROM custody.history('patient', '{"id": 1}');
SELECT operation, "row" -> 'id' AS id, "row" -> 'weight' AS weight FROM custody.history('patient', '{"id": 2}');
SELECT operation, "row" -> 'id' AS id, "row" -> 'weight' AS weight FROM custody.history('patient', '{"id": "3"}');
SELECT operation FROM custody.history('patient', '{"id": 99}');
-- By OID, by qualified name, by row type.
SELECT count(*) FROM custody.history('patient'::regclass);
SELECT count(*) FROM custody.history('hist.patient'::text, '{"id": 3}');
SELECT id, name, weight, score, ok, doc, born, length(note) AS note FROM custody.history(NULL::patient);
SELECT id, weight FROM custody.history(NULL::patient, '{"id": 3}');

-- A long value that updates left alone is found where it was stored, also
-- under an earlier key.
SELECT operation, length("row" ->> 'note') AS note FROM custody.history('patient', '{"id": 3}');

-- A change of the current transaction is not history yet; a rolled back one
-- never is.
BEGIN;
UPDATE patient SET name = 'other' WHERE id = 3;
SAVEPOINT s;
UPDATE patient SET name = 'undone' WHERE id = 3;
ROLLBACK TO s;
SELECT count(*) FROM custody.history('patient', '{"id": 3}');
COMMIT;
SELECT "row" -> 'name' AS name FROM custody.history('patient', '{"id": 3}');

-- What emptied the table ends a row's history, and not those of later rows.
TRUNCATE patient;
SELECT operation, "row" -> 'name' AS name FROM custody.history('patient', '{"id": 3}');
INSERT INTO patient (id, name) VALUES (3, 'third'), (4, 'fourth');
SELECT operation, "row" -> 'name' AS name FROM custody.history('patient', '{"id": 3}');
SELECT operation, "row" -> 'name' AS name FROM custody.history('patient', '{"id": 4}');
SELECT operation, "row" -> 'name' AS name FROM custody.history('patient', '{"id": 1}');

-- Columns come and go: each version shows what it recorded.
ALTER TABLE patient DROP COLUMN raw;
ALTER TABLE patient ADD COLUMN ward text DEFAULT 'A1';
UPDATE patient SET name = 'fourth too' WHERE id = 4;
SELECT operation, "row" ? 'raw' AS raw, "row" ? 'ward' AS ward FROM custody.history('patient', '{"id": 4}');
SELECT name, ward FROM custody.history(NULL::patient, '{"id": 4}');

-- Protected, released, protected again: one history.
SELECT custody.unprotect('patient', 'to test history');
UPDATE patient SET name = 'unseen' WHERE id = 4;
SELECT custody.protect('patient');
UPDATE patient SET name = 'seen' WHERE id = 4;
SELECT operation, "row" -> 'name' AS name FROM custody.history('patient', '{"id": 4}');

-- A table without a key: a row is named by all its columns.
CREATE TABLE reading (at date, v text);
INSERT INTO reading VALUES ('2020-01-01', 'x'), ('2020-01-01', 'x'), (NULL, NULL);
SELECT custody.protect('reading');
DELETE FROM reading WHERE ctid = (SELECT min(ctid) FROM reading);
UPDATE reading SET v = 'y' WHERE at IS NULL;
SELECT operation, "row" FROM custody.history('reading', '{"at": "2020-01-01", "v": "x"}');
SELECT operation, "row" FROM custody.history('reading', '{"at": null, "v": null}');

-- Partitions: asked through the root, or one alone; a row that moves.
CREATE TABLE obs (id integer, at date, v text, PRIMARY KEY (at, id)) PARTITION BY RANGE (at);
CREATE TABLE obs_1 PARTITION OF obs FOR VALUES FROM ('2020-01-01') TO ('2020-02-01');
CREATE TABLE obs_2 (v text, at date NOT NULL, id integer NOT NULL);
ALTER TABLE obs ATTACH PARTITION obs_2 FOR VALUES FROM ('2020-02-01') TO ('2020-03-01');
SELECT custody.protect('obs');
INSERT INTO obs VALUES (1, '2020-01-05', 'a'), (2, '2020-02-05', 'b'), (3, '2020-01-06', 'c');
UPDATE obs SET at = '2020-02-06' WHERE id = 1;
TRUNCATE obs_1;
SELECT operation, "row" FROM custody.history('obs');
SELECT operation, "row" FROM custody.history('obs_2');
SELECT operation, "row" FROM custody.history('obs', '{"id": 2, "at": "2020-02-05"}');
SELECT operation, "row" FROM custody.history('obs', '{"id": 3, "at": "2020-01-06"}');
ALTER TABLE obs DETACH PARTITION obs_2;
SELECT operation, "row" FROM custody.history('obs', '{"id": 2, "at": "2020-02-05"}');

-- Children by inheritance.
CREATE TABLE parent (id integer PRIMARY KEY, v text);
CREATE TABLE child (x integer, PRIMARY KEY (id)) INHERITS (parent);
SELECT custody.protect('parent');
INSERT INTO parent VALUES (1, 'p');
INSERT INTO child VALUES (2, 'c', 5);
UPDATE parent SET v = v || '!';
SELECT operation, "row" FROM custody.history('parent');
SELECT operation, "row" FROM custody.history('parent', '{"id": 2}');
SELECT operation, "row" FROM custody.history('child');

-- Everything about one person.
CREATE TABLE person (ssn text PRIMARY KEY, name text);
CREATE TABLE visit (id integer PRIMARY KEY, person text, note text);
SELECT custody.protect('person', 'ssn'), custody.protect('visit', 'person');
INSERT INTO person VALUES ('ssn-1', 'Ann'), ('ssn-2', 'Ben');
INSERT INTO visit VALUES (1, 'ssn-1', 'one'), (2, 'ssn-2', 'two'), (3, 'ssn-1', 'three');
UPDATE visit SET note = 'one, corrected' WHERE id = 1;
UPDATE visit SET person = 'ssn-2' WHERE id = 3;		-- it was Ben's
DELETE FROM visit WHERE id IN (1, 3);
UPDATE person SET ssn = 'ssn-3' WHERE ssn = 'ssn-1';
SELECT relation, operation, "row" FROM custody.subject_history('ssn-1');
SELECT relation, operation, "row" FROM custody.subject_history('ssn-2');
SELECT relation, operation, "row" FROM custody.subject_history('ssn-0');
DROP TABLE visit;
SELECT relation, count(*) FROM custody.subject_history('ssn-1') GROUP BY relation ORDER BY relation;

-- Other session settings change nothing that was recorded.
SET DateStyle = 'German';
SET bytea_output = 'escape';
SELECT "row" -> 'born' AS born FROM custody.history('patient', '{"id": 2}') LIMIT 1;
SELECT operation FROM custody.history('obs', '{"id": 3, "at": "2020-01-06"}');
RESET DateStyle;
RESET bytea_output;

-- Bad calls.
SELECT * FROM custody.history('patient', '{"id": 1, "name": "x"}');
SELECT * FROM custody.history('patient', '{"name": "x"}');
SELECT * FROM custody.history('patient', '[1]');
SELECT * FROM custody.history('patient', '7');
SELECT * FROM custody.history('reading', '{"at": "2020-01-01"}');
SELECT * FROM custody.history('patient', '{"id": "one"}');
SELECT * FROM custody.history('no_such_table');
SELECT * FROM custody.history(NULL::regclass);
SELECT * FROM custody.history(4294967294::regclass);
CREATE TABLE unprotected (id integer);
SELECT * FROM custody.history('unprotected');
\echo :SQLSTATE
CREATE TYPE pair AS (a integer, b integer);
SELECT * FROM custody.history(NULL::pair);

RESET search_path;
DROP SCHEMA hist CASCADE;
