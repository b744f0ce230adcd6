-- Retries: transactions and savepoints that are aborted leave no entry.
SET client_min_messages = warning;
SELECT plan(14);

CREATE TABLE patient (id int PRIMARY KEY, name text);
SELECT is(custody.protect('patient'), 0::bigint, 'protected');
CREATE VIEW expected AS SELECT * FROM patient ORDER BY id;
CREATE VIEW recorded AS SELECT * FROM custody.as_of(NULL::patient, 'infinity') ORDER BY id;

BEGIN;
INSERT INTO patient VALUES (1, 'no');
ROLLBACK;
SELECT is((SELECT count(*) FROM custody.history('patient')), 0::bigint, 'rollback');

BEGIN;
INSERT INTO patient VALUES (1, 'a');
SAVEPOINT a;
INSERT INTO patient VALUES (2, 'b');
SAVEPOINT b;
INSERT INTO patient VALUES (3, 'c');
ROLLBACK TO b;
INSERT INTO patient VALUES (4, 'd');
RELEASE a;
SAVEPOINT c;
UPDATE patient SET name = 'e';
SAVEPOINT d;
DELETE FROM patient;
RELEASE d;
ROLLBACK TO c;
INSERT INTO patient VALUES (5, 'f');
COMMIT;
SELECT results_eq('SELECT * FROM recorded', 'SELECT * FROM expected', 'savepoints');
SELECT is((SELECT count(*) FROM custody.history('patient')), 4::bigint, 'exactly the changes that stand');

-- more than is kept in memory, in and around savepoints
BEGIN;
INSERT INTO patient SELECT i, repeat('x', 500) FROM generate_series(100, 1000) i;
SAVEPOINT a;
INSERT INTO patient SELECT i, repeat('y', 500) FROM generate_series(1100, 2000) i;
SAVEPOINT b;
INSERT INTO patient SELECT i, repeat('z', 500) FROM generate_series(2100, 3000) i;
ROLLBACK TO b;
INSERT INTO patient VALUES (3001, 'after');
RELEASE a;
INSERT INTO patient VALUES (3002, 'outer');
SAVEPOINT a;
UPDATE patient SET name = 'w' WHERE id % 2 = 0;
ROLLBACK TO a;
UPDATE patient SET name = 'v' WHERE id % 3 = 0;
COMMIT;
SELECT results_eq('SELECT * FROM recorded', 'SELECT * FROM expected', 'large ones');

-- errors that are caught
CREATE FUNCTION try(n int) RETURNS void LANGUAGE plpgsql AS
$$
BEGIN
	FOR i IN 1..n LOOP
		BEGIN
			INSERT INTO patient VALUES (10000 + i, 'try');
			UPDATE patient SET name = name || i WHERE id = 1;
			IF i % 3 = 0 THEN
				PERFORM try(i / 3);
				RAISE EXCEPTION 'give up';
			ELSIF i % 5 = 0 THEN
				INSERT INTO patient VALUES (1, 'duplicate');
			END IF;
		EXCEPTION WHEN raise_exception OR unique_violation THEN
			UPDATE patient SET name = 'caught ' || i WHERE id = 2;
		END;
	END LOOP;
END $$;
SELECT try(50) \g /dev/null
SELECT results_eq('SELECT * FROM recorded', 'SELECT * FROM expected', 'caught errors');

-- everything rolled back but the outer transaction, which changed nothing else
BEGIN;
SAVEPOINT a;
DELETE FROM patient;
ROLLBACK TO a;
COMMIT;
BEGIN;
SAVEPOINT a;
SAVEPOINT b;
SAVEPOINT c;
DELETE FROM patient WHERE id = 4;
RELEASE b;
RELEASE a;
COMMIT;
SELECT results_eq('SELECT * FROM recorded', 'SELECT * FROM expected', 'nothing left of a transaction');

-- schema changes and protection that are rolled back
DROP VIEW recorded, expected;
BEGIN;
ALTER TABLE patient ADD COLUMN note text DEFAULT 'n';
UPDATE patient SET note = 'm' WHERE id = 1;
ROLLBACK;
UPDATE patient SET name = 'after' WHERE id = 1;
BEGIN;
SAVEPOINT a;
ALTER TABLE patient ADD COLUMN other int;
UPDATE patient SET other = 1 WHERE id = 1;
ROLLBACK TO a;
ALTER TABLE patient ADD COLUMN other text;
UPDATE patient SET other = 'x' WHERE id = 1;
COMMIT;
BEGIN;
SELECT custody.unprotect('patient', 'no') \g /dev/null
ROLLBACK;
UPDATE patient SET name = 'still' WHERE id = 2;
CREATE TABLE visit (id int PRIMARY KEY);
BEGIN;
SELECT custody.protect('visit') \g /dev/null
INSERT INTO visit VALUES (1);
ROLLBACK;
INSERT INTO visit VALUES (2);
SELECT results_eq('SELECT id, name, other FROM custody.as_of(NULL::patient, ''infinity'') ORDER BY id',
				  'SELECT id, name, other FROM patient ORDER BY id', 'schema changes');
SELECT is((SELECT count(*) FROM custody.protected_tables), 1::bigint, 'protection that was rolled back');
SELECT is_empty('SELECT tgname FROM pg_trigger WHERE tgrelid = ''visit''::regclass', 'left no trigger');

-- protection in a transaction with changes of its own
BEGIN;
INSERT INTO visit VALUES (3), (4);
UPDATE visit SET id = 5 WHERE id = 4;
SELECT custody.protect('visit') \g /dev/null
UPDATE visit SET id = 6 WHERE id = 5;
DELETE FROM visit WHERE id = 3;
COMMIT;
SELECT results_eq('SELECT * FROM custody.as_of(NULL::visit, ''infinity'') ORDER BY id', 'SELECT * FROM visit ORDER BY id', 'protection amid changes');

-- a table that the transaction rewrites has rows that are its own
BEGIN;
ALTER TABLE visit SET UNLOGGED;
ALTER TABLE visit SET LOGGED;
DELETE FROM visit WHERE id = 6;
INSERT INTO visit VALUES (6);
UPDATE visit SET id = 7 WHERE id = 2;
TRUNCATE visit;
INSERT INTO visit VALUES (8);
COMMIT;
SELECT results_eq('SELECT * FROM custody.as_of(NULL::visit, ''infinity'') ORDER BY id', 'SELECT * FROM visit ORDER BY id', 'rewritten in the same transaction');
SELECT ok(custody.seal() > 0, 'sealed');
SELECT is_empty('SELECT severity, code, message FROM custody.verify()', 'verify finds nothing');
SELECT * FROM finish();
