-- Who may ask for what: nobody by default, and never more than his own rights.
SET client_min_messages = warning;
CREATE ROLE regress_custody_nobody;
CREATE ROLE regress_custody_app;
CREATE ROLE "regress custody ""auditor""";
CREATE SCHEMA priv;
GRANT USAGE ON SCHEMA priv TO PUBLIC;
SET search_path = priv;
CREATE TABLE patient (id integer PRIMARY KEY, ward text, name text);
CREATE TABLE visit (id integer PRIMARY KEY, person text);
INSERT INTO patient VALUES (1, 'A1', 'one'), (2, 'B2', 'two');
SELECT custody.protect('patient', 'name'), custody.protect('visit', 'person');
UPDATE patient SET name = 'uno' WHERE id = 1;
UPDATE patient SET name = 'due' WHERE id = 2;
INSERT INTO visit VALUES (1, 'uno');

-- PUBLIC has nothing.
SELECT count(*) AS functions FROM pg_proc
WHERE pronamespace = 'custody'::regnamespace AND has_function_privilege('regress_custody_nobody', oid, 'EXECUTE');
SELECT count(*) AS relations FROM pg_class
WHERE relnamespace = 'custody'::regnamespace AND relkind IN ('r', 'v')
	AND has_table_privilege('regress_custody_nobody', oid, 'SELECT, INSERT, UPDATE, DELETE, TRUNCATE');
SET ROLE regress_custody_nobody;
SELECT * FROM custody.history('priv.patient');
RESET ROLE;

-- An application: its context, and the past of what it may read.
SELECT custody.grant_application('regress_custody_app');
SET ROLE regress_custody_app;
SELECT custody.set_context('someone');
SELECT * FROM custody.history('patient');
SELECT * FROM custody.history('patient', '{"id": 1}');
SELECT * FROM custody.history(NULL::patient);
SELECT * FROM custody.as_of(NULL::patient, now());
SELECT * FROM custody.subject_history('uno');
SELECT custody.seal();
SELECT * FROM custody.entries;
SELECT * FROM custody.log_chunk;
SELECT custody.grant_application('regress_custody_app');
RESET ROLE;

-- SELECT on some columns is not enough.
GRANT SELECT (id, name) ON patient TO regress_custody_app;
SET ROLE regress_custody_app;
SELECT * FROM custody.history('patient', '{"id": 1}');
RESET ROLE;
GRANT SELECT ON patient TO regress_custody_app;
SET ROLE regress_custody_app;
SELECT operation, "row" FROM custody.history('patient', '{"id": 1}');
SELECT * FROM custody.as_of(NULL::patient, now()) ORDER BY id;
-- Of a subject: all tables or an error, never a part in silence.
SELECT relation, operation FROM custody.subject_history('uno');
RESET ROLE;
GRANT SELECT ON visit TO regress_custody_app;
SET ROLE regress_custody_app;
SELECT relation, operation FROM custody.subject_history('uno');
RESET ROLE;

-- Row security: the past of rows that the caller sees now.
ALTER TABLE patient ENABLE ROW LEVEL SECURITY;
CREATE POLICY ward ON patient FOR SELECT USING (ward = 'A1');
SET ROLE regress_custody_app;
SELECT operation, "row" FROM custody.history('patient');
SELECT operation, "row" FROM custody.history('patient', '{"id": 1}');
SELECT operation, "row" FROM custody.history('patient', '{"id": 2}');
SELECT * FROM custody.history(NULL::patient);
SELECT * FROM custody.as_of(NULL::patient, now());
SELECT relation, operation FROM custody.subject_history('due');
SET row_security = off;
SELECT operation, "row" FROM custody.history('patient', '{"id": 1}');
RESET row_security;
RESET ROLE;
-- A row that is gone is not seen any more, but by those whom no policy binds.
DELETE FROM patient WHERE id = 1;
SET ROLE regress_custody_app;
SELECT operation, "row" FROM custody.history('patient', '{"id": 1}');
RESET ROLE;
SELECT operation, "row" FROM custody.history('patient', '{"id": 1}');

-- A table that was dropped: only the ledger's owner sees what was recorded.
DROP TABLE visit;
SET ROLE regress_custody_app;
SELECT relation, operation FROM custody.subject_history('uno');
RESET ROLE;
SELECT relation, operation FROM custody.subject_history('uno');

-- An auditor: the whole log, and of the tables nothing.
SELECT custody.grant_auditor('"regress custody ""auditor"""');
SET ROLE "regress custody ""auditor""";
SELECT count(*) > 0 AS entries FROM custody.entries;
SELECT count(*) > 0 AS transactions FROM custody.transactions;
SELECT count(*) >= 0 AS blocks FROM custody.blocks;
SELECT count(*) >= 0 AS keys FROM custody.keys;
SELECT count(*) > 0 AS protected_tables FROM custody.protected_tables;
SELECT count(*) AS status FROM custody.status;
SELECT count(*) > 0 AS coverage FROM custody.coverage();
SELECT operation FROM custody.history('patient');
SELECT custody.set_context('someone');
SELECT * FROM custody.log_transaction;
DELETE FROM custody.log_chunk;
SELECT custody.unprotect('patient', 'no');
SELECT custody.grant_auditor('regress_custody_nobody');
RESET ROLE;

-- Only the ledger's owner grants, whatever else was granted.
GRANT EXECUTE ON FUNCTION custody.grant_auditor(regrole) TO regress_custody_app;
SET ROLE regress_custody_app;
SELECT custody.grant_auditor('regress_custody_app');
RESET ROLE;
SELECT custody.grant_auditor('regress_custody_no_such_role');
SELECT custody.grant_auditor(0::oid::regrole);

RESET search_path;
DROP SCHEMA priv CASCADE;
DROP OWNED BY regress_custody_nobody, regress_custody_app, "regress custody ""auditor""";
DROP ROLE regress_custody_nobody, regress_custody_app, "regress custody ""auditor""";
