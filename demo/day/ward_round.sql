-- The doctor's round: notes, a side effect, now and then a new diagnosis.
\set p random(1, :patients)
\set grade random(1, 3)
BEGIN;
SELECT custody.set_context('dr.kim', 'ward round', 'treatment');
UPDATE hospital.encounter SET note = note || ' 회진: 통증 조절 양호.'
WHERE encounter_id = (SELECT max(encounter_id) FROM hospital.encounter WHERE patient_id = :p);
INSERT INTO hospital.adverse_event (patient_id, ctcae_term, grade, during, related_to, narrative)
VALUES (:p, 'Fatigue', :grade, daterange(current_date, NULL), '{radiotherapy}', '환자가 피로감을 호소함');
INSERT INTO hospital.condition (patient_id, icd10, recorded_on, label)
VALUES (:p, 'R53', current_date, 'Malaise and fatigue')
ON CONFLICT (patient_id, icd10, recorded_on) DO UPDATE SET label = excluded.label || ' (again)';
COMMIT;
