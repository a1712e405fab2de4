-- name: occupancy
-- The holder is the one whose lease ends first: a bare column beside min().
SELECT sum(slots), min(until), holder, capacity FROM leases WHERE name = ?1

-- name: find-lease
SELECT fence, slots, since, until FROM leases WHERE name = ?1 AND client = ?2 AND holder = ?3

-- name: leases-of-client
SELECT holder, fence, slots, since, until FROM leases WHERE name = ?1 AND client = ?2 ORDER BY fence

-- name: holders
SELECT holder, fence, slots, since, until, capacity FROM leases WHERE name = ?1 AND until > ?2 ORDER BY fence

-- name: add-lease
INSERT INTO leases (name, client, holder, slots, capacity, fence, since, until) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)

-- name: extend-lease
UPDATE leases SET until = ?4 WHERE name = ?1 AND client = ?2 AND holder = ?3

-- name: remove-lease
DELETE FROM leases WHERE name = ?1 AND client = ?2 AND holder = ?3

-- name: remove-leases
DELETE FROM leases WHERE name = ?1

-- name: expire-leases
DELETE FROM leases WHERE name = ?1 AND until <= ?2

-- name: overdue-lease
SELECT name FROM leases WHERE until <= ?1 LIMIT 1

-- name: names
SELECT name FROM leases WHERE name >= ?1 AND name < ?2 AND until > ?4
UNION
SELECT name FROM patience WHERE name >= ?1 AND name < ?2 AND until > ?4
ORDER BY name LIMIT ?3

-- name: names-from
SELECT name FROM leases WHERE name >= ?1 AND until > ?3
UNION
SELECT name FROM patience WHERE name >= ?1 AND until > ?3
ORDER BY name LIMIT ?2
