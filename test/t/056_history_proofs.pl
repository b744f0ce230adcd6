# Proofs of a row's life: made by a server, checked offline by the program and by
# the recomputation in another language, whole and with versions cut out, put in
# and altered by editing the text.

use strict;
use warnings;

use File::Temp;
use JSON::PP;
use MIME::Base64;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use FindBin;
use lib $FindBin::RealBin;
use CustodyTest;

my $top = "$FindBin::RealBin/../..";
my $program = -x "$top/pg_custody_verify" ? "$top/pg_custody_verify" : 'pg_custody_verify';
my $recompute = "$top/test/recompute/recompute.py";
my $folder = File::Temp->newdir;

sub run
{
	my ($command, @args) = @_;
	my $output = qx{$command @args 2>&1};
	return ($? >> 8, $output);
}

sub write_file
{
	my ($name, @text) = @_;
	open(my $file, '>:raw', "$folder/$name") or die "$name: $!\n";
	print $file @text;
	close($file) or die "$name: $!\n";
	return "$folder/$name";
}

# The program and the recomputation say the same of a text.
sub judged
{
	my ($name, $status, $pattern, $keys, @text) = @_;
	my $file = write_file('proof', @text);
	my ($got, $output) = run("'$program' history", (map { "--key '$_'" } @$keys), $file);
	is($got, $status, "$name: exit status");
	like($output, $pattern, "$name: output");
	($got) = run("python3 -B '$recompute' --history", $file, map { "'$_'" } @$keys);
	is($got, $status, "$name: recomputed");
	return $output;
}

# The first inputs of the fuzzer were made by the unit tests' own prover.
my $pinned = 'hospital.example/custody+7d934132+AYqI4910CfGV/VLbLTy6XXLKZwm/HZQSG/N0iAG0D29c';
my $corpus = "$top/test/fuzz/corpus/historyproof";
my $life = slurp_file("$corpus/whole_life");
my $output = judged('a whole life', 0, qr/valid, 10 versions, 4 not linked to the one before, tree size 19, /,
	[$pinned], $life);
my @links = ('first', ('linked') x 5, 'new life', 'recorded anew', 'table emptied', 'new life');
is_deeply([ $output =~ /leaf \d+, ([a-z ]+)/g ], \@links, 'how each version is linked');
my ($status, $recomputed) = run("python3 -B '$recompute' --history", "$corpus/whole_life", $pinned);
is_deeply([ $recomputed =~ /leaf \d+, ([a-z ]+)$/mg ], \@links, 'the recomputation links them so, too');
my $since = slurp_file("$corpus/since_a_checkpoint");
judged('since a checkpoint', 0, qr/valid, 3 versions, each linked to the one before it, since size 6 of /, [$pinned], $since);

# A server's
my $node = start_node('history', preload => 1);
$node->safe_psql('postgres', q{
	CREATE EXTENSION pg_custody;
	CREATE TABLE dose (id int PRIMARY KEY, drug text, mg numeric);
	INSERT INTO dose VALUES (1, 'warfarin', 5), (2, 'heparin', 1);
	SELECT custody.protect('dose');
	SELECT custody.seal()});
my $old_size = $node->safe_psql('postgres', 'SELECT custody.seal()');
$node->safe_psql('postgres', q{
	UPDATE dose SET mg = 50 WHERE id = 1;
	UPDATE dose SET mg = 6 WHERE id = 2;
	UPDATE dose SET mg = 7.5 WHERE id = 1;
	BEGIN; UPDATE dose SET drug = 'Warfarin' WHERE id = 1; UPDATE dose SET mg = 8 WHERE id = 1; COMMIT;
	ALTER TABLE dose ADD COLUMN ward text DEFAULT 'ICU';
	UPDATE dose SET id = 3 WHERE id = 1;
	SELECT custody.seal()});
my $key = $node->safe_psql('postgres', 'SELECT custody.verifier_key()');

sub prove
{
	my ($id, @sizes) = @_;
	my $arguments = join(', ', "'dose'", qq('{"id": $id}'), @sizes);
	return $node->safe_psql('postgres', "SELECT custody.prove_history($arguments)") =~ s/\n*\z/\n/r;
}

my $proof = prove(3);
$output = judged('of the server', 0, qr/valid, 6 versions, each linked to the one before it, /, [$key], $proof);
judged('as psql prints it', 0, qr/valid, 6 versions/, [$key], "$proof\n");
is_deeply([ $output =~ /mg = "([\d.]+)"/g ], [ '5', '50', '7.5', '7.5', '8', '8' ], 'every value it had, in order');
like($output, qr/\(id = "1"\) baseline .*, first; not shown: whether there was an earlier life/, 'from the first');
like($output, qr/\(id = "3"\) update .* ward = "ICU", leaf \d+, linked; not shown: whether there was a later version/,
	'to the last, under its new key');

