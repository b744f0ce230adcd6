#!/usr/bin/perl
#
# More tampering with the ledger's own relations, rows and code: what is cut
# out, doubled, exchanged, made up, signed again or replaced altogether.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;

use CustodyFixture;
use CustodyTamper;
use CustodyTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = start_node('tamper_ledger');
add_fixture($node, 'postgres');

my $first = '(SELECT txn_no FROM custody.log_leaf WHERE leaf_index = 1)';
my $twenty = '(SELECT txn_no FROM custody.log_leaf WHERE leaf_index = 20)';
my $flip = 'UPDATE custody.%1$s SET %2$s = set_byte(%2$s, %3$s, get_byte(%2$s, %3$s) # 4) WHERE %4$s';

# Rows that the constraints of a ledger table would refuse
my %keys = (log_leaf => 'PRIMARY KEY (leaf_index)', log_chunk => 'PRIMARY KEY (txn_no, first_entry)');
sub deferred
{
	my ($table, $sql) = @_;
	my $more = $table eq 'log_leaf' ? ', DROP CONSTRAINT log_leaf_txn_no_key, ADD CONSTRAINT log_leaf_txn_no_key UNIQUE (txn_no) DEFERRABLE INITIALLY DEFERRED' : '';
	return "ALTER TABLE custody.$table DROP CONSTRAINT ${table}_pkey, ADD CONSTRAINT ${table}_pkey $keys{$table} DEFERRABLE INITIALLY DEFERRED$more; $sql";
}

