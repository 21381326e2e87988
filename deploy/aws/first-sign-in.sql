-- Once, on a new cluster, as its administrator (petstream_admin) in the database petstream: the users of petstream, who
-- sign in with IAM and have no passwords. It may be repeated. Everything else is made by `petstream migrate up`, which
-- signs in as petstream_migrator and owns what it makes.
DO $users$
DECLARE
    wanted text;
BEGIN
    FOREACH wanted IN ARRAY ARRAY['petstream_migrator', 'petstream_writer', 'petstream_reader'] LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = wanted) THEN
            EXECUTE format('CREATE ROLE %I LOGIN', wanted);
        END IF;
        EXECUTE format('GRANT rds_iam TO %I', wanted);
        EXECUTE format('GRANT CONNECT ON DATABASE %I TO %I', current_database(), wanted);
    END LOOP;
    -- Time-outs belong to the user and not to the session, so that a pooler may share sessions. The same as in
    -- migrations/0007.roles.sql, which the migrator may not set.
    EXECUTE format('ALTER ROLE petstream_migrator IN DATABASE %I SET lock_timeout = %L', current_database(), '5s');
    EXECUTE format('ALTER ROLE petstream_writer IN DATABASE %I SET statement_timeout = %L', current_database(), '10s');
    EXECUTE format('ALTER ROLE petstream_writer IN DATABASE %I SET lock_timeout = %L', current_database(), '5s');
    EXECUTE format('ALTER ROLE petstream_writer IN DATABASE %I SET idle_in_transaction_session_timeout = %L', current_database(), '30s');
    EXECUTE format('ALTER ROLE petstream_reader IN DATABASE %I SET statement_timeout = %L', current_database(), '30s');
    EXECUTE format('ALTER ROLE petstream_reader IN DATABASE %I SET idle_in_transaction_session_timeout = %L', current_database(), '30s');
    EXECUTE format('REVOKE CONNECT, TEMPORARY ON DATABASE %I FROM PUBLIC', current_database());
END
$users$;

GRANT USAGE ON SCHEMA public TO petstream_migrator, petstream_writer, petstream_reader;
GRANT CREATE ON SCHEMA public TO petstream_migrator;
CREATE EXTENSION IF NOT EXISTS pg_stat_statements;
CREATE EXTENSION IF NOT EXISTS pg_trgm; -- for migration 0016: the migrator may not create it
