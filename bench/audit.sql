-- What most people write first: a generic PL/pgSQL audit trigger with the old and the new row as jsonb.
-- No hash, no chain, no signature: the rows are just kept.

CREATE SCHEMA audit;

CREATE TABLE audit.log (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    changed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    changed_by name NOT NULL DEFAULT session_user,
    xid        xid8 NOT NULL DEFAULT pg_current_xact_id(),
    relation   regclass NOT NULL,
    operation  text NOT NULL,
    old_row    jsonb,
    new_row    jsonb
);

CREATE FUNCTION audit.log_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO audit.log (relation, operation, new_row) VALUES (TG_RELID, TG_OP, to_jsonb(NEW));
    ELSIF TG_OP = 'UPDATE' THEN
        INSERT INTO audit.log (relation, operation, old_row, new_row)
        VALUES (TG_RELID, TG_OP, to_jsonb(OLD), to_jsonb(NEW));
    ELSE
        INSERT INTO audit.log (relation, operation, old_row) VALUES (TG_RELID, TG_OP, to_jsonb(OLD));
    END IF;
    RETURN NULL;
END
$$;

CREATE FUNCTION audit.protect(relation regclass) RETURNS bigint LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON %s
                    FOR EACH ROW EXECUTE FUNCTION audit.log_change()', relation);
    RETURN 0;
END
$$;
