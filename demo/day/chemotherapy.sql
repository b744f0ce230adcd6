-- Chemotherapy at the bedside: the first lot scanned is refused, then a second
-- one is given and checked by somebody else.
\set p random(1, :patients / 8) * 8
\set cycle random(1, 8)
\set serial random(1, 100)
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT custody.set_context('nurse.choi', 'chemotherapy, day 1', 'treatment');
SAVEPOINT scan;
UPDATE hospital.drug_unit SET state = 'dispensed'
WHERE serial = :serial
  AND lot_no = (SELECT min(lot_no) FROM hospital.drug_lot WHERE drug = 'doxorubicin');
ROLLBACK TO SAVEPOINT scan;
UPDATE hospital.drug_unit SET state = 'dispensed'
WHERE serial = :serial
  AND lot_no = (SELECT max(lot_no) FROM hospital.drug_lot WHERE drug = 'doxorubicin');
INSERT INTO hospital.medication_administration
	(patient_id, regimen, cycle_no, drug, dose_mg, body_surface_m2, route, lot_no, given_by, second_check_by)
SELECT patient_id, regimen, cycle_no, 'doxorubicin', round(60 * body_surface_m2, 1), body_surface_m2, 'iv',
	   (SELECT max(lot_no) FROM hospital.drug_lot WHERE drug = 'doxorubicin'), 'nurse.choi', 'pharm.nguyen'
FROM hospital.treatment_cycle
WHERE patient_id = :p AND cycle_no = :cycle;
RELEASE SAVEPOINT scan;
COMMIT;