my @tampers = (
	# Entries
	[ 'a salt of an entry', sprintf($flip, 'log_transaction', 'entries', 'length(entries) - 2', "txn_no = $twenty"), qr/entry_altered\|.*leaf 20\|/ ],
	[ 'the first byte of an entry', sprintf($flip, 'log_transaction', 'entries', 0, "txn_no = $twenty"), qr/leaf 20\|/ ],
	[ 'entries twice', "UPDATE custody.log_transaction SET entries = entries || entries WHERE txn_no = $twenty", qr/leaf 20\|/ ],
	[ 'entries in another order', deferred('log_chunk', qq{UPDATE custody.log_chunk c SET entries = o.entries FROM custody.log_chunk o
			WHERE c.txn_no = $first AND o.txn_no = $first AND c.first_entry <> o.first_entry
			AND c.first_entry IN (SELECT first_entry FROM custody.log_chunk WHERE txn_no = $first ORDER BY 1 LIMIT 2)
			AND o.first_entry IN (SELECT first_entry FROM custody.log_chunk WHERE txn_no = $first ORDER BY 1 LIMIT 2)}), qr/leaf 1\|/ ],
	[ 'a chunk of entries twice', deferred('log_chunk', "INSERT INTO custody.log_chunk SELECT txn_no, first_entry + 1, entries FROM custody.log_chunk WHERE txn_no = $first LIMIT 1"), qr/leaf 1\|/ ],
	[ 'a record cut short', "UPDATE custody.log_transaction SET record = substr(record, 1, length(record) - 1) WHERE txn_no = $twenty", qr/leaf 20\|/ ],
	[ 'the entries of an unsealed transaction gone', q{UPDATE custody.log_transaction SET entries = '' WHERE txn_no = (SELECT max(txn_no) FROM custody.log_transaction)},
		[ qr/entries_count\|.*transaction 276/, qr/row_extra\|public.reading\|\{"at": "2026-05-05", "value": 5}/ ] ],
	# Leaves
	[ 'a leaf twice', deferred('log_leaf', q{UPDATE custody.log_leaf l SET txn_no = o.txn_no, xact_id = o.xact_id, leaf_hash = o.leaf_hash, root = o.root, marks = o.marks
			FROM custody.log_leaf o WHERE l.leaf_index = 9 AND o.leaf_index = 10}), qr/leaf 9\|/ ],
	[ 'a leaf cut out and the rest moved up', deferred('log_leaf', q{DELETE FROM custody.log_leaf WHERE leaf_index = 30;
			UPDATE custody.log_leaf SET leaf_index = leaf_index - 1 WHERE leaf_index > 30}), qr/leaf 30\|/ ],
	[ 'a forged leaf put in and the rest moved down', deferred('log_leaf', q{UPDATE custody.log_leaf SET leaf_index = leaf_index + 1 WHERE leaf_index >= 30;
			INSERT INTO custody.log_leaf SELECT 30, txn_no, xact_id, leaf_hash, root, marks FROM custody.log_leaf WHERE leaf_index = 12}), qr/leaf 30\|/ ],
	[ 'a leaf of no transaction', 'UPDATE custody.log_leaf SET txn_no = NULL WHERE leaf_index = 20', qr/leaf 20\|/ ],
	[ 'leaves of another order, transactions too', deferred('log_leaf', q{UPDATE custody.log_leaf l SET txn_no = o.txn_no, xact_id = o.xact_id, leaf_hash = o.leaf_hash, root = o.root, marks = o.marks
			FROM custody.log_leaf o WHERE l.leaf_index IN (40, 41) AND o.leaf_index = 81 - l.leaf_index}), qr/leaf 4[01]\|/ ],
	# Blocks, tiles, checkpoints
	[ 'a byte of a header', sprintf($flip, 'log_block', 'header', 'length(header) - 5', 'block_no = 2'), qr/block 2\b/ ],
	[ 'a byte of a frontier', sprintf($flip, 'log_block', 'frontier', 7, 'block_no = 2'), qr/block 2\b/ ],
	[ 'the headers of two blocks exchanged', q{UPDATE custody.log_block b SET header = o.header FROM custody.log_block o WHERE b.block_no IN (1, 2) AND o.block_no = 3 - b.block_no}, qr/block [12]\b/ ],
	[ 'a block that ends elsewhere', 'UPDATE custody.log_block SET tree_size = tree_size - 1 WHERE block_no = 2', qr/block 2\b/ ],
	[ 'the last block gone', 'DELETE FROM custody.log_block WHERE block_no = (SELECT max(block_no) FROM custody.log_block)', qr/block_missing\|leaf 275\|/ ],
	[ 'a hash of a tile', sprintf($flip, 'log_tile', 'hashes', 'length(hashes) - 1', 'level = 0'), qr/tile_altered\|/ ],
	[ 'a tile cut short', 'UPDATE custody.log_tile SET hashes = substr(hashes, 33) WHERE level = 0', qr/tile_/ ],
	[ 'all checkpoints gone', 'TRUNCATE custody.log_checkpoint', qr/checkpoint_missing\|/ ],
	[ 'the signature of another checkpoint', q{UPDATE custody.log_checkpoint c SET note = convert_to(split_part(convert_from(c.note, 'UTF8'), E'\n\n', 1) || E'\n\n'
			|| split_part((SELECT convert_from(o.note, 'UTF8') FROM custody.log_checkpoint o ORDER BY tree_size LIMIT 1), E'\n\n', 2), 'UTF8')
			WHERE tree_size = (SELECT tree_size FROM custody.log_block WHERE block_no = 2)}, qr/signature_invalid\|.*block 2\b|block 2\b.*signature/ ],
	[ 'a checkpoint without a signature', q{UPDATE custody.log_checkpoint SET note = convert_to(split_part(convert_from(note, 'UTF8'), E'\n\n', 1) || E'\n\n', 'UTF8')
			WHERE tree_size = (SELECT tree_size FROM custody.log_block WHERE block_no = 2)}, qr/checkpoint_\w+\|.*block 2\b/ ],
	[ 'a checkpoint of a size that was never sealed', q{INSERT INTO custody.log_checkpoint SELECT 3, note FROM custody.log_checkpoint ORDER BY tree_size DESC LIMIT 1}, qr/checkpoint_extra\|/ ],
	# What keys, incarnations and protections there were
	[ 'a key of a later epoch', q{INSERT INTO custody.log_key SELECT 2, verifier_key, txn_no FROM custody.log_key WHERE epoch = 1}, qr/epoch 2\b/ ],
	[ 'the key gone', 'DELETE FROM custody.log_key', qr/key_\w+\||epoch 1\b/ ],
	[ 'another incarnation', q{INSERT INTO custody.log_incarnation SELECT (jsonb_populate_record(i, '{"incarnation": 2}')).* FROM custody.log_incarnation i}, qr/incarnation 2\b/ ],
	[ 'the incarnation gone', 'DELETE FROM custody.log_incarnation', qr/incarnation/ ],
	[ 'the end of a protection gone', 'DELETE FROM custody.log_release', qr/release_missing\|/ ],
	[ 'a protection of another mode', q{UPDATE custody.log_relation SET mode = 'append_only' WHERE relation_id = 1}, qr/protection 1\b/ ],
	[ 'a protection of another table', q{UPDATE custody.log_relation SET relation = 'former'::regclass WHERE relation_id = 1}, qr/protection 1\b|trigger_missing\|/ ],
	[ 'a version of a schema gone', 'DELETE FROM custody.log_schema WHERE version = 1', qr/version 1\b/ ],
	[ 'a version of a schema made up', q{INSERT INTO custody.log_schema SELECT 9000, relation_id, leaf, definition FROM custody.log_schema WHERE version = 1}, qr/version 9000\b/ ],
	[ 'a column renamed in a version', q{UPDATE custody.log_schema SET definition = overlay(definition PLACING 'nane'::bytea FROM position('name'::bytea IN definition))
			WHERE version = 1}, qr/version 1\b/ ],
	[ 'a witness trusted by hand', q{INSERT INTO custody.log_witness VALUES ('mine', 1, 'witness.example/w+00000000+AAAA', true, '')}, qr/witness_/ ],
	[ 'a log trusted by hand', q{INSERT INTO custody.log_trusted_log VALUES ('log.example+00000000+AAAA', 1, true, '')}, qr/trusted_log_/ ],
	[ 'a set hash of a table', sprintf($flip, 'log_state', 'row_set', 3, 'row_set IS NOT NULL AND version = (SELECT max(version) FROM custody.log_state WHERE row_set IS NOT NULL)'), qr/state_altered\|/ ],
	[ 'all set hashes gone', 'DELETE FROM custody.log_state', qr/state_altered\|/ ],
	[ 'the chain of an event', sprintf($flip, 'log_event', 'chain', 3, 'leaf_index = (SELECT max(leaf_index) FROM custody.log_event)'), qr/state_altered\|custody.log_state\|/ ],
	[ 'an event gone', 'DELETE FROM custody.log_event WHERE leaf_index = (SELECT min(leaf_index) FROM custody.log_event)', qr/state_altered\|custody.log_state\|/ ],
	# Relations
	[ 'the table of leaves a view', $asleep . q{ALTER EXTENSION pg_custody DROP TABLE custody.log_leaf; ALTER TABLE custody.log_leaf RENAME TO hidden;
			CREATE VIEW custody.log_leaf AS SELECT * FROM custody.hidden}, qr/ledger_relation_changed\|custody.log_leaf\|/ ],
	[ 'the table of blocks a materialized view', $asleep . q{ALTER EXTENSION pg_custody DROP TABLE custody.log_block; ALTER TABLE custody.log_block RENAME TO hidden;
			CREATE MATERIALIZED VIEW custody.log_block AS SELECT * FROM custody.hidden}, qr/ledger_relation_changed\|custody.log_block\|/ ],
	[ 'a ledger table of another shape', q{ALTER TABLE custody.log_block ADD more int}, qr/environment_changed\|table custody.log_block\/column more/, 'warning' ],
	[ 'a ledger column hidden by hand', q{UPDATE pg_attribute SET attname = 'other' WHERE attrelid = 'custody.log_release'::regclass AND attname = 'relation_id'}, qr/environment_changed\|table custody.log_release\/column relation_id/, 'warning' ],
	[ 'a ledger table exchanged in the catalog', q{CREATE TABLE o (LIKE custody.log_block INCLUDING ALL); INSERT INTO o SELECT block_no, tree_size, header || '\x00', frontier FROM custody.log_block;
			UPDATE pg_class SET relfilenode = (SELECT relfilenode FROM pg_class WHERE oid = 'o'::regclass) WHERE oid = 'custody.log_block'::regclass},
		qr/block_\w+\|.*block 1\b/ ],
	[ 'a ledger index of another kind', 'ALTER TABLE custody.log_leaf DROP CONSTRAINT log_leaf_pkey; CREATE INDEX log_leaf_pkey ON custody.log_leaf (leaf_index)', qr/environment_changed\|table custody.log_leaf\/constraint log_leaf_pkey/, 'warning' ],
);

