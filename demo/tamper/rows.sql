--
-- tamper/rows.sql
--	  An insider with every privilege changes three clinical rows behind the
--	  triggers.  Variables: dose, event, consent, patient (row numbers).
--

-- A dose is made to look smaller, with all triggers off and on again.  A careful
-- insider knows that ENABLE TRIGGER does not undo it for a trigger that fires
-- always: in replica mode it would not fire any more, and verify says so.
BEGIN;
ALTER TABLE hospital.medication_administration DISABLE TRIGGER ALL;
UPDATE hospital.medication_administration SET dose_mg = dose_mg / 2
WHERE administration_id = :dose;
ALTER TABLE hospital.medication_administration
	ENABLE TRIGGER ALL,
	ENABLE ALWAYS TRIGGER "!custody_capture",
	ENABLE ALWAYS TRIGGER "!custody_truncate";
COMMIT;

-- A severe side effect disappears.  This time the insider forgets about that.
CREATE TABLE public.insider AS
SELECT * FROM hospital.adverse_event WHERE event_id = :event;
BEGIN;
ALTER TABLE hospital.adverse_event DISABLE TRIGGER ALL;
DELETE FROM hospital.adverse_event WHERE event_id = :event;
ALTER TABLE hospital.adverse_event ENABLE TRIGGER ALL;
COMMIT;

-- A consent that was never given appears.  The catalog is edited by hand, which
-- no event trigger sees; it takes effect in the next session.
CREATE TABLE public.insider_triggers AS
SELECT oid, tgenabled FROM pg_trigger WHERE tgrelid = 'hospital.consent'::regclass;
UPDATE pg_trigger SET tgenabled = 'D' WHERE tgrelid = 'hospital.consent'::regclass;
\connect
INSERT INTO hospital.consent (consent_id, patient_id, scope, wording, given_on)
OVERRIDING SYSTEM VALUE
VALUES (:consent, :patient, 'trial', 'I have been informed and I consent. (trial)', current_date - 200);
UPDATE pg_trigger t SET tgenabled = s.tgenabled FROM public.insider_triggers s WHERE s.oid = t.oid;
