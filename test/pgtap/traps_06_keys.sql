-- No key, equal rows, changing keys.
SET client_min_messages = warning;
SELECT plan(15);

CREATE TABLE sample (tube text, value numeric);
INSERT INTO sample VALUES ('a', 1), ('a', 1), ('a', 1), (NULL, NULL), (NULL, NULL);
SELECT is(custody.protect('sample'), 5::bigint, 'equal rows without a key');
INSERT INTO sample VALUES ('a', 1);
DELETE FROM sample WHERE ctid = (SELECT min(ctid) FROM sample WHERE tube = 'a');
UPDATE sample SET value = 2 WHERE ctid = (SELECT min(ctid) FROM sample WHERE tube = 'a');
UPDATE sample SET value = 3 WHERE tube IS NULL;
SELECT results_eq('SELECT * FROM custody.as_of(NULL::sample, now()) ORDER BY 1, 2',
				  'SELECT * FROM sample ORDER BY 1, 2', 'are a multiset');
UPDATE sample SET value = 1 WHERE value = 2;
UPDATE sample SET tube = tube;
SELECT ok(custody.seal() > 0, 'sealed');
SELECT is_empty('SELECT severity, code, message FROM custody.verify()', 'verify finds nothing');

-- keys that change, also by cascade
CREATE TABLE patient (mrn text PRIMARY KEY, name text);
CREATE TABLE visit (mrn text REFERENCES patient ON UPDATE CASCADE, no int, PRIMARY KEY (mrn, no));
INSERT INTO patient VALUES ('M1', 'ana'), ('M2', 'ben');
INSERT INTO visit VALUES ('M1', 1), ('M1', 2), ('M2', 1);
SELECT is(custody.protect('patient') + custody.protect('visit'), 5::bigint, 'parent and child');
UPDATE patient SET mrn = 'M9' WHERE mrn = 'M1';
SELECT is((SELECT string_agg(operation, ' ' ORDER BY ordinality) FROM custody.history('patient', '{"mrn": "M9"}') WITH ORDINALITY),
		  'update', 'the new key has the update');
SELECT is((SELECT string_agg(operation, ' ' ORDER BY ordinality) FROM custody.history('patient', '{"mrn": "M1"}') WITH ORDINALITY),
		  'baseline update', 'so has the old one');
SELECT is((SELECT count(*) FROM custody.history('visit') WHERE operation = 'update'), 2::bigint, 'cascaded to the child');

-- keys that swap, and a freed key that is taken again, in one transaction
UPDATE patient SET mrn = 'tmp' WHERE mrn = 'M9';
UPDATE patient SET mrn = 'M9' WHERE mrn = 'M2';
UPDATE patient SET mrn = 'M2' WHERE mrn = 'tmp';
BEGIN;
DELETE FROM visit WHERE mrn = 'M2' AND no = 1;
INSERT INTO visit VALUES ('M2', 1);
DELETE FROM visit WHERE mrn = 'M2' AND no = 1;
INSERT INTO visit VALUES ('M2', 1);
COMMIT;
SELECT results_eq('SELECT * FROM custody.as_of(NULL::patient, now()) ORDER BY 1', 'SELECT * FROM patient ORDER BY 1', 'keys swap');
SELECT results_eq('SELECT * FROM custody.as_of(NULL::visit, now()) ORDER BY 1, 2', 'SELECT * FROM visit ORDER BY 1, 2', 'keys come again');

-- a shift of all keys, and a deferrable key that swaps in one statement
CREATE TABLE queue (place int, who text, CONSTRAINT queue_place UNIQUE (place) DEFERRABLE);
INSERT INTO queue SELECT i, 'p' || i FROM generate_series(1, 10) i;
SELECT is(custody.protect('queue'), 10::bigint, 'a key that is checked at the end');
UPDATE queue SET place = place + 1;
UPDATE queue SET place = 13 - place;
SELECT results_eq('SELECT * FROM custody.as_of(NULL::queue, now()) ORDER BY 1', 'SELECT * FROM queue ORDER BY 1', 'all shift');
UPDATE patient SET name = name;
SELECT is((SELECT count(*) FROM custody.history('patient') WHERE operation = 'update'), 6::bigint,
		  'an update that changes nothing is an entry');
SELECT ok(custody.seal() > 0, 'sealed');
SELECT is_empty('SELECT severity, code, message FROM custody.verify()', 'verify finds nothing');
SELECT * FROM finish();