# A middle version cut out with an editor: the one that nobody should see.
my @lines = $proof =~ /(.*\n)/g;
my @records = grep { $lines[$_] =~ /^record / } 0 .. $#lines;
is(scalar @records, 5, 'five transactions');
foreach my $at (0 .. $#records)
{
	my $end = $at < $#records ? $records[ $at + 1 ] : 0;
	my @cut = @lines;
	$end++ while $at == $#records && ($lines[$end] =~ /^(custody|schema)/ || $end < $records[$at] || $lines[$end] ne "\n");
	splice(@cut, $records[$at], $end - $records[$at]);
	if ($at == $#records)
	{
		# The definition that only it names goes with it.
		splice(@cut, 2, 1);
		$output = judged('the last version cut out', 0, qr/valid, 5 versions/, [$key], @cut);
		like($output, qr/mg = "8", leaf \d+, linked; not shown: whether there was a later version/, 'is not noticed, and says so');
		next;
	}
	judged("transaction $at cut out", 1, $at == 0 ?
		qr/INVALID, entry 0 of leaf \d+: the entry does not follow from the one before it/ :
		qr/INVALID, entry 0 of leaf \d+: the entry does not follow/, [$key], @cut);
}
my ($double) = grep { $lines[$_] =~ /^version/ && $lines[ $_ + 1 ] =~ /^version/ } 0 .. $#lines;
foreach my $at ($double, $double + 1)
{
	my @cut = @lines;
	splice(@cut, $at, 1);
	judged('one of two versions of a transaction cut out', 1, qr/INVALID/, [$key], @cut);
}

# Other edits.
sub alter
{
	my ($text, $from, $to) = @_;
	$text =~ s/$from/$to/ or die "no $from\n";
	return $text;
}
my $other = prove(2);
my ($foreign) = $other =~ /^(record .*\nversion .*\n)record/m;
judged('the life of another row', 0, qr/valid, 2 versions/, [$key], $other);
judged('a version of another row put in', 1, qr/INVALID/, [$key], alter($proof, qr/(?<=\n)(?=record)/, $foreign));
judged('CRLF', 1, qr/INVALID, it has carriage returns/, [$key], $proof =~ s/\n/\r\n/gr);
judged('trailing bytes', 1, qr/INVALID/, [$key], $proof . 'x');
judged('another key', 1, qr/INVALID.*trusted key/, [$pinned], $proof);
judged('no history', 2, qr/not checked, not a history proof/, [$key],
	$node->safe_psql('postgres', q{SELECT custody.prove_row('dose', '{"id": 3}')}) . "\n");
judged('cut in half', 1, qr/INVALID/, [$key], @lines[ 0 .. @lines / 2 ]);
foreach my $word ('schema', 'record', 'version')
{
	my ($name, @words) = split(/ /, (grep { /^$word / } @lines)[1] =~ s/\n//r);
	foreach my $at (grep { length($words[$_]) > 40 } 0 .. $#words)
	{
		my $bytes = decode_base64($words[$at]);
		foreach my $place (0, length($bytes) / 2, length($bytes) - 1)
		{
			my @changed = @words;
			my $flipped = $bytes;
			substr($flipped, $place, 1) ^= "\1";
			$changed[$at] = encode_base64($flipped, '');
			judged("$word, word $at, byte $place", 1, qr/INVALID/, [$key],
				alter($proof, quotemeta("$word @words"), "$word @changed"));
		}
	}
}

# JSON
my $file = write_file('proof', $proof);
my $json = decode_json((run("'$program' history --json --key '$key'", $file))[1]);
is_deeply([ @$json{qw(valid old_size problem)}, scalar @{ $json->{versions} } ], [ JSON::PP::true, undef, undef, 6 ], 'JSON');
is_deeply($json->{versions}[1]{values}, { id => '1', drug => 'warfarin', mg => '50' }, 'values in JSON');
is_deeply([ map { $_->{link} } @{ $json->{versions} } ], [ 'first', ('linked') x 5 ], 'links in JSON');
$json = decode_json((run("'$program' history --json --key '$pinned'", $file))[1]);
is_deeply([ @$json{qw(valid versions tree_size origin)} ], [ JSON::PP::false, [], undef, undef ],
	'JSON of an invalid proof shows nothing of it');

# How the program is called
is((run("'$program' history --key '$key'", $file, $file))[0], 0, 'two files');
is((run("'$program' history --key '$key' - <", $file))[0], 0, 'standard input');
is((run("'$program' history", $file))[0], 2, 'no key');
is((run("'$program' history --key '$key'"))[0], 2, 'no file');
is((run("'$program' history --key '$key' $folder/none"))[0], 2, 'no such file');
like((run("'$program' history --help"))[1], qr/^Usage: pg_custody_verify history/, 'help');

# Between two checkpoints
$proof = prove(3, $old_size);
judged('between two checkpoints', 0, qr/valid, 6 versions, .* since size $old_size of /, [$key], $proof);
judged('the version in force cut out', 1, qr/INVALID/, [$key], alter($proof, qr/record .*\nversion .*\n(?=record)/, ''));
judged('the older checkpoint cut out', 0, qr/valid, 6 versions, each linked to the one before it, tree size/, [$key],
	alter($proof, qr/old .*\n/, ''));
like($proof, qr/^old \S+ \S+$/m, 'the growth is shown');
judged('another growth', 1, qr/INVALID, the log of the older checkpoint is not/, [$key],
	alter($proof, qr/^(old \S+) .*$/m, "old " . encode_base64((decode_base64(($proof =~ /^old (\S+)/m)[0])), '') . ' ' . encode_base64('x' x 32, '')));

# A change behind the triggers: the next honest one says so.
$node->safe_psql('postgres', q{
	ALTER TABLE dose DISABLE TRIGGER ALL;
	UPDATE dose SET mg = 80 WHERE id = 3;
	ALTER TABLE dose ENABLE TRIGGER ALL;
	SELECT custody.seal()});
judged('not yet noticed', 0, qr/valid, 6 versions/, [$key], prove(3));
$node->safe_psql('postgres', q{UPDATE dose SET drug = 'x' WHERE id = 3; SELECT custody.seal()});
my ($ret, $stdout, $stderr) = $node->psql('postgres', q{SELECT custody.prove_history('dose', '{"id": 3}')});
like($stderr, qr/WARNING:  a version of the row of table "dose" does not follow from the one before it/, 'the server warns');
judged('named by the next honest update', 1, qr/INVALID, entry 0 of leaf \d+: the entry does not follow from the one before it/,
	[$key], $stdout =~ s/\n*\z/\n/r);

$node->stop;
done_testing();
