\set patient random(0, 49999)
BEGIN;
INSERT INTO clinic (patient_id, encounter_id, code, display, value, unit, status, observed_at)
VALUES (:patient, gen_random_uuid(), '2345-7', 'Glucose', 95.5, 'mg/dL', 'preliminary', now());
UPDATE clinic SET status = 'final', note = 'seen' WHERE id = (SELECT max(id) FROM clinic WHERE patient_id = :patient);
END;
