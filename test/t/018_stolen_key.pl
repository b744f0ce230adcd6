#!/usr/bin/perl
#
# The thief of today's key has everything: superuser, the data directory, the
# key directory with the signer's memory, and a program that recomputes
# whatever follows from a change.  He rewrites an entry of yesterday.

use strict;
use warnings;

use File::Find;
use FindBin;
use IPC::Run;
use lib $FindBin::RealBin;
use MIME::Base64;

use CustodyTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $top = "$FindBin::RealBin/../..";
my $node = start_node('stolen');
add_ledger($node);
my $work = $node->basedir;

sub sql { return $node->safe_psql('postgres', shift) }

sub keep
{
	my ($name, $text) = @_;
	spew("$work/$name", "$text\n");
	return "$work/$name";
}

# Three days, each with its key; what the auditor kept of each.
sql('SELECT custody.seal()');
my $folder = ledger_folder($node);
my (@keys, @anchors, @private);
foreach my $day (1 .. 3)
{
	sql('SELECT custody.rotate_key()') if $day > 1;
	push @private, slurp(sprintf('%s/epoch-%06d.pem', $folder, $day));
	foreach my $i (1 .. 3)
	{
		sql("INSERT INTO t (n) VALUES ('dose on day $day, $i')");
		sql('SELECT custody.seal()');
	}
	push @keys, sql('SELECT custody.verifier_key()');
	push @anchors, keep("anchor$day", sql('SELECT custody.checkpoint()'));
}
my $published = keep('keys', join("\n", @keys));
my $ledger = keep('ledger', sql('SELECT * FROM custody.export()'));
command_ok([ 'pg_custody_verify', 'bundle', '--keys', $published, (map { ('--anchor', $_) } @anchors), $ledger ],
	'the true ledger verifies');

# What the thief finds of the keys of yesterday
my %found;
$node->stop;
find(sub {
		return if !-f $_;
		my $content = slurp($_);
		foreach my $day (1 .. 3)
		{
			my $base64 = (split /\n/, $private[ $day - 1 ])[1];
			my $seed = substr(decode_base64($base64), -32);
			$found{$day}++ if index($content, $base64) >= 0 || index($content, $seed) >= 0;
		}
	}, $node->data_dir, key_directory($node));
is_deeply(\%found, { 3 => 1 }, "no file of the cluster holds a private key but today's");
$node->start;

# What he makes of the ledger, and who names it.  Each way of the forger: the
# finding with the keys that were published, with the first of them, and with
# an anchor of yesterday and today's key alone.
my $pem = "$folder/epoch-000003.pem";
my @ways = (
	[ 'replay', qr/^finding: signature_invalid block=1 /m, qr/^finding: signature_invalid block=1 /m ],
	[ 'sign', qr/^finding: signature_invalid block=1 /m, qr/^finding: signature_invalid block=1 /m ],
	[ 'jump', qr/^finding: epoch_violation block=1 leaf=\d+: block 1 is of epoch 3, to which the block before, of epoch 1, did not/m,
		qr/^finding: epoch_violation/m ],
	[ 'own', qr/^finding: key_order block=0 /m, qr/^finding: key_untrusted block=0 /m ],
	[ 'announce', qr/^finding: signature_invalid block=1 /m, qr/^finding: signature_invalid block=1 /m ],
);
foreach my $attack (@ways)
{
	my ($way, $with_all, $with_first) = @$attack;
	my ($out, $err) = ('', '');

	IPC::Run::run([ 'python3', '-B', "$top/test/recompute/forge.py", $ledger, $pem, $keys[2],
			'dose on day 1, 1', 'none on day 1, 1', $way ], '>', \$out, '2>', \$err);
	is($err, '', "$way: the forger says nothing");
	my $forged = "$work/forged_$way";
	spew($forged, $out);
	isnt($out, slurp($ledger), "$way: another ledger");
	command_checks_all([ 'pg_custody_verify', 'bundle', '--keys', $published, $forged ], 1, [$with_all], [],
		"$way: named by the published keys");
	command_checks_all([ 'pg_custody_verify', 'bundle', '--key', $keys[0], $forged ], 1, [$with_first], [],
		"$way: named by the first key");
	command_checks_all([ 'pg_custody_verify', 'bundle', '--keys', $published, '--anchor', $anchors[0], $forged ], 1,
		[qr/^finding: anchor_mismatch .*anchor1"/m], [], "$way: named by an anchor of that day");
	isnt(system('python3', '-B', "$top/test/recompute/recompute.py", $forged, $keys[0]), 0, "$way: recomputed: named") if $way ne 'own';
}

# What he signs of today is another matter: only an anchor tells.
my ($out, $err) = ('', '');
IPC::Run::run([ 'python3', '-B', "$top/test/recompute/forge.py", $ledger, $pem, $keys[2],
		'dose on day 3, 1', 'none on day 3, 1', 'sign' ], '>', \$out, '2>', \$err);
my $today = "$work/forged_today";
spew($today, $out);
command_ok([ 'pg_custody_verify', 'bundle', '--keys', $published, (map { ('--anchor', $_) } @anchors[ 0, 1 ]), $today ],
	"today's blocks are within today's key");
command_checks_all([ 'pg_custody_verify', 'bundle', '--keys', $published, '--anchor', $anchors[2], $today ], 1,
	[qr/^finding: anchor_mismatch /m], [], "an anchor of today names it");

# In the database: a block of yesterday signed anew with today's key
my $size = sql('SELECT tree_size FROM custody.blocks WHERE epoch = 1 ORDER BY block_no OFFSET 1 LIMIT 1');
my $resigned = sql("SELECT custody.checkpoint($size)");
my $text = (split /\n\n/, $resigned)[0] . "\n";
spew("$work/text", $text);
system_or_bail('openssl', 'pkeyutl', '-sign', '-inkey', $pem, '-rawin', '-in', "$work/text", '-out', "$work/signature");
my ($name, $id) = split /\+/, $keys[2];
my $line = encode_base64(pack('H8', $id) . slurp("$work/signature"), '');
sql("UPDATE custody.log_checkpoint SET note = convert_to(E'$text' || E'\\n— $name $line\\n', 'UTF8') WHERE tree_size = $size");
like(sql('SELECT code, leaf_index FROM custody.verify()'), qr/^signature_invalid\|@{[ $size - 1 ]}$/m, 'verify() names a block signed anew');
$node->stop;

done_testing();
