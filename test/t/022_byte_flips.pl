#!/usr/bin/perl
#
# Single bits of stored ledger bytes flipped at random, in every column of every
# ledger relation: custody.verify() must find each, and name the place.  The
# flips run in one session: a PL/pgSQL block changes a row, verifies, and takes
# the change back.  FLIPS and SEED can be given in the environment.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;

use CustodyFixture;
use CustodyTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $flips = $ENV{FLIPS} // 400;
my $seed = $ENV{SEED} // int(rand(2**31));
srand($seed);
note "SEED=$seed FLIPS=$flips";

my $node = start_node('flips');
add_fixture($node, 'postgres');

# A witness that was trusted, one that is, and what it cosigned.
my $cosigner = "python3 -B '$FindBin::RealBin/../recompute/cosign.py'";
my $seed_hex = '2a' x 32;
my $witness_key = qx{$cosigner key $seed_hex witness.example/w} =~ s/\n//r;
$node->safe_psql('postgres', qq{
	SELECT custody.trust_witness('regulator', '$witness_key');
	SELECT custody.distrust_witness('regulator', 'renamed');
	SELECT custody.trust_witness('inspector', '$witness_key');
	SELECT custody.seal()});
my $note = PostgreSQL::Test::Utils::tempdir() . '/note';
spew($note, $node->safe_psql('postgres', 'SELECT custody.checkpoint()'));
my $cosigned = qx{$cosigner sign $seed_hex witness.example/w 1767225600 < '$note'};
is($node->safe_psql('postgres', "SELECT custody.add_cosignature(split_part(custody.checkpoint(), E'\n', 2)::bigint, '$cosigned')"),
	1, 'a cosignature to flip bits of');

