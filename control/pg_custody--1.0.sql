/* control/pg_custody--1.0.sql */

-- complain if script is sourced in psql, rather than via CREATE EXTENSION
\echo Use "CREATE EXTENSION pg_custody" to load this file. \quit

-- Made here and not by the control file: a schema that exists already belongs
-- to somebody who could drop what is in it, and is refused.
CREATE SCHEMA custody;
REVOKE ALL ON SCHEMA custody FROM PUBLIC;
COMMENT ON SCHEMA custody IS 'pg_custody: tamper-evident ledger of protected tables';

-- Numbers.  Never gapless: a rolled back transaction leaves a hole.

CREATE SEQUENCE custody.commit_number;
REVOKE ALL ON SEQUENCE custody.commit_number FROM PUBLIC;
COMMENT ON SEQUENCE custody.commit_number IS 'orders transactions within a block, drawn at pre-commit; also names a transaction''s entries';

CREATE SEQUENCE custody.relation_number AS integer;
REVOKE ALL ON SEQUENCE custody.relation_number FROM PUBLIC;
COMMENT ON SEQUENCE custody.relation_number IS 'names one protection of a table in entries';

CREATE SEQUENCE custody.version_number AS integer;
REVOKE ALL ON SEQUENCE custody.version_number FROM PUBLIC;
COMMENT ON SEQUENCE custody.version_number IS 'names one schema version of a protected table in entries';

CREATE SEQUENCE custody.environment_number;
REVOKE ALL ON SEQUENCE custody.environment_number FROM PUBLIC;
COMMENT ON SEQUENCE custody.environment_number IS 'orders the changes of one item of the environment';

-- The ledger.  Append-only; erasure alone rewrites stored entries.

CREATE TABLE custody.log_transaction (
	xact_id xid8 NOT NULL,
	txn_no bigint NOT NULL,
	first_entry bigint NOT NULL,
	record bytea NOT NULL,
	entries bytea NOT NULL
) WITH (toast_tuple_target = 8160);
CREATE INDEX log_transaction_xact_id_idx ON custody.log_transaction (xact_id);
REVOKE ALL ON TABLE custody.log_transaction FROM PUBLIC;
COMMENT ON TABLE custody.log_transaction IS 'transaction records, with the last entries of each transaction: all of them, if they fit';
COMMENT ON COLUMN custody.log_transaction.xact_id IS 'transaction id, for picking up what committed since the last seal';
COMMENT ON COLUMN custody.log_transaction.txn_no IS 'transaction number';
COMMENT ON COLUMN custody.log_transaction.first_entry IS 'entry number of the first entry in this row; earlier ones are in log_chunk';
COMMENT ON COLUMN custody.log_transaction.record IS 'transaction record without the root over its entries, doc/format.md section 5.1';
COMMENT ON COLUMN custody.log_transaction.entries IS 'stored entries, doc/storage.md';

CREATE TABLE custody.log_chunk (
	txn_no bigint NOT NULL,
	first_entry bigint NOT NULL,
	entries bytea NOT NULL,
	CONSTRAINT log_chunk_pkey PRIMARY KEY (txn_no, first_entry)
) WITH (toast_tuple_target = 8160);
REVOKE ALL ON TABLE custody.log_chunk FROM PUBLIC;
COMMENT ON TABLE custody.log_chunk IS 'entries of transactions that have more than fit in log_transaction';
COMMENT ON COLUMN custody.log_chunk.txn_no IS 'transaction number';
COMMENT ON COLUMN custody.log_chunk.first_entry IS 'entry number of the first entry in this chunk';
COMMENT ON COLUMN custody.log_chunk.entries IS 'stored entries, doc/storage.md; only their values can be erased';

CREATE TABLE custody.log_subtree (
	txn_no bigint NOT NULL,
	tile_index bigint NOT NULL,
	hashes bytea NOT NULL,
	marks bytea NOT NULL,
	CONSTRAINT log_subtree_pkey PRIMARY KEY (txn_no, tile_index)
);
ALTER TABLE custody.log_subtree ALTER COLUMN hashes SET STORAGE EXTERNAL;
ALTER TABLE custody.log_subtree ALTER COLUMN marks SET STORAGE EXTERNAL;
REVOKE ALL ON TABLE custody.log_subtree FROM PUBLIC;
COMMENT ON TABLE custody.log_subtree IS 'of large transactions: roots over 256 entries each, so that a proof need not hash them all, and marks of the entries; decides nothing, can be computed again';
COMMENT ON COLUMN custody.log_subtree.txn_no IS 'transaction number';
COMMENT ON COLUMN custody.log_subtree.tile_index IS 'which 65536 entries, from 0';
COMMENT ON COLUMN custody.log_subtree.hashes IS 'up to 256 hashes of 32 bytes';
COMMENT ON COLUMN custody.log_subtree.marks IS 'the first four bytes of each entry''s hash, to tell which entry was altered';

CREATE TABLE custody.log_leaf (
	leaf_index bigint NOT NULL,
	txn_no bigint,
	xact_id xid8,
	leaf_hash bytea NOT NULL,
	root bytea,
	marks bytea,
	CONSTRAINT log_leaf_pkey PRIMARY KEY (leaf_index),
	CONSTRAINT log_leaf_txn_no_key UNIQUE (txn_no)
);
REVOKE ALL ON TABLE custody.log_leaf FROM PUBLIC;
COMMENT ON TABLE custody.log_leaf IS 'positions in the log';
COMMENT ON COLUMN custody.log_leaf.leaf_index IS 'position, from 0';
COMMENT ON COLUMN custody.log_leaf.txn_no IS 'transaction number, NULL for a block header';
COMMENT ON COLUMN custody.log_leaf.xact_id IS 'transaction id, by which log_transaction is found';
COMMENT ON COLUMN custody.log_leaf.leaf_hash IS 'RFC 9162 leaf hash';
COMMENT ON COLUMN custody.log_leaf.root IS 'root over the transaction''s entries, which belongs into its record';
COMMENT ON COLUMN custody.log_leaf.marks IS 'the first four bytes of each entry''s hash, to tell which entry was altered; NULL: in log_subtree';

CREATE TABLE custody.log_lookup (
	level smallint NOT NULL,
	run bigint NOT NULL,
	first_number bigint NOT NULL,
	items bytea NOT NULL
) WITH (toast_tuple_target = 8160);
ALTER TABLE custody.log_lookup ALTER COLUMN items SET STORAGE EXTERNAL;
CREATE INDEX log_lookup_run_idx ON custody.log_lookup (level, run, first_number);
REVOKE ALL ON TABLE custody.log_lookup FROM PUBLIC;
COMMENT ON TABLE custody.log_lookup IS 'sealed entries by lookup number, doc/format.md section 3.5, in sorted runs; decides nothing, can be made again';
COMMENT ON COLUMN custody.log_lookup.level IS 'runs of a level are merged into one of the next';
COMMENT ON COLUMN custody.log_lookup.run IS 'run within its level';
COMMENT ON COLUMN custody.log_lookup.first_number IS 'smallest lookup number in this row';
COMMENT ON COLUMN custody.log_lookup.items IS 'lookup number, leaf index and entry number of each, packed, doc/storage.md';

