-- Loses nothing but speed. The extension stays: others may use it.
SET lock_timeout = '10min';
DROP INDEX CONCURRENTLY IF EXISTS idx_image_rejections_names;
DROP INDEX CONCURRENTLY IF EXISTS idx_classification_records_names;
