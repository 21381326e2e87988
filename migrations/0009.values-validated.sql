-- Reads the existing rows against the constraints of 0008, beside running writers (SHARE UPDATE EXCLUSIVE only).
--
-- Rows that somebody wrote before may break them. No migration alters or removes a person's data, so such a constraint
-- stays NOT VALID: it guards every new row and every changed one, and a WARNING says how to see the old ones. Once they
-- are corrected, run this file again with psql, it may be repeated at will.
SET LOCAL lock_timeout = '5s';

DO $validation$
DECLARE
    unchecked record;
BEGIN
    FOR unchecked IN
        SELECT conrelid::regclass AS relation, conname, pg_get_expr(conbin, conrelid) AS rule
          FROM pg_constraint
         WHERE NOT convalidated
           AND (conrelid, conname) IN (
               ('classification_records'::regclass, 'classification_records_user_name_check'),
               ('classification_records'::regclass, 'classification_records_processing_time_check'),
               ('classification_records'::regclass, 'classification_records_timestamp_check'),
               ('image_rejections'::regclass, 'image_rejections_user_name_check'),
               ('image_rejections'::regclass, 'image_rejections_timestamp_check'))
         ORDER BY conname
    LOOP
        BEGIN
            EXECUTE format('ALTER TABLE %s VALIDATE CONSTRAINT %I', unchecked.relation, unchecked.conname);
        EXCEPTION WHEN check_violation THEN
            RAISE WARNING 'old rows break %, which guards new rows only until they are corrected. They are: SELECT * FROM % WHERE NOT %. Then run 0009.values-validated.sql again',
                unchecked.conname, unchecked.relation, unchecked.rule;
        END;
    END LOOP;
END
$validation$;