CREATE TABLE custody.log_block (
	block_no bigint NOT NULL,
	tree_size bigint NOT NULL,
	header bytea NOT NULL,
	frontier bytea NOT NULL,
	CONSTRAINT log_block_pkey PRIMARY KEY (block_no),
	CONSTRAINT log_block_tree_size_key UNIQUE (tree_size)
);
REVOKE ALL ON TABLE custody.log_block FROM PUBLIC;
COMMENT ON TABLE custody.log_block IS 'blocks: leaves sealed together';
COMMENT ON COLUMN custody.log_block.block_no IS 'block number, from 0';
COMMENT ON COLUMN custody.log_block.tree_size IS 'size of the log after this block';
COMMENT ON COLUMN custody.log_block.header IS 'block header, the first leaf of the block, doc/format.md section 5.2';
COMMENT ON COLUMN custody.log_block.frontier IS 'right edge of the tree after this block, doc/format.md section 7';

CREATE TABLE custody.log_state (
	version integer NOT NULL,
	relation_id integer NOT NULL,
	row_set bytea,
	CONSTRAINT log_state_pkey PRIMARY KEY (version)
) WITH (toast_tuple_target = 8160);
ALTER TABLE custody.log_state ALTER COLUMN row_set SET STORAGE EXTERNAL;
REVOKE ALL ON TABLE custody.log_state FROM PUBLIC;
COMMENT ON TABLE custody.log_state IS 'set hash of the rows of each table as they were last sealed, doc/format.md section 5.4; the last block header confirms it';
COMMENT ON COLUMN custody.log_state.version IS 'schema version of the rows; 0: tables without a row here are not known';
COMMENT ON COLUMN custody.log_state.relation_id IS 'number of the protection';
COMMENT ON COLUMN custody.log_state.row_set IS 'number of rows and 1024 lanes; NULL: not known';

CREATE TABLE custody.log_event (
	leaf_index bigint NOT NULL,
	chain bytea NOT NULL,
	CONSTRAINT log_event_pkey PRIMARY KEY (leaf_index)
);
REVOKE ALL ON TABLE custody.log_event FROM PUBLIC;
COMMENT ON TABLE custody.log_event IS 'leaves with control events that verification needs';
COMMENT ON COLUMN custody.log_event.leaf_index IS 'position in the log';
COMMENT ON COLUMN custody.log_event.chain IS 'hash over this position and all before, doc/format.md section 5.4';

CREATE TABLE custody.log_tile (
	level smallint NOT NULL,
	tile_index bigint NOT NULL,
	hashes bytea NOT NULL,
	CONSTRAINT log_tile_pkey PRIMARY KEY (level, tile_index)
);
ALTER TABLE custody.log_tile ALTER COLUMN hashes SET STORAGE EXTERNAL;
REVOKE ALL ON TABLE custody.log_tile FROM PUBLIC;
COMMENT ON TABLE custody.log_tile IS 'full tiles of the tree, 256 hashes each, as C2SP tlog-tiles';
COMMENT ON COLUMN custody.log_tile.level IS 'tile level: hashes of tree level 8 * level';
COMMENT ON COLUMN custody.log_tile.tile_index IS 'tile number within its level, from 0';
COMMENT ON COLUMN custody.log_tile.hashes IS '256 hashes of 32 bytes';

CREATE TABLE custody.log_checkpoint (
	tree_size bigint NOT NULL,
	note bytea NOT NULL,
	CONSTRAINT log_checkpoint_pkey PRIMARY KEY (tree_size)
);
REVOKE ALL ON TABLE custody.log_checkpoint FROM PUBLIC;
COMMENT ON TABLE custody.log_checkpoint IS 'signed checkpoints';
COMMENT ON COLUMN custody.log_checkpoint.tree_size IS 'size of the log that is signed';
COMMENT ON COLUMN custody.log_checkpoint.note IS 'C2SP signed note, in UTF-8 whatever the database''s encoding';

CREATE TABLE custody.log_anchor (
	tree_size bigint NOT NULL,
	anchored_at timestamptz NOT NULL,
	CONSTRAINT log_anchor_pkey PRIMARY KEY (tree_size)
);
REVOKE ALL ON TABLE custody.log_anchor FROM PUBLIC;
COMMENT ON TABLE custody.log_anchor IS 'checkpoints for which custody.anchor_command has succeeded';
COMMENT ON COLUMN custody.log_anchor.tree_size IS 'size of the anchored checkpoint';
COMMENT ON COLUMN custody.log_anchor.anchored_at IS 'when the command succeeded';

CREATE TABLE custody.log_inspection (
	finished_at timestamptz NOT NULL,
	started_at timestamptz NOT NULL,
	tree_size bigint NOT NULL,
	complete boolean NOT NULL,
	tampering bigint NOT NULL,
	warnings bigint NOT NULL,
	CONSTRAINT log_inspection_pkey PRIMARY KEY (finished_at)
);
REVOKE ALL ON TABLE custody.log_inspection FROM PUBLIC;
COMMENT ON TABLE custody.log_inspection IS 'results of scheduled verification, for custody.status; evidence of nothing';
COMMENT ON COLUMN custody.log_inspection.finished_at IS 'when it ended';
COMMENT ON COLUMN custody.log_inspection.started_at IS 'when it began';
COMMENT ON COLUMN custody.log_inspection.tree_size IS 'size of the log that was verified';
COMMENT ON COLUMN custody.log_inspection.complete IS 'the whole ledger, and not only what was new';
COMMENT ON COLUMN custody.log_inspection.tampering IS 'findings of severity tampering';
COMMENT ON COLUMN custody.log_inspection.warnings IS 'findings of severity warning';

CREATE TABLE custody.log_relation (
	relation_id integer NOT NULL,
	relation regclass NOT NULL,
	subject name,
	mode text NOT NULL,
	large_objects name[] NOT NULL,
	CONSTRAINT log_relation_pkey PRIMARY KEY (relation_id)
);
REVOKE ALL ON TABLE custody.log_relation FROM PUBLIC;
COMMENT ON TABLE custody.log_relation IS 'protections: a row each time a table is protected';
COMMENT ON COLUMN custody.log_relation.relation_id IS 'relation number as in entries';
COMMENT ON COLUMN custody.log_relation.relation IS 'the table';
COMMENT ON COLUMN custody.log_relation.subject IS 'column that names the person a row is about';
COMMENT ON COLUMN custody.log_relation.mode IS 'updatable or append_only';
COMMENT ON COLUMN custody.log_relation.large_objects IS 'columns whose large objects are recorded with the row';

