#!/usr/bin/perl
#
# pg_custody_verify bundle on the pinned ledger and on damaged copies of it.  Needs
# no server.  Each scenario has a name, a sub that mutilates the lines, the
# exit status and a pattern that the output must match.

use strict;
use warnings;
use Encode;
use File::Basename;
use File::Temp;
use JSON::PP;
use MIME::Base64;
use Test::More;

my $top = dirname(__FILE__) . '/../..';
my $program = -x "$top/pg_custody_verify" ? "$top/pg_custody_verify" : 'pg_custody_verify';
$program = $ENV{PG_CUSTODY_VERIFY} if $ENV{PG_CUSTODY_VERIFY};
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
	open(my $file, '>:raw', "$folder/$name") or die "$name: $!\n";
	print $file @text;
	close($file) or die "$name: $!\n";
	return "$folder/$name";
}

my $vectors = decode_json(slurp("$top/test/vectors/format-v1.json"));
my @ledger = map { "$_\n" } @{ $vectors->{bundle} };
my @keys = ($vectors->{verifier_key}, @{ $vectors->{other_verifier_keys} });
my $keys = spew('keys', "# trusted\n", map { "$_\n" } @keys);
my @notes = map { /^checkpoint (.*)/ ? decode_base64($1) : () } @ledger;
my @anchors = map { spew("anchor$_", $notes[$_]) } 0 .. $#notes;

# Run the program; returns its status and everything it wrote.
sub verify
{
	my (@args) = @_;
	return run('bundle', @args);
}

sub run
{
	my (@args) = @_;
	my $output = qx{'$program' @args 2>&1};
	return ($? >> 8, $output);
}

sub check
{
	my ($name, $status, $pattern, @args) = @_;
	my ($got, $output) = verify(@args);
	is($got, $status, "$name: exit status");
	like($output, $pattern, "$name: output");
}

