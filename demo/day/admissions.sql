-- A new patient with consent; then one registered twice, and removed again with
-- everything that hangs on the record.
BEGIN;
SELECT custody.set_context('front.desk', 'new patient', 'administration');
INSERT INTO hospital.patient (patient_id, mrn, family_name, given_name, native_name, born, sex, language, allergies)
SELECT id, 'MRN' || lpad((900000 + id)::text, 8, '0'), 'Zhou', 'Min', '周敏', '1961-05-08', 'female', 'zh', '{青霉素,"X-ray contrast"}'
FROM nextval('hospital.patient_patient_id_seq') AS id
RETURNING patient_id AS p \gset
INSERT INTO hospital.consent (patient_id, scope, wording, given_on, signature)
VALUES (:p, 'treatment', '本人已知情并同意。', current_date, '\xc0ffee');
INSERT INTO hospital.encounter (patient_id, class, ward_code, attending, stay)
VALUES (:p, 'inpatient', 'HEM', 'dr.wang', tstzrange(now(), NULL));
COMMIT;
BEGIN;
SELECT custody.set_context('front.desk', 'emergency registration', 'administration');
INSERT INTO hospital.patient (patient_id, mrn, family_name, given_name, born, language)
SELECT id, 'MRN' || lpad((900000 + id)::text, 8, '0'), 'Unbekannt', 'Notfall', '1900-01-01', 'de'
FROM nextval('hospital.patient_patient_id_seq') AS id
RETURNING patient_id AS q \gset
INSERT INTO hospital.encounter (patient_id, class, ward_code, attending, stay)
VALUES (:q, 'emergency', 'ICU', 'dr.weber', tstzrange(now(), NULL)) RETURNING encounter_id AS e \gset
INSERT INTO hospital.claim (patient_id, encounter_id, payer, billed, codes, service)
VALUES (:q, :e, 'AOK', 310.50, '{8-980}', daterange(current_date, NULL));
COMMIT;
BEGIN;
SELECT custody.set_context('front.desk', 'registered twice', 'administration');
DELETE FROM hospital.patient WHERE patient_id = :q;
COMMIT;
