# Witnesses of a ledger: their cosignatures come in, go out with checkpoints,
# proofs and bundles, grade the blocks, and cannot be forged, altered or hidden.
# The witnesses are test/recompute/cosign.py, another program in another
# language.
use strict;
use warnings;

use File::Temp;
use FindBin;
use lib $FindBin::RealBin;

use CustodyTest;
use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $top = "$FindBin::RealBin/../..";
my $program = -x "$top/pg_custody_verify" ? "$top/pg_custody_verify" : 'pg_custody_verify';
my $cosigner = "python3 -B '$top/test/recompute/cosign.py'";
my $folder = File::Temp->newdir;

my $node = start_node('witnesses');
$node->safe_psql('postgres', q{
	CREATE EXTENSION pg_custody;
	CREATE TABLE patient (id int PRIMARY KEY, name text);
	SELECT custody.protect('patient');
	INSERT INTO patient VALUES (1, 'Ana');
	SELECT custody.seal();
	INSERT INTO patient VALUES (2, 'Bea');
	SELECT custody.seal()});

sub sql { return $node->safe_psql('postgres', $_[0]) }

# A file of the folder with this text; its path.
sub put
{
	my ($name, $text) = @_;
	spew("$folder/$name", $text);
	return "$folder/$name";
}

# Run a statement that must fail; its SQLSTATE and message.
sub fails
{
	my ($name, $pattern, $sql) = @_;
	my ($out, $err) = ('', '');
	my $rc = $node->psql('postgres', "\\set VERBOSITY verbose\n$sql", stdout => \$out, stderr => \$err);
	like($err, $pattern, $name);
}

sub run_program
{
	my (@args) = @_;
	my $output = qx{'$program' @args 2>&1};
	return (($? >> 8) . " $output");
}

