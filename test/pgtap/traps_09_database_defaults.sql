-- The defaults of the database hit the sealer, too.
CREATE TABLE patient (id int PRIMARY KEY, seen timestamptz);
SELECT custody.protect('patient') \g /dev/null
SELECT format('ALTER DATABASE %I SET %s', current_database(), setting) AS command
FROM unnest('{default_transaction_read_only = on,
			  default_transaction_isolation = serializable,
			  default_transaction_deferrable = on,
			  statement_timeout = 1, lock_timeout = 1,
			  idle_in_transaction_session_timeout = 1,
			  row_security = off,
			  session_replication_role = replica,
			  "search_path = pg_temp, nowhere",
			  "datestyle = SQL, DMY",
			  intervalstyle = iso_8601,
			  timezone = ''Asia/Seoul'',
			  bytea_output = escape,
			  extra_float_digits = -15,
			  client_encoding = LATIN1,
			  standard_conforming_strings = off,
			  synchronous_commit = off,
			  check_function_bodies = off,
			  default_table_access_method = heap,
			  quote_all_identifiers = on,
			  transform_null_equals = on,
			  enable_indexscan = off}'::text[]) setting \gexec
SELECT current_database() AS db \gset
\c :db
SET statement_timeout = 0;
SET lock_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
SET search_path = public;
SET client_min_messages = warning;
SET default_transaction_read_only = off;
SET row_security = on;
SELECT plan(7);
SELECT is(current_setting('session_replication_role'), 'replica', 'a session in the replica role');
INSERT INTO patient VALUES (1, '2026-03-04 05:06:07.891234+00'), (2, 'infinity');
SELECT is((SELECT count(*) FROM custody.history('patient')), 2::bigint, 'is captured');
SELECT is((SELECT h."row"->>'seen' FROM custody.history('patient', '{"id": 1}') h),
		  '2026-03-04 05:06:07.891234+00', 'by the ledger''s own settings');
SET default_transaction_read_only = on;
SELECT ok(custody.seal() > 0, 'sealed');
SELECT is_empty('SELECT severity, code, message FROM custody.verify()', 'verify finds nothing and writes nothing');
SELECT is((SELECT count(*) FROM custody.transactions WHERE leaf_index IS NULL), 0::bigint, 'nothing is left unsealed');
SELECT is((SELECT count(*) FROM custody.as_of(NULL::patient, now())), 2::bigint, 'reading works in a read-only session');
SET default_transaction_read_only = off;
SELECT * FROM finish();
