-- Loses nothing: rows with the two reasons stay, and the narrower constraint then guards new rows only.
SET LOCAL lock_timeout = '5s';

ALTER TABLE image_rejections DROP CONSTRAINT IF EXISTS image_rejections_reason_check;
ALTER TABLE image_rejections
    ADD CONSTRAINT image_rejections_reason_check CHECK (reason IN (
        'not_a_pet', 'undecodable', 'unsupported_format', 'too_many_bytes', 'too_many_pixels',
        'missing', 'forbidden', 'no_user', 'malformed_event', 'decoder_crashed'
    )) NOT VALID;

DO $validation$
BEGIN
    ALTER TABLE image_rejections VALIDATE CONSTRAINT image_rejections_reason_check;
EXCEPTION WHEN check_violation THEN
    RAISE WARNING 'rows with the reasons unavailable and failed stay; image_rejections_reason_check guards new rows only';
END
$validation$;
