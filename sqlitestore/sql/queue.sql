-- name: first-place
SELECT client, holder, slots, capacity, ttl FROM places WHERE name = ?1 ORDER BY place LIMIT 1

-- name: add-place
INSERT INTO places (name, place, client, holder, slots, capacity, ttl)
VALUES (?1, (SELECT coalesce(max(place), 0) + 1 FROM places WHERE name = ?1), ?2, ?3, ?4, ?5, ?6)
ON CONFLICT DO NOTHING

-- name: remove-place
DELETE FROM places WHERE name = ?1 AND client = ?2 AND holder = ?3

-- name: count-places
SELECT count(*) FROM places WHERE name = ?1 AND client = ?2

-- name: waiting
SELECT count(*), max(p.capacity) FROM places AS p JOIN patience AS c USING (name, client)
WHERE p.name = ?1 AND c.until > ?2

-- name: first-impatience
SELECT min(until) FROM patience WHERE name = ?1

-- name: add-patience
INSERT INTO patience (name, client, until) VALUES (?1, ?2, ?3)
ON CONFLICT DO UPDATE SET until = max(until, excluded.until)

-- name: renew-patience
UPDATE patience SET until = ?3 WHERE name = ?1 AND client = ?2 AND until < ?3

-- name: remove-patience
DELETE FROM patience WHERE name = ?1 AND client = ?2
AND NOT EXISTS (SELECT 1 FROM places WHERE name = ?1 AND client = ?2)

-- name: forget-places
DELETE FROM places WHERE name = ?1 AND client IN (SELECT client FROM patience WHERE name = ?1 AND until <= ?2)

-- name: forget-patience
DELETE FROM patience WHERE name = ?1 AND until <= ?2

-- name: waiting-clients
SELECT client FROM patience WHERE name = ?1

-- name: overdue-patience
SELECT name FROM patience WHERE until <= ?1 LIMIT 1
