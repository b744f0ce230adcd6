\set patient random(0, 49999)
SELECT * FROM clinic WHERE patient_id = :patient ORDER BY observed_at DESC LIMIT 20;
