-- Loses no row: the views only read.
SET LOCAL lock_timeout = '5s';
DROP VIEW IF EXISTS image_outcomes;
DROP VIEW IF EXISTS current_rejections;
DROP VIEW IF EXISTS current_classifications;
