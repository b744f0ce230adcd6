--
-- story.sql
--	  The three transactions the demonstration later looks at: a dose is given
--	  to patient 8, corrected by a doctor, and the record is disclosed.
--
-- Prints: administration_id, a time between the first two; disclosure_id.
--
BEGIN;
SELECT custody.set_context('nurse.choi', 'chemotherapy, cycle 7', 'treatment') \g /dev/null
INSERT INTO hospital.medication_administration
	(patient_id, regimen, cycle_no, drug, dose_mg, body_surface_m2, route, lot_no, given_by, second_check_by)
SELECT patient_id, regimen, 7, 'doxorubicin', 107.40, body_surface_m2, 'iv',
	   (SELECT max(lot_no) FROM hospital.drug_lot WHERE drug = 'doxorubicin'), 'nurse.choi', 'pharm.nguyen'
FROM hospital.treatment_cycle WHERE patient_id = 8 AND cycle_no = 7
RETURNING administration_id \gset
COMMIT;
SELECT pg_sleep(0.05) \g /dev/null
SELECT :administration_id, clock_timestamp();
SELECT pg_sleep(0.05) \g /dev/null
BEGIN;
SELECT custody.set_context('dr.kim', 'infusion stopped early, allergic reaction', 'treatment') \g /dev/null
UPDATE hospital.medication_administration SET dose_mg = 64.20
WHERE administration_id = :administration_id;
COMMIT;
BEGIN;
SELECT custody.set_context('front.desk', 'copy for the insurer', 'disclosure') \g /dev/null
INSERT INTO hospital.disclosure (patient_id, recipient, what, legal_basis)
VALUES (8, 'AOK Rheinland', '{medication_administration}', 'consent of the patient')
RETURNING disclosure_id;
COMMIT;
