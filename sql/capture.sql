-- What a change leaves in the ledger.
\pset format unaligned
CREATE TABLE patient (id int PRIMARY KEY, name text, note text DEFAULT 'none');
CREATE TABLE tag (patient int, word text);
SELECT custody.protect('patient') + custody.protect('tag') AS baseline;

-- INSERT, UPDATE, DELETE, one and many rows
INSERT INTO patient VALUES (1, 'Ana'), (2, 'Ben'), (3, 'Cho');
UPDATE patient SET name = upper(name) WHERE id <= 2;
UPDATE patient SET id = 30 WHERE id = 3;
DELETE FROM patient WHERE id = 2;
SELECT operation, "row" FROM custody.history('patient');
SELECT operation, "row" FROM custody.history('patient', '{"id": 3}');
SELECT operation, "row" FROM custody.history('patient', '{"id": 30}');

-- COPY: one transaction, one leaf
COPY patient FROM stdin;
4	Dan	\N
5	Eva	long note
\.
SELECT entries FROM custody.transactions
WHERE application_name = current_setting('application_name') ORDER BY commit_no DESC LIMIT 1;

-- changes in one transaction, with savepoints
BEGIN;
INSERT INTO tag VALUES (1, 'a');
SAVEPOINT s;
INSERT INTO tag VALUES (1, 'b');
ROLLBACK TO s;
INSERT INTO tag VALUES (1, 'c');
RELEASE s;
DELETE FROM tag WHERE word = 'a';
COMMIT;
SELECT operation, row_key FROM custody.entries WHERE relation = 'public.tag' ORDER BY txn_no, entry_no;

-- nothing happened: nothing is recorded
UPDATE tag SET word = 'x' WHERE false;
DELETE FROM tag WHERE word = 'nobody';
INSERT INTO tag SELECT 1, 'y' WHERE false;
SELECT count(*) FROM custody.entries WHERE relation = 'public.tag';

-- context
BEGIN;
SELECT custody.set_context(actor => 'Dr. Müller', reason => 'correction');
UPDATE patient SET note = 'checked' WHERE id = 1;
COMMIT;
SELECT operation, actor, reason, purpose, "row" FROM custody.history('patient', '{"id": 1}');

-- prepared statements and cursors
PREPARE change(text, int) AS UPDATE patient SET note = $1 WHERE id = $2;
EXECUTE change('first', 4);
EXECUTE change('second', 4);
DEALLOCATE change;
BEGIN;
DECLARE c CURSOR FOR SELECT * FROM patient WHERE id = 4 FOR UPDATE;
FETCH c;
UPDATE patient SET note = 'at cursor' WHERE CURRENT OF c;
COMMIT;
SELECT operation, "row" FROM custody.history('patient', '{"id": 4}');

-- identity and generated columns
CREATE TABLE dose (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, mg numeric(8,2),
	ug numeric GENERATED ALWAYS AS (mg * 1000) STORED);
SELECT custody.protect('dose');
INSERT INTO dose (mg) VALUES (1.5), (2);
UPDATE dose SET mg = 3 WHERE id = 1;
SELECT operation, "row" FROM custody.history('dose');

-- row level security does not hide changes from the ledger
ALTER TABLE dose ENABLE ROW LEVEL SECURITY;
ALTER TABLE dose FORCE ROW LEVEL SECURITY;
CREATE ROLE regress_custody_nurse;
GRANT ALL ON dose TO regress_custody_nurse;
CREATE POLICY small ON dose TO regress_custody_nurse USING (mg < 3) WITH CHECK (true);
SET ROLE regress_custody_nurse;
UPDATE dose SET mg = 100;
RESET ROLE;
SELECT operation, "row" FROM custody.history('dose', '{"id": 2}');

-- replica role and disabled user triggers
SET session_replication_role = replica;
UPDATE patient SET note = 'replica' WHERE id = 5;
RESET session_replication_role;
SELECT operation, "row" FROM custody.history('patient', '{"id": 5}');

SELECT custody.seal() > 0 AS sealed;
SELECT severity, code, relation, row_key, message FROM custody.verify();
DROP TABLE patient, tag, dose;
DROP ROLE regress_custody_nurse;
