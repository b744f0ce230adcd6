-- The analyser sends a panel; one value is corrected minutes later.
\set p random(1, :patients)
\set crp random(1, 90)
BEGIN;
SELECT custody.set_context('lab.robot', 'blood count', 'treatment', '{"analyser": "XN-1000", "rack": 12}');
INSERT INTO hospital.observation (patient_id, loinc, taken_at, value, unit)
SELECT :p, loinc, now(), round(mean::numeric, 2), unit FROM hospital.analyte;
COMMIT;
BEGIN;
SELECT custody.set_context('lab.robot', 'repeat measurement', 'treatment');
UPDATE hospital.observation SET value = :crp, status = 'corrected'
WHERE patient_id = :p AND loinc = '1988-5' AND taken_at > now() - interval '2 hours';
COMMIT;
