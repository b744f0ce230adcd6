--
-- tamper/ledger_undo.sql
--	  Put the ledger's bytes back.
--
BEGIN;
UPDATE custody.log_chunk c SET private = i.private
FROM public.insider_chunk i
WHERE c.txn_no = i.txn_no AND c.first_entry = i.first_entry;
UPDATE custody.log_transaction t SET record = i.record
FROM public.insider_transaction i
WHERE t.txn_no = i.txn_no;
INSERT INTO custody.log_transaction
SELECT i.* FROM public.insider_transaction i
WHERE NOT EXISTS (SELECT FROM custody.log_transaction t WHERE t.txn_no = i.txn_no);
DROP TABLE public.insider_chunk, public.insider_transaction;
COMMIT;