CREATE TABLE custody.log_release (
	relation_id integer NOT NULL,
	CONSTRAINT log_release_pkey PRIMARY KEY (relation_id)
);
REVOKE ALL ON TABLE custody.log_release FROM PUBLIC;
COMMENT ON TABLE custody.log_release IS 'protections that were ended by custody.unprotect()';
COMMENT ON COLUMN custody.log_release.relation_id IS 'relation number';

CREATE TABLE custody.log_schema (
	version integer NOT NULL,
	relation_id integer NOT NULL,
	leaf regclass NOT NULL,
	definition bytea NOT NULL,
	CONSTRAINT log_schema_pkey PRIMARY KEY (version)
);
CREATE INDEX log_schema_relation_id_idx ON custody.log_schema (relation_id);
REVOKE ALL ON TABLE custody.log_schema FROM PUBLIC;
COMMENT ON TABLE custody.log_schema IS 'schema versions of protected tables, one per partition and layout';
COMMENT ON COLUMN custody.log_schema.version IS 'version number as in entries';
COMMENT ON COLUMN custody.log_schema.relation_id IS 'relation number';
COMMENT ON COLUMN custody.log_schema.leaf IS 'table that holds the rows: a partition, or the table itself';
COMMENT ON COLUMN custody.log_schema.definition IS 'schema definition, doc/format.md section 4.2';

CREATE TABLE custody.log_key (
	epoch integer NOT NULL,
	verifier_key text NOT NULL,
	txn_no bigint NOT NULL,
	CONSTRAINT log_key_pkey PRIMARY KEY (epoch)
);
REVOKE ALL ON TABLE custody.log_key FROM PUBLIC;
COMMENT ON TABLE custody.log_key IS 'public keys of the key epochs';
COMMENT ON COLUMN custody.log_key.epoch IS 'key epoch, from 1';
COMMENT ON COLUMN custody.log_key.verifier_key IS 'name+hash+base64 as the note tools read it';
COMMENT ON COLUMN custody.log_key.txn_no IS 'transaction that announced it';

CREATE TABLE custody.log_incarnation (
	incarnation integer NOT NULL,
	ledger_id uuid NOT NULL,
	origin text NOT NULL,
	system_identifier bigint NOT NULL,
	database_oid oid NOT NULL,
	timeline integer NOT NULL,
	CONSTRAINT log_incarnation_pkey PRIMARY KEY (incarnation)
);
REVOKE ALL ON TABLE custody.log_incarnation FROM PUBLIC;
COMMENT ON TABLE custody.log_incarnation IS 'lives of the ledger between restores';
COMMENT ON COLUMN custody.log_incarnation.incarnation IS 'number, from 1';
COMMENT ON COLUMN custody.log_incarnation.ledger_id IS 'names the ledger''s folder in custody.key_directory';
COMMENT ON COLUMN custody.log_incarnation.origin IS 'origin of the checkpoints';
COMMENT ON COLUMN custody.log_incarnation.system_identifier IS 'of the cluster it lives in';
COMMENT ON COLUMN custody.log_incarnation.database_oid IS 'of the database it lives in';
COMMENT ON COLUMN custody.log_incarnation.timeline IS 'write-ahead log timeline on which it began';

CREATE TABLE custody.log_trusted_log (
	verifier_key text COLLATE pg_catalog."C" NOT NULL,
	statement integer NOT NULL,
	trusted boolean NOT NULL,
	reason text NOT NULL,
	CONSTRAINT log_trusted_log_pkey PRIMARY KEY (verifier_key, statement)
);
REVOKE ALL ON TABLE custody.log_trusted_log FROM PUBLIC;
COMMENT ON TABLE custody.log_trusted_log IS 'logs of others whose checkpoints this database cosigns: a row each time a key is trusted or not any longer';
COMMENT ON COLUMN custody.log_trusted_log.verifier_key IS 'of the log; its name is the origin';
COMMENT ON COLUMN custody.log_trusted_log.statement IS 'number of the statement about this key, from 1; the last one counts';
COMMENT ON COLUMN custody.log_trusted_log.trusted IS 'whether the key is trusted from here on';
COMMENT ON COLUMN custody.log_trusted_log.reason IS 'why it is not any longer, else empty';

CREATE TABLE custody.log_cosigned (
	origin text COLLATE pg_catalog."C" NOT NULL,
	tree_size bigint NOT NULL,
	root bytea NOT NULL,
	cosigned_at timestamptz NOT NULL,
	note bytea NOT NULL,
	CONSTRAINT log_cosigned_pkey PRIMARY KEY (origin, tree_size)
);
REVOKE ALL ON TABLE custody.log_cosigned FROM PUBLIC;
COMMENT ON TABLE custody.log_cosigned IS 'checkpoints of other logs that this database cosigned as their witness';
COMMENT ON COLUMN custody.log_cosigned.origin IS 'origin of the log';
COMMENT ON COLUMN custody.log_cosigned.tree_size IS 'size of the log';
COMMENT ON COLUMN custody.log_cosigned.root IS 'root of the log, 32 bytes';
COMMENT ON COLUMN custody.log_cosigned.cosigned_at IS 'time in the cosignature, whole seconds';
COMMENT ON COLUMN custody.log_cosigned.note IS 'the checkpoint as the log signed it, in UTF-8 whatever the database''s encoding';

CREATE TABLE custody.log_witness_key (
	incarnation integer NOT NULL,
	verifier_key text NOT NULL,
	CONSTRAINT log_witness_key_pkey PRIMARY KEY (incarnation)
);
REVOKE ALL ON TABLE custody.log_witness_key FROM PUBLIC;
COMMENT ON TABLE custody.log_witness_key IS 'public keys with which this database cosigns other logs; the last one is in use';
COMMENT ON COLUMN custody.log_witness_key.incarnation IS 'incarnation of the ledger in which the key was made';
COMMENT ON COLUMN custody.log_witness_key.verifier_key IS 'name+hash+base64 as the note tools read it';

CREATE TABLE custody.log_witness (
	name text COLLATE pg_catalog."C" NOT NULL,
	statement integer NOT NULL,
	verifier_key text NOT NULL,
	trusted boolean NOT NULL,
	reason text NOT NULL,
	CONSTRAINT log_witness_pkey PRIMARY KEY (name, statement)
);
REVOKE ALL ON TABLE custody.log_witness FROM PUBLIC;
COMMENT ON TABLE custody.log_witness IS 'whose cosignatures of our checkpoints count: a row each time a witness is trusted or not any longer';
COMMENT ON COLUMN custody.log_witness.name IS 'our name for the witness, as in a policy';
COMMENT ON COLUMN custody.log_witness.statement IS 'number of the statement about this name, from 1; the last one counts';
COMMENT ON COLUMN custody.log_witness.verifier_key IS 'name+hash+base64 as the note tools read it';
COMMENT ON COLUMN custody.log_witness.trusted IS 'whether the witness is trusted from here on';
COMMENT ON COLUMN custody.log_witness.reason IS 'why it is not any longer, else empty';

