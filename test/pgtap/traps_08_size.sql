-- Size: documents arrive as INSERT of an empty value, then UPDATE.
SET client_min_messages = warning;
SELECT plan(14);

CREATE FUNCTION growth() RETURNS bigint LANGUAGE sql AS
$$ SELECT pg_total_relation_size('custody.log_chunk') $$;

CREATE TABLE blobs (id int PRIMARY KEY, note text, data bytea, scan bytea);
ALTER TABLE blobs ALTER data SET STORAGE EXTERNAL;
SELECT is(custody.protect('blobs'), 0::bigint, 'protected');
INSERT INTO blobs VALUES (1, 'empty', '', NULL);
SELECT growth() AS size \gset
UPDATE blobs SET data = (SELECT string_agg(sha256(i::text::bytea), '' ORDER BY i)
						 FROM generate_series(1, 655360) i);
SELECT is(length(data), 20971520, 'a document of 20 MB') FROM blobs;
SELECT ok(growth() - :size < 48 * 1024 * 1024, 'is stored once, as text');
SELECT growth() AS size \gset
UPDATE blobs SET note = 'other column';
UPDATE blobs SET note = 'and again';
SELECT ok(growth() - :size < 100 * 1024, 'an update of another column does not store it again');

-- a trigger that makes a new copy of it
CREATE FUNCTION copies() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN NEW.data := NEW.data || ''::bytea; RETURN NEW; END $$;
CREATE TRIGGER copies BEFORE UPDATE ON blobs FOR EACH ROW EXECUTE FUNCTION copies();
UPDATE blobs SET note = 'copied';
SELECT ok(growth() - :size < 100 * 1024, 'nor does a trigger that copies it');
DROP TRIGGER copies ON blobs;
UPDATE blobs SET scan = data;
UPDATE blobs SET id = 2;
SELECT ok(growth() - :size < 60 * 1024 * 1024, 'a second column stores it a second time');
SELECT ok((SELECT (h."row"->>'data') = (SELECT data::text FROM blobs)
		   FROM custody.history('blobs', '{"id": 2}') h), 'its history still shows it');
SELECT growth() AS size \gset
DELETE FROM blobs;
SELECT ok(growth() - :size < 100 * 1024, 'a delete does not store it');

-- one column of 103
SELECT format('CREATE TABLE patient (id int PRIMARY KEY, %s)',
			  string_agg(format('c%s text DEFAULT %L', i, repeat('value ', 5) || i), ', ')) AS command
FROM generate_series(1, 102) i \gset
:command;
SELECT is(custody.protect('patient'), 0::bigint, '103 columns');
INSERT INTO patient (id) SELECT generate_series(1, 20);
UPDATE patient SET c50 = 'changed';
SELECT is((SELECT count(*) FROM custody.history('patient') h WHERE h."row"->>'c50' = 'changed'), 20::bigint, 'one changes');

-- values of every size around the limits of storage
CREATE TABLE report (id int PRIMARY KEY, txt text);
SELECT is(custody.protect('report'), 0::bigint, 'reports');
INSERT INTO report SELECT i, repeat(chr(65 + i % 26), i) FROM unnest('{0,1,126,127,1023,1024,1025,1990,2100,7590,7600,7700,8160,30000}'::int[]) i;
INSERT INTO report SELECT 100000 + i, (SELECT string_agg(md5(j::text), '') FROM generate_series(1, i) j)
FROM unnest('{31,32,33,60,70,237,240,255,300}'::int[]) i;
UPDATE report SET txt = txt || 'x' WHERE id % 2 = 0;
UPDATE report SET id = -id;
SELECT results_eq('SELECT * FROM custody.as_of(NULL::report, now()) ORDER BY id', 'SELECT * FROM report ORDER BY id', 'of every size');

SELECT ok(custody.seal() > 0, 'sealed');
SELECT is_empty('SELECT severity, code, row_key, message FROM custody.verify()', 'verify finds nothing');
SELECT * FROM finish();
