-- Loses no row and no order of what is stored: sequencers are padded on the left again, for the code of before. Run it
-- only for that code; what ended in zeros is without them. Repeatable, in portions, as the migration.
-- transactional: false
SET lock_timeout = '1min';
SET statement_timeout = 0;

ALTER TABLE classification_records DROP CONSTRAINT IF EXISTS classification_records_right_padded_check;
ALTER TABLE image_rejections DROP CONSTRAINT IF EXISTS image_rejections_right_padded_check;
DROP TRIGGER IF EXISTS right_pad_source_sequencer ON classification_records;
DROP TRIGGER IF EXISTS right_pad_source_sequencer ON image_rejections;
DROP FUNCTION IF EXISTS right_pad_source_sequencer();

DO $conversion$
DECLARE
    relation text;
    past uuid;
    portion uuid[];
BEGIN
    FOREACH relation IN ARRAY ARRAY['classification_records', 'image_rejections'] LOOP
        past := NULL;
        LOOP
            EXECUTE format($ids$
                SELECT array_agg(id)
                  FROM (SELECT id FROM %I WHERE $1 IS NULL OR id > $1 ORDER BY id LIMIT 2000) AS p$ids$, relation)
               INTO portion USING past;
            EXIT WHEN portion IS NULL;
            EXECUTE format($update$
                UPDATE %1$I AS t SET source_sequencer = lpad(rtrim(t.source_sequencer, '0'), 64, '0')
                  FROM (SELECT id FROM %1$I WHERE id = ANY($1) AND source_sequencer NOT LIKE '0%%'
                         ORDER BY id FOR UPDATE) AS chosen
                 WHERE t.id = chosen.id$update$, relation) USING portion;
            past := portion[array_upper(portion, 1)];
            COMMIT;
        END LOOP;
    END LOOP;
END
$conversion$;
