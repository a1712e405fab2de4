-- What every script about leases begins with. Each script works on one name and
-- on four keys, all in one slot of a cluster:
--
--   lock   the name itself. While a lock is held it is a string: a pickle of the
--          holder, so that Python reads it, with fence and time in front (MARK).
--          Any other value is a foreign program's, and holds the name as well.
--   clock  the last fence that was given in this slot.
--   line   a sorted set with all that is in order of something, see body.lua.
--   notes  a hash with what the line's members are about.
--
-- A lock that nobody waits for has neither line nor notes. Then the script ends
-- before body.lua; those lines say things twice to be short.
local call = redis.call
local lock, clock, line, notes = KEYS[1], KEYS[2], KEYS[3], KEYS[4]

-- The pickle: protocol 2, a string of 40 bytes, which the next opcode '0' drops
-- again, and the holder. Everything has a fixed place:
--   1 MARK, 13 fence, 29 granted at (16 digits each, µs), 45 '0X', 47 length of
--   the holder, 51 the holder, and a '.'
-- A client that acquires or releases sends what stands from 45 on, so that this need
-- not be put together here.
local MARK = '\128\2U\40cachify1'
