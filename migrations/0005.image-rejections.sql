-- Everything that got no label, and why, with the original upload event, so that it can be replayed.
-- Safe under the old code, which does not know the table. source_bucket and source_key are NULL together, and only where
-- the event was too malformed to name an object.
SET LOCAL lock_timeout = '5s';

CREATE TABLE IF NOT EXISTS image_rejections (
    id UUID PRIMARY KEY,
    user_name VARCHAR(255),
    image_url TEXT,
    reason TEXT NOT NULL,
    detail TEXT NOT NULL DEFAULT '',
    timestamp TIMESTAMP WITH TIME ZONE NOT NULL,
    source_bucket TEXT,
    source_key TEXT,
    source_version_id TEXT,
    source_etag TEXT,
    source_sequencer TEXT COLLATE "C" NOT NULL DEFAULT repeat('0', 64),
    model_name TEXT,
    model_version TEXT,
    model_rev INTEGER NOT NULL DEFAULT 0,
    upload_event BYTEA NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL DEFAULT CURRENT_TIMESTAMP,
    updated_at TIMESTAMP WITH TIME ZONE NOT NULL DEFAULT CURRENT_TIMESTAMP,
    CONSTRAINT image_rejections_reason_check CHECK (reason IN (
        'not_a_pet', 'undecodable', 'unsupported_format', 'too_many_bytes', 'too_many_pixels',
        'missing', 'forbidden', 'no_user', 'malformed_event', 'decoder_crashed'
    )),
    CONSTRAINT image_rejections_object_check CHECK (
        (source_bucket IS NULL) = (source_key IS NULL) AND (source_bucket IS NOT NULL OR reason = 'malformed_event')
    ),
    CONSTRAINT image_rejections_source_sequencer_check CHECK (source_sequencer ~ '^[0-9A-F]{64}$'),
    CONSTRAINT image_rejections_model_rev_check CHECK (model_rev >= 0)
);

-- By user, by reason, and all of them, each newest first and paged by key.
CREATE INDEX IF NOT EXISTS idx_image_rejections_user_name_timestamp_id
    ON image_rejections (user_name, timestamp DESC, id DESC);
CREATE INDEX IF NOT EXISTS idx_image_rejections_reason_timestamp_id
    ON image_rejections (reason, timestamp DESC, id DESC);
CREATE INDEX IF NOT EXISTS idx_image_rejections_timestamp_id
    ON image_rejections (timestamp DESC, id DESC);
