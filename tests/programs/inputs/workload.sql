CREATE TABLE item(id INTEGER PRIMARY KEY, name TEXT, value REAL, body BLOB);
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 60000)
INSERT INTO item SELECT i, 'item ' || (i * 7919 % 60000), i * 0.5, zeroblob(i % 700) FROM n;
CREATE INDEX by_name ON item(name);
SELECT count(*), sum(length(body)), round(avg(value), 3) FROM item;
UPDATE item SET body = zeroblob(3000) WHERE id % 50 = 0;
DELETE FROM item WHERE id % 3 = 0;
VACUUM;
SELECT count(*), max(name), sum(length(body)) FROM item;
SELECT group_concat(name, ';') FROM (SELECT name FROM item ORDER BY name DESC LIMIT 20);
PRAGMA integrity_check;
