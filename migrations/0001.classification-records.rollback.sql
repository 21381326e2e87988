-- Loses every classification. Run by a person, after a backup.
SET LOCAL lock_timeout = '5s';
DROP TABLE IF EXISTS classification_records;
