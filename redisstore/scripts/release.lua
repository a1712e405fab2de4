-- ARGV: holder
-- Returns 1, or 0 if there is no such lease.
--include head
if call('EXISTS', line) == 0 then
  local value = redis.pcall('GET', lock)
  if type(value) == 'string' and value:sub(1, 12) == MARK and value:sub(51, -2) == ARGV[1] then
    return call('DEL', lock)
  end
  return 0
end
--include body
forget()
local ended = end_lease(ARGV[1])
serve()
return done(ended and 1 or 0)
