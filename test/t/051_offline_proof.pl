#!/usr/bin/perl
#
# pg_custody_verify proof and consistency, and the recomputation in another
# language, on the pinned proofs and on damaged copies of them.  Needs no
# server.  Each damage has a name, a sub that mutilates the lines of a proof,
# the exit status and a pattern that the output must match.

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
my $recompute = "$top/test/recompute/recompute.py";
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

sub run
{
	my ($command, @args) = @_;
	my $output = qx{$command @args 2>&1};
	return ($? >> 8, $output);
}

sub check
{
	my ($name, $status, $pattern, @args) = @_;
	my ($got, $output) = run("'$program'", @args);
	is($got, $status, "$name: exit status");
	like($output, $pattern, "$name: output");
	return $output;
}

my $vectors = decode_json(slurp("$top/test/vectors/proofs-v1.json"));
my @keys = @{ $vectors->{verifier_keys} };
my $keys = spew('keys', map { "$_\n" } @keys);
my %proof = %{ $vectors->{row_proofs} };
my %file = map { $_ => spew($_, $proof{$_}) } keys %proof;
my $leaf = spew('leaf', pack('H*', $vectors->{leaf_hex}));
my $leaf_proof = spew('leaf_proof', $vectors->{leaf_proof});

# The pins can be made again from the format alone.
my $again = qx{python3 -B '$top/test/recompute/make_proofs.py'};
is($again, slurp("$top/test/vectors/proofs-v1.json"), 'the pinned proofs can be made again');

