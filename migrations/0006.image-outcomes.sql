-- Each object once: the newer of its classification and its rejection by (source_sequencer, timestamp, model_rev).
-- A tie goes to the classification: hence > in one half and >= in the other, which no object can pass twice or fail twice.
-- Rows that name no object stay out. The halves are views of their own: ORDER BY with LIMIT on one of them walks an index
-- and stops, while on their union it has to read everything that the filter leaves.
SET LOCAL lock_timeout = '5s';

CREATE OR REPLACE VIEW current_classifications AS
SELECT c.id, c.user_name, c.image_url, c.source_bucket, c.source_key,
       c.classification::text AS outcome, NULL::text AS reason, c.confidence,
       c.timestamp, c.source_sequencer, c.model_rev, c.updated_at
  FROM classification_records c
 WHERE c.source_bucket IS NOT NULL AND c.source_key IS NOT NULL
   AND NOT EXISTS (
       SELECT FROM image_rejections r
        WHERE r.id = c.id AND r.source_bucket IS NOT NULL
          AND (r.source_sequencer, r.timestamp, r.model_rev) > (c.source_sequencer, c.timestamp, c.model_rev));

CREATE OR REPLACE VIEW current_rejections AS
SELECT r.id, r.user_name, r.image_url, r.source_bucket, r.source_key,
       'rejected'::text AS outcome, r.reason, NULL::numeric(5,4) AS confidence,
       r.timestamp, r.source_sequencer, r.model_rev, r.updated_at
  FROM image_rejections r
 WHERE r.source_bucket IS NOT NULL
   AND NOT EXISTS (
       SELECT FROM classification_records c
        WHERE c.id = r.id AND c.source_bucket IS NOT NULL AND c.source_key IS NOT NULL
          AND (c.source_sequencer, c.timestamp, c.model_rev) >= (r.source_sequencer, r.timestamp, r.model_rev));

CREATE OR REPLACE VIEW image_outcomes AS
SELECT id, user_name, image_url, source_bucket, source_key, outcome, reason, confidence,
       timestamp, source_sequencer, model_rev, updated_at
  FROM current_classifications
UNION ALL
SELECT id, user_name, image_url, source_bucket, source_key, outcome, reason, confidence,
       timestamp, source_sequencer, model_rev, updated_at
  FROM current_rejections;
