-- Sequencers in Amazon's order: leading zeros stripped and padded on the right, where they were padded on the left.
-- Waits for the new sinks: roll them out first, they compare rightly before and after. A sink of before still writes, and
-- the triggers pad what it writes; but it takes an overwrite for stale whose row is converted already. The next
-- reconciliation finds such an object and mends it.
--
-- Repeatable, and not in one transaction: rows are converted in portions of 2,000, each committed, so that a sink waits
-- for some milliseconds at most, whatever the size of the table. What is killed half-way goes on where it is run again.
-- transactional: false
SET lock_timeout = '1min';
SET statement_timeout = 0;

CREATE OR REPLACE FUNCTION right_pad_source_sequencer() RETURNS trigger LANGUAGE plpgsql AS $function$
BEGIN
    NEW.source_sequencer := rpad(ltrim(NEW.source_sequencer, '0'), 64, '0');
    RETURN NEW;
END
$function$;

-- For whoever still pads on the left. EXCLUDED of an upsert has what the trigger made of the row.
CREATE OR REPLACE TRIGGER right_pad_source_sequencer
    BEFORE INSERT OR UPDATE OF source_sequencer ON classification_records
    FOR EACH ROW WHEN (NEW.source_sequencer LIKE '0%' AND NEW.source_sequencer <> repeat('0', 64))
    EXECUTE FUNCTION right_pad_source_sequencer();
CREATE OR REPLACE TRIGGER right_pad_source_sequencer
    BEFORE INSERT OR UPDATE OF source_sequencer ON image_rejections
    FOR EACH ROW WHEN (NEW.source_sequencer LIKE '0%' AND NEW.source_sequencer <> repeat('0', 64))
    EXECUTE FUNCTION right_pad_source_sequencer();

-- Rows are locked in the order of their ids, as the sink does, so that neither waits for the other in a circle.
-- updated_at stays: no outcome changes.
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
                UPDATE %1$I AS t SET source_sequencer = rpad(ltrim(t.source_sequencer, '0'), 64, '0')
                  FROM (SELECT id FROM %1$I
                         WHERE id = ANY($1) AND source_sequencer LIKE '0%%' AND source_sequencer <> repeat('0', 64)
                         ORDER BY id FOR UPDATE) AS chosen
                 WHERE t.id = chosen.id$update$, relation) USING portion;
            past := portion[array_upper(portion, 1)];
            COMMIT;
        END LOOP;
    END LOOP;
END
$conversion$;

ALTER TABLE classification_records DROP CONSTRAINT IF EXISTS classification_records_right_padded_check;
ALTER TABLE classification_records
    ADD CONSTRAINT classification_records_right_padded_check
    CHECK (source_sequencer NOT LIKE '0%' OR source_sequencer = repeat('0', 64)) NOT VALID;
ALTER TABLE image_rejections DROP CONSTRAINT IF EXISTS image_rejections_right_padded_check;
ALTER TABLE image_rejections
    ADD CONSTRAINT image_rejections_right_padded_check
    CHECK (source_sequencer NOT LIKE '0%' OR source_sequencer = repeat('0', 64)) NOT VALID;

-- Reads the rows beside running writers (SHARE UPDATE EXCLUSIVE only).
ALTER TABLE classification_records VALIDATE CONSTRAINT classification_records_right_padded_check;
ALTER TABLE image_rejections VALIDATE CONSTRAINT image_rejections_right_padded_check;