# Valid ones, by the program and by the recomputation.
my %line = (
	insert => q{public.patient (id = "42") insert at 2026-01-01T00:00:01.001500Z: }
	  . q{name = "Ana", born = NULL, leaf 1, tree size 6, origin hospital.example/custody},
	baseline => q{public.patient (id = "43") baseline at 2026-01-01T00:00:02.001500Z, }
	  . q{leaf 3, tree size 6, origin hospital.example/custody},
	update => q{public.patient (id = "42") update at 2026-01-01T00:00:02.001500Z: }
	  . q{id = "42", name = "Ana", born = "1980-02-03", note = "} . 'x' x 1999
	  . q{", leaf 3, tree size 6, origin hospital.example/custody},
	key_changed => q{public.patient (id = "44") update at 2026-01-01T00:00:03.001500Z: }
	  . q{id = "44", note = "} . 'x' x 1999
	  . q{", leaf 4, tree size 14, origin hospital.example/custody/2},
	delete => q{public.patient (id = "43") delete at 2026-01-01T00:00:04.001500Z, }
	  . q{leaf 5, tree size 14, origin hospital.example/custody/2});

foreach my $name (sort keys %proof)
{
	check($name, 0, qr/^\Q$file{$name}: valid, $line{$name}\E\n\z/, 'proof --keys', $keys, $file{$name});
	my ($status, $output) = run("python3 -B '$recompute'", '--proof', $file{$name}, @keys);
	is($status, 0, "$name: recomputed");
}
like((run("python3 -B '$recompute'", '--proof', $file{insert}, @keys))[1],
	qr/^key "id" = "42"\noperation insert\nchanged at 2026-01-01 00:00:01.001500 UTC\nvalue "name" = "Ana"\nvalue "born" = NULL$/m,
	'recomputation shows the disclosed values');

# JSON
my $json = decode_json((run("'$program'", 'proof --json --keys', $keys, $file{insert}))[1]);
is_deeply($json,
	{
		file => $file{insert}, valid => JSON::PP::true, relation => 'public.patient',
		row_key => { id => '42' }, operation => 'insert',
		changed_at => '2026-01-01T00:00:01.001500Z', values => { name => 'Ana', born => undef },
		leaf_index => 1, tree_size => 6, origin => 'hospital.example/custody', problem => undef
	},
	'JSON of a valid proof');
$json = decode_json((run("'$program'", 'proof --json --key', $keys[1], $file{insert}))[1]);
is_deeply([ @$json{qw(valid relation row_key operation changed_at values leaf_index tree_size origin)} ],
	[ JSON::PP::false, (undef) x 8 ], 'JSON of an invalid proof shows nothing of it');
like($json->{problem}, qr/trusted key/, 'JSON of an invalid proof says why');

# Many at once, and how the program is called.
my $list = spew('list', map { "$file{$_}\n" } sort keys %proof);
check('a list', 0, qr/^(.*: valid, .*\n){5}\z/, 'proof --keys', $keys, '--list', $list);
my $many = spew('many', map { "$file{$_}\n" } (sort keys %proof) x 2000);
my $began = time;
my (undef, $lines) = run("'$program'", 'proof --keys', $keys, '--list', $many);
is(scalar(() = $lines =~ /: valid, /g), 10000, 'ten thousand proofs');
cmp_ok(time - $began, '<', 10, 'within seconds');
check('many arguments', 0, qr/^(.*: valid, .*\n){3}\z/, 'proof --keys', $keys, ($file{insert}) x 3);
check('valid and invalid', 1, qr/insert: INVALID.*\n.*delete: valid/,
	'proof --key', $keys[2], $file{insert}, $file{delete});
check('invalid and no proof', 2, qr/insert: INVALID.*\n.*keys: not checked, /,
	'proof --key', $keys[1], $file{insert}, $keys);
check('standard input', 0, qr/^-: valid, /, 'proof --keys', $keys, '-', '<', $file{insert});
check('no key', 2, qr/trusted key/, 'proof', $file{insert});
check('no proof', 2, qr/name at least one proof/, 'proof --keys', $keys);
check('empty list', 2, qr/names no proof/, 'proof --keys', $keys, '--list /dev/null');
check('missing file', 2, qr/could not open/, 'proof --keys', $keys, "$folder/none");
check('empty file', 2, qr/not a proof/, 'proof --keys', $keys, '/dev/null');
check('unlisted option', 2, qr/--help/, 'proof --frobnicate', $file{insert});
check('help', 0, qr/^Usage: pg_custody_verify proof/, 'proof --help');
check('a ledger is no proof', 2, qr/not a ledger bundle/, 'bundle --keys', $keys, $file{insert});

# Damages.  The recomputation must refuse whatever the program refuses.
sub refused
{
	my ($name, $status, $pattern, $text, @trusted) = @_;
	@trusted = @keys unless @trusted;
	my $damaged = spew('damaged', $text);
	check($name, $status, $pattern, 'proof', (map { "--key=$_" } @trusted), $damaged);
	my ($got) = run("python3 -B '$recompute'", '--proof', $damaged, @trusted);
	is($got, $status, "$name: recomputed");
}

# Decode a field of a line, change it, encode it again.
sub alter
{
	my ($lines, $at, $field, $change) = @_;
	my @words = split(/ /, $lines->[$at] =~ s/\n//r);
	my $bytes = decode_base64($words[$field]);
	$change->(\$bytes);
	$words[$field] = encode_base64($bytes, '');
	$lines->[$at] = "@words\n";
}

sub flip
{
	my ($at) = @_;
	return sub { substr(${ $_[0] }, $at, 1) ^= "\1" };
}

# Lines: 0 header, entry, private, path, record, schema, 6 empty, leaf proof,
# index, 9 to 11 hashes, 12 empty, origin, size, root, empty, 17 signature.
my @insert = $proof{insert} =~ /(.*\n)/g;
is(scalar @insert, 18, 'lines of the proof');
foreach my $at (0 .. $#insert)
{
	my $status = $at == 0 ? 2 : 1;
	my @lines = @insert;
	splice(@lines, $at, 1);
	refused("line $at dropped", $status, $at == 0 ? qr/not checked/ : qr/INVALID/, join('', @lines));
	@lines = @insert;
	splice(@lines, $at, 0, $lines[$at]);
	if ($at == $#insert)
	{
		# One signature given twice is still that signature.
		check("line $at doubled", 0, qr/: valid/, 'proof --keys', $keys, spew('damaged', @lines));
	}
	else
	{
		refused("line $at doubled", 1, qr/INVALID/, join('', @lines));
	}
	next if $at == $#insert || $insert[$at] eq $insert[$at + 1];
	@lines = @insert;
	@lines[ $at, $at + 1 ] = @lines[ $at + 1, $at ];
	refused("lines $at and next swapped", $status, $at == 0 ? qr/not checked/ : qr/INVALID/, join('', @lines));
}

my @damages = (
	[ 'value altered', 1, qr/INVALID/, sub { alter($_[0], 2, 1, sub { ${ $_[0] } =~ s/Ana/Eva/ }) } ],
	[ 'salt altered', 1, qr/INVALID/, sub { alter($_[0], 2, 1, flip(3)) } ],
	[ 'key value altered', 1, qr/INVALID/, sub { alter($_[0], 2, 1, sub { ${ $_[0] } =~ s/42/43/ }) } ],
	[ 'private part erased', 1, qr/INVALID/, sub { alter($_[0], 2, 1, sub { ${ $_[0] } = "\0" }) } ],
	[ 'entry altered', 1, qr/INVALID/, sub { alter($_[0], 1, 1, flip(-1)) } ],
	[ 'insert made a baseline', 1, qr/INVALID/, sub { alter($_[0], 1, 1, sub { substr(${ $_[0] }, 0, 1) = "\1" }) } ],
	[ 'entry number changed', 1, qr/INVALID/, sub { $_[0][3] =~ s/^path 2/path 1/ } ],
	[ 'entry count changed', 1, qr/INVALID/, sub { $_[0][3] =~ s/^path 2 3/path 2 4/ } ],
	[ 'entry number with a zero', 1, qr/INVALID/, sub { $_[0][3] =~ s/^path 2/path 02/ } ],
	[ 'path altered', 1, qr/INVALID/, sub { alter($_[0], 3, 3, flip(0)) } ],
	[ 'path cut', 1, qr/INVALID/, sub { alter($_[0], 3, 3, sub { chop(${ $_[0] }) }) } ],
	[ 'path left out', 1, qr/INVALID/, sub { $_[0][3] = "path 2 3 -\n" } ],
	[ 'who did it altered', 1, qr/INVALID/, sub { alter($_[0], 4, 1, sub { ${ $_[0] } =~ s/ward/wart/g }) } ],
	[ 'column renamed', 1, qr/INVALID/, sub { alter($_[0], 5, 1, sub { ${ $_[0] } =~ s/name/mane/ }) } ],
	[ 'table renamed', 1, qr/INVALID/, sub { alter($_[0], 5, 1, sub { ${ $_[0] } =~ s/patient/pacient/g }) } ],
	[ 'leaf index changed', 1, qr/INVALID/, sub { $_[0][8] = "index 0\n" } ],
	[ 'leaf index past 2^63', 1, qr/INVALID/, sub { $_[0][8] = "index 9223372036854775808\n" } ],
	[ 'hash altered', 1, qr/INVALID/, sub { alter($_[0], 9, 0, flip(0)) } ],
	[ 'origin changed', 1, qr/INVALID/, sub { $_[0][13] = "hospital.example/other\n" } ],
	[ 'tree size plus one', 1, qr/INVALID/, sub { $_[0][14] = "7\n" } ],
	[ 'tree size minus one', 1, qr/INVALID/, sub { $_[0][14] = "5\n" } ],
	[ 'root altered', 1, qr/INVALID/, sub { alter($_[0], 15, 0, flip(0)) } ],
	[ 'signature altered', 1, qr/INVALID/, sub { alter($_[0], 17, 2, flip(-1)) } ],
	[ 'base64 without padding', 1, qr/INVALID/, sub { $_[0][9] =~ s/=// } ],
	[ 'two spaces', 1, qr/INVALID/, sub { $_[0][1] =~ s/ /  /; } ],
	[ 'space at a line\'s end', 1, qr/INVALID/, sub { $_[0][4] =~ s/\n/ \n/; } ],
	[ 'CRLF', 1, qr/INVALID, it has carriage returns/, sub { s/\n/\r\n/ for @{ $_[0] } } ],
	[ 'CRLF on one line', 1, qr/INVALID/, sub { $_[0][5] =~ s/\n/\r\n/ } ],
	[ 'trailing bytes', 1, qr/INVALID/, sub { push(@{ $_[0] }, "x\n") } ],
	[ 'trailing empty lines', 1, qr/INVALID/, sub { push(@{ $_[0] }, "\n\n") } ],
	[ 'last line feed missing', 1, qr/INVALID/, sub { chop($_[0][-1]) } ],
	[ 'cut in half', 1, qr/INVALID/, sub { splice(@{ $_[0] }, 9) } ],
	[ 'another version', 2, qr/not a proof/, sub { $_[0][0] = "custody-proof v2\n" } ],
	[ 'byte order mark', 2, qr/not a proof/, sub { unshift(@{ $_[0] }, "\x{FEFF}") } ],
);
foreach my $damage (@damages)
{
	my ($name, $status, $pattern, $mutilate) = @$damage;
	my @lines = @insert;
	$mutilate->(\@lines);
	refused($name, $status, $pattern, join('', @lines));
}
refused('another key', 1, qr/INVALID.*trusted key/, $proof{insert}, $keys[1]);
my $witness = $vectors->{witness_verifier_key};
my ($cosignature) = $vectors->{cosigned} =~ /^(.*\n)\z/m;
refused('a witness does not speak for the log', 1, qr/INVALID.*trusted key/, $vectors->{cosigned}, $witness);
check('signed by the log and a witness', 0, qr/: valid/, 'proof --keys', $keys, '--key', $witness,
	spew('both', $proof{insert}, $cosignature));
refused('signed for another log', 1, qr/INVALID.*trusted key/, $proof{insert}, $vectors->{hostile_verifier_key});
refused('parts of another proof', 1, qr/INVALID/,
	$proof{insert} =~ s/^private .*$/($proof{update} =~ m{^(private .*)$}m)[0]/mre);
check('a hundred signature lines', 0, qr/: valid/, 'proof --keys', $keys,
	spew('many', @insert, ($insert[17]) x 99));
check('one signature line more', 1, qr/INVALID/, 'proof --keys', $keys,
	spew('damaged', @insert, ($insert[17]) x 100));
check('psql ends with a line feed more', 0, qr/: valid/,
	'proof --keys', $keys, spew('by_psql', "$proof{insert}\n"));

# A leaf
check('leaf', 0, qr/: valid, leaf 4, tree size 14, origin hospital.example\/custody\/2\n\z/,
	'proof --keys', $keys, '--leaf', $leaf, $leaf_proof);
is((run("python3 -B '$recompute'", '--leaf-proof', $leaf_proof, $leaf, @keys))[0], 0, 'leaf: recomputed');
check('leaf not given', 2, qr/not checked, .*--leaf/, 'proof --keys', $keys, $leaf_proof);
check('another leaf', 1, qr/INVALID/, 'proof --keys', $keys, '--leaf', $keys, $leaf_proof);
check('leaf, another key', 1, qr/INVALID.*trusted key/, 'proof --key', $keys[0], '--leaf', $leaf, $leaf_proof);
is((run("python3 -B '$recompute'", '--leaf-proof', $leaf_proof, $keys, @keys))[0], 1, 'another leaf: recomputed');

# Growth
my %checkpoint = map { $_ => spew("checkpoint$_", $vectors->{checkpoints}{$_}) } keys %{ $vectors->{checkpoints} };
foreach my $pair (sort keys %{ $vectors->{growth} })
{
	my ($old, $size) = split(/ /, $pair);
	my $growth = spew("growth", $vectors->{growth}{$pair});
	check("growth from $old to $size", 0, qr/^consistent: .* size $old .* size $size /,
		'consistency --keys', $keys, '--old', $checkpoint{$old}, $growth);
}
my $growth = spew('growth', $vectors->{growth}{'6 14'});
my @growth = $vectors->{growth}{'6 14'} =~ /(.*\n)/g;
my @usual = ('consistency --keys', $keys, '--old', $checkpoint{6});
check('another hash', 1, qr/^NOT consistent/, @usual,
	spew('damaged', do { my @l = @growth; alter(\@l, 1, 0, flip(0)); @l }));
check('a hash less', 1, qr/^NOT consistent/, @usual, spew('damaged', @growth[ 0, 2 .. $#growth ]));
check('a hash twice', 1, qr/^NOT consistent/, @usual, spew('damaged', @growth[ 0, 1, 1 .. $#growth ]));
check('another old size', 2, qr/begins at size 6, .* of size 8/,
	'consistency --keys', $keys, '--old', $checkpoint{8}, $growth);
check('new checkpoint untrusted', 2, qr/not signed by a trusted key/,
	'consistency --key', $keys[0], '--old', $checkpoint{6}, $growth);
check('old checkpoint untrusted', 2, qr/not signed by a trusted key/,
	'consistency --key', $keys[2], '--old', $checkpoint{6}, $growth);
check('no old checkpoint', 2, qr/--old/, 'consistency --keys', $keys, $growth);
check('no consistency proof', 2, qr/is not a consistency proof/, @usual, $file{insert});
check('consistency proof with CRLF', 2, qr/is not a consistency proof/, @usual,
	spew('damaged', map { s/\n/\r\n/r } @growth));
$json = decode_json((run("'$program'", @usual, '--json', $growth))[1]);
is_deeply($json,
	{
		consistent => JSON::PP::true, old_origin => 'hospital.example/custody', old_size => 6,
		origin => 'hospital.example/custody/2', tree_size => 14, problem => undef
	},
	'JSON of growth');
$json = decode_json((run("'$program'", @usual, '--json', spew('damaged', @growth[ 0, 2 .. $#growth ])))[1]);
is_deeply([ @$json{qw(consistent tree_size)} ], [ JSON::PP::false, 14 ], 'JSON of no growth');
ok($json->{problem}, 'JSON of no growth says why');

# Names and values that would draw on a terminal.
my $hostile = spew('hostile', $vectors->{hostile});
my $output = check('hostile', 0, qr/: valid, /, 'proof --key', $vectors->{hostile_verifier_key}, $hostile);
unlike($output =~ s/\n\z//r, qr/[\x00-\x1F\x7F]|\xC2[\x80-\x9F]|\xE2\x80[\xA8-\xAE]/, 'nothing draws');
ok(utf8::decode(my $copy = $output), 'all is UTF-8');
like($output, qr/"\\u001b\[2J\\u001b\[H\\"quoted\\" \\\\ \\u000d\\n\\tvalid", raw = "\\xff\\xfe caf\\xe9"/, 'all is escaped');
$output = check('hostile as JSON', 0, qr/^\{/, 'proof --json --key', $vectors->{hostile_verifier_key}, $hostile);
unlike($output =~ s/\n\z//r, qr/[\x00-\x1F\x7F]|\xC2[\x80-\x9F]|\xE2\x80[\xA8-\xAE]/, 'nothing draws in JSON');
$json = decode_json($output);
is($json->{relation}, qq{"Public"."pat\e[1mient"}, 'the table in JSON');
is($json->{values}{"\e]0;pwned\a"}, qq{\e[2J\e[H"quoted" \\ \r\n\tvalid}, 'a value in JSON');
is($json->{values}{raw}{hex}, 'fffe20636166e9', 'bytes that are not UTF-8 in JSON');
my $named = spew("red\e[31m", $proof{insert});
$output = check('hostile file name', 0, qr/\\u001b\[31m": valid/, 'proof --keys', $keys, "'$named'");
unlike($output, qr/\e/, 'the name of a file does not draw');

done_testing();
