--
-- tamper/rows_undo.sql
--	  Put the three rows back as they were, and the triggers.
--
BEGIN;
ALTER TABLE hospital.medication_administration DISABLE TRIGGER ALL;
UPDATE hospital.medication_administration SET dose_mg = dose_mg * 2
WHERE administration_id = :dose;
ALTER TABLE hospital.medication_administration
	ENABLE TRIGGER ALL,
	ENABLE ALWAYS TRIGGER "!custody_capture",
	ENABLE ALWAYS TRIGGER "!custody_truncate";

ALTER TABLE hospital.adverse_event DISABLE TRIGGER ALL;
INSERT INTO hospital.adverse_event OVERRIDING SYSTEM VALUE SELECT * FROM public.insider;
ALTER TABLE hospital.adverse_event
	ENABLE TRIGGER ALL,
	ENABLE ALWAYS TRIGGER "!custody_capture",
	ENABLE ALWAYS TRIGGER "!custody_truncate";
COMMIT;

UPDATE pg_trigger SET tgenabled = 'D' WHERE tgrelid = 'hospital.consent'::regclass;
\connect
DELETE FROM hospital.consent WHERE consent_id = :consent;
UPDATE pg_trigger t SET tgenabled = s.tgenabled FROM public.insider_triggers s WHERE s.oid = t.oid;
DROP TABLE public.insider, public.insider_triggers;
