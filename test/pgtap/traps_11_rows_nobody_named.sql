-- Rows nobody named: cascades, rules, ON DELETE SET NULL.
SET client_min_messages = warning;
SELECT plan(8);

CREATE TABLE patient (id int PRIMARY KEY, name text, active bool DEFAULT true);
CREATE TABLE visit (id int PRIMARY KEY, patient int REFERENCES patient ON DELETE CASCADE ON UPDATE CASCADE);
CREATE TABLE finding (id int PRIMARY KEY, visit int REFERENCES visit ON DELETE SET NULL,
	referral int DEFAULT 7 REFERENCES visit ON DELETE SET DEFAULT);
INSERT INTO patient VALUES (1, 'ana'), (2, 'ben');
INSERT INTO visit SELECT i, 1 + i % 2 FROM generate_series(1, 400) i;
INSERT INTO finding SELECT i, i, 10 FROM generate_series(1, 400) i;
SELECT is((SELECT sum(baseline_rows) FROM custody.protect_schema('public')), 802::numeric, 'three tables');
DELETE FROM patient WHERE id = 1;
SELECT results_eq($$ SELECT relation, operation, count(*) FROM custody.entries
					 WHERE operation IN ('delete', 'update') GROUP BY 1, 2 ORDER BY 1, 2 $$,
	$$ VALUES ('public.finding', 'update', 600::bigint), ('public.patient', 'delete', 1), ('public.visit', 'delete', 200) $$,
	'cascades by the hundred');
SELECT results_eq('SELECT * FROM custody.as_of(NULL::finding, now()) ORDER BY id', 'SELECT * FROM finding ORDER BY id',
				  'rows that two foreign keys changed');
UPDATE patient SET id = 3;
SELECT results_eq('SELECT * FROM custody.as_of(NULL::visit, now()) ORDER BY id', 'SELECT * FROM visit ORDER BY id', 'update cascades');

-- a rule turns DELETE into UPDATE
CREATE RULE keep AS ON DELETE TO patient DO INSTEAD UPDATE patient SET active = false WHERE id = OLD.id;
DELETE FROM patient;
SELECT is((SELECT operation || ' ' || (h."row"->>'active') FROM custody.history('patient', '{"id": 3}') WITH ORDINALITY h
		   ORDER BY ordinality DESC LIMIT 1), 'update false', 'what the rule made of it');

-- a view with an INSTEAD OF trigger, and an updatable view
CREATE VIEW active_patient AS SELECT id, name FROM patient WHERE active;
CREATE VIEW everyone AS SELECT DISTINCT id, name FROM patient;
CREATE FUNCTION via() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN INSERT INTO patient VALUES (NEW.id, NEW.name); RETURN NEW; END $$;
CREATE TRIGGER via INSTEAD OF INSERT ON everyone FOR EACH ROW EXECUTE FUNCTION via();
INSERT INTO active_patient VALUES (4, 'dan');
INSERT INTO everyone VALUES (5, 'eva');
WITH moved AS (DELETE FROM finding WHERE id <= 10 RETURNING id), more AS (UPDATE patient SET name = 'both' WHERE id = 4 RETURNING 1)
INSERT INTO patient SELECT id + 100, 'cte' FROM moved;
SELECT results_eq('SELECT * FROM custody.as_of(NULL::patient, now()) ORDER BY id', 'SELECT * FROM patient ORDER BY id',
				  'views and data-modifying WITH');
SELECT ok(custody.seal() > 0, 'sealed');
SELECT is_empty('SELECT severity, code, message FROM custody.verify()', 'verify finds nothing');
SELECT * FROM finish();