CREATE TABLE custody.log_cosignature (
	tree_size bigint NOT NULL,
	witness text COLLATE pg_catalog."C" NOT NULL,
	key_id bigint NOT NULL,
	line bytea NOT NULL,
	CONSTRAINT log_cosignature_pkey PRIMARY KEY (tree_size, witness, key_id)
);
REVOKE ALL ON TABLE custody.log_cosignature FROM PUBLIC;
COMMENT ON TABLE custody.log_cosignature IS 'cosignatures of witnesses under our checkpoints; each verified when it was stored';
COMMENT ON COLUMN custody.log_cosignature.tree_size IS 'size of the checkpoint';
COMMENT ON COLUMN custody.log_cosignature.witness IS 'our name for the witness';
COMMENT ON COLUMN custody.log_cosignature.key_id IS 'id of the key that cosigned, as in the line';
COMMENT ON COLUMN custody.log_cosignature.line IS 'C2SP signature line with its line feed, in UTF-8 whatever the database''s encoding';

CREATE TABLE custody.log_environment (
	number bigint NOT NULL,
	name text NOT NULL,
	before text NOT NULL,
	after text NOT NULL,
	CONSTRAINT log_environment_pkey PRIMARY KEY (number)
);
REVOKE ALL ON TABLE custody.log_environment FROM PUBLIC;
COMMENT ON TABLE custody.log_environment IS 'environment entries: changes of the capture machinery, of the schema of protected tables, of roles and settings';
COMMENT ON COLUMN custody.log_environment.number IS 'order of the changes of one item';
COMMENT ON COLUMN custody.log_environment.name IS 'item, doc/format.md section 5.3';
COMMENT ON COLUMN custody.log_environment.before IS 'what was recorded before; empty: no such item';
COMMENT ON COLUMN custody.log_environment.after IS 'what it is now; empty: no such item';

SELECT pg_catalog.pg_extension_config_dump('custody.commit_number', '');
SELECT pg_catalog.pg_extension_config_dump('custody.relation_number', '');
SELECT pg_catalog.pg_extension_config_dump('custody.version_number', '');
SELECT pg_catalog.pg_extension_config_dump('custody.environment_number', '');
SELECT pg_catalog.pg_extension_config_dump('custody.log_transaction', '');
SELECT pg_catalog.pg_extension_config_dump('custody.log_chunk', '');
SELECT pg_catalog.pg_extension_config_dump('custody.log_subtree', '');
SELECT pg_catalog.pg_extension_config_dump('custody.log_leaf', '');
SELECT pg_catalog.pg_extension_config_dump('custody.log_lookup', '');
SELECT pg_catalog.pg_extension_config_dump('custody.log_block', '');
SELECT pg_catalog.pg_extension_config_dump('custody.log_state', '');
SELECT pg_catalog.pg_extension_config_dump('custody.log_event', '');
SELECT pg_catalog.pg_extension_config_dump('custody.log_tile', '');
SELECT pg_catalog.pg_extension_config_dump('custody.log_checkpoint', '');
SELECT pg_catalog.pg_extension_config_dump('custody.log_anchor', '');
SELECT pg_catalog.pg_extension_config_dump('custody.log_relation', '');
SELECT pg_catalog.pg_extension_config_dump('custody.log_release', '');
SELECT pg_catalog.pg_extension_config_dump('custody.log_schema', '');
SELECT pg_catalog.pg_extension_config_dump('custody.log_key', '');
SELECT pg_catalog.pg_extension_config_dump('custody.log_incarnation', '');
SELECT pg_catalog.pg_extension_config_dump('custody.log_trusted_log', '');
SELECT pg_catalog.pg_extension_config_dump('custody.log_cosigned', '');
SELECT pg_catalog.pg_extension_config_dump('custody.log_witness_key', '');
SELECT pg_catalog.pg_extension_config_dump('custody.log_witness', '');
SELECT pg_catalog.pg_extension_config_dump('custody.log_cosignature', '');
SELECT pg_catalog.pg_extension_config_dump('custody.log_environment', '');

-- Capture

CREATE FUNCTION custody.capture() RETURNS trigger
AS 'MODULE_PATHNAME', 'custody_sql_capture'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
REVOKE ALL ON FUNCTION custody.capture() FROM PUBLIC;
COMMENT ON FUNCTION custody.capture() IS 'row trigger of protected tables: records the change as an entry';

CREATE FUNCTION custody.capture_truncate() RETURNS trigger
AS 'MODULE_PATHNAME', 'custody_sql_capture_truncate'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
REVOKE ALL ON FUNCTION custody.capture_truncate() FROM PUBLIC;
COMMENT ON FUNCTION custody.capture_truncate() IS 'truncate trigger of protected tables: records how many rows went';

CREATE FUNCTION custody.capture_ddl() RETURNS event_trigger
AS 'MODULE_PATHNAME', 'custody_sql_capture_ddl'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
REVOKE ALL ON FUNCTION custody.capture_ddl() FROM PUBLIC;
COMMENT ON FUNCTION custody.capture_ddl() IS 'event trigger: records schema changes of protected tables';

CREATE EVENT TRIGGER custody_ddl ON ddl_command_end
EXECUTE FUNCTION custody.capture_ddl();
ALTER EVENT TRIGGER custody_ddl ENABLE ALWAYS;
COMMENT ON EVENT TRIGGER custody_ddl IS 'records schema changes of protected tables';

CREATE EVENT TRIGGER custody_drop ON sql_drop
EXECUTE FUNCTION custody.capture_ddl();
ALTER EVENT TRIGGER custody_drop ENABLE ALWAYS;
COMMENT ON EVENT TRIGGER custody_drop IS 'records that a protected table or one of its partitions was dropped';

CREATE FUNCTION custody.protect(relation regclass, subject name DEFAULT NULL, mode text DEFAULT 'updatable', large_objects name[] DEFAULT '{}')
RETURNS bigint
AS 'MODULE_PATHNAME', 'custody_sql_protect'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
REVOKE ALL ON FUNCTION custody.protect(regclass, name, text, name[]) FROM PUBLIC;
COMMENT ON FUNCTION custody.protect(regclass, name, text, name[]) IS 'record every change to a table from now on; returns the rows in the baseline';

CREATE FUNCTION custody.protect_schema(schema name, subject name DEFAULT NULL, "except" regclass[] DEFAULT '{}')
RETURNS TABLE (relation regclass, baseline_rows bigint)
AS 'MODULE_PATHNAME', 'custody_sql_protect_schema'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
REVOKE ALL ON FUNCTION custody.protect_schema(name, name, regclass[]) FROM PUBLIC;
COMMENT ON FUNCTION custody.protect_schema(name, name, regclass[]) IS 'protect every table of a schema that is not yet protected';

CREATE FUNCTION custody.unprotect(relation regclass, reason text)
RETURNS void
AS 'MODULE_PATHNAME', 'custody_sql_unprotect'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
REVOKE ALL ON FUNCTION custody.unprotect(regclass, text) FROM PUBLIC;
COMMENT ON FUNCTION custody.unprotect(regclass, text) IS 'stop recording changes to a table; its history stays, and so does the reason';

