# A small ledger of every kind of table, for tests that damage it.

package CustodyFixture;

use strict;
use warnings;

use Exporter 'import';

our @EXPORT = qw(add_fixture);

# Tables patient, reading (no key), obs (partitioned), former (released) under
# protection in a database; a full tile of leaves, several sealed blocks and
# some transactions that are not sealed.
sub add_fixture
{
	my ($node, $database) = @_;

	$node->safe_psql($database, q{
		CREATE EXTENSION pg_custody;
		CREATE TABLE patient (id int PRIMARY KEY, name text, born date, note text, dose numeric(8,2));
		INSERT INTO patient SELECT i, 'Patient ' || i, date '1970-01-01' + i, repeat('note ', i * 3), i * 1.5
			FROM generate_series(1, 100) i;
		CREATE TABLE reading (at date, value int);
		INSERT INTO reading SELECT '2026-01-01', i % 3 FROM generate_series(1, 9) i;
		CREATE TABLE obs (id int, at date, v text, PRIMARY KEY (id, at)) PARTITION BY RANGE (at);
		CREATE TABLE obs1 PARTITION OF obs FOR VALUES FROM ('2026-01-01') TO ('2026-02-01');
		CREATE TABLE obs2 PARTITION OF obs FOR VALUES FROM ('2026-02-01') TO ('2026-03-01');
		INSERT INTO obs SELECT i, date '2026-01-01' + i, 'v' || i FROM generate_series(1, 50) i;
		CREATE TABLE former (id int PRIMARY KEY, t text);
		SELECT custody.protect('patient', 'name'), custody.protect('reading'), custody.protect('obs'),
			custody.protect('former')});
	$node->safe_psql($database, 'SELECT custody.seal()');
	$node->safe_psql($database, q{
		INSERT INTO former VALUES (1, 'x');
		SELECT custody.unprotect('former', 'no longer used');
		ALTER TABLE patient ADD COLUMN allergy text DEFAULT 'none known';
		UPDATE patient SET note = 'changed' WHERE id <= 30;
		DELETE FROM patient WHERE id BETWEEN 40 AND 44;
		UPDATE obs SET at = at + 31 WHERE id < 6;
		UPDATE reading SET value = 7 WHERE value = 1;
		UPDATE patient SET id = id + 1000 WHERE id > 95});
	$node->safe_psql($database, 'SELECT custody.seal()');
	$node->safe_psql($database,
		join('', map { "UPDATE patient SET dose = dose + 1 WHERE id = $_ % 39 + 1;\n" } 1 .. 260));
	$node->safe_psql($database, 'SELECT custody.seal()');
	$node->safe_psql($database, q{INSERT INTO patient VALUES (2000, 'last', NULL, NULL, 1)});
	$node->safe_psql($database, 'SELECT custody.seal()');
	$node->safe_psql($database, q{
		UPDATE patient SET note = 'not sealed' WHERE id = 50;
		INSERT INTO reading VALUES ('2026-05-05', 5)});
}

1;
