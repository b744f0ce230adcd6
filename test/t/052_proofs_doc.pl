# The worked example and the tutorial of doc/proofs.md run, in order, in one
# database, and show what the text says.
use strict;
use warnings;

use File::Temp;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $text = slurp_file('doc/proofs.md');
my @examples;
push(@examples, [ $1, $2 ]) while $text =~ /^```(sql|psql|sh)\n(.*?)^```$/msg;
cmp_ok(scalar @examples, '>=', 10, 'doc/proofs.md has examples');

my $node = PostgreSQL::Test::Cluster->new('proofs_doc');
$node->init;
$node->append_conf('postgresql.conf', "custody.origin = 'hospital.example/ledger'");
$node->start;

my $folder = File::Temp->newdir;
my $top = $ENV{PWD};
local $ENV{PATH} = "$top:$ENV{PATH}" if -x "$top/pg_custody_verify";
local $ENV{PGHOST} = $node->host;
local $ENV{PGPORT} = $node->port;
local $ENV{PGDATABASE} = 'postgres';

# Run one example; the variables that psql was given stay.
my $variables = '';
my $n = 0;
my $output = '';
foreach my $example (@examples)
{
	my ($kind, $script) = @$example;
	my $file = "$folder/script";
	my @command = $kind eq 'sh' ? ('bash', '-e', $file) : ('psql', '-Xq', '-v', 'ON_ERROR_STOP=1', '-f', $file);

	$n++;
	open(my $out, '>', $file) or die "$file: $!\n";
	print $out ($kind eq 'psql' ? $variables : ''), $script;
	close($out);
	$variables .= join('', $script =~ /^(\\set .*\n)/mg);
	my $got = '';
	my $ok = IPC::Run::run([ 'bash', '-c', 'cd "$0" && exec "$@"', $folder, @command ],
		'>', \$got, '2>&1');
	ok($ok, "example $n runs") or diag($got);
	$output .= $got;
}

like($output, qr/^creatinine\.proof: valid, public\.lab_result \(id = "7001"\) insert at \S+Z: id = "7001", analyte = "creatinine", result = "1\.9", unit = "mg\/dl", leaf 2, tree size 5, origin hospital\.example\/ledger$/m,
	'the value before the court');
like($output, qr/^first\.proof: valid, .* result = "1\.9", leaf 2, tree size 7, .*\ntoday\.proof: valid, .* update at .* result = "1\.1", leaf 6, tree size 7,/m,
	'the first and the present version');
like($output, qr/^consistent: hospital\.example\/ledger of size 5 only grew, to size 7 of hospital\.example\/ledger$/m,
	'growth since the checkpoint that was kept');
like($output, qr/^7001\.history: .* insert at .* result = "1\.9", .*, leaf 2, in force\n7001\.history: .* update at .* result = "1\.1", .*, leaf 6, linked; not shown: whether there was a later version\n7001\.history: valid, 2 versions, each linked to the one before it, since size 5 of hospital\.example\/ledger, tree size 7, /m,
	'the life of the value since the checkpoint that was kept');
like($output, qr/^ insert +\| 1\.9 +\| in force +\| *\n update +\| 1\.1 +\| linked +\| whether there was a later version$/m,
	'the same in the database');
like($output, qr/^three\.history: valid, 3 versions, .*\ncut\.history: INVALID, entry 0 of leaf 8: the entry does not follow from the one before it: hashes differ$/m,
	'a version cut out');
like($output, qr/^valid +\| t\n.*^row_key +\| \{"id": 7001\}\n/ms, 'the tutorial shows a valid proof');
is(scalar(() = $output =~ /^ f +\| .+/mg), 2, 'and two that are not');
unlike($output =~ s/^\w+\.history: .*$//mgr, qr/repeat within|reactive/, 'what was withheld does not appear');

$node->stop;
done_testing();
