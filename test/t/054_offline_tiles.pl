# pg_custody_verify tiles on damaged copies of a directory: every kind of file
# edited, dropped, cut, lengthened, swapped; and how the program is called.
use strict;
use warnings;

use JSON::PP;
use lib 'test/t';
use CustodyTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

# Two epochs, tiles of three levels, entry bundles
my $node = start_node('offline_tiles');
my $base = $node->basedir;
add_ledger($node);
sub add_leaves
{
	my ($n) = @_;
	$node->safe_psql('postgres', "DO \$\$ BEGIN FOR i IN 1 .. $n LOOP INSERT INTO t (n) VALUES ('secret'); COMMIT; END LOOP; END \$\$");
	return $node->safe_psql('postgres', 'SELECT custody.seal()');
}
my $first = add_leaves(700);
$node->safe_psql('postgres', "SELECT custody.new_incarnation('test')");
my $second = add_leaves(65_100);
my $size = add_leaves(50);
my $good = "$base/good";
$node->safe_psql('postgres', "SELECT custody.export_tiles('$good', entries => true)");
my @keys = map { $node->safe_psql('postgres', "SELECT custody.verifier_key($_)") } 1, 2;
my %note = map { $_ => $node->safe_psql('postgres', "SELECT custody.checkpoint($_)") } $first, $second, $size;
spew("$base/anchor$_", $note{$_}) foreach keys %note;
$node->stop;

my @trusted = map { ('--key', $_) } @keys;

sub check
{
	my ($name, $status, $pattern, @arguments) = @_;
	my ($out, $err) = ('', '');
	IPC::Run::run([ 'pg_custody_verify', 'tiles', @arguments ], '>', \$out, '2>', \$err);
	is($? >> 8, $status, "$name: exit status");
	like("$out$err", $pattern, "$name: output");
	unlike("$out$err", qr/secret/, "$name: shows no value");
	return $out;
}

my $right = 'tile/0/' . sprintf('%03d.p/%d', $size / 256, $size % 256);
my $bundles = 'tile/entries/' . sprintf('%03d.p/%d', $size / 256, $size % 256);
my $tiles = int($size / 256) + 4;
check('clean', 0, qr/^verified: \d+ tiles, 258 entry bundles, 2 keys, 2 checkpoints, origin \S+\/i2, size $size, root \S{44}\n\z/, @trusted, $good);
check('anchors', 0, qr/^verified: .* 5 checkpoints,/, @trusted, (map { ('--anchor', "$base/anchor$_") } keys %note), $good);
check('quiet', 0, qr/^\z/, @trusted, '--quiet', $good);
check('current key only', 0, qr/^notice: the key of epoch 1, id [0-9a-f]{8}, .* is not among the trusted ones\nverified: /, '--key', $keys[1], $good);
check('old key only', 1, qr/^finding: checkpoint_untrusted checkpoint: /, '--key', $keys[0], $good);
check('no key', 2, qr/trusted key/, $good);
check('no directory', 2, qr/name one directory/, @trusted);
check('two directories', 2, qr/name one directory/, @trusted, $good, $good);
check('missing directory', 2, qr/is no tlog-tiles directory/, @trusted, "$base/none");
check('a file', 2, qr/is no tlog-tiles directory/, @trusted, "$base/anchor$size");
check('unlisted option', 2, qr/--help/, @trusted, '--frobnicate', $good);
check('not an anchor', 2, qr/is not a checkpoint/, @trusted, '--anchor', "$good/keys", $good);
check('untrusted anchor', 2, qr/not signed by a trusted key/, '--key', $keys[1], '--anchor', "$base/anchor$first", $good);
check('help', 0, qr/^Usage: pg_custody_verify tiles/, '--help');

