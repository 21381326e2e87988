-- Loses which trace each row belongs to; the rows themselves stay.
SET LOCAL lock_timeout = '5s';

ALTER TABLE classification_records DROP COLUMN IF EXISTS trace_id;
ALTER TABLE image_rejections DROP COLUMN IF EXISTS trace_id;
