-- What PostgreSQL 17 brought: MERGE that returns and deletes what has no
-- source, MAINTAIN, the built-in collations, and a switch for event triggers.
SET client_min_messages = warning;
SELECT plan(13);

CREATE TABLE stock (id int PRIMARY KEY, drug text COLLATE pg_c_utf8, n int);
INSERT INTO stock VALUES (1, 'Éther', 1), (2, 'aspirin', 2), (3, 'zinc', 3);
SELECT is(custody.protect('stock'), 3::bigint, 'a table with a built-in collation');
SELECT results_eq($$
	MERGE INTO stock USING (VALUES (1, 10), (4, 40)) AS v(id, n) ON stock.id = v.id
	WHEN MATCHED THEN UPDATE SET n = v.n
	WHEN NOT MATCHED THEN INSERT VALUES (v.id, 'new', v.n)
	WHEN NOT MATCHED BY SOURCE AND stock.id = 3 THEN DELETE
	RETURNING merge_action() COLLATE "C", stock.id$$,
	$$VALUES ('UPDATE'::text COLLATE "C", 1), ('DELETE', 3), ('INSERT', 4)$$, 'MERGE returns what it did');
SELECT results_eq($$SELECT operation, "row" ->> 'n' FROM custody.history('stock') WHERE operation <> 'baseline' ORDER BY 1$$,
	$$VALUES ('delete', NULL), ('insert', '40'), ('update', '10')$$, 'each row of it is an entry');
SELECT results_eq('SELECT * FROM custody.as_of(NULL::stock, now()) ORDER BY id', 'SELECT * FROM stock ORDER BY id',
	'the past of a MERGE');

CREATE ROLE keeper;
GRANT MAINTAIN ON stock TO keeper;
SET ROLE keeper;
VACUUM stock;
CLUSTER stock USING stock_pkey;
REINDEX TABLE stock;
ANALYZE stock;
RESET ROLE;
REVOKE ALL ON stock FROM keeper;
DROP ROLE keeper;
SELECT ok(custody.seal() > 0, 'sealed');
SELECT is_empty('SELECT severity, code, message FROM custody.verify()', 'maintenance alarms nobody');

-- Without event triggers, schema changes run past us; the rows do not.
CREATE TABLE ward (id int PRIMARY KEY, name text) PARTITION BY LIST (id);
CREATE TABLE ward_1 PARTITION OF ward FOR VALUES IN (1);
CREATE TABLE bed (id int PRIMARY KEY);
DO $$ BEGIN PERFORM custody.protect('ward'), custody.protect('bed'); END $$;
SET event_triggers = off;
ALTER TABLE stock ADD COLUMN unit text DEFAULT 'mg';
INSERT INTO stock VALUES (5, 'unseen column', 5, 'kg');
CREATE TABLE ward_2 PARTITION OF ward FOR VALUES IN (2);
INSERT INTO ward VALUES (1, 'seen'), (2, 'too');
DROP TABLE bed;
RESET event_triggers;
SELECT ok(custody.seal() > 0, 'sealed');
SELECT is((SELECT "row" ->> 'unit' FROM custody.history('stock', '{"id": 5}')), 'kg', 'a column added so is recorded');
SELECT results_eq($$SELECT "row" FROM custody.history('ward') ORDER BY "row" ->> 'id'$$,
	$$VALUES ('{"id": 1, "name": "seen"}'::jsonb), ('{"id": 2, "name": "too"}')$$, 'rows of a partition made so are recorded');
SELECT results_eq($$SELECT code, relation FROM custody.verify() WHERE severity = 'tampering' AND code <> 'capture_gap' ORDER BY code$$,
	$$VALUES ('relation_missing', NULL), ('trigger_missing', 'public.ward_2')$$,
	'the table dropped so is named, and what the partition lacks');
SELECT matches((SELECT message FROM custody.verify() WHERE code = 'trigger_missing'), 'custody_truncate', 'its TRUNCATE trigger');
SELECT throws_ok('DELETE FROM stock WHERE id = 5; SELECT 1 / 0', '22012', NULL, 'a change that is undone');
SELECT is((SELECT count(*) FROM custody.history('stock', '{"id": 5}')), 1::bigint, 'leaves no entry');
SELECT * FROM finish();
