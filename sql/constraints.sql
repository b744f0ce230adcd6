-- ON CONFLICT, MERGE, cascades, deferred constraints: what they change is recorded.
\pset format unaligned
CREATE TABLE patient (id int PRIMARY KEY, mrn text UNIQUE, visits int DEFAULT 0);
CREATE TABLE visit (id int PRIMARY KEY, patient int REFERENCES patient ON UPDATE CASCADE ON DELETE CASCADE, ward int);
CREATE TABLE bed (no int PRIMARY KEY, visit int REFERENCES visit ON DELETE SET NULL ON UPDATE SET NULL);
SELECT * FROM custody.protect_schema('public');

-- ON CONFLICT
INSERT INTO patient VALUES (1, 'A'), (2, 'B');
INSERT INTO patient VALUES (1, 'A') ON CONFLICT DO NOTHING;
INSERT INTO patient VALUES (1, 'A'), (3, 'C') ON CONFLICT (id) DO UPDATE SET visits = patient.visits + 1;
INSERT INTO patient VALUES (2, 'B') ON CONFLICT (id) DO UPDATE SET visits = 99 WHERE patient.mrn = 'nobody';
INSERT INTO patient VALUES (4, 'A') ON CONFLICT (mrn) DO UPDATE SET id = EXCLUDED.id;
SELECT operation, "row" FROM custody.history('patient');

-- MERGE
MERGE INTO patient p USING (VALUES (2, 'B'), (3, 'C'), (5, 'E'), (6, NULL)) s (id, mrn) ON p.id = s.id
WHEN MATCHED AND s.id = 2 THEN DELETE
WHEN MATCHED THEN UPDATE SET visits = visits + 10
WHEN NOT MATCHED AND s.mrn IS NULL THEN DO NOTHING
WHEN NOT MATCHED THEN INSERT VALUES (s.id, s.mrn);
SELECT operation, "row" FROM custody.history('patient', '{"id": 2}')
UNION ALL SELECT operation, "row" FROM custody.history('patient', '{"id": 3}')
UNION ALL SELECT operation, "row" FROM custody.history('patient', '{"id": 5}')
UNION ALL SELECT operation, "row" FROM custody.history('patient', '{"id": 6}');

-- cascades through three tables
INSERT INTO visit VALUES (10, 4, 1), (11, 4, 2), (12, 5, 1);
INSERT INTO bed VALUES (100, 10), (101, 11), (102, 12);
UPDATE patient SET id = 40 WHERE id = 4;
SELECT operation, "row" FROM custody.history('visit', '{"id": 10}');
UPDATE visit SET id = 13 WHERE id = 10;
SELECT operation, "row" FROM custody.history('bed', '{"no": 100}');
DELETE FROM patient WHERE id = 40;
SELECT operation, "row" FROM custody.history('visit', '{"id": 11}');
SELECT operation, "row" FROM custody.history('bed', '{"no": 101}');

-- a constraint that fails takes the entries with it
INSERT INTO visit VALUES (20, 5, 1), (21, 999, 1);
SELECT count(*) FROM custody.history('visit', '{"id": 20}');

-- deferred: checked and changed at commit
CREATE FUNCTION settle() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN UPDATE patient SET visits = (SELECT count(*) FROM visit WHERE patient = NEW.patient) WHERE id = NEW.patient; RETURN NULL; END $$;
CREATE CONSTRAINT TRIGGER settle AFTER INSERT ON visit DEFERRABLE INITIALLY DEFERRED
FOR EACH ROW EXECUTE FUNCTION settle();
BEGIN;
INSERT INTO visit VALUES (30, 5, 1);
INSERT INTO visit VALUES (31, 5, 1);
SELECT visits FROM patient WHERE id = 5;
COMMIT;
SELECT operation, "row" FROM custody.history('patient', '{"id": 5}');
BEGIN;
INSERT INTO visit VALUES (32, 5, 1);
SET CONSTRAINTS ALL IMMEDIATE;
INSERT INTO visit VALUES (33, 5, 1);
COMMIT;
SELECT operation, "row"->>'visits' AS visits FROM custody.history('patient', '{"id": 5}');
-- deferred foreign key, violated at commit
ALTER TABLE bed ALTER CONSTRAINT bed_visit_fkey DEFERRABLE INITIALLY DEFERRED;
BEGIN;
INSERT INTO bed VALUES (200, 999);
COMMIT;
SELECT count(*) FROM custody.history('bed', '{"no": 200}');
-- exclusion constraint
CREATE TABLE slot (during int4range, EXCLUDE USING gist (during WITH &&));
SELECT custody.protect('slot');
INSERT INTO slot VALUES ('[1,5)'), ('[5,9)');
INSERT INTO slot VALUES ('[4,6)') ON CONFLICT DO NOTHING;
INSERT INTO slot VALUES ('[4,6)');
SELECT operation, "row" FROM custody.history('slot');

SELECT custody.seal() > 0 AS sealed;
SELECT severity, code, relation, row_key, message FROM custody.verify();
SELECT (SELECT count(*) FROM patient) = (SELECT count(*) FROM custody.as_of(NULL::patient, 'infinity')) AS patients,
	(SELECT count(*) FROM visit) = (SELECT count(*) FROM custody.as_of(NULL::visit, 'infinity')) AS visits,
	(SELECT count(*) FROM bed) = (SELECT count(*) FROM custody.as_of(NULL::bed, 'infinity')) AS beds;
DROP TABLE patient, visit, bed, slot;
DROP FUNCTION settle;
