-- Loses which object, version and model each classification came from: replays could then overwrite newer results.
SET LOCAL lock_timeout = '5s';

ALTER TABLE classification_records
    DROP COLUMN IF EXISTS source_bucket,
    DROP COLUMN IF EXISTS source_key,
    DROP COLUMN IF EXISTS source_version_id,
    DROP COLUMN IF EXISTS source_etag,
    DROP COLUMN IF EXISTS source_sequencer,
    DROP COLUMN IF EXISTS model_name,
    DROP COLUMN IF EXISTS model_version,
    DROP COLUMN IF EXISTS model_rev;