# Witnesses 0 to 2
sub seed { return sprintf('%02x', 200 + $_[0]) x 32 }
my @key = map { qx{$cosigner key @{[ seed($_) ]} witness$_.example/w} =~ s/\n//r } 0 .. 2;

# What a witness answers to the checkpoint of a size.
sub answer
{
	my ($witness, $size, $time) = @_;
	my $note = put('note', sql("SELECT custody.checkpoint($size)"));
	return qx{$cosigner sign @{[ seed($witness) ]} witness$witness.example/w @{[ $time // 1767225600 ]} < '$note'};
}

sub add
{
	my ($size, $text) = @_;
	$text =~ s/'/''/g;
	return sql("SELECT custody.add_cosignature($size, '$text')");
}

my ($first, $second) = split(/\n/, sql('SELECT tree_size FROM custody.blocks ORDER BY 1'));
my $plain = sql("SELECT custody.checkpoint($first)");
my $grades = 'SELECT block_no, grade, cosigned_by FROM custody.blocks ORDER BY 1';
my $verified = 'SELECT block_no, grade, witnesses, problem FROM custody.verify_blocks() ORDER BY 1';

# Before there are witnesses
is(sql($grades), "0|sealed|{}\n1|sealed|{}", 'no witness: sealed');
is(sql($verified), "0|sealed|{}|\n1|sealed|{}|", 'no witness: sealed, verified');
fails('a cosignature of nobody who is trusted', qr/22023: no line is of a trusted witness/,
	"SELECT custody.add_cosignature($first, '" . answer(0, $first) . "')");

sql("SELECT custody.trust_witness('w$_', '$key[$_]')") for reverse 0 .. 1;
sql('SELECT custody.seal()');
my $third = sql('SELECT max(tree_size) FROM custody.blocks');
is(sql('SELECT * FROM custody.verify()'), '', 'trust leaves a ledger that verifies');

# In
my $line0 = answer(0, $first);
is(add($first, $line0), 1, 'a cosignature is stored');
is(add($first, $line0), 0, 'once');
is(add($first, answer(0, $first, 1800000000)), 0, 'a later one of the same witness is not needed');
is(sql($grades), "0|cosigned|{w0}\n1|sealed|{}\n2|sealed|{}", 'the block is cosigned');
is(sql("SELECT custody.checkpoint($first)"), "$plain$line0",
	'the checkpoint carries the line behind the log\'s own');
my $line1 = answer(1, $first);
is(add($first, ($line1 . $line0 . answer(2, $first)) =~ s/\n/\r\n/gr . "\n \n"), 1,
	'several lines at once, with CR LF; one is new, one of nobody');
is(sql("SELECT custody.checkpoint($first)"), "$plain$line0$line1",
	'lines stand in the order of the witnesses\' names');
is(sql('SELECT count(*) FROM custody.log_cosignature'), 2, 'two lines are stored');

# What is refused
my $other = answer(0, $second);
fails('of another checkpoint', qr/22023: the cosignature of witness "w0" is not of the checkpoint of size $first/,
	"SELECT custody.add_cosignature($first, '$other')");
fails('one good line and a wrong one', qr/22023: the cosignature of witness "w0"/,
	"SELECT custody.add_cosignature($second, '" . answer(1, $second) . "$line0')");
is(sql("SELECT count(*) FROM custody.log_cosignature WHERE tree_size = $second"), 0, 'then neither is stored');
fails('a size that no block ends at', qr/42704: there is no checkpoint of size 1\b/,
	"SELECT custody.add_cosignature(1, '$line0')");
fails('text around the line', qr/22023: line 1 is not a signature line/,
	"SELECT custody.add_cosignature($first, 'old 0\n$line0')");
fails('a hundred lines and one', qr/22023: line 101 is not a signature line/,
	"SELECT custody.add_cosignature($first, repeat('" . answer(2, $first) . "', 101))");
fails('in a read-only transaction', qr/25006: cannot execute custody.add_cosignature\(\) in a read-only transaction/,
	"BEGIN READ ONLY; SELECT custody.add_cosignature($first, '$line0')");

# A key with which this OpenSSL may not be able to check: never stored.
my $pq = 'ledger.example/vectors';
my $vectors = slurp_file("$top/test/vectors/signed-note.json");
my ($pq_key) = $vectors =~ /"(ledger\.example\/vectors\+cb990298\+[^"]+)"/;
my ($pq_line) = $vectors =~ /"\\u2014 (ledger\.example\/vectors y5kC[^"\\]+)\\n"/;
sql("SELECT custody.trust_witness('pq', '$pq_key')");
fails('an ML-DSA-44 line that does not verify or cannot be checked',
	qr/0A000: the cosignature of witness "pq" cannot be checked on this server|22023: the cosignature of witness "pq" is not of/,
	"SELECT custody.add_cosignature($first, E'\\u2014 $pq_line')");
sql("SELECT custody.distrust_witness('pq', 'test')");

# ... and one with which it can, where OpenSSL is 3.5 or later.
SKIP:
{
	skip 'no ML-DSA-44 in this OpenSSL', 3
	  unless qx{openssl list -signature-algorithms 2>/dev/null} =~ /ML-DSA-44/;
	my $new = "$folder/mldsa";
	system("openssl genpkey -algorithm ML-DSA-44 -out '$new.pem' && openssl pkey -in '$new.pem' -pubout -outform DER -out '$new.der'") == 0
	  or die 'openssl failed';
	my $made = qx{$cosigner mldsa '$new.pem' '$new.der' mldsa.example/w 1767225600 < '@{[ put('note', $plain) ]}'};
	my ($made_key, $made_line) = split(/\n/, $made);
	sql("SELECT custody.trust_witness('mldsa', '$made_key')");
	is(add($first, $made_line), 1, 'an ML-DSA-44 cosignature is stored');
	is(sql('SELECT cosigned_by FROM custody.blocks WHERE block_no = 0'), '{mldsa,w0,w1}', 'and counts');
	is(sql('SELECT * FROM custody.verify()'), '', 'and verifies');
	sql("SELECT custody.distrust_witness('mldsa', 'test')");
}

