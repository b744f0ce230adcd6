-- Hot spots: many indexes, names of 63 bytes in mixed case, idle updates.
SET client_min_messages = warning;
SELECT plan(8);

SELECT rpad('Tabelle "Ü" mit ''Apostroph'' \ ', 60, 'X') AS name,
	rpad('Spalte; DROP TABLE "x" --', 60, 'Y') AS col,
	rpad('Schema % {} ', 61, 'Z') AS schema \gset
CREATE SCHEMA :"schema";
CREATE TABLE :"schema".:"name" ("Id" int, :"col" text, tags jsonb, words tsvector, "select" int[], "  " text,
	PRIMARY KEY ("Id", :"col"));
CREATE INDEX ON :"schema".:"name" USING gin (tags);
CREATE INDEX ON :"schema".:"name" USING gin (tags jsonb_path_ops);
CREATE INDEX ON :"schema".:"name" USING gin (words);
CREATE INDEX ON :"schema".:"name" USING gin ("select");
INSERT INTO :"schema".:"name" VALUES (1, 'a', '{"b": 1, "aa": 2}', 'fat cat', '{1,2}', '"');
SELECT is(custody.protect(format('%I.%I', :'schema', :'name')::regclass, :'col'), 1::bigint, 'odd names');
INSERT INTO :"schema".:"name" SELECT i, 'b''"\', '{}', '', '{}', ',' FROM generate_series(2, 300) i;
UPDATE :"schema".:"name" SET "select" = "select";
DELETE FROM :"schema".:"name" WHERE "Id" > 200;
SELECT is((SELECT count(*) FROM custody.history(format('%I.%I', :'schema', :'name')::regclass)), 700::bigint, 'every change');
SELECT is((SELECT count(*) FROM custody.history(format('%I.%I', :'schema', :'name')::regclass, jsonb_build_object('Id', 300, :'col', 'b''"\'))),
		  3::bigint, 'of one row');
SELECT is((SELECT count(*) FROM custody.subject_history('a')), 2::bigint, 'of one subject');
SELECT ok(custody.seal() > 0, 'sealed');
SELECT is_empty('SELECT severity, code, message FROM custody.verify()', 'verify finds nothing');
SELECT lives_ok(format('SELECT custody.unprotect(%L, ''it''''s over'')', format('%I.%I', :'schema', :'name')), 'protection ended');
DROP SCHEMA :"schema" CASCADE;
SELECT is_empty('SELECT severity, code, message FROM custody.verify()', 'verify finds nothing when it is gone');
SELECT * FROM finish();
