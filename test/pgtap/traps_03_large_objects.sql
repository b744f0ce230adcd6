-- Large objects change without any row changing: coverage() says so.
SET client_min_messages = warning;
SELECT plan(4);

CREATE TABLE scan (id int PRIMARY KEY, picture oid);
INSERT INTO scan VALUES (1, lo_from_bytea(0, 'first'));
SELECT is(custody.protect('scan'), 1::bigint, 'protected');
SELECT lo_put(picture, 0, 'FIRST') FROM scan \g /dev/null
SELECT ok((SELECT bool_or(note ILIKE '%large object%') FROM custody.coverage()),
		  'coverage() notes that large objects are not covered');
SELECT ok(custody.seal() > 0, 'sealed');
SELECT is_empty('SELECT severity, code, message FROM custody.verify()', 'verify finds nothing');
SELECT * FROM finish();
