-- ARGV: the value's end with the holder (see head.lua)
-- Returns 1, or 0 if there is no such lease.
--include head
local held = redis.pcall('GETRANGE', lock, '44', '-1') == ARGV[1]
local line_left = call('PTTL', line) -- -2: there is no line; -1: somebody waits whose patience is for ever
if line_left == -2 then
  return held and call('DEL', lock) or 0
end
--include grant
-- A lock goes to the first in line: what the general case below would come to, in half
-- the calls. It is taken on only if all is as usual: the first member is a place, not
-- a client that shows no life; what is noted of it is a lock's; and the line's own end
-- stays. What frees memory comes before what takes some: a server that is full
-- refuses a script's first write, if that is one of the latter.
local first = held and line_left >= 0 and call('ZRANGEBYSCORE', line, -now, '(' .. FIRST_END, 'LIMIT', 0, 1)[1]
if first and first:sub(1, 1) == 'w' then
  local holder = first:sub(2)
  local client = 'c' .. client_of(holder)
  local noted = call('HMGET', notes, first, 'limit', client)
  local ttl = noted[2] == '1' and (noted[1] or ''):match('^1 (%d+)$')
  local places = tonumber(noted[3] or 0)
  if ttl and places > 0 then
    if places > 1 then
      call('ZREM', line, first)
      call('HDEL', notes, first)
      call('HINCRBY', notes, client, -1)
    else
      call('ZREM', line, first, client)
      if call('EXISTS', line) == 0 then call('DEL', notes) else call('HDEL', notes, first, client) end
    end
    hand_over(holder, take_lock(holder, ttl), 1, ttl == '0' and -1 or ttl * 1000)
    return 1
  end
end
--include body
forget()
local ended = end_lease(ARGV[1]:sub(7, -2))
serve()
return done(ended and 1 or 0)
