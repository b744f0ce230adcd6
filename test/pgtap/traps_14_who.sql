-- Who: one login for all; the person is in the context.
SET client_min_messages = warning;
SELECT plan(16);

CREATE ROLE custody_traps_app;
CREATE ROLE "custody traps, clerk";
CREATE TABLE patient (id int PRIMARY KEY, name text);
GRANT ALL ON patient TO custody_traps_app, "custody traps, clerk";
SELECT is(custody.protect('patient'), 0::bigint, 'protected');
-- the sealer's own first transaction must not come between
SELECT custody.seal() \g /dev/null
SELECT custody.grant_application('custody_traps_app') \g /dev/null

BEGIN;
SET LOCAL ROLE custody_traps_app;
SELECT custody.set_context('Dr. 김', 'admission', 'treatment', '{"ward": 3, "a": [1, null]}') \g /dev/null
INSERT INTO patient VALUES (1, 'ana');
COMMIT;
CREATE VIEW last AS SELECT * FROM custody.transactions ORDER BY commit_no DESC LIMIT 1;
SELECT is(actor || '/' || reason || '/' || purpose, 'Dr. 김/admission/treatment', 'who and why') FROM last;
SELECT is(extra, '{"ward": 3, "a": [1, null]}'::jsonb, 'and more') FROM last;
SELECT is(session_user_name, session_user::text, 'who logged in') FROM last;
SELECT is(outer_user_name, 'custody_traps_app', 'after SET ROLE') FROM last;
SELECT is(current_user_names, 'custody_traps_app', 'in force') FROM last;

INSERT INTO patient VALUES (2, 'ben');
SELECT is(concat(actor, reason, purpose, extra), '', 'the context ends with the transaction') FROM last;

-- hidden behind SECURITY DEFINER and further SET ROLEs: all are named
CREATE FUNCTION hide() RETURNS void LANGUAGE sql SECURITY DEFINER AS $$ UPDATE patient SET name = 'hidden' WHERE id = 1 $$;
ALTER FUNCTION hide() OWNER TO "custody traps, clerk";
BEGIN;
SET LOCAL ROLE custody_traps_app;
SELECT hide() \g /dev/null
UPDATE patient SET name = 'open' WHERE id = 2;
COMMIT;
SELECT is(current_user_names, '"custody traps, clerk",custody_traps_app', 'every role in force') FROM last;
CREATE FUNCTION many() RETURNS void LANGUAGE plpgsql AS
$$
BEGIN
	FOR i IN 10..39 LOOP
		EXECUTE format('CREATE ROLE custody_traps_%s IN ROLE custody_traps_app', i);
		EXECUTE format('SET LOCAL ROLE custody_traps_%s', i);
		UPDATE patient SET name = name || i WHERE id = 1;
		RESET ROLE;
	END LOOP;
END $$;
SELECT many() \g /dev/null
SELECT is(array_length(string_to_array(current_user_names, ','), 1), 30, 'however many') FROM last;

-- rolled back context, prepared statements, settings of a pooler
BEGIN;
SELECT custody.set_context('first') \g /dev/null
SAVEPOINT s;
SELECT custody.set_context('second') \g /dev/null
ROLLBACK TO s;
UPDATE patient SET name = 'x' WHERE id = 2;
COMMIT;
SELECT is(actor, 'first', 'a context that was rolled back') FROM last;
SET custody.context_actor = 'pooler';
UPDATE patient SET name = 'y' WHERE id = 2;
SELECT is(actor, 'pooler', 'a context set for the session') FROM last;
RESET custody.context_actor;
SELECT throws_ok($$ SET custody.context_extra = '{"a":' $$, '22023', NULL, 'extra is JSON');
SELECT throws_ok($$ SET custody.context_extra = '{"a": "\u0000"}' $$, '22023', NULL, 'that the views can show');

SET application_name = 'clinic';
UPDATE patient SET name = 'z' WHERE id = 2;
SELECT is(application_name, 'clinic', 'the application') FROM last;
DROP VIEW last;
SELECT ok(custody.seal() > 0, 'sealed');
SELECT is_empty('SELECT severity, code, message FROM custody.verify()', 'verify finds nothing');
SELECT * FROM finish();
SELECT format('DROP OWNED BY %I', rolname), format('DROP ROLE %I', rolname)
FROM pg_roles WHERE rolname ~ '^custody.traps' ORDER BY rolname \gexec
