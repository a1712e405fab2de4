-- name: begin
BEGIN IMMEDIATE

-- name: begin-read
BEGIN

-- name: commit
COMMIT

-- name: rollback
ROLLBACK

-- name: read-clock
SELECT era, leases, records, seen, number, ceiling FROM clock

-- name: write-clock
UPDATE clock SET era = ?1, leases = ?2, records = ?3, seen = ?4, number = ?5, ceiling = ?6

-- name: advance-clock
UPDATE clock SET seen = ?1, number = ?2

-- name: data-version
PRAGMA data_version

-- name: free-pages
SELECT (SELECT freelist_count FROM pragma_freelist_count), (SELECT page_count FROM pragma_page_count)

-- name: vacuum
PRAGMA incremental_vacuum(1000)
