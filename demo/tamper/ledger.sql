--
-- tamper/ledger.sql
--	  The insider turns to the ledger itself: a recorded value, a whole
--	  transaction, and who did it.  Variables: given, corrected, disclosed
--	  (transaction numbers of the story).
--
CREATE TABLE public.insider_transaction AS
SELECT * FROM custody.log_transaction WHERE txn_no IN (:given, :corrected, :disclosed);

-- 107.40 mg were given; let the ledger say 007.40.
UPDATE custody.log_transaction
SET entries = overlay(entries PLACING '007.40'::bytea FROM position('107.40'::bytea IN entries))
WHERE txn_no = :given AND position('107.40'::bytea IN entries) > 0;

-- The record was never disclosed.
DELETE FROM custody.log_transaction WHERE txn_no = :disclosed;

-- It was not dr.kim who corrected the dose.
UPDATE custody.log_transaction
SET record = overlay(record PLACING 'dr.lee'::bytea FROM position('dr.kim'::bytea IN record))
WHERE txn_no = :corrected AND position('dr.kim'::bytea IN record) > 0;

-- What was changed, for the demonstration to be sure that it was.
SELECT (SELECT count(*) FROM custody.log_transaction t JOIN public.insider_transaction i USING (txn_no)
		WHERE t.entries <> i.entries),
	   (SELECT count(*) FROM public.insider_transaction WHERE txn_no NOT IN (SELECT txn_no FROM custody.log_transaction)),
	   (SELECT count(*) FROM custody.log_transaction t JOIN public.insider_transaction i USING (txn_no)
		WHERE t.record <> i.record);
