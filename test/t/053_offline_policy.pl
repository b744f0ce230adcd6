#!/usr/bin/perl
#
# pg_custody_verify --policy: a quorum of witnesses, written down as C2SP
# tlog-policy, for proofs of rows and leaves, growth and whole ledgers.  Needs no
# server; the witnesses are test/recompute/cosign.py.

use strict;
use warnings;
use File::Basename;
use File::Temp;
use JSON::PP;
use MIME::Base64;
use Test::More;

my $top = dirname(__FILE__) . '/../..';
my $program = -x "$top/pg_custody_verify" ? "$top/pg_custody_verify" : 'pg_custody_verify';
$program = $ENV{PG_CUSTODY_VERIFY} if $ENV{PG_CUSTODY_VERIFY};
my $cosign = "python3 -B '$top/test/recompute/cosign.py'";
my $folder = File::Temp->newdir;

sub slurp
{
	my ($name) = @_;
	open(my $file, '<:raw', $name) or die "$name: $!\n";
	local $/;
	return <$file>;
}

sub spew
{
	my ($name, @text) = @_;
	my $text = join('', @text);
	utf8::encode($text) if utf8::is_utf8($text);
	open(my $file, '>:raw', "$folder/$name") or die "$name: $!\n";
	print $file $text;
	close($file) or die "$name: $!\n";
	return "$folder/$name";
}

sub check
{
	my ($name, $status, $pattern, @args) = @_;
	my $output = qx{'$program' @args 2>&1};
	is($? >> 8, $status, "$name: exit status");
	like($output, $pattern, "$name: output");
	return $output;
}