CREATE FUNCTION custody.set_context(actor text DEFAULT NULL, reason text DEFAULT NULL, purpose text DEFAULT NULL, extra jsonb DEFAULT NULL)
RETURNS void
AS 'MODULE_PATHNAME', 'custody_sql_set_context'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
REVOKE ALL ON FUNCTION custody.set_context(text, text, text, jsonb) FROM PUBLIC;
COMMENT ON FUNCTION custody.set_context(text, text, text, jsonb) IS 'say who acts and why, until the transaction ends; asserted, stored beside the authenticated identity';

-- Sealing

CREATE FUNCTION custody.seal()
RETURNS bigint
AS 'MODULE_PATHNAME', 'custody_sql_seal'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
REVOKE ALL ON FUNCTION custody.seal() FROM PUBLIC;
COMMENT ON FUNCTION custody.seal() IS 'seal and sign everything committed so far; returns the size of the log';

CREATE FUNCTION custody.rebuild_lookup()
RETURNS bigint
AS 'MODULE_PATHNAME', 'custody_sql_rebuild_lookup'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
REVOKE ALL ON FUNCTION custody.rebuild_lookup() FROM PUBLIC;
COMMENT ON FUNCTION custody.rebuild_lookup() IS 'make anew by what history finds the entries of a row or a person; returns the number of lookup numbers';

CREATE FUNCTION custody.new_incarnation(reason text)
RETURNS integer
AS 'MODULE_PATHNAME', 'custody_sql_new_incarnation'
LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
REVOKE ALL ON FUNCTION custody.new_incarnation(text) FROM PUBLIC;
COMMENT ON FUNCTION custody.new_incarnation(text) IS 'continue a restored ledger under a new origin and key, naming what was signed before; returns its number';

CREATE FUNCTION custody.checkpoint(tree_size bigint DEFAULT NULL)
RETURNS text
AS 'MODULE_PATHNAME', 'custody_sql_checkpoint'
LANGUAGE C STABLE PARALLEL SAFE;
REVOKE ALL ON FUNCTION custody.checkpoint(bigint) FROM PUBLIC;
COMMENT ON FUNCTION custody.checkpoint(bigint) IS 'the signed checkpoint of that size as C2SP signed note, with the cosignatures of trusted witnesses; NULL = the latest';

CREATE FUNCTION custody.trust_witness(name text, verifier_key text)
RETURNS void
AS 'MODULE_PATHNAME', 'custody_sql_trust_witness'
LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
REVOKE ALL ON FUNCTION custody.trust_witness(text, text) FROM PUBLIC;
COMMENT ON FUNCTION custody.trust_witness(text, text) IS 'count the cosignatures that this key makes of our checkpoints; an entry';

CREATE FUNCTION custody.distrust_witness(name text, reason text)
RETURNS void
AS 'MODULE_PATHNAME', 'custody_sql_distrust_witness'
LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
REVOKE ALL ON FUNCTION custody.distrust_witness(text, text) FROM PUBLIC;
COMMENT ON FUNCTION custody.distrust_witness(text, text) IS 'count them no longer, also those there are; an entry';

CREATE FUNCTION custody.add_cosignature(tree_size bigint, line text)
RETURNS integer
AS 'MODULE_PATHNAME', 'custody_sql_add_cosignature'
LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
REVOKE ALL ON FUNCTION custody.add_cosignature(bigint, text) FROM PUBLIC;
COMMENT ON FUNCTION custody.add_cosignature(bigint, text) IS 'store what witnesses answered, one or more signature lines, under the checkpoint of that size; only what verifies; returns how many were new';

CREATE FUNCTION custody.rotate_key()
RETURNS integer
AS 'MODULE_PATHNAME', 'custody_sql_rotate_key'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
REVOKE ALL ON FUNCTION custody.rotate_key() FROM PUBLIC;
COMMENT ON FUNCTION custody.rotate_key() IS 'sign with a new key from here on and destroy the old one, whose last checkpoint both sign; returns the new epoch';

CREATE FUNCTION custody.verifier_key(epoch integer DEFAULT NULL)
RETURNS text
AS 'MODULE_PATHNAME', 'custody_sql_verifier_key'
LANGUAGE C STABLE PARALLEL SAFE;
REVOKE ALL ON FUNCTION custody.verifier_key(integer) FROM PUBLIC;
COMMENT ON FUNCTION custody.verifier_key(integer) IS 'the public key of an epoch as name+hash+base64; NULL = the current one';

CREATE FUNCTION custody.leaf(leaf_index bigint)
RETURNS bytea
AS 'MODULE_PATHNAME', 'custody_sql_leaf'
LANGUAGE C STABLE STRICT PARALLEL SAFE;
REVOKE ALL ON FUNCTION custody.leaf(bigint) FROM PUBLIC;
COMMENT ON FUNCTION custody.leaf(bigint) IS 'the bytes of a leaf of the log: a transaction record or a block header';

-- Verification

CREATE FUNCTION custody.verify(relation regclass DEFAULT NULL, since bigint DEFAULT NULL, anchors text[] DEFAULT '{}')
RETURNS TABLE (severity text, code text, relation text, row_key jsonb, leaf_index bigint, message text, detail text)
AS 'MODULE_PATHNAME', 'custody_sql_verify'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
REVOKE ALL ON FUNCTION custody.verify(regclass, bigint, text[]) FROM PUBLIC;
COMMENT ON FUNCTION custody.verify(regclass, bigint, text[]) IS 'recompute the ledger, compare it with the live rows and the caller''s anchors; no rows = verified; writes nothing';

CREATE FUNCTION custody.incidents(anchors text[] DEFAULT '{}')
RETURNS TABLE (incident integer, severity text, relation text, codes text[], findings bigint, row_keys jsonb, after timestamptz, before timestamptz, after_if_one_deed timestamptz, messages text[], exposed jsonb, connected jsonb)
AS 'MODULE_PATHNAME', 'custody_sql_incidents'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
REVOKE ALL ON FUNCTION custody.incidents(text[]) FROM PUBLIC;
COMMENT ON FUNCTION custody.incidents(text[]) IS 'what verify() finds, put together by table and by the time in which it can have been done, with what could be seen there and who was connected';

CREATE FUNCTION custody.audit_report("from" timestamptz DEFAULT NULL, "to" timestamptz DEFAULT NULL, format text DEFAULT 'text', anchors text[] DEFAULT '{}')
RETURNS text
AS 'MODULE_PATHNAME', 'custody_sql_audit_report'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
REVOKE ALL ON FUNCTION custody.audit_report(timestamptz, timestamptz, text, text[]) FROM PUBLIC;
COMMENT ON FUNCTION custody.audit_report(timestamptz, timestamptz, text, text[]) IS 'a verification, incidents, coverage, time line, gaps and changes by table and user, for people: as text, or as one self-contained HTML page';

