-- Loses nothing but speed.
SET lock_timeout = '10min';
DROP INDEX CONCURRENTLY IF EXISTS idx_classification_records_confidence_id;
