-- A delivery arrives, broken vials are taken out; a second booking is abandoned.
\set lot random(1, 1000000000)
BEGIN;
SELECT custody.set_context('pharm.nguyen', 'goods received', 'pharmacy');
INSERT INTO hospital.drug_lot (lot_no, drug, manufacturer, expires_on)
VALUES ('D' || :lot, 'leucovorin', 'Rheinland Pharma GmbH', current_date + 400)
ON CONFLICT DO NOTHING;
INSERT INTO hospital.drug_unit (lot_no, serial, content_mg)
SELECT 'D' || :lot, n, 100 FROM generate_series(1, 12) AS n
ON CONFLICT DO NOTHING;
DELETE FROM hospital.drug_unit WHERE lot_no = 'D' || :lot AND serial IN (3, 9);
COMMIT;
BEGIN;
SELECT custody.set_context('pharm.nguyen', 'booked by mistake', 'pharmacy');
UPDATE hospital.drug_unit SET state = 'destroyed' WHERE lot_no = 'D' || :lot;
ROLLBACK;
