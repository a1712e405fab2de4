-- ARGV: the value's end with the holder (see head.lua)
-- Returns 1, or 0 if there is no such lease.
--include head
local held = redis.pcall('GETRANGE', lock, '44', '-1') == ARGV[1]
if call('EXISTS', line) == 0 then
  return held and call('DEL', lock) or 0
end
--include body
forget()
local ended = end_lease(ARGV[1]:sub(7, -2))
serve()
return done(ended and 1 or 0)
