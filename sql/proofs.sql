-- Proofs of rows, leaves and growth, checked with verify_proof().
SET client_min_messages = warning;
CREATE SCHEMA prov;
SET search_path = prov;

CREATE TABLE patient (id integer PRIMARY KEY, name text, born date, weight numeric(6,2), note text);
INSERT INTO patient VALUES (1, 'Ana', '1970-01-02', 71.50, NULL), (2, 'Béla', NULL, NULL, repeat('x', 3000));
SELECT custody.protect('patient');
SELECT custody.seal() > 0 AS sealed;

-- Long values are shown by their length.
CREATE FUNCTION show(bundle text)
RETURNS TABLE (valid boolean, relation text, row_key jsonb, operation text, past boolean, "values" jsonb, note integer, in_log boolean, problem text)
LANGUAGE sql AS $$
	SELECT valid, relation, row_key, operation, changed_at <= now(),
		CASE WHEN length("values" ->> 'note') > 100 THEN "values" - 'note' ELSE "values" END,
		length("values" ->> 'note'), tree_size <= custody.seal(), problem
	FROM custody.verify_proof(bundle, ARRAY[custody.verifier_key()])
$$;

-- Baseline, insert, update, delete.
SELECT * FROM show(custody.prove_row('patient', '{"id": 1}'));
INSERT INTO patient VALUES (3, 'Chidi', '1980-12-31', 80, 'new');
SELECT custody.prove_row('patient', '{"id": 3}');
SELECT custody.seal() > 0 AS sealed;
SELECT * FROM show(custody.prove_row('patient', '{"id": 3}'));
SELECT now() AS "before" \gset
UPDATE patient SET name = 'Bela' WHERE id = 2;
DELETE FROM patient WHERE id = 1;
-- Not sealed yet: the version that is.
SELECT row_key, operation, "values" -> 'name' AS name FROM show(custody.prove_row('patient', '{"id": 2}'));
SELECT custody.seal() > 0 AS sealed;
-- The long value stands in the baseline entry.
SELECT * FROM show(custody.prove_row('patient', '{"id": 2}'));
SELECT * FROM show(custody.prove_row('patient', '{"id": 1}'));
SELECT row_key, operation, "values" -> 'name' AS name FROM show(custody.prove_row('patient', '{"id": 1}', NULL, :'before'));
SELECT row_key, operation, "values" -> 'name' AS name FROM show(custody.prove_row('patient', '{"id": 2}', at => :'before'));
SELECT custody.prove_row('patient', '{"id": 2}', at => '2000-01-01');

-- Only some columns.
SELECT * FROM show(custody.prove_row('patient', '{"id": 3}', '{name,born}'));
SELECT * FROM show(custody.prove_row('patient', '{"id": 3}', '{}'));
SELECT length(custody.prove_row('patient', '{"id": 2}', '{name}')) < 4000 AS short;
SELECT custody.prove_row('patient', '{"id": 3}', '{ward}');
SELECT custody.prove_row('patient', '{"id": 3}', ARRAY[NULL]::name[]);

-- The key changes; columns come, go and are renamed.
UPDATE patient SET id = 4 WHERE id = 3;
SELECT custody.seal() > 0 AS sealed;
SELECT custody.prove_row('patient', '{"id": 3}');
SELECT row_key, operation, "values" FROM show(custody.prove_row('patient', '{"id": 4}'));
ALTER TABLE patient RENAME COLUMN name TO surname;
ALTER TABLE patient DROP COLUMN weight;
ALTER TABLE patient ADD COLUMN ward text;
SELECT custody.seal() > 0 AS sealed;
SELECT "values" FROM show(custody.prove_row('patient', '{"id": 4}', '{surname}'));
SELECT "values" FROM show(custody.prove_row('patient', '{"id": 4}', '{weight}'));
SELECT custody.prove_row('patient', '{"id": 4}', '{ward}');
-- What a truncate took away has no entry of its own.
TRUNCATE patient;
SELECT custody.seal() > 0 AS sealed;
SELECT custody.prove_row('patient', '{"id": 4}');
SELECT custody.prove_row('patient', '{"id": 99}');
INSERT INTO patient VALUES (4, 'Dora');
SELECT custody.seal() > 0 AS sealed;
SELECT operation, "values" FROM show(custody.prove_row('patient', '{"id": 4}'));