CREATE FUNCTION custody.verify_blocks(anchors text[] DEFAULT '{}')
RETURNS TABLE (block_no bigint, tree_size bigint, sealed_at timestamptz, grade text, witnesses text[], problem text)
AS 'MODULE_PATHNAME', 'custody_sql_verify_blocks'
LANGUAGE C STABLE PARALLEL UNSAFE;
REVOKE ALL ON FUNCTION custody.verify_blocks(text[]) FROM PUBLIC;
COMMENT ON FUNCTION custody.verify_blocks(text[]) IS 'how far each block can be trusted: its root recomputed from the stored leaves, signatures, cosignatures and the caller''s anchors checked; grade unsigned, sealed, anchored or cosigned';

CREATE FUNCTION custody.export()
RETURNS TABLE (line text)
AS 'MODULE_PATHNAME', 'custody_sql_export'
LANGUAGE C STABLE PARALLEL UNSAFE;
REVOKE ALL ON FUNCTION custody.export() FROM PUBLIC;
COMMENT ON FUNCTION custody.export() IS 'the sealed ledger as text lines for pg_custody_verify, doc/format.md section 8';

CREATE FUNCTION custody.export_tiles(directory text, entries boolean DEFAULT false, tree_size bigint DEFAULT NULL)
RETURNS bigint
AS 'MODULE_PATHNAME', 'custody_sql_export_tiles'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
REVOKE ALL ON FUNCTION custody.export_tiles(text, boolean, bigint) FROM PUBLIC;
COMMENT ON FUNCTION custody.export_tiles(text, boolean, bigint) IS 'bring a C2SP tlog-tiles directory on the server up to a checkpoint (NULL = the latest); returns its size';

CREATE FUNCTION custody.tiles(since bigint DEFAULT 0, entries boolean DEFAULT false, tree_size bigint DEFAULT NULL)
RETURNS TABLE (path text, content bytea)
AS 'MODULE_PATHNAME', 'custody_sql_tiles'
LANGUAGE C STABLE PARALLEL UNSAFE;
REVOKE ALL ON FUNCTION custody.tiles(bigint, boolean, bigint) FROM PUBLIC;
COMMENT ON FUNCTION custody.tiles(bigint, boolean, bigint) IS 'the files of a C2SP tlog-tiles directory of a checkpoint (NULL = the latest) that one of an earlier size lacks, the checkpoint last';

-- History

CREATE FUNCTION custody.history(relation regclass, key jsonb DEFAULT NULL)
RETURNS TABLE (leaf_index bigint, entry_no bigint, operation text, changed_at timestamptz, session_user_name text, actor text, reason text, purpose text, sealed boolean, "row" jsonb)
AS 'MODULE_PATHNAME', 'custody_sql_history'
LANGUAGE C STABLE PARALLEL UNSAFE;
REVOKE ALL ON FUNCTION custody.history(regclass, jsonb) FROM PUBLIC;
COMMENT ON FUNCTION custody.history(regclass, jsonb) IS 'all recorded versions of a row, or of all rows of a table, oldest first';

CREATE FUNCTION custody.history(relation text, key jsonb DEFAULT NULL)
RETURNS TABLE (leaf_index bigint, entry_no bigint, operation text, changed_at timestamptz, session_user_name text, actor text, reason text, purpose text, sealed boolean, "row" jsonb)
AS 'MODULE_PATHNAME', 'custody_sql_history'
LANGUAGE C STABLE PARALLEL UNSAFE;
REVOKE ALL ON FUNCTION custody.history(text, jsonb) FROM PUBLIC;
COMMENT ON FUNCTION custody.history(text, jsonb) IS 'the same by the table''s name, so that custody.history(''patient'') is not ambiguous';

CREATE FUNCTION custody.history(row_type anyelement, key jsonb DEFAULT NULL)
RETURNS SETOF anyelement
AS 'MODULE_PATHNAME', 'custody_sql_history_typed'
LANGUAGE C STABLE PARALLEL UNSAFE;
REVOKE ALL ON FUNCTION custody.history(anyelement, jsonb) FROM PUBLIC;
COMMENT ON FUNCTION custody.history(anyelement, jsonb) IS 'recorded versions as rows of the table''s own type: custody.history(NULL::patient)';

CREATE FUNCTION custody.as_of(row_type anyelement, at timestamptz)
RETURNS SETOF anyelement
AS 'MODULE_PATHNAME', 'custody_sql_as_of'
LANGUAGE C STABLE PARALLEL UNSAFE;
REVOKE ALL ON FUNCTION custody.as_of(anyelement, timestamptz) FROM PUBLIC;
COMMENT ON FUNCTION custody.as_of(anyelement, timestamptz) IS 'the table as it stood at a time: custody.as_of(NULL::patient, ''2026-01-01'')';

CREATE FUNCTION custody.subject_history(subject text)
RETURNS TABLE (relation text, leaf_index bigint, entry_no bigint, operation text, changed_at timestamptz, session_user_name text, actor text, reason text, purpose text, sealed boolean, "row" jsonb)
AS 'MODULE_PATHNAME', 'custody_sql_subject_history'
LANGUAGE C STABLE STRICT PARALLEL UNSAFE;
REVOKE ALL ON FUNCTION custody.subject_history(text) FROM PUBLIC;
COMMENT ON FUNCTION custody.subject_history(text) IS 'everything recorded about one person, over all tables protected with a subject column';

-- Proofs

CREATE FUNCTION custody.prove_row(relation regclass, key jsonb, columns name[] DEFAULT NULL, at timestamptz DEFAULT NULL)
RETURNS text
AS 'MODULE_PATHNAME', 'custody_sql_prove_row'
LANGUAGE C STABLE PARALLEL UNSAFE;
REVOKE ALL ON FUNCTION custody.prove_row(regclass, jsonb, name[], timestamptz) FROM PUBLIC;
COMMENT ON FUNCTION custody.prove_row(regclass, jsonb, name[], timestamptz) IS 'proof of the version of a row in force at a time (NULL = the latest), showing the named columns (NULL = all), doc/format.md section 9.2';

CREATE FUNCTION custody.prove_history(relation regclass, key jsonb, old_size bigint DEFAULT NULL, new_size bigint DEFAULT NULL)
RETURNS text
AS 'MODULE_PATHNAME', 'custody_sql_prove_history'
LANGUAGE C STABLE PARALLEL UNSAFE;
REVOKE ALL ON FUNCTION custody.prove_history(regclass, jsonb, bigint, bigint) FROM PUBLIC;
COMMENT ON FUNCTION custody.prove_history(regclass, jsonb, bigint, bigint) IS 'proof of the life of a row, each version linked to the one that it overwrote: from the version in force at one checkpoint (NULL = from the first) to another (NULL = the latest), doc/format.md section 9.4';

