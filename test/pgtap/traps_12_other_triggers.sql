-- Other triggers: what they change, and the order in which it is recorded.
SET client_min_messages = warning;
SELECT plan(14);

-- BEFORE triggers change NEW: the entry holds what was stored.
CREATE TABLE patient (id int PRIMARY KEY, name text, touched int DEFAULT 0);
CREATE FUNCTION upper_name() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN NEW.name := upper(NEW.name); RETURN NEW; END $$;
CREATE TRIGGER a_before BEFORE INSERT OR UPDATE ON patient
FOR EACH ROW EXECUTE FUNCTION upper_name();
SELECT is(custody.protect('patient'), 0::bigint, 'protected');
INSERT INTO patient VALUES (1, 'ana'), (2, 'ben'), (3, 'cho');
SELECT is((SELECT string_agg(h."row"->>'name', ' ' ORDER BY entry_no)
		   FROM custody.history('patient') h),
		  'ANA BEN CHO', 'the entry holds what a BEFORE trigger made of the row');

-- A BEFORE trigger that returns NULL leaves nothing to record.
CREATE FUNCTION skip() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$;
CREATE TRIGGER b_before BEFORE DELETE ON patient FOR EACH ROW EXECUTE FUNCTION skip();
DELETE FROM patient;
SELECT is((SELECT count(*) FROM custody.history('patient')), 3::bigint,
		  'a change that a BEFORE trigger suppressed makes no entry');
DROP TRIGGER b_before ON patient;

-- An AFTER trigger changes the same row again.
CREATE FUNCTION again() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN
	IF pg_trigger_depth() = 1 THEN
		UPDATE patient SET touched = touched + 1 WHERE id = NEW.id;
	END IF;
	RETURN NULL;
END $$;
CREATE TRIGGER "!a_after" AFTER INSERT OR UPDATE ON patient
FOR EACH ROW EXECUTE FUNCTION again();
INSERT INTO patient VALUES (4, 'dan');
UPDATE patient SET name = 'eva' WHERE id = 4;
SELECT is((SELECT string_agg(operation || ' ' || (h."row"->>'name') || ' ' || (h."row"->>'touched'), ', '
							 ORDER BY ordinality)
		   FROM custody.history('patient', '{"id": 4}') WITH ORDINALITY h),
		  'insert DAN 0, update DAN 1, update EVA 1, update EVA 2',
		  'a row that an AFTER trigger changes again, even one that fires before ours');
DROP TRIGGER "!a_after" ON patient;

-- An AFTER trigger changes a row that the statement changed, too.
CREATE FUNCTION others() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN
	IF pg_trigger_depth() = 1 THEN
		UPDATE patient SET touched = touched + 100 WHERE id <> NEW.id;
	END IF;
	RETURN NULL;
END $$;
CREATE TRIGGER z_after AFTER UPDATE ON patient FOR EACH ROW EXECUTE FUNCTION others();
UPDATE patient SET touched = 10;
SELECT results_eq('SELECT * FROM custody.as_of(NULL::patient, now()) ORDER BY id',
				  'SELECT * FROM patient ORDER BY id',
				  'rows later in the statement are changed by the trigger of the first');
SELECT is((SELECT count(*) FROM custody.history('patient') WHERE operation = 'update'), 19::bigint,
		  'every change is recorded');

-- The trigger deletes a row that the statement inserted; savepoints roll back.
CREATE FUNCTION remove() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN
	BEGIN
		UPDATE patient SET touched = -1;
		RAISE EXCEPTION 'caught';
	EXCEPTION WHEN raise_exception THEN NULL;
	END;
	BEGIN
		UPDATE patient SET touched = 7 WHERE id > NEW.id;
		DELETE FROM patient WHERE id = NEW.id + 1;
	EXCEPTION WHEN division_by_zero THEN NULL;
	END;
	RETURN NULL;
END $$;
CREATE TRIGGER z_insert AFTER INSERT ON patient FOR EACH ROW EXECUTE FUNCTION remove();
DROP TRIGGER z_after ON patient;
INSERT INTO patient SELECT i, 'row' || i FROM generate_series(11, 20) i;
SELECT is((SELECT count(*) FROM patient WHERE id > 10), 1::bigint,
		  'rows of the statement are gone before their own triggers fire');
SELECT results_eq('SELECT * FROM custody.as_of(NULL::patient, now()) ORDER BY id',
				  'SELECT * FROM patient ORDER BY id',
				  'the ledger knows which rows still stand');
DROP TRIGGER z_insert ON patient;

-- A function called by the statement changes rows the statement has changed.
CREATE FUNCTION meddle(i int) RETURNS int LANGUAGE plpgsql AS
$$ BEGIN
	UPDATE patient SET touched = 1000 + i WHERE id = i - 1;
	RETURN i;
END $$;
UPDATE patient SET touched = meddle(id) WHERE id IN (2, 3);
SELECT results_eq('SELECT * FROM custody.as_of(NULL::patient, now()) ORDER BY id',
				  'SELECT * FROM patient ORDER BY id',
				  'so does a function that the statement calls');

-- Further tables, and deferred constraint triggers at commit.
CREATE TABLE journal (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, what text);
SELECT is(custody.protect('journal'), 0::bigint, 'a second table is protected');
CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN INSERT INTO journal (what) VALUES (TG_ARGV[0]); RETURN NULL; END $$;
CREATE TRIGGER z_note AFTER UPDATE ON patient FOR EACH ROW EXECUTE FUNCTION note('at once');
CREATE CONSTRAINT TRIGGER z_later AFTER UPDATE ON patient DEFERRABLE INITIALLY DEFERRED
FOR EACH ROW EXECUTE FUNCTION note('at commit');
BEGIN;
UPDATE patient SET name = 'fay' WHERE id = 1;
SAVEPOINT s;
UPDATE patient SET name = 'gil' WHERE id = 2;
ROLLBACK TO s;
COMMIT;
SELECT is((SELECT string_agg(h."row"->>'what', ', ' ORDER BY entry_no)
		   FROM custody.history('journal') h),
		  'at once, at commit', 'changes in other tables, also at commit');

-- Vendor scripts disable triggers by name and enable them again: not ours.
ALTER TABLE patient DISABLE TRIGGER z_note;
ALTER TABLE patient ENABLE TRIGGER z_note;
SELECT is((SELECT tgenabled::text FROM pg_trigger
		   WHERE tgrelid = 'patient'::regclass AND tgname = '!custody_capture'),
		  'A', 'capture stays enabled always');

SELECT ok(custody.seal() > 0, 'sealed');
SELECT is_empty('SELECT severity, code, row_key, message FROM custody.verify()',
				'verify finds nothing');
SELECT * FROM finish();
