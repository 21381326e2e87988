-- The records that the model was unsure of, newest first and paged by key. One in about twenty is, so the index is small and
-- most inserts do not touch it. The confidence is its last column: rows between two pages are skipped without being read.
-- Built beside running writers, as in 0004; safe under the old code, which does not ask for it.
-- transactional: false
SET lock_timeout = '10min';
DROP INDEX CONCURRENTLY IF EXISTS idx_classification_records_unsure_timestamp_id;
CREATE INDEX CONCURRENTLY idx_classification_records_unsure_timestamp_id
    ON classification_records (timestamp DESC, id DESC, confidence)
    WHERE confidence < 0.9;
