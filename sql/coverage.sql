-- Which tables are protected: every user table is listed.
SET client_min_messages = warning;
CREATE SCHEMA cov;
SET search_path = cov;
CREATE VIEW covered AS
SELECT c.* FROM custody.coverage() c JOIN pg_class k ON k.oid = c.relation
WHERE k.relnamespace = 'cov'::regnamespace ORDER BY k.relname;

CREATE TABLE plain (id integer PRIMARY KEY, person text);
CREATE TABLE nokey (v text);
CREATE TABLE image (id integer PRIMARY KEY, scan oid);
CREATE UNLOGGED TABLE scratch (id integer PRIMARY KEY);
CREATE TEMP TABLE mine (id integer);
CREATE VIEW a_view AS SELECT * FROM plain;
CREATE TABLE part (id integer PRIMARY KEY) PARTITION BY LIST (id);
CREATE TABLE part_1 PARTITION OF part FOR VALUES IN (1);
CREATE TABLE part_2 PARTITION OF part FOR VALUES IN (2);
CREATE TABLE parent (id integer PRIMARY KEY);
CREATE TABLE child (PRIMARY KEY (id)) INHERITS (parent);
SELECT * FROM covered;

SELECT custody.protect('plain', 'person'), custody.protect('nokey'), custody.protect('image'),
	custody.protect('part'), custody.protect('parent');
INSERT INTO plain VALUES (1, 'A'), (2, 'B');
UPDATE plain SET person = 'C' WHERE id = 2;
DELETE FROM plain WHERE id = 1;
INSERT INTO part VALUES (1), (2);
INSERT INTO child VALUES (1);
TRUNCATE nokey;		-- an entry, but of no row
ANALYZE plain, part;
SELECT * FROM covered;

-- Capture that is off, or incomplete, is named.
ALTER TABLE plain DISABLE TRIGGER "!custody_capture";
ALTER TABLE part_2 ENABLE TRIGGER "!custody_capture";	-- not ALWAYS any more
DROP TRIGGER "!custody_truncate" ON child;
SELECT relation, protected, capture_enabled, note FROM covered
WHERE relation::text IN ('plain', 'part', 'parent', 'child');
ALTER TABLE plain ENABLE ALWAYS TRIGGER "!custody_capture";
ALTER TABLE part_2 ENABLE ALWAYS TRIGGER "!custody_capture";

-- Protection that ended; the entries stay.
SELECT custody.unprotect('plain', 'to test coverage');
SELECT * FROM covered WHERE relation::text = 'plain';

-- A new partition is captured from its creation on.
CREATE TABLE part_3 PARTITION OF part FOR VALUES IN (3);
INSERT INTO part VALUES (3);
SELECT relation, capture_enabled, entries FROM covered WHERE relation::text LIKE 'part%';

-- Nothing of the system's or the ledger's own is listed.
SELECT count(*) FROM custody.coverage() c JOIN pg_class k ON k.oid = c.relation
WHERE k.relnamespace::regnamespace::text IN ('custody', 'pg_catalog', 'information_schema', 'pg_toast');

RESET search_path;
DROP SCHEMA cov CASCADE;
DROP TABLE mine;
