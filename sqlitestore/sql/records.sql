-- name: load
SELECT value, version, until FROM records WHERE key = ?1

-- name: version
SELECT version FROM records WHERE key = ?1 AND until > ?2

-- name: save
INSERT INTO records (key, version, until, value) VALUES (?1, ?2, ?3, ?4)
ON CONFLICT DO UPDATE SET version = excluded.version, until = excluded.until, value = excluded.value

-- name: delete
DELETE FROM records WHERE key = ?1

-- name: sweep-records
DELETE FROM records WHERE key IN (SELECT key FROM records WHERE until <= ?1 ORDER BY until LIMIT 4)
