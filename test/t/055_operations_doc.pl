# What doc/operations.md says of two hospitals that witness each other is run
# as it stands there.
use strict;
use warnings;

use File::Temp;
use FindBin;
use lib $FindBin::RealBin;

use CustodyTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my ($section) = slurp_file('doc/operations.md') =~ /^## Two hospitals witness each other\n(.*?)^## /ms;
my ($introduce, $ask, $audit) = $section =~ /^```sh\n(.*?)^```$/msg;
ok($audit, 'three examples');

my ($north, $south) = map { my $node = start_node($_, conf => "custody.origin = '$_.example/ledger'\n"); add_ledger($node); $node } qw(north south);
$_->safe_psql('postgres', 'SELECT custody.seal()') foreach $north, $south;
my $folder = File::Temp->newdir;
local $ENV{NORTH} = $north->connstr('postgres');
local $ENV{SOUTH} = $south->connstr('postgres');
local $ENV{PATH} = "$ENV{PWD}:$ENV{PATH}" if -x "$ENV{PWD}/pg_custody_verify";

sub run_example
{
	my ($script, $name) = @_;
	my $out = '';
	my $ok = IPC::Run::run([ 'bash', '-e', '-c', "cd '$folder'\n$script" ], '>', \$out, '2>&1');
	ok($ok, "$name runs") or diag($out);
	return $out;
}

run_example($introduce, 'the introduction');
run_example($ask, 'the first time');
spew("$folder/kept", $north->safe_psql('postgres', 'SELECT custody.checkpoint()') . "\n");
$north->safe_psql('postgres', "INSERT INTO t (n) VALUES ('more')");
run_example($ask, 'the next time');
like(slurp_file("$folder/line"), qr{^\xE2\x80\x94 south\.example/ledger/witness \S+\n}, 'a line');
like(run_example($audit, 'the audit'), qr/^consistent: north\.example\/ledger of size/, 'the auditor is content');
is($south->safe_psql('postgres', q{SELECT size FROM custody.cosigned}),
	$north->safe_psql('postgres', 'SELECT max(tree_size) FROM custody.blocks'), 'South has seen all of it');

is($north->safe_psql('postgres', 'SELECT DISTINCT grade, cosigned_by FROM custody.blocks'),
	'cosigned|{south}', 'and says so of every block of North');

# The table of refusals: each is one that a caller can get.
my %listed = map { $_ => 1 } $section =~ /^\| (PC\d+) \|/mg;
my %declared;
foreach my $line (slurp_file('src/pg/error.h') =~ /^(#define ERRCODE_CUSTODY_WITNESS_.*)$/mg)
{
	$declared{ 'PC' . join('', $line =~ /'(\d)'/g) } = 1;
}
is_deeply(\%listed, \%declared, 'every refusal is listed');

$_->stop foreach $north, $south;
done_testing();
