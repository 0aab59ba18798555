-- Schema 9: a lease names the journal that asked for it. Before, numbers were in doubt up to a place in the log; now they are
-- in doubt unless they were leased to the present journal or a later one (meta numbers_from: the number of that journal).
INSERT INTO meta (key, value)
SELECT 'numbers_from', CAST(CAST((SELECT max(no) FROM journal WHERE own = 1) AS TEXT) AS BLOB)
WHERE EXISTS (SELECT 1 FROM meta WHERE key = 'numbers_doubt' AND CAST(value AS TEXT) <> '"None"');
DELETE FROM meta WHERE key = 'numbers_doubt';
