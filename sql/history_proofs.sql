-- Proofs of the life of a row, checked with verify_proof().
SET client_min_messages = warning;
CREATE SCHEMA life;
SET search_path = life;

CREATE TABLE patient (id integer PRIMARY KEY, name text, note text);
INSERT INTO patient VALUES (1, 'Ana', NULL), (2, 'Béla', repeat('x', 3000));
SELECT custody.protect('patient');
SELECT custody.seal() AS first_size \gset

-- Long values are shown by their length.
CREATE FUNCTION show(bundle text)
RETURNS TABLE (valid boolean, row_key jsonb, operation text, "values" jsonb, link text, since boolean, not_shown text, problem text)
LANGUAGE sql AS $$
	SELECT valid, row_key, operation,
		CASE WHEN length("values" ->> 'note') > 100 THEN jsonb_set("values", '{note}', to_jsonb(length("values" ->> 'note'))) ELSE "values" END,
		link, old_size < tree_size, not_shown, regexp_replace(problem, '\d+', 'N', 'g')
	FROM custody.verify_proof(bundle, ARRAY[custody.verifier_key()])
$$;

-- A baseline, updates in one transaction and in several, what is not sealed.
SELECT * FROM show(custody.prove_history('patient', '{"id": 1}'));
BEGIN;
UPDATE patient SET name = 'Anna' WHERE id = 1;
UPDATE patient SET name = 'Anne', note = 'twice' WHERE id = 1;
COMMIT;
UPDATE patient SET note = NULL WHERE id = 1;
SELECT * FROM show(custody.prove_history('patient', '{"id": 1}'));
SELECT custody.seal() AS second_size \gset
SELECT * FROM show(custody.prove_history('patient', '{"id": 1}'));
DELETE FROM patient WHERE id = 1;
INSERT INTO patient VALUES (3, 'Chidi', 'new');
SELECT custody.prove_history('patient', '{"id": 3}');
SELECT custody.seal() AS third_size \gset

-- Between two checkpoints: from the version in force at the older one.
SELECT * FROM show(custody.prove_history('patient', '{"id": 1}'));
SELECT * FROM show(custody.prove_history('patient', '{"id": 1}', :second_size));
SELECT * FROM show(custody.prove_history('patient', '{"id": 1}', :first_size, :second_size));
SELECT * FROM show(custody.prove_history('patient', '{"id": 1}', :third_size));
SELECT * FROM show(custody.prove_history('patient', '{"id": 3}', :second_size));
SELECT custody.prove_history('patient', '{"id": 3}', NULL, :second_size);
\set VERBOSITY sqlstate
SELECT custody.prove_history('patient', '{"id": 3}', :third_size, :second_size);
\set VERBOSITY default

-- A new life under the same key; a new key, followed; a key given away.
INSERT INTO patient VALUES (1, 'Another', NULL);
UPDATE patient SET id = 4 WHERE id = 1;
UPDATE patient SET note = 'four' WHERE id = 4;
INSERT INTO patient VALUES (1, 'A third', NULL);
SELECT custody.seal() AS fourth_size \gset
SELECT * FROM show(custody.prove_history('patient', '{"id": 4}'));
SELECT * FROM show(custody.prove_history('patient', '{"id": 4}', :third_size));
SELECT * FROM show(custody.prove_history('patient', '{"id": 1}', :third_size));

-- Columns come and go, with a default and without; the long value stays.
UPDATE patient SET name = 'Bela' WHERE id = 2;
ALTER TABLE patient ADD COLUMN ward text DEFAULT 'ICU', ADD COLUMN bed integer;
UPDATE patient SET bed = 7 WHERE id = 2;
ALTER TABLE patient DROP COLUMN ward;
UPDATE patient SET name = 'Béla' WHERE id = 2;
-- A column of the same name, but not the same column.
ALTER TABLE patient DROP COLUMN bed;
ALTER TABLE patient ADD COLUMN bed integer;
UPDATE patient SET bed = 9 WHERE id = 2;
-- A default that only the version in between still names.
ALTER TABLE patient ADD COLUMN floor integer DEFAULT 3;
VACUUM FULL patient;
ALTER TABLE patient ADD COLUMN wing text;
UPDATE patient SET wing = 'w' WHERE id = 2;
ALTER TABLE patient RENAME TO sick;
UPDATE sick SET wing = 'e' WHERE id = 2;
SELECT custody.seal() > 0 AS sealed;
SELECT * FROM show(custody.prove_history('sick', '{"id": 2}'));
-- Which stands there once.
SELECT length(custody.prove_history('sick', '{"id": 2}')) BETWEEN 4000 + 7 * 500 AND 4000 + 7 * 1500 AS once;

-- Recorded anew: a rewrite, a renamed column, a protection after another.
ALTER TABLE sick ALTER COLUMN bed TYPE bigint;
UPDATE sick SET bed = 10 WHERE id = 2;
ALTER TABLE sick RENAME COLUMN name TO surname;
ALTER TABLE sick RENAME COLUMN id TO no;
SELECT custody.unprotect('sick', 'test');
UPDATE sick SET surname = 'behind' WHERE no = 2;
SELECT custody.protect('sick');
SELECT custody.seal() > 0 AS sealed;
SELECT operation, link, not_shown, problem FROM show(custody.prove_history('sick', '{"no": 2}'));

-- What empties the table names no row.
TRUNCATE sick;
INSERT INTO sick VALUES (2, 'Again');
SELECT custody.seal() > 0 AS sealed;
SELECT operation, link, not_shown, problem FROM show(custody.prove_history('sick', '{"no": 2}')) OFFSET 7;
SELECT operation, link, not_shown, problem FROM show(custody.prove_history('sick', '{"no": 3}'));

