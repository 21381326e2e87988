-- Loses nothing: the constraints go back to guarding new rows only.
SET LOCAL lock_timeout = '5s';

ALTER TABLE classification_records DROP CONSTRAINT IF EXISTS classification_records_trace_id_check;
ALTER TABLE classification_records
    ADD CONSTRAINT classification_records_trace_id_check CHECK (trace_id ~ '^[0-9a-f]{32}$') NOT VALID;

ALTER TABLE image_rejections DROP CONSTRAINT IF EXISTS image_rejections_trace_id_check;
ALTER TABLE image_rejections
    ADD CONSTRAINT image_rejections_trace_id_check CHECK (trace_id ~ '^[0-9a-f]{32}$') NOT VALID;
