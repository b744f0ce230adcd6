-- Copies: two databases continue one ledger, each as a life of its own.
SET client_min_messages = warning;
CREATE TABLE patient (id int PRIMARY KEY, name text);
SELECT custody.protect('patient') \g /dev/null
INSERT INTO patient VALUES (1, 'sealed before');
SELECT custody.seal() \g /dev/null
INSERT INTO patient VALUES (2, 'not sealed before');
SELECT current_database() AS db, current_database() || '_copy' AS copy \gset
\c postgres
CREATE DATABASE :copy TEMPLATE :db;
\c :copy
SET client_min_messages = warning;
SELECT plan(6);
UPDATE patient SET name = 'in the copy' WHERE id = 1;
SELECT ok(custody.seal() > 0, 'the copy seals');
SELECT is_empty('SELECT severity, code, message FROM custody.verify()', 'verify finds nothing in the copy');
SELECT is((SELECT incarnation FROM custody.status), 2, 'it is another life');
SELECT is((SELECT count(*) FROM custody.history('patient')), 3::bigint, 'with all the history');
SELECT origin AS copied_origin FROM custody.status \gset
INSERT INTO patient VALUES (3, 'only in the copy');
\c :db
SET client_min_messages = warning;
UPDATE patient SET name = 'in the original' WHERE id = 1;
SELECT CASE WHEN custody.seal() > 0 AND NOT EXISTS (SELECT FROM custody.verify())
	THEN 'ok' ELSE 'not ok' END || ' 5 - the original goes on, verify finds nothing';
SELECT CASE WHEN incarnation = 1 AND origin <> :'copied_origin'
	THEN 'ok' ELSE 'not ok' END || ' 6 - as the life it was'
FROM custody.status;
\c postgres
DROP DATABASE :copy WITH (FORCE);