found_when($node, @$_) foreach @tampers;
is($node->safe_psql('postgres', 'SELECT * FROM custody.verify()'), '', 'clean after');

# What an anchor that is kept elsewhere tells
my $anchor = $node->safe_psql('postgres', 'SELECT custody.checkpoint()');
my $kept = "anchors => ARRAY['$anchor\n']";
my $anew = q{DROP EXTENSION pg_custody CASCADE; CREATE EXTENSION pg_custody; UPDATE patient SET dose = 0 WHERE id = 60;
	SELECT custody.protect('patient', 'name'), custody.protect('reading'), custody.protect('obs'); SELECT custody.seal()};
my $cut = q{DELETE FROM custody.%1$s WHERE tree_size > (SELECT tree_size FROM custody.log_block WHERE block_no = 2);};
my $tail = q{DELETE FROM custody.log_leaf WHERE leaf_index >= (SELECT tree_size FROM custody.log_block WHERE block_no = 2);}
	. sprintf($cut, 'log_checkpoint') . sprintf($cut, 'log_block');
my $back = q{DELETE FROM custody.log_transaction t WHERE NOT EXISTS (SELECT FROM custody.log_leaf l WHERE l.txn_no = t.txn_no);};

found_on_copy($node, 'everything made anew, and an old checkpoint replayed', [ $anew, "INSERT INTO custody.log_checkpoint VALUES (100000, '$anchor\n')" ],
	qr/^tampering\|checkpoint_extra\|/m);
