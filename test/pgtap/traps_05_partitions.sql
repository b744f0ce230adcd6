-- Partitions: rows belong to the root, the leaf is a remark, moves are pairs.
SET client_min_messages = warning;
SELECT plan(28);

CREATE FUNCTION silent(what text) RETURNS text LANGUAGE plpgsql AS
$$
DECLARE findings text;
BEGIN
	PERFORM custody.seal();
	SELECT string_agg(v.code || ' ' || coalesce(v.row_key::text, '') || ' ' || v.message, E'\n')
	INTO findings FROM custody.verify() v;
	RETURN is(findings, NULL, what);
END $$;
CREATE FUNCTION operations(relation text, key jsonb) RETURNS text LANGUAGE sql AS
$$
	SELECT string_agg(operation, ' ' ORDER BY ordinality)
	FROM custody.history(relation, key) WITH ORDINALITY
$$;

-- inserts that are the second half of a move
CREATE FUNCTION moves() RETURNS bigint LANGUAGE plpgsql AS
$$
DECLARE
	chunk record; at int; len int; shift int; b int; insert_moved boolean; n bigint := 0;
BEGIN
	FOR chunk IN SELECT entries FROM custody.log_chunk UNION ALL SELECT entries FROM custody.log_transaction LOOP
		at := 0;
		WHILE at < length(chunk.entries) LOOP
			len := 0; shift := 0;
			LOOP
				b := get_byte(chunk.entries, at);
				at := at + 1;
				len := len | ((b & 127) << shift);
				shift := shift + 7;
				EXIT WHEN b < 128;
			END LOOP;
			IF get_byte(chunk.entries, at) = 1 THEN		-- a head of its own: kind, flags
				insert_moved := get_byte(chunk.entries, at + 1) = 2 AND get_byte(chunk.entries, at + 2) = 2;
			END IF;
			n := n + insert_moved::int;
			at := at + len;
		END LOOP;
	END LOOP;
	RETURN n;
END $$;

CREATE TABLE observation (id int, ward int, day date, value text) PARTITION BY LIST (ward);
CREATE TABLE observation_1 PARTITION OF observation FOR VALUES IN (1);
CREATE TABLE observation_2 PARTITION OF observation FOR VALUES IN (2) PARTITION BY RANGE (day);
CREATE TABLE observation_2a PARTITION OF observation_2 FOR VALUES FROM ('2026-01-01') TO ('2026-07-01');
-- another order of columns
CREATE TABLE observation_2b (value text, gone int, day date, id int, ward int);
ALTER TABLE observation_2b DROP COLUMN gone;
ALTER TABLE observation_2 ATTACH PARTITION observation_2b FOR VALUES FROM ('2026-07-01') TO ('2027-01-01');
ALTER TABLE observation_1 ADD PRIMARY KEY (id);
ALTER TABLE observation_2a ADD PRIMARY KEY (id);
ALTER TABLE observation_2b ADD PRIMARY KEY (id);
INSERT INTO observation VALUES (1, 1, '2026-02-01', 'a'), (2, 2, '2026-02-01', 'b'), (3, 2, '2026-08-01', 'c');

SELECT throws_like('SELECT custody.protect(''custody.log_leaf'')', '%ledger table%', 'not our own');
SELECT is(custody.protect('observation'), 3::bigint, 'the root with all its leaves');
SELECT throws_ok('SELECT custody.protect(''observation_2a'')', 'PC101', NULL, 'a partition is protected with its root');
SELECT is((SELECT count(*) FROM pg_trigger WHERE tgname = '!custody_capture' AND tgenabled = 'A'), 5::bigint,
		  'row triggers on root, sub-root and leaves, enabled always');
INSERT INTO observation VALUES (4, 1, '2026-02-01', 'd');
INSERT INTO observation_2b (id, ward, day, value) VALUES (5, 2, '2026-08-02', 'e');
UPDATE observation SET value = 'changed' WHERE id IN (2, 3);
DELETE FROM observation_1 WHERE id = 4;
SELECT is(operations('observation', '{"id": 2}'), 'baseline update', 'through the root');
SELECT is(operations('observation', '{"id": 5}'), 'insert', 'through the leaf');
SELECT is(operations('observation', '{"id": 4}'), 'insert delete', 'deleted through the leaf');
SELECT silent('changes through root and leaves');

