#!/usr/bin/perl
#
# What an auditor reads: incidents and the audit report, of a clean ledger and
# of one that was tampered with.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;

use CustodyFixture;
use CustodyTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = start_node('report');
add_fixture($node, 'postgres');
$node->safe_psql('postgres', 'SELECT custody.seal()');

# A clean ledger
is($node->safe_psql('postgres', 'SELECT count(*) FROM custody.incidents()'), '0', 'no finding, no incident');
my $text = $node->safe_psql('postgres', 'SELECT custody.audit_report()');
like($text, qr/^Verified: no findings\.$/m, 'the verdict of a clean ledger');
like($text, qr/^$_$/m, "section $_")
  foreach 'Summary', 'Incidents', 'Findings', 'Coverage', 'Time line', 'Gaps', 'Changes by table', 'Changes by user', 'Control events';
like($text, qr/^  public\.patient\s+\| update\s+\| \d+/m, 'changes of a table are counted');
is($node->safe_psql('postgres', q{
		SELECT custody.audit_report() ~ format('public.patient +\| update +\| %s +\|', count(*))
		FROM custody.entries WHERE relation = 'public.patient' AND operation = 'update'}), 't', 'and counted right');
unlike($node->safe_psql('postgres', q{SELECT custody.audit_report("to" => '2020-01-01')}), qr/public\.patient\s+\| update/,
	'changes after the period are left out');
unlike($node->safe_psql('postgres', q{SELECT custody.audit_report('2090-01-01')}), qr/public\.patient\s+\| update/,
	'and those before it');
like($node->safe_psql('postgres', q{SELECT custody.audit_report("to" => '2020-01-01')}), qr/^  Nothing was sealed\.$/m, 'an empty time line says so');

# Tampering: two deeds that nothing records (the triggers are there, but the table
# says it has none), one of them over when an honest
# change shows it
$node->safe_psql('postgres', q{
	UPDATE pg_class SET relhastriggers = false WHERE oid = 'patient'::regclass;
	UPDATE patient SET dose = 99 WHERE id = 80;
	UPDATE pg_class SET relhastriggers = true WHERE oid = 'patient'::regclass});
$node->safe_psql('postgres', q{SET application_name = 'ward'; SELECT custody.set_context('<dr.& kim>'); UPDATE patient SET name = 'honest' WHERE id = 80});
$node->safe_psql('postgres', q{BEGIN; SELECT custody.set_context('<dr.& kim>'); UPDATE patient SET name = 'honester' WHERE id = 80; COMMIT});
$node->safe_psql('postgres', 'SELECT custody.seal()');
$node->safe_psql('postgres', q{
	UPDATE pg_class SET relhastriggers = false WHERE oid = 'reading'::regclass;
	INSERT INTO reading VALUES ('2026-09-09', 9);
	UPDATE pg_class SET relhastriggers = true WHERE oid = 'reading'::regclass});

my $incidents = $node->safe_psql('postgres', q{
	SELECT relation, severity, codes, findings, row_keys, after IS NOT NULL, before IS NOT NULL, after < before,
		exposed->'columns', exposed->>'subject', connected IS NOT NULL
	FROM custody.incidents() WHERE severity = 'tampering' ORDER BY relation});
like($incidents, qr/^public\.patient\|tampering\|\{overwritten_mismatch\}\|1\|\[\{"id": 80}]\|t\|t\|t\|\["id", "name", "born", "note", "dose", "allergy"]\|name\|t$/m,
	'what an honest change shows lies between two records, with what could be seen and who was connected');
like($incidents, qr/^public\.reading\|tampering\|\{row_extra\}\|1\|.*\|f\|f\|\|\["at", "value"]\|\|t$/m, 'what was never recorded can have come at any time');
is($node->safe_psql('postgres', q{
		SELECT after = (SELECT max(changed_at) FROM custody.history('patient', '{"id": 80}') WHERE "row"->>'name' NOT LIKE 'honest%')
			AND before = (SELECT min(changed_at) FROM custody.history('patient', '{"id": 80}') WHERE "row"->>'name' = 'honest')
		FROM custody.incidents() WHERE relation = 'public.patient'}), 't', 'the window is exact');
like($node->safe_psql('postgres', q{SELECT connected FROM custody.incidents() WHERE relation = 'public.patient'}),
	qr/"session_user": "postgres"/, 'connected is named');

$text = $node->safe_psql('postgres', 'SELECT custody.audit_report()');
like($text, qr/^TAMPERING: 2 findings, and \d+ warnings\.$/m, 'the verdict counts');
like($text, qr/\| id, name, born, note, dose, allergy\s+\|/, 'the columns that could be seen');
my $html = $node->safe_psql('postgres', q{SELECT custody.audit_report(format => 'html')});
like($html, qr/^<!DOCTYPE html>/, 'a page');
like($html, qr/<p class="verdict alarm">TAMPERING/, 'with the verdict');
like($html, qr{&#60;dr\.&#38; kim&#62;}, 'what users wrote is escaped');
unlike($html, qr/<dr\.|<script|https?:|[^\x00-\x7f]/, 'and never markup; the page loads nothing and is plain ASCII');
like($html, qr/<svg .*<rect /s, 'the time line is drawn');

# What row and what columns, but no value outside the key
unlike($text . $html, qr/honester|Patient 80|99\.00/, 'no value of a row that is not its key');

# Rights, arguments, hostile search_path
$node->safe_psql('postgres', q{
	CREATE ROLE auditor LOGIN; SELECT custody.grant_auditor('auditor'); CREATE ROLE nobody; GRANT USAGE ON SCHEMA custody TO nobody;
	CREATE SCHEMA evil; GRANT USAGE ON SCHEMA evil TO PUBLIC;
	CREATE FUNCTION evil.count(text) RETURNS bigint LANGUAGE sql AS 'SELECT 0::bigint';
	CREATE FUNCTION evil.eq(text, text) RETURNS boolean LANGUAGE sql AS 'SELECT false';
	CREATE OPERATOR evil.= (LEFTARG = text, RIGHTARG = text, FUNCTION = evil.eq)});
like($node->safe_psql('postgres', 'SET ROLE auditor; SELECT custody.audit_report()'), qr/^TAMPERING: 2 findings/m, 'an auditor may ask');
like($node->safe_psql('postgres', 'SET search_path = evil, pg_catalog; SELECT custody.audit_report()'), qr/^TAMPERING: 2 findings/m,
	'whatever the search_path');
is($node->safe_psql('postgres', q{SET search_path = evil; SELECT custody.audit_report() <> ''; SHOW search_path}), "t\nevil", 'which is left alone');
fails_with($node, 'SET ROLE nobody; SELECT custody.audit_report()', '42501', 'permission denied', 'without the right');
fails_with($node, q{SELECT custody.audit_report(format => 'pdf')}, '22023', 'there is no report format "pdf"', 'another format');

# Another database of another encoding
$node->safe_psql('postgres', q{CREATE DATABASE latin ENCODING 'LATIN1' TEMPLATE template0 LC_COLLATE 'C' LC_CTYPE 'C'});
$node->safe_psql('latin', qq{SET client_encoding = 'UTF8'; CREATE EXTENSION pg_custody; CREATE TABLE "M\x{c3}\x{bc}ller" (id int PRIMARY KEY);
	SELECT custody.protect('"M\x{c3}\x{bc}ller"'); SELECT custody.seal()});
like($node->safe_psql('latin', q{SELECT custody.audit_report(format => 'html')}), qr/M&#252;ller/, 'other encodings are spelt out');

done_testing();
