-- Large objects change without any row changing: coverage() says so, unless
-- protect() was asked to record them.
SET client_min_messages = warning;
SELECT plan(15);

CREATE TABLE scan (id int PRIMARY KEY, picture oid);
INSERT INTO scan VALUES (1, lo_from_bytea(0, 'first'));
SELECT is(custody.protect('scan'), 1::bigint, 'protected');
SELECT lo_put(picture, 0, 'FIRST') FROM scan \g /dev/null
SELECT ok((SELECT bool_or(note ILIKE '%large object%') FROM custody.coverage() WHERE relation = 'scan'::regclass),
		  'coverage() notes that large objects are not covered');

CREATE TABLE film (id int PRIMARY KEY, note text, picture oid, report oid);
INSERT INTO film VALUES (1, 'old', lo_from_bytea(0, 'before'), NULL);
SELECT is(custody.protect('film', large_objects => '{report,picture}'), 1::bigint, 'protected with large objects');
SELECT is((SELECT note FROM custody.coverage() WHERE relation = 'film'::regclass), NULL, 'coverage() has nothing to note');
INSERT INTO film VALUES (2, 'new', lo_from_bytea(0, 'second'), lo_creat(-1));
SELECT is((SELECT "row" ->> 'picture (large object)' FROM custody.history('film', '{"id": 2}')),
		  '6 sha256:' || encode(sha256('second'), 'hex'), 'its length and digest are recorded with the row');
SELECT is((SELECT "row" ->> 'report (large object)' FROM custody.history('film', '{"id": 2}')),
		  '0 sha256:' || encode(sha256(''), 'hex'), 'an empty one is');
SELECT results_eq($$SELECT * FROM custody.as_of(NULL::film, now()) ORDER BY id$$, 'SELECT * FROM film ORDER BY id',
				  'the row reads as it is');

-- with a hole, which reads as zeros
SELECT lo_put(report, 5000, 'end') FROM film WHERE id = 2 \g /dev/null
UPDATE film SET note = note WHERE id = 2;
SELECT is((SELECT array_agg("row" ->> 'report (large object)') FROM custody.history('film', '{"id": 2}') WHERE operation = 'update'),
		  (SELECT ARRAY['5003 sha256:' || encode(sha256(decode(repeat('00', 5000), 'hex') || 'end'), 'hex')]),
		  'a row changed with its large object records what it holds');

ALTER TABLE film RENAME COLUMN picture TO image;
SELECT is((SELECT large_objects FROM custody.protected_tables WHERE relation = 'film'::regclass),
		  '{report,image}'::name[], 'the protection follows a renamed column');
UPDATE film SET note = 'unlinked', image = NULL WHERE id = 2;

SELECT throws_ok($$SELECT custody.protect('scan', large_objects => '{picture}')$$, 'PC101', NULL, 'not twice');
CREATE TABLE blot (id int PRIMARY KEY, note text);
SELECT throws_ok($$SELECT custody.protect('blot', large_objects => '{note}')$$, '42804', NULL, 'text names no large object');
SELECT throws_ok($$SELECT custody.protect('blot', large_objects => '{nothing}')$$, '42703', NULL, 'nor does a column that is not there');
CREATE TABLE heap (picture oid);
SELECT throws_ok($$SELECT custody.protect('heap', large_objects => '{picture}')$$, '0A000', NULL, 'a table without a key cannot have them recorded');

SELECT ok(custody.seal() > 0, 'sealed');
SELECT is_empty('SELECT severity, code, message FROM custody.verify()', 'verify finds nothing');
SELECT * FROM finish();
