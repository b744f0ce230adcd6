-- Locks: no advisory lock, nothing that applications could meet.
SET client_min_messages = warning;
SELECT plan(6);

CREATE TABLE patient (id int PRIMARY KEY, name text);
SELECT is(custody.protect('patient'), 0::bigint, 'protected');
SELECT pg_advisory_lock(0), pg_advisory_lock(1), pg_advisory_lock(0, 0), pg_advisory_lock(0, 1) \g /dev/null
BEGIN;
INSERT INTO patient VALUES (1, 'ana');
UPDATE patient SET name = 'eva';
SELECT is((SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'), 4::bigint, 'a writer takes no advisory lock');
SELECT is_empty($$
	SELECT relation::regclass, mode FROM pg_locks
	WHERE pid = pg_backend_pid() AND locktype = 'relation'
	AND relation IN (SELECT oid FROM pg_class WHERE relnamespace = 'custody'::regnamespace)
	AND mode NOT IN ('AccessShareLock', 'RowExclusiveLock')
$$, 'and no lock on the ledger that another writer would wait for');
COMMIT;
SELECT ok(custody.seal() > 0, 'sealing waits for no advisory lock of an application');
SELECT is_empty('SELECT severity, code, message FROM custody.verify()', 'verify finds nothing');
SELECT is((SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'), 4::bigint, 'and they are still held');
SELECT * FROM finish();
