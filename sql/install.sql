-- Installation: every object has a comment, PUBLIC may do nothing, and every
-- function says how it behaves.
\pset format unaligned
\pset tuples_only on
CREATE EXTENSION pg_custody;
SELECT extversion, nspname, extrelocatable
FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace
WHERE extname = 'pg_custody';

-- objects without a comment: none (indexes, constraints and row types aside)
SELECT pg_describe_object(classid, objid, objsubid)
FROM pg_depend d
WHERE refclassid = 'pg_extension'::regclass AND deptype = 'e'
	AND refobjid = (SELECT oid FROM pg_extension WHERE extname = 'pg_custody')
	AND classid <> 'pg_type'::regclass
	AND coalesce(obj_description(objid, classid::regclass::name), '') = ''
ORDER BY 1;
SELECT c.relname, a.attname
FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0
WHERE c.relnamespace = 'custody'::regnamespace AND c.relkind = 'r'
	AND col_description(c.oid, a.attnum) IS NULL
ORDER BY 1, 2;

-- what PUBLIC may do: nothing
SELECT 'relation', relname, acl.privilege_type
FROM pg_class, aclexplode(coalesce(relacl, acldefault(CASE relkind WHEN 'S' THEN 's' ELSE 'r' END::"char", relowner))) acl
WHERE relnamespace = 'custody'::regnamespace AND relkind <> 'i' AND acl.grantee = 0
UNION ALL
SELECT 'function', proname, acl.privilege_type
FROM pg_proc, aclexplode(coalesce(proacl, acldefault('f', proowner))) acl
WHERE pronamespace = 'custody'::regnamespace AND acl.grantee = 0
UNION ALL
SELECT 'schema', nspname, acl.privilege_type
FROM pg_namespace, aclexplode(coalesce(nspacl, acldefault('n', nspowner))) acl
WHERE nspname = 'custody' AND acl.grantee = 0;

-- functions: volatility, strictness, parallel safety
SELECT oid::regprocedure, provolatile, proisstrict, proparallel, prosecdef
FROM pg_proc
WHERE pronamespace = 'custody'::regnamespace
ORDER BY oid::regprocedure::text COLLATE "C";

-- relations
SELECT relname, relkind, relpersistence
FROM pg_class
WHERE relnamespace = 'custody'::regnamespace AND relkind IN ('r', 'v', 'S')
ORDER BY relkind, relname COLLATE "C";
SELECT evtname, evtevent, evtenabled, evtfoid::regproc
FROM pg_event_trigger WHERE evtname LIKE 'custody%' ORDER BY evtname COLLATE "C";

-- settings, and who may change them
SELECT name, context, vartype, coalesce(unit, '-'), boot_val
FROM pg_settings WHERE name LIKE 'custody.%' ORDER BY name COLLATE "C";
SET custody.no_such_setting = 1;

-- what pg_dump takes along
SELECT c.oid::regclass
FROM pg_extension, unnest(extconfig) AS c(oid)
WHERE extname = 'pg_custody' ORDER BY c.oid::regclass::text COLLATE "C";

-- nothing is protected
SELECT * FROM custody.protected_tables;
