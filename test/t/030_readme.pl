# Every SQL example of the README runs, in order, in one database.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $readme = slurp_file('README.md');
my @examples = $readme =~ /^```sql\n(.*?)^```$/msg;
cmp_ok(scalar @examples, '>=', 5, 'README has SQL examples');

my $node = PostgreSQL::Test::Cluster->new('readme');
$node->init;
$node->append_conf('postgresql.conf', "shared_preload_libraries = 'pg_custody'");
$node->start;

my $n = 0;
foreach my $example (@examples)
{
	my ($out, $err) = ('', '');
	$n++;
	my $rc = $node->psql('postgres', $example,
		on_error_stop => 1, stdout => \$out, stderr => \$err);
	is($rc, 0, "example $n runs") or diag("$example\n$err");
}

my $history = $node->safe_psql('postgres', q{
	SELECT string_agg(operation || ' ' || ("row"->>'mg'), ', ')
	FROM custody.history('dose')});
is($history, 'baseline 107.40, update 64.20', 'history is what the README tells');
is($node->safe_psql('postgres', 'SELECT * FROM custody.verify()'),
	'', 'the README leaves a ledger that verifies');

$node->stop;
done_testing();
