-- Where a classification came from, and which version of the object and the model it speaks of.
-- Safe under the old code: every column is nullable or has a default, and constant defaults rewrite no row.
-- A row is replaced only by a greater (source_sequencer, timestamp, model_rev). Both constraints are NOT VALID here, so that
-- the exclusive lock is held for a moment only; 0003 reads the rows.
SET LOCAL lock_timeout = '5s';

ALTER TABLE classification_records
    ADD COLUMN IF NOT EXISTS source_bucket TEXT,
    ADD COLUMN IF NOT EXISTS source_key TEXT,
    ADD COLUMN IF NOT EXISTS source_version_id TEXT,
    ADD COLUMN IF NOT EXISTS source_etag TEXT,
    ADD COLUMN IF NOT EXISTS source_sequencer TEXT COLLATE "C" NOT NULL DEFAULT repeat('0', 64),
    ADD COLUMN IF NOT EXISTS model_name TEXT,
    ADD COLUMN IF NOT EXISTS model_version TEXT,
    ADD COLUMN IF NOT EXISTS model_rev INTEGER NOT NULL DEFAULT 0;

ALTER TABLE classification_records
    DROP CONSTRAINT IF EXISTS classification_records_source_sequencer_check,
    DROP CONSTRAINT IF EXISTS classification_records_model_rev_check;

ALTER TABLE classification_records
    ADD CONSTRAINT classification_records_source_sequencer_check CHECK (source_sequencer ~ '^[0-9A-F]{64}$') NOT VALID,
    ADD CONSTRAINT classification_records_model_rev_check CHECK (model_rev >= 0) NOT VALID;