CREATE FUNCTION custody.verify_proof(bundle text, verifier_keys text[], policy text DEFAULT NULL)
RETURNS TABLE (valid boolean, relation text, row_key jsonb, operation text, changed_at timestamptz, "values" jsonb, tree_size bigint, problem text, link text, old_size bigint, not_shown text)
AS 'MODULE_PATHNAME', 'custody_sql_verify_proof'
LANGUAGE C STABLE PARALLEL SAFE;
REVOKE ALL ON FUNCTION custody.verify_proof(text, text[], text) FROM PUBLIC;
COMMENT ON FUNCTION custody.verify_proof(text, text[], text) IS 'check a proof made by prove_row or prove_history, of this or any other ledger, against keys the caller trusts, and a C2SP tlog-policy if there is one: a row for each version; reads no table';

CREATE FUNCTION custody.tlog_proof(leaf_index bigint, tree_size bigint DEFAULT NULL)
RETURNS text
AS 'MODULE_PATHNAME', 'custody_sql_tlog_proof'
LANGUAGE C STABLE PARALLEL SAFE;
REVOKE ALL ON FUNCTION custody.tlog_proof(bigint, bigint) FROM PUBLIC;
COMMENT ON FUNCTION custody.tlog_proof(bigint, bigint) IS 'proof that a leaf is in the log of a checkpoint (NULL = the latest), as c2sp.org/tlog-proof@v1';

CREATE FUNCTION custody.prove_consistency(old_size bigint, new_size bigint DEFAULT NULL)
RETURNS text
AS 'MODULE_PATHNAME', 'custody_sql_prove_consistency'
LANGUAGE C STABLE PARALLEL SAFE;
REVOKE ALL ON FUNCTION custody.prove_consistency(bigint, bigint) FROM PUBLIC;
COMMENT ON FUNCTION custody.prove_consistency(bigint, bigint) IS 'proof that the log only grew from one checkpoint to another (NULL = the latest), as C2SP add-checkpoint body; old size 0 for a witness that has seen nothing';

-- Witnessing other logs

CREATE FUNCTION custody.trust_log(verifier_key text)
RETURNS void
AS 'MODULE_PATHNAME', 'custody_sql_trust_log'
LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
REVOKE ALL ON FUNCTION custody.trust_log(text) FROM PUBLIC;
COMMENT ON FUNCTION custody.trust_log(text) IS 'cosign checkpoints that this key of another log signed; a log may have several keys';

CREATE FUNCTION custody.distrust_log(verifier_key text, reason text)
RETURNS void
AS 'MODULE_PATHNAME', 'custody_sql_distrust_log'
LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
REVOKE ALL ON FUNCTION custody.distrust_log(text, text) FROM PUBLIC;
COMMENT ON FUNCTION custody.distrust_log(text, text) IS 'trust a key of another log no longer; what was cosigned stays remembered';

CREATE FUNCTION custody.witness_key()
RETURNS text
AS 'MODULE_PATHNAME', 'custody_sql_witness_key'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
REVOKE ALL ON FUNCTION custody.witness_key() FROM PUBLIC;
COMMENT ON FUNCTION custody.witness_key() IS 'the public key with which this database cosigns other logs, as name+hash+base64; made when first asked for';

CREATE FUNCTION custody.cosign_checkpoint(request text)
RETURNS text
AS 'MODULE_PATHNAME', 'custody_sql_cosign_checkpoint'
LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
REVOKE ALL ON FUNCTION custody.cosign_checkpoint(text) FROM PUBLIC;
COMMENT ON FUNCTION custody.cosign_checkpoint(text) IS 'as witness of another log: the cosignature line for a C2SP add-checkpoint body, or an error that says why not; stays, whatever becomes of the caller''s transaction';

CREATE VIEW custody.trusted_logs AS
SELECT pg_catalog.split_part(t.verifier_key, '+', 1) AS origin, t.verifier_key
FROM custody.log_trusted_log t
WHERE t.trusted AND NOT EXISTS (SELECT FROM custody.log_trusted_log x
								WHERE x.verifier_key OPERATOR(pg_catalog.=) t.verifier_key
									AND x.statement OPERATOR(pg_catalog.>) t.statement);
REVOKE ALL ON TABLE custody.trusted_logs FROM PUBLIC;
COMMENT ON VIEW custody.trusted_logs IS 'keys of other logs whose checkpoints this database cosigns';

CREATE VIEW custody.cosigned AS
SELECT DISTINCT ON (c.origin) c.origin, c.tree_size AS size, c.root, c.cosigned_at AS "time", c.note
FROM custody.log_cosigned c
ORDER BY c.origin, c.tree_size DESC;
REVOKE ALL ON TABLE custody.cosigned FROM PUBLIC;
COMMENT ON VIEW custody.cosigned IS 'the last checkpoint that was cosigned of each other log';

CREATE FUNCTION custody.coverage()
RETURNS TABLE (relation regclass, protected boolean, capture_enabled boolean, rows bigint, entries bigint, subject name, note text)
AS 'MODULE_PATHNAME', 'custody_sql_coverage'
LANGUAGE C STABLE PARALLEL UNSAFE;
REVOKE ALL ON FUNCTION custody.coverage() FROM PUBLIC;
COMMENT ON FUNCTION custody.coverage() IS 'every user table and whether it is protected';

CREATE FUNCTION custody.read_entries()
RETURNS TABLE (leaf_index bigint, txn_no bigint, entry_no bigint, relation_id integer, relation text, operation text, version integer, row_key jsonb, erased boolean)
AS 'MODULE_PATHNAME', 'custody_sql_read_entries'
LANGUAGE C STABLE PARALLEL UNSAFE;
REVOKE ALL ON FUNCTION custody.read_entries() FROM PUBLIC;
COMMENT ON FUNCTION custody.read_entries() IS 'what the view custody.entries shows';

CREATE FUNCTION custody.read_transactions()
RETURNS TABLE (leaf_index bigint, txn_no bigint, commit_no bigint, xact_id xid8, incarnation integer, started_at timestamptz, committed_at timestamptz, session_user_name text, outer_user_name text, current_user_names text, authenticated_identity text, client_address text, application_name text, replication_origin text, actor text, reason text, purpose text, extra jsonb, entries bigint, root bytea)
AS 'MODULE_PATHNAME', 'custody_sql_read_transactions'
LANGUAGE C STABLE PARALLEL UNSAFE;
REVOKE ALL ON FUNCTION custody.read_transactions() FROM PUBLIC;
COMMENT ON FUNCTION custody.read_transactions() IS 'what the view custody.transactions shows';

CREATE FUNCTION custody.read_blocks()
RETURNS TABLE (block_no bigint, first_leaf bigint, tree_size bigint, sealed_at timestamptz, epoch integer, incarnation integer, origin text, root bytea, previous bytea, signed boolean, anchored_at timestamptz, grade text, cosigned_by text[])
AS 'MODULE_PATHNAME', 'custody_sql_read_blocks'
LANGUAGE C STABLE PARALLEL UNSAFE;
REVOKE ALL ON FUNCTION custody.read_blocks() FROM PUBLIC;
COMMENT ON FUNCTION custody.read_blocks() IS 'what the view custody.blocks shows';

