# A full disk while rows are changed and while the log is sealed: a clear error,
# no change without its entry, and nothing lost or doubled when there is room.
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;

use CustodyTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $shim = PostgreSQL::Test::Utils::tempdir() . '/full_disk.so';
my $flag = PostgreSQL::Test::Utils::tempdir() . '/full';
system('gcc', '-shared', '-fPIC', '-o', $shim, "$FindBin::RealBin/full_disk.c", '-ldl') == 0
  or die 'could not build the shim';

my $node = PostgreSQL::Test::Cluster->new('full');
$node->init;
{
	local $ENV{LD_PRELOAD} = $shim;
	local $ENV{FULL_DISK} = $flag;
	$node->start;
}
add_ledger($node);
$node->safe_psql('postgres', q{
	INSERT INTO t (n) SELECT 'before' FROM generate_series(1, 10);
	SELECT custody.seal();
	CREATE TABLE room (filler text);
	INSERT INTO room SELECT repeat('x', 100) FROM generate_series(1, 1000)});

# Entries wait for the next block; then the disk fills.
$node->safe_psql('postgres', join '', map { "INSERT INTO t (n) VALUES ('waiting $_');\n" } 1 .. 300);
spew($flag, '');

fails_with($node, "INSERT INTO t (n) SELECT repeat('y', 1000) FROM generate_series(1, 1000)",
	'53100', 'could not extend file', 'a change fails when its entry cannot be written');
is($node->safe_psql('postgres', "SELECT count(*) FROM t WHERE n LIKE 'y%'"), '0',
	'the change did not commit');
fails_with($node, 'SELECT custody.seal()', '53100', 'could not extend file',
	'seal() says that the disk is full');

my $rows = $node->safe_psql('postgres', 'SELECT count(*) FROM t');
unlink $flag or die "could not remove $flag";
cmp_ok($node->safe_psql('postgres', 'SELECT custody.seal()'), '>', 300, 'with room it seals');
sealed_once($node, 'nothing is lost or doubled');
is($node->safe_psql('postgres', q{
	SELECT count(*) FROM custody.entries WHERE operation IN ('insert', 'baseline')}),
	$rows, 'as many entries as rows');
verifies_clean($node, 'and the ledger verifies');

$node->stop;
done_testing();