# A checkpoint vouches for all before it.
is(add($third, answer(1, $third)), 1, 'the last checkpoint is cosigned');
is(sql($grades), "0|cosigned|{w0,w1}\n1|cosigned|{w1}\n2|cosigned|{w1}", 'and all blocks with it');
is(sql("$verified LIMIT 3"), "0|cosigned|{w0,w1}|\n1|cosigned|{w1}|\n2|cosigned|{w1}|", 'verified alike');
is(sql('SELECT * FROM custody.verify()'), '', 'cosignatures leave a ledger that verifies');

# Out: proofs, growth and bundles, offline with a policy
my $policy = put('policy', 'log ' . sql('SELECT custody.verifier_key()') . "\n"
	  . join('', map { "witness w$_ $key[$_]\n" } 0 .. 2) . "group g 2 w0 w1 w2\nquorum g\n");
my $proof = sub { return put('proof', sql(qq{SELECT custody.prove_row('patient', '{"id": 1}')})) };
like(run_program("proof --policy '$policy'", $proof->()), qr/^1 .*not cosigned by a quorum/, 'a proof with one witness');
is(add($third, answer(0, $third)), 1, 'another witness');
like(run_program("proof --policy '$policy'", $proof->()), qr/^0 .*: valid, /, 'a proof with two');
my $text = slurp_file($policy);
is(sql(qq{SELECT valid, problem FROM custody.verify_proof(custody.prove_row('patient', '{"id": 1}'), NULL, '$text')}),
	't|', 'verify_proof() with the policy');
my $life = put('life', sql(qq{SELECT custody.prove_history('patient', '{"id": 1}')}));
like(run_program("history --policy '$policy'", $life), qr/^0 .*: valid, 1 version/s, 'a history with two witnesses');
is(sql(qq{SELECT valid, problem FROM custody.verify_proof(custody.prove_history('patient', '{"id": 1}'), NULL, '$text')}),
	't|', 'verify_proof() of a history with the policy');
is(sql(qq{SELECT valid, problem FROM custody.verify_proof(custody.prove_history('patient', '{"id": 1}', NULL, $first), NULL, replace('$text', 'group g 2', 'group g all'))}),
	'f|the checkpoint is not cosigned by a quorum of witnesses: too few witnesses have cosigned',
	'and with too few');
my $kept = put('kept', $plain);
my $growth = put('growth', sql("SELECT custody.prove_consistency($first)"));
like(run_program("consistency --policy '$policy' --old '$kept'", $growth), qr/^0 consistent/, 'growth with two witnesses');
my $leaf = put('leaf', pack('H*', sql(q{SELECT encode(custody.leaf(1), 'hex')})));
my $leaf_proof = put('leaf_proof', sql('SELECT custody.tlog_proof(1)'));
like(run_program("proof --policy '$policy' --leaf '$leaf'", $leaf_proof), qr/^0 .*: valid/, 'a leaf with two witnesses');
like(run_program("bundle --policy '$policy'", put('bundle', sql('SELECT line FROM custody.export()') . "\n")),
	qr/^0 verified/, 'the bundle with two witnesses');

# Trust ends: the lines stay, and count no longer.
sql("SELECT custody.distrust_witness('w0', 'key lost')");
is(sql("SELECT block_no, grade, cosigned_by FROM custody.blocks WHERE block_no < 3 ORDER BY 1"),
	"0|cosigned|{w1}\n1|cosigned|{w1}\n2|cosigned|{w1}", 'a distrusted witness does not count');
unlike(sql("SELECT custody.checkpoint($third)"), qr/witness0/, 'nor does its line go out');
fails('nor can it add any', qr/no line is of a trusted witness/,
	"SELECT custody.add_cosignature($second, '" . answer(0, $second) . "')");
sql('SELECT custody.seal()');
is(sql('SELECT * FROM custody.verify()'), '', 'but what it said stays true');
is(sql(q{SELECT operation, count(*) FROM custody.entries WHERE operation = 'witness' GROUP BY 1}) =~ s/\|.*//r,
	'witness', 'each statement is an entry');