# Witnesses 0 to 3.
sub seed { return sprintf('%02x', 100 + $_[0]) x 32 }
my @witness = map { qx{$cosign key @{[ seed($_) ]} witness$_.example/w} =~ s/\n//r } 0 .. 3;

# The lines that these witnesses put under a note.
sub lines
{
	my ($note, @which) = @_;
	my $file = spew('to_cosign', $note);
	return join('', map { qx{$cosign sign @{[ seed($_) ]} witness$_.example/w 1767225600 < '$file'} } @which);
}

my $vectors = decode_json(slurp("$top/test/vectors/proofs-v1.json"));
my @keys = @{ $vectors->{verifier_keys} };
my @logs = map { "log $_\n" } @keys;
my @defined = map { "witness w$_ $witness[$_]\n" } 0 .. 2;
sub policy { my ($name, @lines) = @_; return '--policy ' . spew("policy_$name", @lines) }
my $two = policy('two', @logs, @defined, "group g 2 w0 w1 w2\nquorum g\n");
my $none = policy('none', @logs, "quorum none\n");
my $witnesses_only = policy('witnesses_only', @defined, "group g 2 w0 w1 w2\nquorum g\n");

# A proof with lines added to its note, which is at its end.
sub with_lines
{
	my ($proof, @lines) = @_;
	return spew('proof', $proof, @lines);
}
sub note_of { return $_[0] =~ s/\A.*\n\n(?=[^\n]*\n[0-9]+\n[^\n]*\n\n)//sr }

my $proof = $vectors->{row_proofs}{insert};
utf8::encode($proof);
my $note = note_of($proof);
like($note, qr{\Ahospital\.example/custody\n6\n}, 'the note of a proof');

# Rows
my $valid = qr/: valid, .*leaf 1, tree size 6/;
my $lacking = qr/INVALID, the checkpoint is not cosigned by a quorum of witnesses: /;
check('no quorum asked for', 0, $valid, 'proof', $none, with_lines($proof));
check('nobody cosigned', 1, $lacking, 'proof', $two, with_lines($proof));
check('one of two', 1, $lacking, 'proof', $two, with_lines($proof, lines($note, 1)));
check('two of three', 0, $valid, 'proof', $two, with_lines($proof, lines($note, 2, 0)));
check('three of three', 0, $valid, 'proof', $two, with_lines($proof, lines($note, 0, 1, 2)));
check('the same witness twice', 1, $lacking, 'proof', $two, with_lines($proof, lines($note, 1, 1)));
check('a witness that the policy does not know', 1, $lacking, 'proof', $two, with_lines($proof, lines($note, 1, 3)));
check('and two that it knows', 0, $valid, 'proof', $two, with_lines($proof, lines($note, 3, 1, 0)));
check('cosigned for another checkpoint', 1, qr/INVALID/, 'proof', $two,
	with_lines($proof, lines($note =~ s/\n6\n/\n7\n/r, 0), lines($note, 1)));
check('a wrong line spoils the note', 1, qr/INVALID, .*does not verify/, 'proof', $two,
	with_lines($proof, lines($note, 0, 1), lines($note =~ s/\n6\n/\n7\n/r, 2)));
check('the witnesses alone', 1, qr/INVALID.*trusted key/, 'proof', $two,
	with_lines($proof =~ s/[^\n]*\n\z//r, lines($note, 0, 1, 2)));
check('a log that the policy does not list', 1, qr/INVALID.*trusted key/, 'proof',
	policy('other_log', $logs[1], @defined, "quorum none\n"), with_lines($proof));
check('a log given besides', 0, $valid, 'proof', $witnesses_only, '--key', $keys[0],
	with_lines($proof, lines($note, 0, 1)));
check('no log at all', 2, qr/give at least one trusted key/, 'proof', $witnesses_only, with_lines($proof));
my $json = decode_json(check('as JSON', 1, qr/^\{/, 'proof --json', $two, with_lines($proof, lines($note, 1))));
like($json->{problem}, qr/not cosigned by a quorum/, 'JSON says why');

# Leaves
my $leaf = spew('leaf', pack('H*', $vectors->{leaf_hex}));
my $leaf_proof = $vectors->{leaf_proof};
utf8::encode($leaf_proof);
check('leaf, nobody cosigned', 1, $lacking, 'proof', $two, '--leaf', $leaf, with_lines($leaf_proof));
check('leaf, two of three', 0, qr/: valid/, 'proof', $two, '--leaf', $leaf,
	with_lines($leaf_proof, lines(note_of($leaf_proof), 0, 2)));

# Growth: the new checkpoint needs the quorum, the one that was kept does not.
my $old = spew('old', $vectors->{checkpoints}{6});
my $growth = $vectors->{growth}{'6 14'};
utf8::encode($growth);
check('growth, nobody cosigned', 2, qr/not cosigned by a quorum of witnesses/,
	'consistency', $two, '--old', $old, with_lines($growth));
check('growth, two of three', 0, qr/^consistent: /,
	'consistency', $two, '--old', $old, with_lines($growth, lines(note_of($growth), 0, 1)));

# Ledgers
my $pinned = decode_json(slurp("$top/test/vectors/format-v1.json"));
my @bundle = map { "$_\n" } @{ $pinned->{bundle} };
my @checkpoints = grep { $bundle[$_] =~ /^checkpoint/ } 0 .. $#bundle;
my @ledger_logs = map { "log $_\n" } $pinned->{verifier_key}, @{ $pinned->{other_verifier_keys} };
my $ledger_policy = policy('ledger', @ledger_logs, @defined, "group g 2 w0 w1 w2\nquorum g\n");

# The ledger with witnesses' lines under its n-th checkpoint; -1 the last.
sub ledger
{
	my ($n, @which) = @_;
	my @lines = @bundle;
	my $at = $checkpoints[$n];
	my $plain = decode_base64($lines[$at] =~ s/^checkpoint //r);
	$lines[$at] = 'checkpoint ' . encode_base64($plain . lines($plain, @which), '') . "\n";
	return spew('ledger', @lines);
}
check('ledger, no quorum asked for', 0, qr/^verified/m, 'bundle',
	policy('plain', @ledger_logs, "quorum none\n"), spew('ledger', @bundle));
check('ledger, nobody cosigned', 1, qr/^finding: quorum_missing .*[0-9]+ leaves after size 0 /m,
	'bundle', $ledger_policy, spew('ledger', @bundle));
check('ledger, last checkpoint cosigned', 0, qr/^verified/m, 'bundle', $ledger_policy, ledger(-1, 0, 1));
check('ledger, last checkpoint cosigned by one', 1, qr/^finding: quorum_missing/m, 'bundle', $ledger_policy, ledger(-1, 2));
check('ledger, an earlier one cosigned', 1, qr/^finding: quorum_missing .*[1-9][0-9]* leaves after size [1-9]/m,
	'bundle', $ledger_policy, ledger(1, 0, 1));
my @spoilt = @bundle;
my $plain = decode_base64($spoilt[ $checkpoints[-1] ] =~ s/^checkpoint //r);
$spoilt[ $checkpoints[-1] ] =
  'checkpoint ' . encode_base64($plain . lines($plain, 0, 1) . lines("x.example\n1\n\n", 2), '') . "\n";
check('ledger, a wrong line', 1, qr/^finding: cosignature_invalid/m, 'bundle', $ledger_policy, spew('ledger', @spoilt));

# Policies
check('a policy that is none', 2, qr/is not a policy: line 2: it begins with none of/, 'proof',
	policy('bad', "quorum none\nanything\n"), with_lines($proof));
check('a policy without a quorum', 2, qr/is not a policy: line [0-9]+: it has no quorum/, 'proof',
	policy('bad', @logs), with_lines($proof));
check('two policies', 2, qr/one policy only/, 'proof', $two, $none, with_lines($proof));
check('no policy file', 2, qr/could not open/, 'proof --policy', "$folder/missing", with_lines($proof));

done_testing();