found_on_copy($node, 'the tail cut off, and sealed again in another order',
	[ $tail, q{SELECT custody.new_incarnation('restored')} ], qr/^tampering\|anchor_\w+\|/m, $kept);
found_on_copy($node, 'the tables and the ledger of an earlier day', [ $tail . $back, unseen('patient', 'UPDATE patient SET dose = 0 WHERE id = 60') ],
	qr/^tampering\|row_changed\|public.patient\|/m, $kept);
fails_with($node, "BEGIN; $tail COMMIT; SELECT custody.seal()", 'PC203', 'signer refuses', 'a tail cut off is not sealed again');

# Who replaces what verifies is in the ledger with the next block.
my ($arguments, $result) = split /\|/, $node->safe_psql('postgres',
	q{SELECT pg_get_function_arguments(oid), pg_get_function_result(oid) FROM pg_proc WHERE oid = 'custody.verify'::regproc});
$node->safe_psql('postgres', q{SELECT custody.new_incarnation('the tail was cut off')});
$node->safe_psql('postgres', "$asleep CREATE OR REPLACE FUNCTION custody.verify($arguments) RETURNS $result LANGUAGE sql AS 'SELECT NULL::text, NULL, NULL, NULL::jsonb, 0::bigint, NULL, NULL WHERE false'; $awake");
is($node->safe_psql('postgres', sprintf($findings, '')), '', 'a function that finds nothing');
$node->safe_psql('postgres', 'SELECT custody.seal()');
like($node->safe_psql('postgres', q{SELECT name, before, after FROM custody.environment_changes WHERE name LIKE 'function custody.verify(%' ORDER BY number DESC LIMIT 1}),
	qr/^function custody\.verify\([^|]*\|[^|]*custody_sql_verify.*\|[^|]*WHERE false/s, 'is an entry, with what it was and is');

done_testing();