CREATE FUNCTION custody.read_keys()
RETURNS TABLE (epoch integer, verifier_key text, incarnation integer, began_at timestamptz, ended_at timestamptz, handover_size bigint)
AS 'MODULE_PATHNAME', 'custody_sql_read_keys'
LANGUAGE C STABLE PARALLEL UNSAFE;
REVOKE ALL ON FUNCTION custody.read_keys() FROM PUBLIC;
COMMENT ON FUNCTION custody.read_keys() IS 'what the view custody.keys shows';

CREATE FUNCTION custody.read_incarnations()
RETURNS TABLE (incarnation integer, origin text, began_at timestamptz, log_size bigint, previous_origin text, signed_size bigint, lost_leaves bigint, reason text)
AS 'MODULE_PATHNAME', 'custody_sql_read_incarnations'
LANGUAGE C STABLE PARALLEL UNSAFE;
REVOKE ALL ON FUNCTION custody.read_incarnations() FROM PUBLIC;
COMMENT ON FUNCTION custody.read_incarnations() IS 'what the view custody.incarnations shows';

CREATE FUNCTION custody.read_status()
RETURNS TABLE (tree_size bigint, blocks bigint, unsealed_transactions bigint, lag interval, last_seal timestamptz, last_anchor timestamptz, anchor_lag bigint, epoch integer, incarnation integer, origin text, sealer_pid integer, alarms text[], verified_at timestamptz, verified_whole_at timestamptz, findings bigint, epoch_age interval)
AS 'MODULE_PATHNAME', 'custody_sql_read_status'
LANGUAGE C STABLE PARALLEL UNSAFE;
REVOKE ALL ON FUNCTION custody.read_status() FROM PUBLIC;
COMMENT ON FUNCTION custody.read_status() IS 'what the view custody.status shows';

CREATE VIEW custody.entries AS SELECT * FROM custody.read_entries();
REVOKE ALL ON TABLE custody.entries FROM PUBLIC;
COMMENT ON VIEW custody.entries IS 'entries of the log, one row each; leaf_index is NULL until sealed';

CREATE VIEW custody.transactions AS SELECT * FROM custody.read_transactions();
REVOKE ALL ON TABLE custody.transactions FROM PUBLIC;
COMMENT ON VIEW custody.transactions IS 'transaction records, decoded; leaf_index and root are NULL until sealed';

CREATE VIEW custody.blocks AS SELECT * FROM custody.read_blocks();
REVOKE ALL ON TABLE custody.blocks FROM PUBLIC;
COMMENT ON VIEW custody.blocks IS 'blocks of the log, decoded';

CREATE VIEW custody.keys AS SELECT * FROM custody.read_keys();
REVOKE ALL ON TABLE custody.keys FROM PUBLIC;
COMMENT ON VIEW custody.keys IS 'public keys of the key epochs: when each began and ended, and the size of the checkpoint that it and the key before both signed, NULL for the first key of an incarnation';

CREATE VIEW custody.incarnations AS SELECT * FROM custody.read_incarnations();
REVOKE ALL ON TABLE custody.incarnations FROM PUBLIC;
COMMENT ON VIEW custody.incarnations IS 'lives of the ledger between restores: the size of the log when each began, the size that the life before had signed as far as its signer remembers, how many leaves were lost between the two, and why';

CREATE VIEW custody.witnesses AS SELECT name, statement, verifier_key, trusted, reason FROM custody.log_witness;
REVOKE ALL ON TABLE custody.witnesses FROM PUBLIC;
COMMENT ON VIEW custody.witnesses IS 'statements about witnesses of this log; the last one about a name counts';

CREATE VIEW custody.protected_tables AS
SELECT r.relation, r.relation_id, r.subject, r.mode, r.large_objects
FROM custody.log_relation r
WHERE NOT EXISTS (SELECT FROM custody.log_release x WHERE x.relation_id OPERATOR(pg_catalog.=) r.relation_id);
REVOKE ALL ON TABLE custody.protected_tables FROM PUBLIC;
COMMENT ON VIEW custody.protected_tables IS 'tables under protection';

CREATE VIEW custody.environment AS
SELECT e.name, e.after AS definition, e.number
FROM custody.log_environment e
WHERE e.after OPERATOR(pg_catalog.<>) '' AND NOT EXISTS (
	SELECT FROM custody.log_environment l
	WHERE l.name OPERATOR(pg_catalog.=) e.name AND l.number OPERATOR(pg_catalog.>) e.number);
REVOKE ALL ON TABLE custody.environment FROM PUBLIC;
COMMENT ON VIEW custody.environment IS 'what the ledger has recorded last of capture machinery, schemas, roles and settings';

CREATE VIEW custody.environment_changes AS SELECT number, name, before, after FROM custody.log_environment;
REVOKE ALL ON TABLE custody.environment_changes FROM PUBLIC;
COMMENT ON VIEW custody.environment_changes IS 'every recorded change of the environment, with what was before';

CREATE VIEW custody.status AS SELECT * FROM custody.read_status();
REVOKE ALL ON TABLE custody.status FROM PUBLIC;
COMMENT ON VIEW custody.status IS 'one row: how far sealing and anchoring are, and what needs attention';

-- Privileges

CREATE FUNCTION custody.grant_auditor(role regrole)
RETURNS void
AS 'MODULE_PATHNAME', 'custody_sql_grant_auditor'
LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
REVOKE ALL ON FUNCTION custody.grant_auditor(regrole) FROM PUBLIC;
COMMENT ON FUNCTION custody.grant_auditor(regrole) IS 'let a role verify, export and read the whole ledger; nothing else';

CREATE FUNCTION custody.grant_application(role regrole)
RETURNS void
AS 'MODULE_PATHNAME', 'custody_sql_grant_application'
LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
REVOKE ALL ON FUNCTION custody.grant_application(regrole) FROM PUBLIC;
COMMENT ON FUNCTION custody.grant_application(regrole) IS 'let a role set its context and ask for the history of tables it may read';

CREATE FUNCTION custody.grant_witness_client(role regrole)
RETURNS void
AS 'MODULE_PATHNAME', 'custody_sql_grant_witness_client'
LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
REVOKE ALL ON FUNCTION custody.grant_witness_client(regrole) FROM PUBLIC;
COMMENT ON FUNCTION custody.grant_witness_client(regrole) IS 'let a role have checkpoints of other logs cosigned; nothing else';

CREATE FUNCTION custody.grant_anchor(role regrole)
RETURNS void
AS 'MODULE_PATHNAME', 'custody_sql_grant_anchor'
LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
REVOKE ALL ON FUNCTION custody.grant_anchor(regrole) FROM PUBLIC;
COMMENT ON FUNCTION custody.grant_anchor(regrole) IS 'let a role take checkpoints to witnesses and bring back their cosignatures; nothing else';
