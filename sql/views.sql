-- The log as views.
SET client_min_messages = warning;
CREATE SCHEMA vw;
SET search_path = vw;
CREATE TEMP TABLE before AS SELECT coalesce(max(txn_no), 0) AS txn_no FROM custody.transactions;

CREATE TABLE "Ward Bed" (id integer PRIMARY KEY, name text);
SELECT custody.protect('"Ward Bed"');
BEGIN;
SELECT custody.set_context('nurse', 'cleaned', 'operations', '{"shift": 2}');
INSERT INTO "Ward Bed" VALUES (1, 'a'), (2, 'b');
UPDATE "Ward Bed" SET id = 3 WHERE id = 2;
COMMIT;
DELETE FROM "Ward Bed" WHERE id = 1;
TRUNCATE "Ward Bed";

CREATE VIEW new_entries AS
SELECT e.* FROM custody.entries e, before b WHERE e.txn_no > b.txn_no;
SELECT relation, operation, entry_no, version IS NULL AS no_version, row_key, erased FROM new_entries
ORDER BY txn_no, entry_no;
SELECT count(DISTINCT relation_id) AS protections FROM new_entries;

SELECT t.entries, t.session_user_name = session_user AS me, t.outer_user_name = session_user AS outer_me,
	t.current_user_names = quote_ident(session_user) AS current_me, t.application_name, t.actor, t.reason,
	t.purpose, t.extra, length(t.root) AS root, t.started_at <= t.committed_at AS ordered, t.commit_no > 0 AS numbered
FROM custody.transactions t, before b WHERE t.txn_no > b.txn_no ORDER BY t.commit_no;

-- Sealing gives leaves: transactions in commit order.
SELECT custody.seal() > 0 AS sealed;
SELECT bool_and(leaf_index IS NOT NULL) AS all_sealed FROM custody.transactions;
SELECT bool_and(leaf_index IS NOT NULL) AS all_sealed FROM custody.entries;
SELECT count(*) AS out_of_order FROM (
	SELECT leaf_index, lag(leaf_index) OVER (ORDER BY commit_no) AS before FROM custody.transactions t, before b
	WHERE t.txn_no > b.txn_no) x
WHERE leaf_index <= before;

-- Blocks follow each other without a gap.
SELECT count(*) > 0 AS blocks, bool_and(signed) AS signed, bool_and(length(root) = 32 AND length(previous) = 32) AS hashes,
	bool_and(first_leaf < tree_size) AS sizes
FROM custody.blocks;
SELECT count(*) AS gaps FROM (
	SELECT first_leaf, lag(tree_size, 1, 0::bigint) OVER (ORDER BY block_no) AS size_before FROM custody.blocks) x
WHERE first_leaf <> size_before;

-- Status agrees with them.
SELECT s.tree_size = b.tree_size AS size, s.blocks = b.block_no + 1 AS blocks, s.last_seal = b.sealed_at AS last_seal,
	s.epoch = b.epoch AS epoch, s.incarnation = b.incarnation AS incarnation, s.origin = b.origin AS origin,
	s.unsealed_transactions, s.lag, s.last_anchor IS NULL AS no_anchor, s.anchor_lag IS NULL AS no_anchor_lag
FROM custody.status s, (SELECT * FROM custody.blocks ORDER BY block_no DESC LIMIT 1) b;
INSERT INTO "Ward Bed" VALUES (7, 'g');
SELECT unsealed_transactions, lag >= interval '0' AS lag FROM custody.status;

-- Status says when capture is switched off.
ALTER TABLE "Ward Bed" DISABLE TRIGGER ALL;
SELECT a AS alarm FROM custody.status, unnest(alarms) a WHERE a LIKE 'capture%';
ALTER TABLE "Ward Bed" ENABLE TRIGGER ALL;
SELECT a AS alarm FROM custody.status, unnest(alarms) a WHERE a LIKE 'capture%';

-- Keys and protections.
SELECT epoch = (SELECT epoch FROM custody.status) AS current, verifier_key = custody.verifier_key(epoch) AS same
FROM custody.keys ORDER BY epoch DESC LIMIT 1;
SELECT relation, subject, mode FROM custody.protected_tables WHERE relation = '"Ward Bed"'::regclass;

-- A table that was dropped keeps its name in the log.
DROP TABLE "Ward Bed";
SELECT DISTINCT relation FROM new_entries WHERE version IS NOT NULL;
SELECT operation FROM new_entries WHERE operation <> 'environment' ORDER BY txn_no DESC, entry_no DESC LIMIT 1;

-- The views cannot be written.
\set VERBOSITY terse
DELETE FROM custody.entries;
INSERT INTO custody.blocks DEFAULT VALUES;

DROP VIEW new_entries;
DROP TABLE before;
RESET search_path;
DROP SCHEMA vw CASCADE;
