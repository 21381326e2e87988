-- Which trace the event that a row speaks of belongs to (W3C Trace Context): what finds its log lines and its spans.
-- Safe under the old code, which does not know the column; a row that it replaces keeps the id of the event before. NULL
-- where the event carried none. The constraints are NOT VALID here, so that the exclusive locks are held for a moment
-- only; 0011 reads the rows.
SET LOCAL lock_timeout = '5s';

ALTER TABLE classification_records ADD COLUMN IF NOT EXISTS trace_id TEXT;
ALTER TABLE classification_records DROP CONSTRAINT IF EXISTS classification_records_trace_id_check;
ALTER TABLE classification_records
    ADD CONSTRAINT classification_records_trace_id_check CHECK (trace_id ~ '^[0-9a-f]{32}$') NOT VALID;

ALTER TABLE image_rejections ADD COLUMN IF NOT EXISTS trace_id TEXT;
ALTER TABLE image_rejections DROP CONSTRAINT IF EXISTS image_rejections_trace_id_check;
ALTER TABLE image_rejections
    ADD CONSTRAINT image_rejections_trace_id_check CHECK (trace_id ~ '^[0-9a-f]{32}$') NOT VALID;
