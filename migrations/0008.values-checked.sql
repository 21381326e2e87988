-- What the application refuses, the tables refuse too: a user without a name, less than no milliseconds, and the times
-- that PostgreSQL calls infinity (the driver writes the first and the last moment of Python's calendar so).
-- Safe under the old code, which writes neither. All are NOT VALID here, so that the exclusive locks are held for a moment
-- only; 0009 reads the rows. A fifth decimal of a confidence cannot be refused: DECIMAL(5,4) rounds before a CHECK looks.
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
