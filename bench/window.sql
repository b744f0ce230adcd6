-- The unsealed window: from a commit until its block is signed and durable.
-- psql -f bench/window.sql in a database with the extension, on a server with
-- the library preloaded and fsync on.  Commits come at random moments.

\set ON_ERROR_STOP on
CREATE TABLE window_commit (n int PRIMARY KEY);
SELECT custody.protect('window_commit');
CREATE TEMP TABLE window_length (ms float8);

CREATE PROCEDURE pg_temp.measure(commits int) LANGUAGE plpgsql AS $$
DECLARE
	committed timestamptz;
	own xid8;
BEGIN
	FOR i IN 1..commits LOOP
		PERFORM pg_sleep(random() * 1.5);
		INSERT INTO window_commit VALUES (i);
		own := pg_current_xact_id();
		COMMIT;
		committed := clock_timestamp();
		LOOP
			EXIT WHEN EXISTS (
				SELECT FROM custody.log_leaf JOIN custody.log_checkpoint ON tree_size > leaf_index WHERE xact_id = own);
			PERFORM pg_sleep(0.002);
			COMMIT;
		END LOOP;
		INSERT INTO window_length VALUES (extract(epoch FROM clock_timestamp() - committed) * 1000);
		COMMIT;
	END LOOP;
END $$;

CALL pg_temp.measure(100);
SELECT count(*) AS commits, round(min(ms)) AS min, round(avg(ms)) AS average,
	round(percentile_cont(0.5) WITHIN GROUP (ORDER BY ms)) AS median,
	round(percentile_cont(0.95) WITHIN GROUP (ORDER BY ms)) AS "95 %", round(max(ms)) AS max
FROM window_length;
SELECT custody.unprotect('window_commit', 'measured');
DROP TABLE window_commit;