# Decode a field of a line, change it, encode it again.
sub alter
{
	my ($line, $field, $change) = @_;
	my @words = split(/ /, $$line =~ s/\n//r);
	my $bytes = decode_base64($words[$field]);
	$change->(\$bytes);
	$words[$field] = encode_base64($bytes, '');
	$$line = "@words\n";
}

sub flip
{
	my ($at) = @_;
	return sub { substr(${ $_[0] }, $at, 1) ^= "\1" };
}

my $good = spew('ledger', @ledger);
check('clean', 0, qr/^verified: 6 blocks, 8 transactions, 13 entries, size 14, root /m,
	'--keys', $keys, $good);
check('clean, keys one by one', 0, qr/^verified: /m,
	(map { "--key=$_" } @keys), $good);
check('clean, every anchor', 0, qr/^verified: /m,
	'--keys', $keys, (map { "--anchor $_" } @anchors), $good);
check('anchors that went through psql, a shell and mail', 0, qr/^verified: /m,
	'--keys', $keys, '--anchor', spew('by_psql', "$notes[0]\n"),
	'--anchor', spew('by_shell', $notes[1] =~ s/\n\z//r),
	'--anchor', spew('by_mail', $notes[2] =~ s/\n/\r\n/gr), $good);
check('quiet', 0, qr/^$/, '--quiet --keys', $keys, $good);
check('standard input', 0, qr/^verified: /m, '--keys', $keys, '-', '<', $good);
check('help', 0, qr/^Usage: /, '--help');
check('version', 0, qr/^pg_custody_verify /, '--version');

# Commands
my @calls = (
	[ 'no command', 2, qr/name a command/ ],
	[ 'a file is no command', 2, qr/"\Q$good\E" is no command/, $good ],
	[ 'help of all', 0, qr/^Usage: .*^  bundle .*^  consistency .*^  proof /ms, '--help' ],
	[ 'version of all', 0, qr/^pg_custody_verify /, '--version' ]);
foreach my $call (@calls)
{
	my ($name, $status, $pattern, @args) = @$call;
	my ($got, $output) = run(@args);
	is($got, $status, "$name: exit status");
	like($output, $pattern, "$name: output");
}

# JSON
sub objects
{
	my (@args) = @_;
	return map { decode_json($_) } split /\n/, (verify('--json --keys', $keys, @args))[1];
}
my ($restart, $summary) = objects($good);
like($restart->{notice}, qr/^incarnation 2 begins at leaf 11;/, 'JSON of a notice');
is_deeply({ %$summary{qw(verified findings notices blocks transactions entries tree_size)} },
	{ verified => JSON::PP::true, findings => 0, notices => 1, blocks => 6, transactions => 8, entries => 13, tree_size => 14 },
	'JSON of what verified');
check('JSON and quiet', 0, qr/^$/, '--json --quiet --keys', $keys, $good);

check('no key', 2, qr/trusted key/, $good);
check('no ledger', 2, qr/name one ledger/, '--keys', $keys);
check('two ledgers', 2, qr/name one ledger/, '--keys', $keys, $good, $good);
check('unlisted option', 2, qr/--help/, '--frobnicate', $good);
check('missing file', 2, qr/could not open/, '--keys', $keys, "$folder/none");
check('a folder', 2, qr/could not read/, '--keys', $keys, $folder);
check('not a key', 2, qr/not a verifier key/, '--key', 'nonsense', $good);
check('empty file', 2, qr/not a ledger bundle/, '--keys', $keys, '/dev/null');
check('no leaf', 2, qr/no leaf/, '--keys', $keys, spew('empty', $ledger[0]));
check('not an anchor', 2, qr/is not a checkpoint/,
	'--keys', $keys, '--anchor', $keys, $good);
check('untrusted anchor', 2, qr/not signed by a trusted key/,
	'--key', $keys[1], '--anchor', $anchors[0], $good);
check('the first key of each incarnation', 0, qr/^verified: /m,
	'--key', $keys[0], '--key', $keys[2], '--anchor', $anchors[4], $good);
check('not that of an incarnation', 1, qr/^finding: key_untrusted block=5 .*^NOT verified, 1 finding/ms,
	'--key', $keys[0], $good);
check('only the second key', 1, qr/^finding: key_untrusted block=0 /m,
	'--key', $keys[1], '--key', $keys[2], $good);
check('keys not in order', 1, qr/^finding: key_order block=0 /m,
	'--key', $keys[1], '--key', $keys[0], '--key', $keys[2], $good);

my @scenarios = (
	[ 'cut in a line', 2, qr/ends in the middle of line/,
		sub { chop($_[0][-1]) } ],
	[ 'line of no kind', 2, qr/line 3, is no line/,
		sub { $_[0][2] = "leave AA==\n" } ],
	[ 'line with a carriage return', 2, qr/line 2, is no line/,
		sub { $_[0][1] =~ s/\n/\r\n/ } ],
	[ 'value altered', 1,
		qr/^finding: entry_altered block=0 leaf=1 entry=2 table=public.patient: .*values/m,
		sub { alter(\$_[0][5], 2, flip(-3)) } ],
	[ 'key altered', 1,
		qr/^finding: entry_altered block=0 leaf=1 entry=2 table=public.patient: .*key/m,
		sub { alter(\$_[0][5], 2, flip(18)) } ],
	[ 'commitment altered', 1, qr/^finding: entry_altered block=0 leaf=1 entry=2 /m,
		sub { alter(\$_[0][5], 1, flip(-1)) } ],
	[ 'entry removed', 1, qr/^finding: entries_count block=0 leaf=1: /m,
		sub { splice(@{ $_[0] }, 5, 1) } ],
	[ 'entry doubled', 1, qr/^finding: entries_count block=0 leaf=1: /m,
		sub { splice(@{ $_[0] }, 5, 0, $_[0][5]) } ],
	[ 'schema removed', 1, qr/^finding: schema_unknown block=0 leaf=1 entry=1:/m,
		sub { splice(@{ $_[0] }, 4, 1) } ],
	[ 'entry after a checkpoint', 1, qr/^finding: entries_count/m,
		sub { splice(@{ $_[0] }, 7, 0, $_[0][5]) } ],
	[ 'record altered', 1, qr/^finding: checkpoint_mismatch block=0 leaf=1: .*root/m,
		sub { alter(\$_[0][2], 1, flip(-1)) } ],
	[ 'record removed', 1, qr/^finding: /m,
		sub { splice(@{ $_[0] }, 8, 1) } ],
	[ 'first block removed', 1, qr/^finding: block_chain /m,
		sub { splice(@{ $_[0] }, 1, 6) } ],
	[ 'checkpoint removed', 1, qr/^finding: checkpoint_missing leaf=1: block 0/m,
		sub { splice(@{ $_[0] }, 6, 1) } ],
	[ 'signature altered', 1, qr/^finding: signature_invalid block=0 leaf=1: /m,
		sub { alter(\$_[0][6], 1, flip(-10)) } ],
	[ 'checkpoint of another block', 1, qr/^finding: checkpoint_mismatch block=0/m,
		sub { $_[0][6] = $_[0][-1] } ],
	[ 'values erased', 0, qr/^notice: 1 entries lack values but erasure entries account for 0$/m,
		sub { alter(\$_[0][5], 2, sub { ${ $_[0] } = "\0" }) } ],
);
foreach my $scenario (@scenarios)
{
	my ($name, $status, $pattern, $mutilate) = @$scenario;
	my @lines = @ledger;
	$mutilate->(\@lines);
	check($name, $status, $pattern, '--keys', $keys, spew('damaged', @lines));
}

# A ledger that ends early is clean in itself: the anchor tells.
my $short = spew('short', @ledger[0 .. 6]);
check('cut short, no anchor', 0, qr/^verified: 1 blocks/m,
	'--keys', $keys, $short);
check('cut short, anchor beyond', 1,
	qr/^finding: anchor_beyond .*: 4 leaves after the last one are missing/m,
	'--keys', $keys, '--anchor', $anchors[1], $short);
check('cut short, anchor within', 0, qr/^verified: /m,
	'--keys', $keys, '--anchor', $anchors[0], $short);

# The restore in the pinned ledger lost a signed block, and says so.
my $lost = spew('lost', Encode::encode_utf8($vectors->{lost_checkpoint}));
check('anchor of an explained loss', 0,
	qr/^notice: incarnation 2 begins at leaf 11; .* 1 later leaves .*^notice: the anchor in .*lost" is of leaves that an incarnation entry says were lost$/ms,
	'--keys', $keys, '--anchor', $lost, $good);
check('anchor of a loss not yet explained', 1, qr/^finding: anchor_beyond /m,
	'--keys', $keys, '--anchor', $lost, $short);

my @damaged = @ledger;
alter(\$damaged[5], 2, flip(-3));
my ($finding, undef, $verdict) = objects(spew('damaged', @damaged));
is_deeply({ %$finding{qw(finding block leaf entry table)} },
	{ finding => 'entry_altered', block => 0, leaf => 1, entry => 2, table => 'public.patient' }, 'JSON of a finding');
like($finding->{detail}, qr/values/, 'JSON of a finding says what');
is_deeply([ @$verdict{qw(verified findings)} ], [ JSON::PP::false, 1 ], 'JSON of what did not verify');

# No values may ever be printed.
my @leaky = @ledger;
alter(\$leaky[5], 2, flip(-3));
my (undef, $output) = verify('--keys', $keys, spew('leaky', @leaky));
unlike($output, qr/Ana|An[^ ]/, 'a finding shows no value');

done_testing();