-- Keys that change places, partitions, rows without a key.
CREATE TABLE bed (no integer PRIMARY KEY DEFERRABLE, who text);
CREATE TABLE obs (id integer, at date, v text) PARTITION BY RANGE (at);
CREATE TABLE obs_1 PARTITION OF obs (PRIMARY KEY (id)) FOR VALUES FROM ('2020-01-01') TO ('2020-02-01');
CREATE TABLE obs_2 PARTITION OF obs (PRIMARY KEY (id)) FOR VALUES FROM ('2020-02-01') TO ('2020-03-01');
CREATE TABLE reading (v text);
SELECT custody.protect('bed'), custody.protect('obs'), custody.protect('reading');
INSERT INTO bed VALUES (1, 'Ana'), (2, 'Ben');
UPDATE bed SET no = 3 - no;
UPDATE bed SET who = 'Anna' WHERE who = 'Ana';
UPDATE bed SET no = 3 - no;
INSERT INTO obs VALUES (1, '2020-01-05', 'a');
UPDATE obs SET v = 'b' WHERE id = 1;
UPDATE obs SET at = '2020-02-05', v = 'c' WHERE id = 1;
UPDATE obs SET v = 'd' WHERE id = 1;
INSERT INTO reading VALUES ('x');
SELECT custody.seal() > 0 AS sealed;
SELECT row_key, operation, "values", link, problem FROM show(custody.prove_history('bed', '{"no": 1}'));
SELECT row_key, operation, "values", link, problem FROM show(custody.prove_history('bed', '{"no": 2}'));
SELECT row_key, operation, "values", link, problem FROM show(custody.prove_history('obs', '{"id": 1}'));
SELECT custody.prove_history('reading', '{"v": "x"}');

-- Triggers that change the row again.
CREATE FUNCTION again() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	UPDATE life.bed SET who = who || '+' WHERE no = NEW.no AND who NOT LIKE '%+';
	RETURN NULL;
END$$;
CREATE TRIGGER again AFTER UPDATE ON bed FOR EACH ROW EXECUTE FUNCTION again();
UPDATE bed SET who = 'Cy' WHERE no = 2;
SELECT custody.seal() > 0 AS sealed;
SELECT row_key, operation, "values", link, problem FROM show(custody.prove_history('bed', '{"no": 2}'));

-- A version changed behind the triggers: the next honest update tells.
ALTER TABLE bed DISABLE TRIGGER ALL;
UPDATE bed SET who = 'Mallory' WHERE no = 1;
ALTER TABLE bed ENABLE TRIGGER ALL;
SELECT valid, problem FROM show(custody.prove_history('bed', '{"no": 1}'));
UPDATE bed SET who = 'Dora' WHERE no = 1;
SELECT custody.seal() > 0 AS sealed;
\set VERBOSITY terse
SELECT valid, operation, problem FROM show(custody.prove_history('bed', '{"no": 1}'));
\set VERBOSITY default

-- What is no proof, and the wrong key.
CREATE TABLE proof AS SELECT custody.prove_history('bed', '{"no": 2}') AS p;
SELECT * FROM show('custody-history v1');
SELECT count(*), bool_and(valid) FROM proof, show(rtrim(p, E'\n'));
SELECT count(*), bool_and(valid) FROM proof, show(replace(p, E'\n', E'\r\n'));
SELECT valid, problem FROM proof, show(p || 'x');
SELECT valid, problem FROM proof, show(regexp_replace(p, 'version (\d+) [^\n]*\n', ''));
SELECT valid, problem FROM proof, custody.verify_proof(p, '{hospital.example/custody+7d934132+AYqI4910CfGV/VLbLTy6XXLKZwm/HZQSG/N0iAG0D29c}');

-- Bad calls.
SELECT custody.prove_history(NULL, '{"no": 1}');
SELECT custody.prove_history('bed', NULL);
SELECT custody.prove_history('bed', '{"id": 1}');
SELECT custody.prove_history('bed', '{"no": 99}');
SELECT custody.prove_history('proof', '{"p": 1}');
\set VERBOSITY sqlstate
SELECT custody.prove_history('bed', '{"no": 1}', 1);
SELECT custody.prove_history('bed', '{"no": 1}', NULL, -1);
\set VERBOSITY default

-- Rights: the whole table; row security as in history, for earlier keys too.
CREATE ROLE regress_biographer;
GRANT USAGE ON SCHEMA life TO regress_biographer;
SET ROLE regress_biographer;
SELECT custody.prove_history('life.bed', '{"no": 2}');
RESET ROLE;
SELECT custody.grant_application('regress_biographer');
SET ROLE regress_biographer;
SELECT custody.prove_history('bed', '{"no": 2}');
RESET ROLE;
GRANT SELECT (no) ON bed TO regress_biographer;
SET ROLE regress_biographer;
SELECT custody.prove_history('bed', '{"no": 2}');
RESET ROLE;
GRANT SELECT ON bed TO regress_biographer;
ALTER TABLE bed ENABLE ROW LEVEL SECURITY;
SET ROLE regress_biographer;
SELECT custody.prove_history('bed', '{"no": 2}');
RESET ROLE;
CREATE POLICY p ON bed FOR SELECT TO regress_biographer USING (no = 2);
SET ROLE regress_biographer;
SELECT custody.prove_history('bed', '{"no": 2}');
RESET ROLE;
ALTER POLICY p ON bed USING (true);
SET ROLE regress_biographer;
SELECT length(custody.prove_history('bed', '{"no": 2}')) > 0 AS proven;
RESET ROLE;
DROP OWNED BY regress_biographer;
DROP ROLE regress_biographer;

RESET search_path;
DROP SCHEMA life CASCADE;
