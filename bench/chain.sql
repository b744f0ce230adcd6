-- The textbook: each record holds a hash over the previous record's hash and the row, and an advisory lock
-- until the end of the transaction keeps two writers from taking the same predecessor.

CREATE EXTENSION pgcrypto;
CREATE SCHEMA chain;

CREATE TABLE chain.log (
    id         bigint PRIMARY KEY,
    changed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    changed_by name NOT NULL DEFAULT session_user,
    relation   regclass NOT NULL,
    operation  text NOT NULL,
    old_row    jsonb,
    new_row    jsonb,
    hash       bytea NOT NULL
);

CREATE FUNCTION chain.log_change() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    last  record;
    old_j jsonb;
    new_j jsonb;
BEGIN
    IF TG_OP <> 'INSERT' THEN old_j := to_jsonb(OLD); END IF;
    IF TG_OP <> 'DELETE' THEN new_j := to_jsonb(NEW); END IF;
    PERFORM pg_advisory_xact_lock(hashtext('chain.log'));
    SELECT id, hash INTO last FROM chain.log ORDER BY id DESC LIMIT 1;
    INSERT INTO chain.log (id, relation, operation, old_row, new_row, hash)
    VALUES (coalesce(last.id, 0) + 1, TG_RELID, TG_OP, old_j, new_j,
            digest(coalesce(last.hash, '\x') ||
                   convert_to(concat_ws('|', TG_RELID, TG_OP, old_j, new_j), 'UTF8'), 'sha256'));
    RETURN NULL;
END
$$;

CREATE FUNCTION chain.protect(relation regclass) RETURNS bigint LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('CREATE TRIGGER chain AFTER INSERT OR UPDATE OR DELETE ON %s
                    FOR EACH ROW EXECUTE FUNCTION chain.log_change()', relation);
    RETURN 0;
END
$$;
