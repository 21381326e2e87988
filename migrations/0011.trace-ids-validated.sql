-- Reads the existing rows against the constraints of 0010, beside running writers (SHARE UPDATE EXCLUSIVE only). The
-- column is new: no row can break them.
SET LOCAL lock_timeout = '5s';

ALTER TABLE classification_records VALIDATE CONSTRAINT classification_records_trace_id_check;
ALTER TABLE image_rejections VALIDATE CONSTRAINT image_rejections_trace_id_check;
