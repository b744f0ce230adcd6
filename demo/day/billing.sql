-- Claims are paid in batches; a rejected batch is taken back as a whole.
\set p random(1, :patients)
BEGIN;
SELECT custody.set_context('front.desk', 'monthly billing', 'payment');
UPDATE hospital.claim SET state = 'paid', billed = billed + 0.10 WHERE patient_id = :p;
SAVEPOINT batch;
UPDATE hospital.claim SET state = 'rejected' WHERE patient_id = :p;
ROLLBACK TO SAVEPOINT batch;
COMMIT;
