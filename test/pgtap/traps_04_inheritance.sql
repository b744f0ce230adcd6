-- Inheritance: rows live in the children, each with keys of its own.
SET client_min_messages = warning;
SELECT plan(15);

CREATE TABLE clin_item (id int PRIMARY KEY, narrative text);
CREATE TABLE allergy (severity int) INHERITS (clin_item);
CREATE TABLE vaccination (id int PRIMARY KEY, lot text) INHERITS (clin_item);
INSERT INTO clin_item VALUES (1, 'parent');
INSERT INTO allergy VALUES (1, 'same id in a child', 3), (2, 'pollen', 1);
INSERT INTO vaccination VALUES (1, 'tetanus', 'A1');
SELECT is(custody.protect('clin_item'), 4::bigint, 'every present child');
SELECT is((SELECT count(*) FROM custody.protected_tables), 3::bigint, 'each a table of its own');

UPDATE clin_item SET narrative = narrative || '!' WHERE id = 1;
SELECT is((SELECT count(*) FROM custody.history('clin_item') WHERE operation = 'update'), 3::bigint, 'update through the parent: its own row and those below');
SELECT is((SELECT count(*) FROM custody.history('vaccination', '{"id": 1}')), 2::bigint, 'and the row of a child with a key');
SELECT is((SELECT count(*) FROM custody.history('allergy') WHERE operation = 'update'), 1::bigint, 'and of a child without');
DELETE FROM clin_item WHERE id = 2;
SELECT is((SELECT count(*) FROM custody.history('allergy') WHERE operation = 'delete'), 1::bigint, 'delete through the parent');

-- a command on the parent reaches the children
ALTER TABLE clin_item ADD COLUMN modified timestamptz DEFAULT clock_timestamp();
ALTER TABLE clin_item RENAME COLUMN narrative TO txt;
SELECT ok(custody.seal() > 0, 'sealed');
SELECT is_empty('SELECT severity, code, relation, message FROM custody.verify()', 'verify finds nothing');

-- a later child is noticed
CREATE TABLE lab (value numeric) INHERITS (clin_item);
INSERT INTO lab VALUES (9, 'not protected', now(), 1.0);
SELECT ok((SELECT NOT protected AND note IS NOT NULL FROM custody.coverage() WHERE relation = 'lab'::regclass),
		  'coverage() notes a later child');
SELECT is(custody.protect('lab'), 1::bigint, 'which can be protected');

-- old-style partitioning: a BEFORE trigger redirects and returns NULL
CREATE TABLE event (id int, year int);
CREATE TABLE event_2026 (CHECK (year = 2026)) INHERITS (event);
CREATE FUNCTION redirect() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN INSERT INTO event_2026 VALUES (NEW.*); RETURN NULL; END $$;
CREATE TRIGGER redirect BEFORE INSERT ON event FOR EACH ROW EXECUTE FUNCTION redirect();
SELECT is(custody.protect('event'), 0::bigint, 'old-style partitions');
INSERT INTO event VALUES (1, 2026), (1, 2026);
SELECT is((SELECT count(*) FROM custody.history('event_2026')), 2::bigint, 'rows are recorded where they are');
SELECT is((SELECT count(*) FROM custody.entries WHERE relation = 'public.event' AND operation = 'insert'), 0::bigint, 'not where they were sent');
SELECT ok(custody.seal() > 0, 'sealed');
SELECT is_empty('SELECT severity, code, relation, message FROM custody.verify()', 'verify finds nothing');
SELECT * FROM finish();