my @json = map { decode_json($_) } split /\n/, check('JSON', 0, qr/^\{/, '--json', @trusted, $good);
is_deeply({ %{ $json[0] }{qw(verified findings notices entry_bundles keys checkpoints tree_size)} },
	{ verified => JSON::PP::true, findings => 0, notices => 0, entry_bundles => 258, keys => 2, checkpoints => 2, tree_size => $size + 0 },
	'JSON of what verified');

# Copies share the files that a damage leaves alone.
my $copy = "$base/copy";
sub copy
{
	system('rm', '-rf', $copy) == 0 && system('cp', '-rl', $good, $copy) == 0 or die "could not copy $good";
}

sub edit
{
	my ($file, $change) = @_;
	my $data = slurp("$copy/$file");
	$change->(\$data);
	unlink("$copy/$file");
	spew("$copy/$file", $data);
}

sub flip
{
	my ($at) = @_;
	return sub { substr(${ $_[0] }, $at, 1) ^= "\1" };
}

sub swap
{
	my ($one, $other) = @_;
	my ($a, $b) = map { slurp("$copy/$_") } $one, $other;
	edit($one, sub { ${ $_[0] } = $b });
	edit($other, sub { ${ $_[0] } = $a });
}

my $mismatch = qr/^finding: tile_mismatch tile\/1\/000: 1 of its hashes differ .* the first at tile\/0\/017$/m;
my @damages = (
	[ 'leaf hash flipped', 1, qr/$mismatch.*^finding: checkpoint_mismatch checkpoint: /ms, sub { edit('tile/0/017', flip(5)) } ],
	[ 'first leaf hash flipped', 1, qr/^finding: checkpoint_mismatch checkpoints\/$first: .*^finding: checkpoint_mismatch checkpoint: /ms, sub { edit('tile/0/000', flip(0)) } ],
	[ 'leaf hash flipped, in the last tile', 1, qr/^finding: checkpoint_mismatch checkpoint: .* the last of them \Q$right\E, /m, sub { edit($right, flip(0)) } ],
	[ 'hash of level 1 flipped', 1, $mismatch, sub { edit('tile/1/000', flip(17 * 32)) } ],
	[ 'hash of level 1 flipped, partial', 1, qr/^finding: tile_mismatch tile\/1\/001\.p\/1: .* tile\/0\/256$/m, sub { edit('tile/1/001.p/1', flip(0)) } ],
	[ 'hash of level 2 flipped', 1, qr/^finding: tile_mismatch tile\/2\/000\.p\/1: .* tile\/1\/000$/m, sub { edit('tile/2/000.p/1', flip(31)) } ],
	[ 'tile dropped', 1, qr/^finding: tile_missing tile\/0\/017: .*^notice: 1 checkpoints and anchors could not be compared/ms, sub { unlink("$copy/tile/0/017") } ],
	[ 'partial tile dropped', 1, qr/^finding: tile_missing \Q$right\E: /m, sub { unlink("$copy/$right") } ],
	[ 'tile of level 1 dropped', 1, qr/^finding: tile_missing tile\/1\/000: /m, sub { unlink("$copy/tile/1/000") } ],
	[ 'tile of level 2 dropped', 1, qr/^finding: tile_missing tile\/2\/000\.p\/1: /m, sub { unlink("$copy/tile/2/000.p/1") } ],
	[ 'all tiles dropped', 1, qr/^finding: tile_missing tile\/0\/000: .*tile_missing \Q$right\E/ms, sub { system('rm', '-rf', "$copy/tile") } ],
	[ 'tile cut', 1, qr/^finding: tile_length tile\/0\/017: has fewer than 8192 bytes$/m, sub { edit('tile/0/017', sub { chop(${ $_[0] }) }) } ],
	[ 'tile lengthened', 1, qr/^finding: tile_length tile\/0\/017: has more than 8192 bytes$/m, sub { edit('tile/0/017', sub { ${ $_[0] } .= 'x' }) } ],
	[ 'tile emptied', 1, qr/^finding: tile_length tile\/0\/017: /m, sub { edit('tile/0/017', sub { ${ $_[0] } = '' }) } ],
	[ 'partial tile cut by a hash', 1, qr/^finding: tile_length \Q$right\E: /m, sub { edit($right, sub { ${ $_[0] } = substr(${ $_[0] }, 32) }) } ],
	[ 'tile replaced by a folder', 2, qr/could not read/, sub { unlink("$copy/tile/0/017"); mkdir("$copy/tile/0/017") } ],
	[ 'tiles swapped', 1, qr/^finding: tile_mismatch tile\/1\/000: 2 of its hashes differ .* the first at tile\/0\/017$/m, sub { swap('tile/0/017', 'tile/0/018') } ],
	[ 'hashes swapped within a tile', 1, $mismatch, sub { edit('tile/0/017', sub { ${ $_[0] } = substr(${ $_[0] }, 32, 32) . substr(${ $_[0] }, 0, 32) . substr(${ $_[0] }, 64) }) } ],
	[ 'leaf edited', 1, qr/^finding: entries_mismatch tile\/entries\/017: leaf 4352 is not/m, sub { edit('tile/entries/017', flip(10)) } ],
	[ 'bundle dropped', 1, qr/^finding: entries_missing tile\/entries\/017: /m, sub { unlink("$copy/tile/entries/017") } ],
	[ 'last bundle dropped', 1, qr/^finding: entries_missing \Q$bundles\E: /m, sub { unlink("$copy/$bundles") } ],
	[ 'bundle cut', 1, qr/^finding: entries_unreadable tile\/entries\/017: does not hold 256 leaves/m, sub { edit('tile/entries/017', sub { chop(${ $_[0] }) }) } ],
	[ 'bundle lengthened', 1, qr/^finding: entries_unreadable tile\/entries\/017: /m, sub { edit('tile/entries/017', sub { ${ $_[0] } .= "\0\0" }) } ],
	[ 'bundle emptied', 1, qr/^finding: entries_unreadable tile\/entries\/017: /m, sub { edit('tile/entries/017', sub { ${ $_[0] } = '' }) } ],
	[ 'length in a bundle edited', 1, qr/^finding: entries_\w+ tile\/entries\/017: /m, sub { edit('tile/entries/017', flip(1)) } ],
	[ 'bundles swapped', 1, qr/^finding: entries_mismatch tile\/entries\/017: .*^finding: entries_mismatch tile\/entries\/018: /ms, sub { swap('tile/entries/017', 'tile/entries/018') } ],
	[ 'all bundles dropped', 0, qr/^verified: .* 0 entry bundles/m, sub { system('rm', '-rf', "$copy/tile/entries") } ],
	[ 'checkpoint dropped', 2, qr/it has no checkpoint/, sub { unlink("$copy/checkpoint") } ],
	[ 'checkpoint emptied', 1, qr/^finding: checkpoint_unreadable checkpoint: /m, sub { edit('checkpoint', sub { ${ $_[0] } = '' }) } ],
	[ 'checkpoint with text behind it', 1, qr/^finding: checkpoint_unreadable checkpoint: /m, sub { edit('checkpoint', sub { ${ $_[0] } .= 'x' }) } ],
	[ 'checkpoint of another size', 1, qr/^finding: checkpoint_untrusted checkpoint: /m, sub { edit('checkpoint', sub { ${ $_[0] } =~ s/\n$size\n/\n99\n/ }) } ],
	[ 'checkpoint of a vast size', 1, qr/^finding: checkpoint_untrusted checkpoint: /m, sub { edit('checkpoint', sub { ${ $_[0] } =~ s/\n$size\n/\n9223372036854775807\n/ }) } ],
	[ 'signature edited', 1, qr/^finding: checkpoint_untrusted checkpoint: /m, sub { edit('checkpoint', sub { substr(${ $_[0] }, -20, 1) = substr(${ $_[0] }, -20, 1) eq 'A' ? 'B' : 'A' }) } ],
	[ 'key history dropped', 1, qr/^finding: keys_missing keys: /m, sub { unlink("$copy/keys") } ],
	[ 'key history emptied', 1, qr/^finding: keys_mismatch keys: has no key for the size/m, sub { edit('keys', sub { ${ $_[0] } = '' }) } ],
	[ 'first key dropped', 1, qr/^finding: keys_unreadable keys: line 1 /m, sub { edit('keys', sub { ${ $_[0] } =~ s/\A.*\n// }) } ],
	[ 'last key dropped', 1, qr/^finding: keys_mismatch keys: /m, sub { edit('keys', sub { ${ $_[0] } =~ s/.*\n\z// }) } ],
	[ 'keys swapped', 1, qr/^finding: keys_unreadable keys: line 1 /m, sub { edit('keys', sub { ${ $_[0] } =~ s/\A(.*\n)(.*\n)/$2$1/ }) } ],
	[ 'key doubled', 1, qr/^finding: keys_unreadable keys: line 2 /m, sub { edit('keys', sub { ${ $_[0] } =~ s/\A(.*\n)/$1$1/ }) } ],
	[ 'another key in an epoch', 1, qr/^finding: signature_invalid checkpoints\/$first: not signed with the key of epoch 1/m, sub { edit('keys', sub { ${ $_[0] } =~ s/^(1 \S+ \S+) .*/$1 $keys[1]/m }) } ],
	[ 'another key now', 1, qr/^finding: signature_invalid checkpoint: not signed with the key of epoch 2/m, sub { edit('keys', sub { ${ $_[0] } =~ s/^(2 \S+ \S+) .*/$1 $keys[0]/m }) } ],
	[ 'last line cut', 1, qr/^finding: keys_unreadable keys: ends in the middle of line 2/m, sub { edit('keys', sub { chop(${ $_[0] }) }) } ],
	[ 'size in a line edited', 1, qr/^finding: checkpoint_missing checkpoints\/5: /m, sub { edit('keys', sub { ${ $_[0] } =~ s/^1 \S+ \S+/1 2 5/ }) } ],
	[ 'first epoch made to go on', 1, qr/^finding: .* (keys|checkpoint): /m, sub { edit('keys', sub { ${ $_[0] } =~ s/^(1 \S+) \S+/$1 -/ }) } ],
	[ 'checkpoint of the first epoch dropped', 1, qr/^finding: checkpoint_missing checkpoints\/$first: /m, sub { unlink("$copy/checkpoints/$first") } ],
	[ 'checkpoint of the first epoch edited', 1, qr/^finding: \w+ checkpoints\/$first: /m, sub { edit("checkpoints/$first", flip(60)) } ],
	[ 'checkpoint of the first epoch replaced', 1, qr/^finding: signature_invalid checkpoints\/$first: /m, sub { edit("checkpoints/$first", sub { ${ $_[0] } = $note{$size} }) } ],
);
foreach my $damage (@damages)
{
	my ($name, $status, $pattern, $mutilate) = @$damage;
	copy();
	$mutilate->();
	check($name, $status, $pattern, @trusted, $copy);
	my $python = run_log([ 'python3', '-B', 'test/recompute/tiles.py', $copy, 17 * 256, @keys ]);
	ok(!$python, "$name: refused in another language, too")
	  if $name =~ /leaf hash|tiles swapped|hashes swapped|^tile (dropped|cut|length|empt)|leaf edited|signature|another key|last key|first epoch (dropped|edited|replaced)/;
}

# Anchors: an older directory is whole in itself, so they alone tell.
copy();
edit('checkpoint', sub { ${ $_[0] } = $note{$second} });
check('checkpoint put back', 0, qr/^verified: .* size $second,/, @trusted, $copy);
check('checkpoint put back, anchor beyond', 1, qr/^finding: anchor_beyond \S+anchor$size: is of size $size, the directory's checkpoint of size $second only$/m,
	@trusted, '--anchor', "$base/anchor$size", $copy);
check('checkpoint put back, anchor within', 0, qr/^verified: /m, @trusted, '--anchor', "$base/anchor$first", $copy);
copy();
edit('tile/0/001', flip(0));
check('leaf hash flipped, anchor', 1, qr/^finding: anchor_mismatch \S+anchor$first: at size $first the tiles, .* have another root$/m,
	@trusted, '--anchor', "$base/anchor$first", $copy);

@json = map { decode_json($_) } split /\n/, check('JSON of findings', 1, qr/^\{/, '--json', @trusted, $copy);
is_deeply({ %{ $json[0] }{qw(finding file)} }, { finding => 'entries_mismatch', file => 'tile/entries/001' }, 'JSON of a finding');
is_deeply([ @{ $json[-1] }{qw(verified findings)} ], [ JSON::PP::false, @json - 1 ], 'JSON of what did not verify');

# A witness that a policy asks for
my $seed = '11' x 32;
my $cosign = 'python3 -B test/recompute/cosign.py';
chomp(my $witness = qx{$cosign key $seed witness.example/w});
my $line = qx{$cosign sign $seed witness.example/w 1767225600 < '$good/checkpoint'};
my $logs = join('', map { "log $_\n" } @keys);
spew("$base/alone", "${logs}quorum none\n");
spew("$base/policy", "${logs}witness w $witness\nquorum w\n");
check('policy without witnesses', 0, qr/^verified: /m, '--policy', "$base/alone", $good);
check('no cosignature', 1, qr/^finding: quorum_missing checkpoint: /m, '--policy', "$base/policy", $good);
copy();
edit('checkpoint', sub { ${ $_[0] } .= $line });
check('cosigned', 0, qr/^verified: /m, '--policy', "$base/policy", $copy);
edit('checkpoint', sub { substr(${ $_[0] }, -20, 1) = substr(${ $_[0] }, -20, 1) eq 'A' ? 'B' : 'A' });
check('cosignature edited', 1, qr/^finding: (cosignature_invalid|quorum_missing) checkpoint: /m, '--policy', "$base/policy", $copy);

done_testing();
