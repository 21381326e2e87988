-- Loses nothing: the constraints go back to guarding new rows only.
SET LOCAL lock_timeout = '5s';

ALTER TABLE classification_records
    DROP CONSTRAINT IF EXISTS classification_records_user_name_check,
    DROP CONSTRAINT IF EXISTS classification_records_processing_time_check,
    DROP CONSTRAINT IF EXISTS classification_records_timestamp_check;

ALTER TABLE classification_records
    ADD CONSTRAINT classification_records_user_name_check CHECK (user_name <> '') NOT VALID,
    ADD CONSTRAINT classification_records_processing_time_check CHECK (processing_time >= 0) NOT VALID,
    ADD CONSTRAINT classification_records_timestamp_check CHECK (isfinite(timestamp)) NOT VALID;

ALTER TABLE image_rejections
    DROP CONSTRAINT IF EXISTS image_rejections_user_name_check,
    DROP CONSTRAINT IF EXISTS image_rejections_timestamp_check;

ALTER TABLE image_rejections
    ADD CONSTRAINT image_rejections_user_name_check CHECK (user_name <> '') NOT VALID,
    ADD CONSTRAINT image_rejections_timestamp_check CHECK (isfinite(timestamp)) NOT VALID;
