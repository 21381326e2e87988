-- Loses nothing: the constraints go back to guarding new rows only.
SET LOCAL lock_timeout = '5s';

ALTER TABLE classification_records
    DROP CONSTRAINT IF EXISTS classification_records_source_sequencer_check,
    DROP CONSTRAINT IF EXISTS classification_records_model_rev_check;

ALTER TABLE classification_records
    ADD CONSTRAINT classification_records_source_sequencer_check CHECK (source_sequencer ~ '^[0-9A-F]{64}$') NOT VALID,
    ADD CONSTRAINT classification_records_model_rev_check CHECK (model_rev >= 0) NOT VALID;
