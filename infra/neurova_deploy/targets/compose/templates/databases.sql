\set ON_ERROR_STOP on
-- Each service has a role that owns its database; Vault leases users that act as it.
SELECT format('CREATE ROLE %I NOLOGIN', name) FROM unnest(string_to_array(:'services', ' ')) AS name
  WHERE name <> '' AND NOT EXISTS (SELECT FROM pg_roles WHERE rolname = name) \gexec
SELECT format('CREATE ROLE %I LOGIN', name) FROM unnest(string_to_array(:'servers', ' ')) AS name
  WHERE name <> '' AND NOT EXISTS (SELECT FROM pg_roles WHERE rolname = name) \gexec
SELECT format('CREATE DATABASE %I OWNER %I', name, name)
  FROM unnest(string_to_array(:'services' || ' ' || :'servers', ' ')) AS name
  WHERE name <> '' AND NOT EXISTS (SELECT FROM pg_database WHERE datname = name) \gexec
\getenv password LOGIN_PASSWORD
SELECT format('ALTER ROLE %I PASSWORD %L', name, :'password')
  FROM unnest(string_to_array(:'servers', ' ')) AS name WHERE name <> '' \gexec
