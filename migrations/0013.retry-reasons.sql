-- Two more reasons: what the store did not give, and what petstream failed on, after the last attempt.
-- Safe under the old code, which writes neither. The constraint is NOT VALID here, so that the exclusive lock is held for
-- a moment only; 0014 reads the rows.
SET LOCAL lock_timeout = '5s';

ALTER TABLE image_rejections DROP CONSTRAINT IF EXISTS image_rejections_reason_check;
ALTER TABLE image_rejections
    ADD CONSTRAINT image_rejections_reason_check CHECK (reason IN (
        'not_a_pet', 'undecodable', 'unsupported_format', 'too_many_bytes', 'too_many_pixels',
        'missing', 'forbidden', 'no_user', 'malformed_event', 'decoder_crashed',
        'unavailable', 'failed'
    )) NOT VALID;