# Tampering: each is taken back.
sub tampering
{
	my ($name, $pattern, $change) = @_;
	my $output = sql(qq{BEGIN; $change; SELECT severity, code, message FROM custody.verify() WHERE severity = 'tampering'; ROLLBACK});
	like($output, $pattern, $name);
}
my $invalid = qr/^tampering\|cosignature_invalid\|/m;
tampering('a byte of a line', $invalid,
	"UPDATE custody.log_cosignature SET line = set_byte(line, 60, get_byte(line, 60) # 1) WHERE tree_size = $third AND witness = 'w1'");
tampering('a line under another size', $invalid,
	"UPDATE custody.log_cosignature SET tree_size = $second WHERE tree_size = $third AND witness = 'w1'");
tampering('a line under a size without checkpoint', $invalid,
	"UPDATE custody.log_cosignature SET tree_size = 1 WHERE tree_size = $third AND witness = 'w1'");
tampering('a line in another\'s name', $invalid,
	"UPDATE custody.log_cosignature SET witness = 'regulator' WHERE tree_size = $third AND witness = 'w1'");
tampering('a line with another key id', $invalid,
	"UPDATE custody.log_cosignature SET key_id = 7 WHERE tree_size = $third AND witness = 'w1'");
tampering('a line with more behind it', $invalid,
	"UPDATE custody.log_cosignature SET line = line || 'x' WHERE tree_size = $third AND witness = 'w1'");
tampering('an empty line', $invalid,
	"UPDATE custody.log_cosignature SET line = '' WHERE tree_size = $third AND witness = 'w1'");
tampering('an invented line', $invalid,
	"INSERT INTO custody.log_cosignature VALUES ($second, 'w1', 1, convert_to(E'\\u2014 a AAAAAAA=\\n', 'UTF8'))");
my $extra = qr/^tampering\|witness_extra\|/m;
my $missing = qr/^tampering\|witness_missing\|/m;
tampering('a witness of the insider\'s own', $extra,
	"INSERT INTO custody.log_witness VALUES ('mine', 1, '$key[2]', true, '')");
tampering('another key for a witness', qr/$missing.*$extra|$extra.*$missing/s,
	"UPDATE custody.log_witness SET verifier_key = '$key[2]' WHERE name = 'w1'");
tampering('a distrust that never was', $extra,
	"INSERT INTO custody.log_witness VALUES ('w1', 2, '$key[1]', false, 'x')");
tampering('a distrust undone', $missing, "DELETE FROM custody.log_witness WHERE name = 'w0' AND NOT trusted");
tampering('a distrust turned round', qr/$missing.*$extra|$extra.*$missing/s,
	"UPDATE custody.log_witness SET trusted = true WHERE name = 'w0' AND NOT trusted");
tampering('another reason', qr/$missing.*$extra|$extra.*$missing/s,
	"UPDATE custody.log_witness SET reason = 'none' WHERE name = 'w0' AND NOT trusted");
tampering('a witness forgotten', $missing, "DELETE FROM custody.log_witness WHERE name = 'w1'");

# Grades are of what verifies now, whatever the tables say.
sub graded
{
	my ($name, $want, $change, $query) = @_;
	is(sql(qq{BEGIN; $change; $query; ROLLBACK}), $want, $name);
}
my $of_blocks = 'SELECT block_no, grade, cosigned_by FROM custody.blocks WHERE block_no < 3 ORDER BY 1';
my $of_verify = 'SELECT block_no, grade, witnesses, problem FROM custody.verify_blocks() WHERE block_no < 3 ORDER BY 1';
graded('an altered line does not count', "0|cosigned|{w1}\n1|sealed|{}\n2|sealed|{}",
	"UPDATE custody.log_cosignature SET line = set_byte(line, 60, get_byte(line, 60) # 1) WHERE tree_size = $third", $of_blocks);
graded('and is named',
	"0|cosigned|{w1}|\n1|sealed|{}|\n2|sealed|{}|cosignature of witness \"w1\": signature does not verify",
	"UPDATE custody.log_cosignature SET line = set_byte(line, 80, CASE get_byte(line, 80) WHEN 65 THEN 66 ELSE 65 END) WHERE tree_size = $third AND witness = 'w1'", $of_verify);
