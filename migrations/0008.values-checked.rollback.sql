-- Loses no row: the tables take users without a name, negative milliseconds and infinite times again.
SET LOCAL lock_timeout = '5s';

ALTER TABLE classification_records
    DROP CONSTRAINT IF EXISTS classification_records_user_name_check,
    DROP CONSTRAINT IF EXISTS classification_records_processing_time_check,
    DROP CONSTRAINT IF EXISTS classification_records_timestamp_check;

ALTER TABLE image_rejections
    DROP CONSTRAINT IF EXISTS image_rejections_user_name_check,
    DROP CONSTRAINT IF EXISTS image_rejections_timestamp_check;
