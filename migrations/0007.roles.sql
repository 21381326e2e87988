-- Who may do what. petstream_migrator changes the schema, petstream_writer is the sink (no DELETE, no TRUNCATE),
-- petstream_reader reads. The roles can log in but have no password here: an administrator sets one, or grants rds_iam.
--
-- Roles belong to the whole cluster, and the migrating user may not be allowed to create or alter them. What could not be
-- done is said as a WARNING, with the statement an administrator has to run; afterwards run this file again with
-- psql, it may be repeated at will. Timeouts are set on the roles, for this database alone: a SET by the client would pin
-- connections behind RDS Proxy.
SET LOCAL lock_timeout = '5s';

DO $roles$
DECLARE
    wanted text;
BEGIN
    FOREACH wanted IN ARRAY ARRAY['petstream_migrator', 'petstream_writer', 'petstream_reader'] LOOP
        IF EXISTS (SELECT FROM pg_roles WHERE rolname = wanted) THEN
            CONTINUE;
        END IF;
        BEGIN
            EXECUTE format('CREATE ROLE %I LOGIN', wanted);
        EXCEPTION
            WHEN duplicate_object OR unique_violation THEN
                NULL; -- a migration of another database in this cluster was faster
            WHEN insufficient_privilege THEN
                RAISE WARNING 'role % does not exist and % may not create it. An administrator runs: CREATE ROLE % LOGIN; then 0007.roles.sql again',
                    wanted, current_user, wanted;
        END;
    END LOOP;
END
$roles$;

DO $grants$
DECLARE
    permission text;
    grantee text;
BEGIN
    FOREACH permission IN ARRAY ARRAY[
        format('GRANT USAGE, CREATE ON SCHEMA %I TO petstream_migrator', current_schema()),
        format('GRANT USAGE ON SCHEMA %I TO petstream_writer', current_schema()),
        format('GRANT USAGE ON SCHEMA %I TO petstream_reader', current_schema()),
        'GRANT SELECT, INSERT, UPDATE ON classification_records, image_rejections TO petstream_writer',
        'GRANT SELECT ON image_outcomes, current_classifications, current_rejections, _yoyo_migration TO petstream_writer',
        'GRANT SELECT ON classification_records, image_rejections TO petstream_reader',
        'GRANT SELECT ON image_outcomes, current_classifications, current_rejections, _yoyo_migration TO petstream_reader',
        format('ALTER ROLE petstream_migrator IN DATABASE %I SET lock_timeout = %L', current_database(), '5s'),
        format('ALTER ROLE petstream_writer IN DATABASE %I SET statement_timeout = %L', current_database(), '10s'),
        format('ALTER ROLE petstream_writer IN DATABASE %I SET lock_timeout = %L', current_database(), '5s'),
        format('ALTER ROLE petstream_writer IN DATABASE %I SET idle_in_transaction_session_timeout = %L', current_database(), '30s'),
        format('ALTER ROLE petstream_reader IN DATABASE %I SET statement_timeout = %L', current_database(), '30s'),
        format('ALTER ROLE petstream_reader IN DATABASE %I SET idle_in_transaction_session_timeout = %L', current_database(), '30s')
    ] LOOP
        grantee := substring(permission FROM 'petstream_(?:migrator|writer|reader)');
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = grantee) THEN
            CONTINUE; -- said above
        END IF;
        BEGIN
            EXECUTE permission;
        EXCEPTION WHEN insufficient_privilege THEN
            RAISE WARNING '% may not do this, an administrator has to: %', current_user, permission;
        END;
    END LOOP;
END
$grants$;
