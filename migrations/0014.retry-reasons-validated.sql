-- Reads the existing rows against the constraint of 0013, beside running writers (SHARE UPDATE EXCLUSIVE only). It
-- allows more than the one before: no row can break it.
SET LOCAL lock_timeout = '5s';

ALTER TABLE image_rejections VALIDATE CONSTRAINT image_rejections_reason_check;