graded('an altered leaf breaks what later blocks say of earlier ones',
	"0|cosigned|{w1}|\n1|unsigned|{}|the stored leaves do not hash to the root in log_block\n2|cosigned|{w1}|",
	"UPDATE custody.log_leaf SET leaf_hash = set_byte(leaf_hash, 0, get_byte(leaf_hash, 0) # 1) WHERE leaf_index = $first", $of_verify);
graded('a missing leaf as well',
	"0|cosigned|{w1}|\n1|unsigned|{}|the stored leaves do not hash to the root in log_block\n2|cosigned|{w1}|",
	"DELETE FROM custody.log_leaf WHERE leaf_index = $first", $of_verify);
graded('a checkpoint of another root',
	"0|cosigned|{w1}|\n1|unsigned|{}|its checkpoint is of another tree\n2|cosigned|{w1}|",
	"UPDATE custody.log_checkpoint c SET note = x.note FROM custody.log_checkpoint x WHERE c.tree_size = $second AND x.tree_size = $first", $of_verify);
graded('a forged signature',
	"0|cosigned|{w1}|\n1|cosigned|{w1}|its checkpoint is not signed by the key of its epoch: signature does not verify\n2|cosigned|{w1}|",
	"UPDATE custody.log_checkpoint SET note = set_byte(note, length(note) - 12, 65 + (get_byte(note, length(note) - 12) + 1) % 2) WHERE tree_size = $second", $of_verify);
graded('a cosigned checkpoint of another log does not count', "0|sealed|{}\n1|sealed|{}\n2|sealed|{}", do {
	my $foreign = "other.example/log\n99999\nXcnaeacGWamtVZy3Ad7ZoqudgjqtL0lgz+Nw7/RgQyg=\n";
	my $lines = qx{$cosigner sign @{[ seed(1) ]} witness1.example/w 1767225600 < '@{[ put('note', "$foreign\n") ]}'};
	my $id = hex(substr($key[1], length('witness1.example/w') + 1, 8));
	my $hex = unpack('H*', $lines);
	my $note = unpack('H*', "$foreign\n$lines");
	"DELETE FROM custody.log_cosignature; INSERT INTO custody.log_checkpoint VALUES (99999, decode('$note', 'hex'));"
	  . "INSERT INTO custody.log_cosignature VALUES (99999, 'w1', $id, decode('$hex', 'hex'))"; }, $of_blocks);

# Two who bring the same line at the same time
my $same = answer(1, $second);
my $one = $node->background_psql('postgres');
$one->query_safe('BEGIN');
is($one->query_safe("SELECT custody.add_cosignature($second, '$same')"), 1, 'one adds a line');
my $two = $node->background_psql('postgres');
$two->query_until(qr/started/, "\\echo started\nSELECT 'stored ' || custody.add_cosignature($second, '$same');\n");
$node->poll_query_until('postgres', q{SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted)}) or die 'nobody waits';
$one->query_safe('COMMIT');
is($two->query_safe('SELECT 1'), "stored 0\n1", 'the other, who waited, finds it there');
$one->quit;
$two->quit;

# A role that brings them, and nothing else
sql(q{CREATE ROLE runner LOGIN; SELECT custody.grant_anchor('runner')});
is(sql("SET ROLE runner; SELECT custody.add_cosignature($second, '$same')"), 0, 'the anchoring role may add');
fails('but trusts nobody', qr/42501: permission denied for function trust_witness/,
	"SET ROLE runner; SELECT custody.trust_witness('mine', '$key[2]')");

# Dump and restore
$node->command_ok([ 'pg_dump', '-d', $node->connstr('postgres'), '-Fc', '-f', "$folder/dump" ], 'dumped');
$node->safe_psql('postgres', 'CREATE DATABASE again TEMPLATE template0');
$node->command_ok([ 'pg_restore', '-d', $node->connstr('again'), "$folder/dump" ], 'restored');
is($node->safe_psql('again', 'SELECT * FROM custody.verify()'), '', 'verifies after dump and restore');
is($node->safe_psql('again', $of_blocks), sql($of_blocks), 'with the same grades');

$node->stop;
done_testing();