# Each column: how a bit of it is flipped, and what a finding must say.  A place
# is a leaf index or a pattern over relation, message and detail; both are SQL
# over the row before the flip.
my $leaf_of = q{(SELECT leaf_index FROM custody.log_leaf l WHERE l.txn_no = r.txn_no)};
my $sealed = q{EXISTS (SELECT FROM custody.log_leaf l WHERE l.txn_no = r.txn_no)};
my $txn = q{'transaction ' || r.txn_no || '\M'};
my $block = q{'block ' || r.block_no || '\M'};
my $end = q{'size ' || r.tree_size || '\M'};
my $version = q{'version ' || r.version || '\M'};
my $protection = q{'protection ' || r.relation_id || '\M'};
# An OID may come to name another table, which then has the wrong rows.
my $table_of = q{(SELECT 'version ' || r.version || '\M|^public\.' || p.relation FROM custody.log_relation p WHERE p.relation_id = r.relation_id)};
my $epoch = q{'epoch ' || r.epoch || '\M'};
my $incarnation = q{'incarnation ' || r.incarnation || '\M'};
my $statement = q{'log_witness'};
my $line = q{'log_cosignature: '};
my @columns = (
	# Before it is sealed, nothing confirms what a record says of its maker, nor
	# that entries are what was stored first.
	[ 'log_transaction', 'xact_id', 'xid8', $leaf_of, $txn, 1, $sealed ],
	[ 'log_transaction', 'txn_no', 'int', $leaf_of, $txn, 1, $sealed ],
	[ 'log_transaction', 'first_entry', 'int', $leaf_of, $txn ],
	[ 'log_transaction', 'record', 'bytea', $leaf_of, $txn, 4, $sealed ],
	[ 'log_transaction', 'entries', 'bytea', $leaf_of, $txn, 10, $sealed ],
	[ 'log_chunk', 'txn_no', 'int', $leaf_of, $txn ],
	[ 'log_chunk', 'first_entry', 'int', $leaf_of, $txn ],
	[ 'log_chunk', 'entries', 'bytea', $leaf_of, $txn, 8 ],
	[ 'log_leaf', 'leaf_index', 'int', 'r.leaf_index', q{'leaf ' || r.leaf_index || '\M'} ],
	[ 'log_leaf', 'txn_no', 'int', 'r.leaf_index', q{'leaf ' || r.leaf_index || '\M'} ],
	[ 'log_leaf', 'xact_id', 'xid8', 'r.leaf_index', q{'leaf ' || r.leaf_index || '\M'} ],
	[ 'log_leaf', 'leaf_hash', 'bytea', 'r.leaf_index', q{'leaf ' || r.leaf_index || '\M'}, 3 ],
	[ 'log_leaf', 'root', 'bytea', 'r.leaf_index', q{'leaf ' || r.leaf_index || '\M'}, 2 ],
	[ 'log_leaf', 'marks', 'bytea', 'r.leaf_index', q{'leaf ' || r.leaf_index || '\M'} ],
	# Under another level or run a row is found all the same.
	[ 'log_lookup', 'first_number', 'int', 'NULL::bigint', q{'^custody.log_lookup'} ],
	[ 'log_lookup', 'items', 'bytea', 'NULL::bigint', q{'^custody.log_lookup'}, 2 ],
	[ 'log_block', 'block_no', 'int', '(SELECT coalesce(max(b.tree_size), 0) FROM custody.log_block b WHERE b.block_no < r.block_no)', $block ],
	[ 'log_block', 'tree_size', 'int', 'r.tree_size - 1', $block ],
	[ 'log_block', 'header', 'bytea', 'r.tree_size - 1', $block, 4 ],
	[ 'log_block', 'frontier', 'bytea', 'r.tree_size - 1', $block, 2 ],
	[ 'log_tile', 'level', 'int', 'NULL::bigint', q{'level ' || r.level || ', tile ' || r.tile_index || '\M'} ],
	[ 'log_tile', 'tile_index', 'int', 'NULL::bigint', q{'level ' || r.level || ', tile ' || r.tile_index || '\M'} ],
	[ 'log_tile', 'hashes', 'bytea', 'position / 256', q{'level ' || r.level || ', tile ' || r.tile_index || '\M'}, 2 ],
	[ 'log_checkpoint', 'tree_size', 'int', 'r.tree_size - 1', $end ],
	[ 'log_checkpoint', 'note', 'bytea', 'r.tree_size - 1', $end, 3 ],
	[ 'log_relation', 'relation_id', 'int', 'NULL::bigint', $protection ],
	[ 'log_relation', 'relation', 'oid', 'NULL::bigint', $protection, 1, q{relation_id <> 4} ],
	[ 'log_relation', 'subject', 'text', 'NULL::bigint', $protection ],
	[ 'log_relation', 'mode', 'text', 'NULL::bigint', $protection ],
	[ 'log_release', 'relation_id', 'int', 'NULL::bigint', $protection ],
	[ 'log_schema', 'version', 'int', 'NULL::bigint', $version ],
	[ 'log_schema', 'relation_id', 'int', 'NULL::bigint', $version ],
	[ 'log_schema', 'leaf', 'oid', 'NULL::bigint', $table_of, 1, q{relation_id <> 4} ],
	[ 'log_schema', 'definition', 'bytea', 'NULL::bigint', $version, 2 ],
	[ 'log_key', 'epoch', 'int', 'NULL::bigint', $epoch ],
	[ 'log_key', 'verifier_key', 'text', 'NULL::bigint', $epoch ],
	[ 'log_incarnation', 'incarnation', 'int', 'NULL::bigint', $incarnation ],
	[ 'log_incarnation', 'origin', 'text', 'NULL::bigint', $incarnation ],
	[ 'log_witness', 'name', 'text', 'NULL::bigint', $statement ],
	[ 'log_witness', 'statement', 'int', 'NULL::bigint', $statement ],
	[ 'log_witness', 'verifier_key', 'text', 'NULL::bigint', $statement ],
	[ 'log_witness', 'trusted', 'bool', 'NULL::bigint', $statement ],
	[ 'log_witness', 'reason', 'text', 'NULL::bigint', $statement, 1, q{reason <> ''} ],
	[ 'log_cosignature', 'tree_size', 'int', 'NULL::bigint', $line ],
	[ 'log_cosignature', 'witness', 'text', 'NULL::bigint', $line ],
	[ 'log_cosignature', 'key_id', 'int', 'NULL::bigint', $line ],
	[ 'log_cosignature', 'line', 'bytea', 'NULL::bigint', $line ]);

# Expression that gives the column with one bit flipped; 'pick' is random.
my %flip = (
	bytea => 'pg_temp.flip_bytea(%1$s, pick)',
	int => 'pg_temp.flip_int(%1$s, pick, pg_typeof(%1$s)::text)',
	xid8 => '(((%1$s::text::bigint) # (1::bigint << (pick * 62)::int))::text)::xid8',
	oid => '(pg_temp.flip_int(%1$s::oid::bigint, pick, \'integer\'))::oid::regclass',
	bool => 'NOT %1$s',
	text => 'pg_temp.flip_text(%1$s::text, pick)');

