-- A fraction is delivered; the pump beside the couch reports the same thing thrice.
\set p random(1, :patients / 2) * 2
\set n random(29, 30)
BEGIN;
SELECT custody.set_context('dr.osei', 'fraction delivered', 'treatment');
UPDATE hospital.radiotherapy_fraction
SET delivered_at = now(), gantry_deg[3] = -7.125
WHERE patient_id = :p AND fraction_no = :n;
INSERT INTO hospital.device_message
SELECT :p, 'pump-7', 'infusion running' FROM generate_series(1, 3);
COMMIT;
