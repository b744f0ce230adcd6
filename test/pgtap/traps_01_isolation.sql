-- Isolation: capture and sealing work at every level, whatever the default.
SET client_min_messages = warning;
SELECT plan(8);

CREATE TABLE patient (id int PRIMARY KEY, name text);
INSERT INTO patient VALUES (1, 'ana');
BEGIN ISOLATION LEVEL SERIALIZABLE;
SELECT is(custody.protect('patient'), 1::bigint, 'protected in a serializable transaction');
COMMIT;
BEGIN ISOLATION LEVEL SERIALIZABLE;
INSERT INTO patient VALUES (2, 'ben');
SAVEPOINT s;
UPDATE patient SET name = 'no';
ROLLBACK TO s;
COMMIT;
BEGIN ISOLATION LEVEL REPEATABLE READ;
UPDATE patient SET name = 'eva' WHERE id = 1;
COMMIT;
SELECT is((SELECT count(*) FROM custody.history('patient')), 3::bigint, 'every level is captured');

-- Nothing of ours is locked for the serializable test of other transactions.
BEGIN ISOLATION LEVEL SERIALIZABLE;
INSERT INTO patient VALUES (3, 'cho');
UPDATE patient SET name = 'cha' WHERE id = 3;
SELECT is_empty($$
	SELECT relation::regclass FROM pg_locks
	WHERE mode = 'SIReadLock' AND relation IN
		(SELECT oid FROM pg_class WHERE relnamespace = 'custody'::regnamespace)
$$, 'no predicate lock on the ledger');
COMMIT;

SET default_transaction_isolation = serializable;
SELECT ok(custody.seal() > 0, 'sealed from a serializable session');
SELECT is_empty('SELECT severity, code, message FROM custody.verify()', 'verify finds nothing');
SELECT is((SELECT count(*) FROM custody.transactions WHERE leaf_index IS NULL), 0::bigint, 'nothing is left unsealed');
BEGIN;
UPDATE patient SET name = 'x';
ROLLBACK;
SELECT is_empty('SELECT severity, code, message FROM custody.verify()', 'nor after a rollback');
SELECT is((SELECT count(*) FROM custody.history('patient')), 5::bigint, 'exactly what committed is recorded');
SELECT * FROM finish();