my $session = q{
SET client_min_messages = error;
CREATE FUNCTION pg_temp.flip_bytea(b bytea, pick float8) RETURNS bytea LANGUAGE sql AS $$
	SELECT pg_catalog.set_bit(b, n, 1 - pg_catalog.get_bit(b, n))
	FROM (SELECT floor(pick * 8 * length(b))::bigint AS n) x $$;
CREATE FUNCTION pg_temp.flip_int(i bigint, pick float8, type text) RETURNS bigint LANGUAGE plpgsql AS $$
	DECLARE bits int := CASE type WHEN 'smallint' THEN 15 WHEN 'integer' THEN 31 ELSE 63 END;
	BEGIN RETURN i # (1::bigint << floor(pick * bits)::int); END $$;
CREATE FUNCTION pg_temp.flip_text(t text, pick float8) RETURNS text LANGUAGE sql AS $$
	SELECT pg_catalog.convert_from(pg_temp.flip_bytea(pg_catalog.convert_to(t, 'UTF8'), pick), 'UTF8') $$;
CREATE TEMP TABLE result (flip int, what text, outcome text, detail text);
CREATE FUNCTION pg_temp.flip(n int, tab text, col text, expression text, place text, pattern text,
		filter text, pick_row float8, pick float8) RETURNS void LANGUAGE plpgsql AS $$
	DECLARE row_id tid; ok boolean; wanted bigint; pat text; what text; found text; named boolean;
	BEGIN
		what := tab || '.' || col;
		EXECUTE format('SELECT r.ctid, (%s)::bigint, %s FROM custody.%I r WHERE r.%I IS NOT NULL AND %s ORDER BY r.ctid'
			' OFFSET floor($1 * (SELECT count(*) FROM custody.%I r WHERE r.%I IS NOT NULL AND %s))::int LIMIT 1',
			replace(place, 'position / 256', 'floor(' || pick || ' * length(r.' || quote_ident(col) || ') / 32)::bigint'),
			pattern, tab, col, filter, tab, col, filter)
			INTO row_id, wanted, pat USING pick_row;
		BEGIN
			EXECUTE format('UPDATE custody.%I AS r SET %I = (SELECT (%s) FROM (SELECT $2::float8 AS pick) p) WHERE ctid = $1',
				tab, col, expression) USING row_id, pick;
			SELECT string_agg(concat_ws('|', code, v.leaf_index, relation, message, detail), E'\n'),
				bool_or((v.severity = 'tampering' OR v.code = 'lookup_incomplete') AND
					(v.leaf_index = wanted OR concat_ws('|', relation, message, detail) ~ pat))
				INTO found, named FROM custody.verify() v;
			RAISE EXCEPTION USING ERRCODE = 'UU001';
		EXCEPTION
			WHEN SQLSTATE 'UU001' THEN
				INSERT INTO result VALUES (n, what,
					CASE WHEN found IS NULL THEN 'not found' WHEN named THEN 'named' ELSE 'elsewhere' END,
					format('row %s, bit at %s, wanted leaf %s or "%s"; findings:%s', row_id, pick, wanted, pat, E'\n' || found));
			WHEN unique_violation OR data_exception OR character_not_in_repertoire THEN
				INSERT INTO result VALUES (n, what, 'impossible', SQLERRM);
			WHEN others THEN
				INSERT INTO result VALUES (n, what, 'error', format('row %s, bit at %s: %s', row_id, pick, SQLERRM));
		END;
	END $$;
};

my @weighted = map { my $c = $_; ($c) x ($c->[5] // 1) } @columns;
foreach my $n (1 .. $flips)
{
	# Every column once, then by weight.
	my $c = $n <= @columns ? $columns[ $n - 1 ] : $weighted[ rand @weighted ];
	my ($tab, $col, $kind, $place, $pattern, undef, $filter) = @$c;
	my $expression = sprintf($flip{$kind}, "r.$col");
	$session .= sprintf("SELECT pg_temp.flip(%d, '%s', '%s', %s, %s, %s, %s, %.15f, %.15f);\n",
		$n, $tab, $col, (map { my $q = $_; $q =~ s/'/''/g; "'$q'" } $expression, $place, $pattern, $filter // 'true'),
		rand(), rand());
}
$session .= q{\echo RESULT
SELECT outcome, count(*) FROM result GROUP BY 1 ORDER BY 1;
\echo BAD
SELECT what, outcome, detail FROM result WHERE outcome NOT IN ('named', 'impossible') ORDER BY flip;
};

my ($out, $err) = ('', '');
is($node->safe_psql('postgres', 'SELECT * FROM custody.verify()'), '', 'clean before');
$node->psql('postgres', $session, stdout => \$out, stderr => \$err, on_error_die => 1);
my ($result, $bad) = $out =~ /RESULT\n(.*)BAD\n?(.*)/s;
my %count = map { split /\|/ } split /\n/, $result // '';
note "outcomes: $result";

is($bad, '', 'every flip is found and its place named') or diag "SEED=$seed";
cmp_ok($count{named} // 0, '>=', $flips * 0.75, 'enough of them were possible');
is($node->safe_psql('postgres', 'SELECT * FROM custody.verify()'), '', 'clean after');

done_testing();