-- Keys that swap places; rows without a key; partitions.
CREATE TABLE bed (no integer UNIQUE DEFERRABLE INITIALLY IMMEDIATE NOT NULL, who text, PRIMARY KEY (no) DEFERRABLE);
CREATE TABLE reading (at date, v text);
CREATE TABLE obs (id integer, at date, v text, PRIMARY KEY (at, id)) PARTITION BY RANGE (at);
CREATE TABLE obs_1 PARTITION OF obs FOR VALUES FROM ('2020-01-01') TO ('2020-02-01');
CREATE TABLE obs_2 (v text, at date NOT NULL, id integer NOT NULL);
ALTER TABLE obs ATTACH PARTITION obs_2 FOR VALUES FROM ('2020-02-01') TO ('2020-03-01');
INSERT INTO reading VALUES ('2020-01-01', 'x'), ('2020-01-01', 'x'), (NULL, NULL);
SELECT custody.protect('bed'), custody.protect('reading'), custody.protect('obs');
INSERT INTO bed VALUES (1, 'Ana'), (2, 'Ben');
UPDATE bed SET no = 3 - no;
DELETE FROM reading WHERE ctid = (SELECT min(ctid) FROM reading);
UPDATE reading SET v = 'y' WHERE at IS NULL;
INSERT INTO obs VALUES (1, '2020-01-05', 'a'), (2, '2020-02-05', 'b');
UPDATE obs SET at = '2020-02-06' WHERE id = 1;
SELECT custody.seal() > 0 AS sealed;
SELECT row_key, operation, "values" FROM show(custody.prove_row('bed', '{"no": 1}'));
SELECT row_key, operation, "values" FROM show(custody.prove_row('bed', '{"no": 2}'));
SELECT row_key, operation, "values" FROM show(custody.prove_row('reading', '{"at": "2020-01-01", "v": "x"}'));
SELECT row_key, operation, "values" FROM show(custody.prove_row('reading', '{"at": null, "v": "y"}'));
DELETE FROM reading WHERE v = 'x';
SELECT custody.seal() > 0 AS sealed;
SELECT row_key, operation, "values" FROM show(custody.prove_row('reading', '{"at": "2020-01-01", "v": "x"}'));
SELECT relation, row_key, operation, "values" FROM show(custody.prove_row('obs', '{"at": "2020-02-06", "id": 1}'));
SELECT relation, row_key, operation, "values" FROM show(custody.prove_row('obs', '{"at": "2020-01-05", "id": 1}'));
SELECT relation, row_key, operation, "values" FROM show(custody.prove_row('obs_2', '{"at": "2020-02-05", "id": 2}', '{v}'));

-- A large transaction stores roots over its entries, and does without them.
CREATE TABLE big (id integer PRIMARY KEY);
SELECT custody.protect('big');
BEGIN;
INSERT INTO big SELECT generate_series(1, 300);
SAVEPOINT s;
INSERT INTO big SELECT generate_series(100001, 100700);
ROLLBACK TO s;
INSERT INTO big SELECT generate_series(301, 9000);
COMMIT;
SELECT custody.seal() > 0 AS sealed;
SELECT tile_index, length(hashes) / 32 AS hashes FROM custody.log_subtree
WHERE txn_no = (SELECT txn_no FROM custody.entries WHERE entry_no = 8999 ORDER BY leaf_index DESC LIMIT 1);
SELECT count(*), bool_and(valid), bool_and(row_key = p.key)
FROM (SELECT jsonb_build_object('id', i) AS key FROM unnest(ARRAY[1, 2, 255, 256, 257, 300, 301, 512, 513, 4096, 4097, 8191, 8192, 8193, 8447, 8448, 8449, 8999, 9000]) i) p,
	custody.verify_proof(custody.prove_row('big', p.key), ARRAY[custody.verifier_key()]);
