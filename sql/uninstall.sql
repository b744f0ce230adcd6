-- DROP EXTENSION: the triggers go, the tables remain as they were.
\pset format unaligned
SET client_min_messages = warning;
CREATE TABLE patient (id int PRIMARY KEY, name text);
CREATE TABLE lab (id int, day date) PARTITION BY RANGE (day);
CREATE TABLE lab_2026 PARTITION OF lab FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
SELECT custody.protect('patient') + custody.protect('lab') AS baseline;
INSERT INTO patient VALUES (1, 'Ana');
\set VERBOSITY terse
DROP EXTENSION pg_custody;
\set VERBOSITY default
DROP EXTENSION pg_custody CASCADE;
SELECT tgrelid::regclass, tgname FROM pg_trigger WHERE tgname LIKE '!custody%';
SELECT evtname FROM pg_event_trigger WHERE evtname LIKE 'custody%';
SELECT count(*) FROM pg_depend d JOIN pg_namespace n ON d.refobjid = n.oid
WHERE d.refclassid = 'pg_namespace'::regclass AND n.nspname = 'custody';

-- the tables are what they were
INSERT INTO patient VALUES (2, 'Ben');
UPDATE patient SET name = 'x';
DELETE FROM patient WHERE id = 1;
TRUNCATE lab;
INSERT INTO lab VALUES (1, '2026-05-05');
ALTER TABLE patient ADD COLUMN note text;
SELECT * FROM patient;

-- installed again in the same session: a new ledger
CREATE EXTENSION pg_custody;
SELECT custody.protect('patient') AS baseline;
UPDATE patient SET note = 'recorded';
SELECT operation, "row" FROM custody.history('patient');
SELECT custody.seal() > 0 AS sealed;
SELECT severity, code, relation, row_key, message FROM custody.verify();
DROP EXTENSION pg_custody CASCADE;
DROP TABLE patient, lab;

-- Nothing is left, and a schema of that name that is somebody else's is refused.
SELECT count(*) FROM pg_namespace WHERE nspname = 'custody';
CREATE SCHEMA custody;
\set VERBOSITY terse
CREATE EXTENSION pg_custody;
DROP SCHEMA custody;
