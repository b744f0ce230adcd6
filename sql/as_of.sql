-- A table as it stood at a time.
SET client_min_messages = warning;
CREATE SCHEMA asof;
SET search_path = asof;
CREATE TABLE moment (n integer PRIMARY KEY, at timestamptz);

CREATE TABLE patient (id integer PRIMARY KEY, name text, weight numeric(5,1), note text);
INSERT INTO patient VALUES (1, 'one', 70, NULL), (2, 'two', 80.5, repeat('n', 3000));
SELECT custody.protect('patient');
INSERT INTO moment VALUES (1, clock_timestamp());
INSERT INTO patient VALUES (3, 'three', 90, '');
UPDATE patient SET weight = 71 WHERE id = 1;
INSERT INTO moment VALUES (2, clock_timestamp());
SELECT custody.seal() > 0 AS sealed;
DELETE FROM patient WHERE id = 3;
UPDATE patient SET id = 4, name = 'four' WHERE id = 2;
INSERT INTO moment VALUES (3, clock_timestamp());
TRUNCATE patient;
INSERT INTO moment VALUES (4, clock_timestamp());
INSERT INTO patient VALUES (1, 'one again', NULL, NULL);

SELECT n, p.id, p.name, p.weight, length(p.note) AS note
FROM moment, custody.as_of(NULL::patient, at) p ORDER BY n, p.id;
SELECT * FROM custody.as_of(NULL::patient, now());
SELECT * FROM custody.as_of(NULL::patient, 'infinity');
SELECT * FROM custody.as_of(NULL::patient, '2000-01-01');
-- In the select list, too.
SELECT (custody.as_of(NULL::patient, now())).name;

-- A column that came later reads as its default did then, one that went is
-- not there, whatever else happened to the table.
DELETE FROM moment;
INSERT INTO moment VALUES (1, clock_timestamp());
ALTER TABLE patient ADD COLUMN ward text DEFAULT 'A1';
ALTER TABLE patient ADD COLUMN bed integer;
ALTER TABLE patient DROP COLUMN weight;
UPDATE patient SET ward = 'B2';
INSERT INTO patient VALUES (5, 'five', NULL, 'C3', 7);
VACUUM FULL patient;
INSERT INTO moment VALUES (2, clock_timestamp());
UPDATE patient SET bed = 8;
SELECT n, p.* FROM moment, custody.as_of(NULL::patient, at) p ORDER BY n, p.id;

-- Identical rows are counted.
CREATE TABLE reading (v integer, t text);
INSERT INTO reading VALUES (1, 'x'), (1, 'x'), (1, 'x'), (2, NULL);
SELECT custody.protect('reading');
DELETE FROM reading WHERE ctid = (SELECT min(ctid) FROM reading);
UPDATE reading SET t = 'y' WHERE v = 2;
SELECT * FROM custody.as_of(NULL::reading, now()) ORDER BY 1, 2;
ALTER TABLE reading ADD COLUMN w integer DEFAULT 9;
DELETE FROM reading WHERE ctid = (SELECT min(ctid) FROM reading);
SELECT * FROM custody.as_of(NULL::reading, now()) ORDER BY 1, 2;

-- Keys that swap places.
CREATE TABLE swap (id integer PRIMARY KEY, v text);
ALTER TABLE swap DROP CONSTRAINT swap_pkey, ADD PRIMARY KEY (id) DEFERRABLE;
INSERT INTO swap VALUES (1, 'a'), (2, 'b'), (3, 'c');
SELECT custody.protect('swap');
UPDATE swap SET id = 4 - id;
SELECT * FROM custody.as_of(NULL::swap, now()) ORDER BY id;

-- Released, changed, protected again: the new baseline says what is there.
SELECT custody.unprotect('swap', 'to test as_of');
DELETE FROM swap WHERE v = 'a';
SELECT * FROM custody.as_of(NULL::swap, now()) ORDER BY id;
SELECT custody.protect('swap');
SELECT * FROM custody.as_of(NULL::swap, now()) ORDER BY id;

-- Partitions, one that moved a row, one that left.
CREATE TABLE obs (id integer, k integer, v text, PRIMARY KEY (id, k)) PARTITION BY LIST (k);
CREATE TABLE obs_1 PARTITION OF obs FOR VALUES IN (1);
CREATE TABLE obs_2 PARTITION OF obs FOR VALUES IN (2);
INSERT INTO obs VALUES (1, 1, 'a'), (2, 1, 'b'), (3, 2, 'c');
SELECT custody.protect('obs');
UPDATE obs SET k = 2 WHERE id = 1;
SELECT * FROM custody.as_of(NULL::obs, now()) ORDER BY id;
SELECT * FROM custody.as_of(NULL::obs_1, now()) ORDER BY id;
TRUNCATE obs_1;
SELECT * FROM custody.as_of(NULL::obs, now()) ORDER BY id;
ALTER TABLE obs DETACH PARTITION obs_2;
SELECT * FROM custody.as_of(NULL::obs, now()) ORDER BY id;

-- Every value comes back as it was, of every kind of type.
CREATE TYPE mood AS ENUM ('sad', 'ok');
CREATE DOMAIN positive AS integer CHECK (value > 0);
CREATE TABLE kinds (
	id positive PRIMARY KEY, m mood, r int4range, a text[], b bytea, i interval,
	ts timestamptz, d date, f real, c char(4), j jsonb, g integer GENERATED ALWAYS AS (id * 2) STORED
);
SELECT custody.protect('kinds');
INSERT INTO kinds VALUES (1, 'ok', '[1,5)', '{a,NULL,"c d"}', '\x00ff', '1 day 02:03:04',
	'2020-01-01 12:00+09', 'infinity', 0.1, 'ab', '{"x": 1.50}');
SELECT * FROM custody.as_of(NULL::kinds, now()) EXCEPT SELECT * FROM kinds;
SELECT count(*) FROM custody.as_of(NULL::kinds, now());

-- Bad calls.
SELECT * FROM custody.as_of(NULL::patient, NULL);
SELECT * FROM custody.as_of(1, now());
CREATE VIEW v AS SELECT * FROM patient;
SELECT * FROM custody.as_of(NULL::v, now());
CREATE TABLE unprotected (id integer);
SELECT * FROM custody.as_of(NULL::unprotected, now());
\echo :SQLSTATE

RESET search_path;
DROP SCHEMA asof CASCADE;
