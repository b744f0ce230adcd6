-- The study nurse completes a visit's form.
\set p random(1, :patients / 4 - 1) * 4 + 1
\set visit random(1, 8)
\set ecog random(0, 3)
BEGIN ISOLATION LEVEL SERIALIZABLE;
SELECT custody.set_context('study.nurse', 'source data verification', 'clinical trial');
SELECT form FROM hospital.trial_visit WHERE patient_id = :p AND visit_no = :visit;
UPDATE hospital.trial_visit
SET form = jsonb_set(form, '{ecog}', to_jsonb(:ecog)) || '{"verified": true, "비고": "확인함"}'
WHERE patient_id = :p AND visit_no = :visit;
COMMIT;