-- moves
UPDATE observation SET ward = 1 WHERE id = 3;
SELECT is(operations('observation', '{"id": 3}'), 'baseline update delete insert', 'a row moves to another partition');
SELECT is(moves(), 1::bigint, 'its insert is the second half of a move');
CREATE TABLE journal (what text);
SELECT is(custody.protect('journal'), 0::bigint, 'a journal that a trigger writes');
CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN INSERT INTO journal VALUES (TG_OP); RETURN NULL; END $$;
CREATE TRIGGER note AFTER DELETE OR INSERT ON observation FOR EACH ROW EXECUTE FUNCTION note();
UPDATE observation SET ward = CASE ward WHEN 1 THEN 2 ELSE 1 END, day = '2026-03-03' WHERE id IN (1, 2);
SELECT is(moves(), 3::bigint, 'two rows swap partitions, with triggers between');
BEGIN;
DELETE FROM observation WHERE id = 5;
INSERT INTO observation VALUES (5, 1, '2026-01-01', 'again');
COMMIT;
SELECT is(operations('observation', '{"id": 5}'), 'insert delete insert', 'delete and insert are no move');
SELECT is(moves(), 3::bigint, 'and not marked as one');
SELECT silent('moves');

-- partitions that come
CREATE TABLE observation_3 PARTITION OF observation FOR VALUES IN (3);
INSERT INTO observation VALUES (6, 3, '2026-01-01', 'f');
SELECT is((SELECT tgenabled::text FROM pg_trigger WHERE tgname = '!custody_truncate' AND tgrelid = 'observation_3'::regclass),
		  'A', 'a new partition is captured');
CREATE TABLE observation_4 (LIKE observation);
INSERT INTO observation_4 VALUES (7, 4, '2026-01-01', 'came with it'), (8, 4, '2026-01-01', 'too');
ALTER TABLE observation ATTACH PARTITION observation_4 FOR VALUES IN (4);
UPDATE observation SET value = 'changed' WHERE id = 7;
SELECT is((SELECT count(*) FROM custody.history('observation') WHERE operation = 'baseline'), 5::bigint,
		  'rows of an attached partition are recorded');
SELECT silent('new and attached partitions');

-- partitions that go
ALTER TABLE observation DETACH PARTITION observation_4;
SELECT is_empty('SELECT tgname FROM pg_trigger WHERE tgrelid = ''observation_4''::regclass',
				'a detached partition keeps no trigger of ours');
UPDATE observation_4 SET value = 'not ours any more';
SELECT silent('detached partition');
ALTER TABLE observation_2 DETACH PARTITION observation_2b CONCURRENTLY;
SELECT silent('partition detached concurrently');
TRUNCATE observation_3;
SELECT is((SELECT count(*) FROM custody.history('observation') WHERE operation = 'truncate'), 1::bigint,
		  'truncating one partition is recorded');
SELECT silent('truncated partition');
DROP TABLE observation_3;
SELECT silent('dropped partition');
ALTER TABLE observation ADD COLUMN unit text DEFAULT 'mg';
ALTER TABLE observation RENAME COLUMN value TO reading;
UPDATE observation SET reading = 'z', unit = 'g' WHERE id = 1;
SELECT silent('changed layout');
ALTER TABLE observation DETACH PARTITION observation_2;
SELECT silent('detached sub-root');

-- one leaf alone, its root later
CREATE TABLE claim (id int, year int) PARTITION BY LIST (year);
CREATE TABLE claim_2025 PARTITION OF claim FOR VALUES IN (2025);
CREATE TABLE claim_2026 PARTITION OF claim FOR VALUES IN (2026);
SELECT is(custody.protect('claim_2025'), 0::bigint, 'one partition alone');
SELECT throws_ok('SELECT custody.protect(''claim'')', 'PC101',
				 'partition "claim_2025" of table "claim" is already protected', 'then not its root');
SELECT * FROM finish();
