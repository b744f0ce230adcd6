-- The records office: a disclosure, a withdrawn consent, an addendum to a long report.
\set p random(1, :patients)
BEGIN;
SELECT custody.set_context('front.desk', 'request by the patient', 'disclosure');
INSERT INTO hospital.disclosure (patient_id, recipient, what, legal_basis)
VALUES (:p, 'Zweitmeinungszentrum Zürich', '{pathology_report,observation}', 'consent of the patient');
UPDATE hospital.consent SET withdrawn_on = current_date
WHERE patient_id = :p AND scope = 'research data' AND withdrawn_on IS NULL;
UPDATE hospital.pathology_report SET report = report || ' Addendum: reviewed at the tumour board.'
WHERE report_id = (SELECT max(report_id) FROM hospital.pathology_report WHERE patient_id = :p);
COMMIT;
