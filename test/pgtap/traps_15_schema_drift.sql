-- Schema drift: hundreds of migrations, each declared, none an alarm.
SET client_min_messages = warning;
SELECT plan(36);

CREATE FUNCTION silent(what text) RETURNS text LANGUAGE plpgsql AS
$$
DECLARE findings text;
BEGIN
	SELECT string_agg(v.code || ' ' || coalesce(v.row_key::text, '') || ' ' || v.message, E'\n')
	INTO findings FROM custody.verify() v;
	RETURN is(findings, NULL, what);
END $$;

CREATE TYPE mood AS ENUM ('low', 'high');
CREATE TYPE dose AS (amount numeric, unit text);
CREATE TABLE patient (gone1 int, id int PRIMARY KEY, gone2 text, name text);
ALTER TABLE patient DROP COLUMN gone1;
INSERT INTO patient VALUES (1, 'x', 'ana'), (2, 'y', 'ben');
SELECT is(custody.protect('patient', 'name'), 2::bigint, 'protected with holes in its attribute numbers');
INSERT INTO patient VALUES (3, 'z', 'cho');
SELECT ok(custody.seal() > 0, 'sealed');
SELECT silent('dropped column before protection');

ALTER TABLE patient DROP COLUMN gone2;
UPDATE patient SET name = 'bea' WHERE id = 2;
SELECT ok(custody.seal() > 0, 'sealed');
SELECT silent('dropped column');

ALTER TABLE patient ADD COLUMN note text;
ALTER TABLE patient ADD COLUMN allergy text DEFAULT 'none known';
UPDATE patient SET note = 'n' WHERE id = 1;
SELECT ok(custody.seal() > 0, 'sealed');
SELECT silent('added columns, one with a default that older rows read');

VACUUM FULL patient;
UPDATE patient SET note = 'm' WHERE id = 2;
SELECT ok(custody.seal() > 0, 'sealed');
SELECT silent('VACUUM FULL writes the default into the rows');

ALTER TABLE patient ADD COLUMN seen timestamptz DEFAULT clock_timestamp(),
	ADD COLUMN serial int GENERATED ALWAYS AS IDENTITY,
	ADD COLUMN twice int GENERATED ALWAYS AS (length(name) * 2) STORED;
SELECT ok(custody.seal() > 0, 'sealed');
SELECT silent('columns computed per row');

CREATE DOMAIN blood AS text DEFAULT 'unknown' CHECK (VALUE <> '');
CREATE DOMAIN plain AS text DEFAULT 'plain';
ALTER TABLE patient ADD COLUMN blood blood;
ALTER TABLE patient ADD COLUMN plain plain;
SELECT ok(custody.seal() > 0, 'sealed');
SELECT silent('a domain with a default');

ALTER TABLE patient RENAME COLUMN note TO remark;
INSERT INTO patient (id, name, remark) VALUES (4, 'dan', 'new');
SELECT ok(custody.seal() > 0, 'sealed');
SELECT silent('renamed column');

ALTER TABLE patient RENAME COLUMN remark TO note;
UPDATE patient SET note = 'old name' WHERE id = 4;
SELECT ok(custody.seal() > 0, 'sealed');
SELECT silent('renamed column back');

ALTER TABLE patient ALTER COLUMN id TYPE bigint;
ALTER TABLE patient ALTER COLUMN allergy TYPE varchar(40), ALTER COLUMN serial TYPE bigint;
UPDATE patient SET allergy = 'nuts' WHERE id = 1;
SELECT ok(custody.seal() > 0, 'sealed');
SELECT silent('integer to bigint, text to varchar');

ALTER TABLE patient RENAME TO person;
CREATE SCHEMA clinic;
ALTER TABLE person SET SCHEMA clinic;
ALTER SCHEMA clinic RENAME TO ward;
UPDATE ward.person SET note = 'moved' WHERE id = 1;
SELECT ok(custody.seal() > 0, 'sealed');
SELECT silent('renamed table and schema');

ALTER TABLE ward.person DROP CONSTRAINT patient_pkey;
ALTER TABLE ward.person ADD PRIMARY KEY (serial);
UPDATE ward.person SET note = 'other key' WHERE id = 1;
SELECT ok(custody.seal() > 0, 'sealed');
SELECT silent('another primary key');

CREATE UNIQUE INDEX CONCURRENTLY person_seen ON ward.person (seen);
ALTER TABLE ward.person ALTER seen SET NOT NULL;
REINDEX TABLE CONCURRENTLY ward.person;
UPDATE ward.person SET note = 'more indexes' WHERE id = 1;
SELECT ok(custody.seal() > 0, 'sealed');
SELECT silent('more unique indexes');

-- The subject column keeps being one under another name.
ALTER TABLE ward.person RENAME COLUMN name TO full_name;
INSERT INTO ward.person (id, full_name) VALUES (5, 'eve');
SELECT is((SELECT subject FROM custody.protected_tables), 'full_name', 'renamed subject column');
SELECT is((SELECT count(*) FROM custody.subject_history('eve')), 1::bigint, 'is still one');
SELECT ok(custody.seal() > 0, 'sealed');
SELECT silent('renamed subject column');

-- Types change below the table.
ALTER TABLE ward.person ADD COLUMN mood mood DEFAULT 'low', ADD COLUMN dose dose;
UPDATE ward.person SET dose = (1.50, 'mg') WHERE id = 1;
SELECT ok(custody.seal() > 0, 'sealed');
ALTER TYPE mood RENAME VALUE 'low' TO 'down';
ALTER TYPE mood ADD VALUE 'up';
UPDATE ward.person SET note = 'enum' WHERE id = 2;
SELECT ok(custody.seal() > 0, 'sealed');
SELECT silent('renamed enum label');
ALTER TYPE dose ADD ATTRIBUTE route text;
ALTER TYPE dose RENAME TO dosage;
UPDATE ward.person SET note = 'composite' WHERE id = 2;
SELECT ok(custody.seal() > 0, 'sealed');
SELECT silent('changed composite type');
DROP TYPE mood CASCADE;
SELECT ok(custody.seal() > 0, 'sealed');
SELECT silent('column dropped with its type');

SELECT * FROM finish();
