-- Takes the permissions back in this database. The roles stay: other databases of the cluster may use them.
SET LOCAL lock_timeout = '5s';

DO $revokes$
DECLARE
    grantee text;
    permission text;
BEGIN
    FOREACH grantee IN ARRAY ARRAY['petstream_migrator', 'petstream_writer', 'petstream_reader'] LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = grantee) THEN
            CONTINUE;
        END IF;
        FOREACH permission IN ARRAY ARRAY[
            'REVOKE ALL ON classification_records, image_rejections FROM %1$I',
            'REVOKE ALL ON image_outcomes, current_classifications, current_rejections, _yoyo_migration FROM %1$I',
            'REVOKE USAGE, CREATE ON SCHEMA %2$I FROM %1$I',
            'ALTER ROLE %1$I IN DATABASE %3$I RESET ALL'
        ] LOOP
            BEGIN
                EXECUTE format(permission, grantee, current_schema(), current_database());
            EXCEPTION WHEN insufficient_privilege THEN
                RAISE WARNING '% may not do this, an administrator has to: %',
                    current_user, format(permission, grantee, current_schema(), current_database());
            END;
        END LOOP;
    END LOOP;
END
$revokes$;
