-- Beginning and ending protection.
\pset format unaligned
CREATE TABLE patient (id int PRIMARY KEY, name text, born date);
INSERT INTO patient VALUES (1, 'Ana', '1980-01-02'), (2, 'Ben', NULL);

SELECT custody.protect('patient', subject => 'id');
SELECT relation, subject, mode FROM custody.protected_tables;
SELECT tgname, tgenabled, tgfoid::regproc, tgtype
FROM pg_trigger WHERE tgrelid = 'patient'::regclass ORDER BY 1;
SELECT operation, "row" FROM custody.history('patient');

-- again, after the end
SELECT custody.unprotect('patient', 'moved to the archive');
SELECT * FROM custody.protected_tables;
SELECT tgname FROM pg_trigger WHERE tgrelid = 'patient'::regclass;
INSERT INTO patient VALUES (3, 'not recorded', NULL);
SELECT custody.protect('patient', mode => 'append_only');
INSERT INTO patient VALUES (4, 'recorded', NULL);
UPDATE patient SET name = 'x' WHERE id = 4;
DELETE FROM patient WHERE id = 4;
TRUNCATE patient;
SELECT operation, "row" FROM custody.history('patient');
SELECT custody.unprotect('patient', 'end');

-- a schema; what is protected already or excepted is passed over
CREATE SCHEMA clinic;
CREATE TABLE clinic.visit (id int PRIMARY KEY, patient int);
CREATE TABLE clinic.claim (no text, patient int);
CREATE TABLE clinic.scratch (x int);
CREATE UNLOGGED TABLE clinic.cache (x int);
CREATE TABLE clinic.lab (id int, patient int, day date) PARTITION BY RANGE (day);
CREATE TABLE clinic.lab_2026 PARTITION OF clinic.lab FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
CREATE VIEW clinic.v AS SELECT * FROM clinic.visit;
INSERT INTO clinic.visit VALUES (1, 1), (2, 1);
INSERT INTO clinic.lab VALUES (1, 1, '2026-03-04');
SELECT custody.protect('clinic.claim');
SELECT * FROM custody.protect_schema('clinic', subject => 'patient', "except" => '{clinic.scratch}');
SELECT * FROM custody.protect_schema('clinic', subject => 'patient', "except" => '{clinic.scratch}');
SELECT relation, subject, mode FROM custody.protected_tables ORDER BY relation::text COLLATE "C";

-- cancelled or failed: nothing half done
BEGIN;
SELECT custody.protect('clinic.scratch');
ROLLBACK;
INSERT INTO clinic.visit SELECT i, i FROM generate_series(10, 1000) i;
CREATE FUNCTION clinic.fail() RETURNS text LANGUAGE plpgsql AS
$$ BEGIN
	PERFORM custody.protect('clinic.scratch');
	RAISE EXCEPTION 'no';
EXCEPTION WHEN raise_exception THEN RETURN 'caught';
END $$;
SELECT clinic.fail();
SELECT tgname FROM pg_trigger WHERE tgrelid = 'clinic.scratch'::regclass;

-- dropped: protection ends with the table
DROP TABLE clinic.visit CASCADE;
SELECT relation, subject, mode FROM custody.protected_tables ORDER BY relation::text COLLATE "C";
SELECT custody.seal() > 0 AS sealed;
SELECT severity, code, relation, row_key, message FROM custody.verify();
DROP SCHEMA clinic CASCADE;
DROP TABLE patient;
SELECT custody.seal() > 0 AS sealed;
SELECT severity, code, relation, row_key, message FROM custody.verify();
