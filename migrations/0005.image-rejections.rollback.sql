-- Loses every rejection, and with it the stored upload events that replays start from.
SET LOCAL lock_timeout = '5s';
DROP TABLE IF EXISTS image_rejections;