BEGIN;
UPDATE custody.log_subtree SET hashes = set_byte(hashes, 40, get_byte(hashes, 40) # 1);
SELECT valid FROM show(custody.prove_row('big', '{"id": 5000}'));
DELETE FROM custody.log_subtree;
SELECT valid FROM show(custody.prove_row('big', '{"id": 5000}'));
ROLLBACK;

-- Leaves and growth.
SELECT custody.seal() AS size, (SELECT min(tree_size) FROM custody.blocks) AS first \gset
SELECT split_part(p, E'\n', 1) AS head, split_part(p, E'\n', 2) AS index, p LIKE '%' || custody.checkpoint() AS checkpoint
FROM custody.tlog_proof(0) p;
SELECT p LIKE '%' || custody.checkpoint(:first) AS checkpoint FROM custody.tlog_proof(1, :first) p;
SELECT count(custody.tlog_proof(i)) = :size AS all FROM generate_series(0, :size - 1) i;
SELECT split_part(p, E'\n', 1) = 'old ' || :first AS head, p LIKE '%' || custody.checkpoint() AS checkpoint
FROM custody.prove_consistency(:first) p;
SELECT custody.prove_consistency(:size) = 'old ' || :size || E'\n\n' || custody.checkpoint() AS same;
SELECT custody.prove_consistency(0, :first) = E'old 0\n\n' || custody.checkpoint(:first) AS empty;
SELECT count(custody.prove_consistency(a.tree_size, b.tree_size)) = count(*) AS all
FROM custody.blocks a JOIN custody.blocks b ON a.tree_size <= b.tree_size;
-- Sizes that were not signed, leaves beyond the log, the wrong way round.
\set VERBOSITY sqlstate
SELECT custody.tlog_proof(100000000);
SELECT custody.tlog_proof(-1);
SELECT custody.tlog_proof(0, 1);
SELECT custody.prove_consistency(1);
SELECT custody.prove_consistency(-1);
SELECT custody.prove_consistency(:size, 1);
SELECT custody.prove_consistency(:size, :first);
\set VERBOSITY default

-- What is no proof, and what is no key.
SELECT * FROM show(NULL);
SELECT * FROM show('');
SELECT * FROM show('custody-proof v1');
SELECT * FROM show(custody.tlog_proof(0));
CREATE TABLE proof AS SELECT custody.prove_row('patient', '{"id": 4}') AS p;
SELECT valid, problem FROM proof, show(rtrim(p, E'\n'));
SELECT valid, problem FROM proof, show(replace(p, E'\n', E'\r\n'));
SELECT valid, problem FROM proof, show(p || 'x');
SELECT valid, problem FROM proof, show(replace(p, 'entry ', 'entry  '));
SELECT valid, problem FROM proof, show(regexp_replace(p, 'path (\d+) ', 'path 9'));
-- The key must be one the caller trusts.
SELECT valid, problem FROM proof, custody.verify_proof(p, '{hospital.example/custody+7d934132+AYqI4910CfGV/VLbLTy6XXLKZwm/HZQSG/N0iAG0D29c}');
SELECT valid, problem FROM proof, custody.verify_proof(p, ARRAY['hospital.example/custody+7d934132+AYqI4910CfGV/VLbLTy6XXLKZwm/HZQSG/N0iAG0D29c', custody.verifier_key()]);
SELECT valid FROM custody.verify_proof('', '{}');
SELECT valid FROM custody.verify_proof('', NULL);
SELECT valid FROM custody.verify_proof('', '{x}');
SELECT valid FROM custody.verify_proof('', '{NULL}');

-- Bad calls.
SELECT custody.prove_row(NULL, '{"id": 1}');
SELECT custody.prove_row('patient', NULL);
SELECT custody.prove_row('patient', '{"name": 1}');
SELECT custody.prove_row('proof', '{"id": 1}');

-- Rights: the table, or the columns and the key; row security as in history.
CREATE ROLE regress_prover;
GRANT USAGE ON SCHEMA prov TO regress_prover;
SELECT custody.grant_application('regress_prover');
SET ROLE regress_prover;
SELECT custody.prove_row('patient', '{"id": 4}');
RESET ROLE;
GRANT SELECT (id, surname) ON patient TO regress_prover;
SET ROLE regress_prover;
SELECT custody.prove_row('patient', '{"id": 4}');
SELECT custody.prove_row('patient', '{"id": 4}', '{note}');
SELECT custody.prove_row('patient', '{"id": 4}', '{name}');
SELECT length(custody.prove_row('patient', '{"id": 4}', '{surname}')) > 0 AS proven;
RESET ROLE;
REVOKE SELECT (id) ON patient FROM regress_prover;
SET ROLE regress_prover;
SELECT custody.prove_row('patient', '{"id": 4}', '{surname}');
RESET ROLE;
GRANT SELECT ON patient TO regress_prover;
ALTER TABLE patient ENABLE ROW LEVEL SECURITY;
SET ROLE regress_prover;
SELECT custody.prove_row('patient', '{"id": 4}');
RESET ROLE;
CREATE POLICY p ON patient FOR SELECT TO regress_prover USING (id = 4);
SET ROLE regress_prover;
SELECT length(custody.prove_row('patient', '{"id": 4}')) > 0 AS proven;
SELECT custody.tlog_proof(0);
SELECT custody.prove_consistency(1);
RESET ROLE;
DROP OWNED BY regress_prover;
DROP ROLE regress_prover;

RESET search_path;
DROP SCHEMA prov CASCADE;
