# What the tests of sealing share: a cluster with the extension, and the
# claims that are made of a ledger again and again.

package CustodyTest;

use strict;
use warnings;

use Exporter 'import';
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

our @EXPORT = qw(
  start_node add_ledger insert_and_seal checkpoint fails_with sealed_once verifies_clean wait_until_sealed
  wait_for_log key_directory ledger_folder slurp spew
);

# A running cluster, alike whatever the locale of the environment; the library
# is preloaded if asked for.
sub start_node
{
	my ($name, %param) = @_;
	my $node = PostgreSQL::Test::Cluster->new($name);

	$node->init(extra => [ '--encoding=UTF8', '--no-locale' ], %{ $param{init} // {} });
	$node->append_conf('postgresql.conf', "shared_preload_libraries = 'pg_custody'\n")
	  if $param{preload};
	$node->append_conf('postgresql.conf', "custody.seal_interval = '100ms'\n");
	$node->append_conf('postgresql.conf', $param{conf}) if $param{conf};
	$node->start;
	return $node;
}

# Extension and a protected table t(id, n).
sub add_ledger
{
	my ($node, $database) = @_;
	$node->safe_psql($database // 'postgres', q{
		CREATE EXTENSION pg_custody;
		CREATE TABLE t (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, n text);
		SELECT custody.protect('t');
	});
}

# Another row of t, sealed; the size of the log.
sub insert_and_seal
{
	my ($node, $database) = @_;
	$node->safe_psql($database // 'postgres', "INSERT INTO t (n) VALUES ('more')");
	return $node->safe_psql($database // 'postgres', 'SELECT custody.seal()');
}

# The last signed checkpoint
sub checkpoint
{
	my ($node, $database) = @_;
	return $node->safe_psql($database // 'postgres', 'SELECT custody.checkpoint()');
}

# The query fails with this SQLSTATE and a message that matches.
sub fails_with
{
	my ($node, $sql, $sqlstate, $pattern, $name) = @_;
	my ($ret, $out, $err) = $node->psql('postgres', "\\set VERBOSITY verbose\n$sql");
	like($err, qr/ERROR:  \Q$sqlstate\E: .*$pattern/s, $name);
	return $err;
}

# Every transaction record has one leaf, the leaves are without gap, and every
# block is signed.
sub sealed_once
{
	my ($node, $name, $database) = @_;
	my $got = $node->safe_psql($database // 'postgres', q{
		SELECT (SELECT count(*) FROM custody.log_transaction),
			   (SELECT count(DISTINCT txn_no) FROM custody.log_leaf l
				WHERE EXISTS (SELECT FROM custody.log_transaction t WHERE t.txn_no = l.txn_no)),
			   (SELECT count(*) FROM custody.log_leaf),
			   (SELECT max(leaf_index) + 1 FROM custody.log_leaf),
			   (SELECT max(tree_size) FROM custody.log_block),
			   (SELECT count(*) FROM custody.log_leaf WHERE txn_no IS NULL),
			   (SELECT count(*) FROM custody.log_block),
			   (SELECT count(*) FROM custody.log_block JOIN custody.log_checkpoint USING (tree_size))});
	my ($records, $sealed, $leaves, $end, $size, $headers, $blocks, $signed) = split /\|/, $got;

	is_deeply([ $sealed, $leaves, $end, $size, $headers, $signed ],
		[ $records, $records + $blocks, $leaves, $leaves, $blocks, $blocks ],
		"$name: every transaction sealed once, every block signed");
}

sub verifies_clean
{
	my ($node, $name, $database) = @_;
	is($node->safe_psql($database // 'postgres',
			q{SELECT severity, code, leaf_index, message, detail FROM custody.verify() WHERE severity <> 'notice'}),
		'', "$name: verifies clean");
}

sub wait_until_sealed
{
	my ($node, $database) = @_;
	$node->poll_query_until($database // 'postgres', q{
		SELECT NOT EXISTS (SELECT FROM custody.log_transaction t
						   WHERE NOT EXISTS (SELECT FROM custody.log_leaf l
											 WHERE l.txn_no = t.txn_no))
		   AND NOT EXISTS (SELECT FROM custody.log_block b
						   WHERE NOT EXISTS (SELECT FROM custody.log_checkpoint c
											 WHERE c.tree_size = b.tree_size))})
	  or die "timed out waiting for the seal";
}

sub wait_for_log
{
	my ($node, $pattern, $offset) = @_;
	foreach (1 .. 10 * $PostgreSQL::Test::Utils::timeout_default)
	{
		return 1 if slurp_file($node->logfile, $offset // 0) =~ $pattern;
		select(undef, undef, undef, 0.1);
	}
	die "timed out waiting for $pattern in the log";
}

sub key_directory
{
	my ($node) = @_;
	return $node->data_dir . '.custody';
}

# Folder of the latest incarnation's key.
sub ledger_folder
{
	my ($node, $database) = @_;
	return key_directory($node) . '/' . $node->safe_psql($database // 'postgres',
		'SELECT ledger_id FROM custody.log_incarnation ORDER BY incarnation DESC LIMIT 1');
}

sub slurp
{
	my ($path) = @_;
	return slurp_file($path);
}

sub spew
{
	my ($path, $text) = @_;
	open(my $file, '>:raw', $path) or die "$path: $!";
	print $file $text;
	close($file) or die "$path: $!";
}

1;
