--
-- tamper/ledger_undo.sql
--	  Put the ledger's bytes back.
--
BEGIN;
UPDATE custody.log_transaction t SET record = i.record, entries = i.entries
FROM public.insider_transaction i
WHERE t.txn_no = i.txn_no;
INSERT INTO custody.log_transaction
SELECT i.* FROM public.insider_transaction i
WHERE NOT EXISTS (SELECT FROM custody.log_transaction t WHERE t.txn_no = i.txn_no);
DROP TABLE public.insider_transaction;
COMMIT;
