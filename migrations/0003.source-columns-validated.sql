-- Reads the existing rows against the constraints of 0002, beside running writers (SHARE UPDATE EXCLUSIVE only).
SET LOCAL lock_timeout = '5s';

ALTER TABLE classification_records VALIDATE CONSTRAINT classification_records_source_sequencer_check;
ALTER TABLE classification_records VALIDATE CONSTRAINT classification_records_model_rev_check;
