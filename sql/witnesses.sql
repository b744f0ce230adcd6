-- Witnesses: whom to trust, what they cosigned, how blocks are graded.
\pset format unaligned
\set SHOW_CONTEXT never
SET client_min_messages = warning;
CREATE ROLE regress_custody_runner;
CREATE TABLE patient (id int PRIMARY KEY, name text);
SELECT custody.protect('patient');
INSERT INTO patient VALUES (1, 'Ana');
SELECT custody.seal() AS first_size \gset
SELECT max(block_no) AS n FROM custody.blocks \gset

-- Nothing of witnesses: every block is sealed, and verify() is silent.
SELECT block_no - :n AS n, grade, cosigned_by FROM custody.blocks WHERE block_no >= :n;
SELECT block_no - :n AS n, grade, witnesses, problem FROM custody.verify_blocks() WHERE block_no >= :n;
SELECT * FROM custody.verify() WHERE code <> 'capture_gap';

-- Whom to trust
\set w1 'witness.example/w1+8e3f1952+BKHcCy/tYEPC54MmtxEt4WUJVsGPnWAm4Gt2pvgy1gHd'
SELECT custody.trust_witness('regulator', :'w1');
SELECT * FROM custody.witnesses;
SELECT custody.trust_witness('regulator', :'w1');
SELECT custody.trust_witness('other', :'w1');
SELECT custody.trust_witness('', :'w1');
SELECT custody.trust_witness('none', :'w1');
SELECT custody.trust_witness('two words', :'w1');
SELECT custody.trust_witness('straße', :'w1');
SELECT custody.trust_witness('log', custody.verifier_key()) IS NULL AS log;
SELECT custody.trust_witness('bad', 'witness.example/w1+8e3f1953+BKHcCy/tYEPC54MmtxEt4WUJVsGPnWAm4Gt2pvgy1gHd');
SELECT custody.trust_witness('bad', 'nothing');
SELECT custody.trust_witness(NULL, :'w1');
-- It is an entry, and so is the end of it; nothing is taken back.
SELECT custody.distrust_witness('nobody', 'reason');
SELECT custody.distrust_witness('regulator', ' ');
SELECT custody.distrust_witness('regulator', 'closed down');
SELECT custody.distrust_witness('regulator', 'closed down');
SELECT custody.trust_witness('inspector', :'w1');
SELECT * FROM custody.witnesses;
SELECT operation, count(*) FROM custody.entries WHERE operation = 'witness' GROUP BY 1;
SELECT custody.seal() > :first_size AS sealed;
SELECT * FROM custody.verify() WHERE code <> 'capture_gap';

-- What is no cosignature
\set dash '—'
SELECT custody.add_cosignature(:first_size, 'nothing');
SELECT custody.add_cosignature(:first_size, '');
SELECT custody.add_cosignature(-1, :'dash' || ' witness.example/w1 jj8ZUgAAAABlU/EA');
SELECT custody.add_cosignature(0, :'dash' || ' witness.example/w1 jj8ZUgAAAABlU/EA');
SELECT custody.add_cosignature(NULL, :'dash');
-- of another checkpoint
DO $$
BEGIN
	PERFORM custody.add_cosignature((SELECT min(tree_size) FROM custody.blocks),
		'— witness.example/w1 jj8ZUgAAAABlU/EAqpk2HVfM3tmmLsc26gKazKiU71sy//v1JaMYtoS0IF0JzKXeWQfulLtc7b156aBXl0+x8jSnxMSq2sfAO1e7DQ==');
EXCEPTION WHEN invalid_parameter_value THEN
	RAISE WARNING '%', regexp_replace(SQLERRM, '[0-9]+$', 'N');
END $$;
-- of a witness that is not trusted, and of the log itself
SELECT custody.add_cosignature(:first_size, :'dash' || ' witness.example/w9 jj8ZUgAAAABlU/EA');
DO $$
BEGIN
	PERFORM custody.add_cosignature((SELECT min(tree_size) FROM custody.blocks),
		(regexp_match(custody.checkpoint((SELECT min(tree_size) FROM custody.blocks)), '\n(—.*)$'))[1]);
EXCEPTION WHEN invalid_parameter_value THEN
	RAISE WARNING '%', SQLERRM;
END $$;
SELECT count(*) FROM custody.log_cosignature;

-- Who may
SELECT custody.grant_anchor('regress_custody_runner');
SET ROLE regress_custody_runner;
SELECT custody.trust_witness('mine', :'w1');
SELECT custody.distrust_witness('inspector', 'mine');
SELECT custody.seal();
SELECT * FROM custody.verify_blocks();
SELECT custody.checkpoint() <> '' AS checkpoint, custody.prove_consistency(0) <> '' AS consistency;
SELECT name, trusted FROM custody.witnesses;
INSERT INTO custody.log_cosignature VALUES (1, 'inspector', 1, '');
SELECT custody.add_cosignature(0, :'dash' || ' witness.example/w1 jj8ZUgAAAABlU/EA');
RESET ROLE;
SELECT custody.grant_auditor('regress_custody_runner');
SET ROLE regress_custody_runner;
SELECT block_no - :n AS n, grade, witnesses, problem FROM custody.verify_blocks() WHERE block_no >= :n;
RESET ROLE;

-- Anchors
SELECT block_no - :n AS n, grade, problem FROM custody.verify_blocks(ARRAY[custody.checkpoint(:first_size)]) WHERE block_no >= :n;
SELECT block_no - :n AS n, grade, problem FROM custody.verify_blocks(ARRAY[custody.checkpoint()]) WHERE block_no >= :n;
SELECT block_no, tree_size, grade, witnesses, problem FROM custody.verify_blocks(ARRAY['nothing', NULL]) WHERE problem IS NOT NULL;
SELECT block_no, grade, problem FROM custody.verify_blocks(ARRAY[replace(custody.checkpoint(:first_size), E'\n' || :first_size || E'\n', E'\n1\n')]) WHERE problem IS NOT NULL;
SELECT block_no - :n AS n, grade FROM custody.verify_blocks(NULL) WHERE block_no >= :n;

-- A policy for proofs
SELECT 'log ' || custody.verifier_key() || E'\nwitness w ' || :'w1' || E'\nquorum ' AS policy \gset
SELECT custody.prove_row('patient', '{"id": 1}') AS proof \gset
SELECT valid, problem FROM custody.verify_proof(:'proof', NULL, :'policy' || 'none');
SELECT valid, problem FROM custody.verify_proof(:'proof', '{}', :'policy' || 'w');
SELECT valid, problem FROM custody.verify_proof(:'proof', ARRAY[custody.verifier_key()], E'quorum none\n');
SELECT valid, problem FROM custody.verify_proof(:'proof', NULL, NULL);
SELECT valid, problem FROM custody.verify_proof(:'proof', NULL, E'quorum none\n');
SELECT valid, problem FROM custody.verify_proof(:'proof', NULL, :'policy' || 'nobody');
SELECT valid, problem FROM custody.verify_proof(:'proof', NULL, '');

SELECT * FROM custody.verify() WHERE code <> 'capture_gap';
SELECT custody.unprotect('patient', 'done');
DROP TABLE patient;
DROP OWNED BY regress_custody_runner;
DROP ROLE regress_custody_runner;
