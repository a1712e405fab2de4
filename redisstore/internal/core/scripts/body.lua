-- The general case, behind the short way of each script.
--
-- The line has three kinds of members, told apart by their first letter and by
-- their scores, so that each kind is a range:
--
--   c<client>  -(when its patience ends, µs)   a client that has places
--   w<holder>  1, 2, 3, ...                    a place, first in first out
--   h<holder>  (when it ends, µs)              a lease of a pool
--
-- The notes have for a place 'w<holder>' "slots ttl", for a lease 'h<holder>'
-- "slots fence since", for a client 'c<client>' how many places it has; and
-- 'limit' and 'used' for the name.
--include grant
local longer, shorter = false, false -- what the line's own time to live has to be looked at for
value = redis.pcall('GET', lock)

local function is_ours() return type(value) == 'string' and value:sub(1, 12) == MARK end
local function is_of(holder) return is_ours() and value:sub(51, -2) == holder end

local function places(...)
  return call('ZRANGEBYSCORE', line, '(0', '(' .. FIRST_END, ...)
end

local function leases(...)
  return call('ZRANGEBYSCORE', line, FIRST_END, '+inf', ...)
end

local function end_after(ms)
  if ms == '0' then return NEVER end
  return now + ms * 1000
end

-- What is left, in µs; -1 is for ever. Redis keeps a key until the millisecond
-- of its time is over, so that a lock never ends early. Its holder is told of that
-- millisecond's beginning, those who wait for it of its end.
local function left(ends)
  if ends >= NEVER then return -1 end
  return math.max(ends - now, 1)
end

local function lock_left()
  local ms = call('PTTL', lock)
  if ms < 0 then return -1 end
  return math.max(ms * 1000, 1)
end

-- find returns fence, slots and what is left of the holder's lease, or nil.
local function find(holder)
  if is_of(holder) then
    return tonumber(value:sub(13, 28)), 1, lock_left()
  end
  if is_ours() then return nil end
  local note = call('HGET', notes, 'h' .. holder)
  if not note then return nil end
  local slots, fence = note:match('^(%d+) (%d+)')
  return tonumber(fence), tonumber(slots), left(tonumber(call('ZSCORE', line, 'h' .. holder)))
end

local function limit_in_force()
  if is_ours() then return 1 end
  return tonumber(call('HGET', notes, 'limit') or nil)
end

local function has_room(slots, limit)
  if value then return false end
  return (call('HGET', notes, 'used') or 0) + slots <= limit
end

local function grant(holder, slots, ttl, limit)
  if limit == 1 then
    return take_lock(holder, ttl)
  end
  longer = true
  local fence = next_fence()
  call('ZADD', line, end_after(ttl), 'h' .. holder)
  call('HSET', notes, 'limit', limit, 'h' .. holder,
    string.format('%d %.0f %.0f', slots, fence, now))
  call('HINCRBY', notes, 'used', slots)
  return fence
end

-- end_lease reports whether there was one.
local function end_lease(holder)
  if is_of(holder) then
    call('DEL', lock)
    value = false
    return true
  end
  local note = call('HGET', notes, 'h' .. holder)
  if not note then return false end
  longer = true -- it may have been one that lasts for ever
  call('HINCRBY', notes, 'used', -note:match('^%d+'))
  call('HDEL', notes, 'h' .. holder)
  call('ZREM', line, 'h' .. holder)
  return true
end

-- A client gets a sixteenth more than it asked for, so that most of what it sends
-- in that time need not write this.
local function renew(client, patience)
  local ends = end_after(patience)
  local known = call('ZSCORE', line, 'c' .. client)
  if known and -known >= ends then return end
  longer = true
  if ends < NEVER then ends = math.min(ends + patience * 62, NEVER) end
  call('ZADD', line, -ends, 'c' .. client)
end

local function join(holder, slots, ttl, limit, patience)
  local client = client_of(holder)
  renew(client, patience)
  local last = call('ZREVRANGEBYSCORE', line, '(' .. FIRST_END, '(0', 'WITHSCORES', 'LIMIT', 0, 1)
  if call('ZADD', line, 'NX', (last[2] or 0) + 1, 'w' .. holder) == 0 then return end
  call('HSET', notes, 'limit', limit, 'w' .. holder, slots .. ' ' .. ttl)
  call('HINCRBY', notes, 'c' .. client, 1)
end

local function leave(holder)
  if call('ZREM', line, 'w' .. holder) == 0 then return end
  shorter = true
  call('HDEL', notes, 'w' .. holder)
  local client = 'c' .. client_of(holder)
  if call('HINCRBY', notes, client, -1) <= 0 then
    longer = longer or tonumber(call('ZSCORE', line, client) or 0) == -NEVER
    call('HDEL', notes, client)
    call('ZREM', line, client)
  end
end

-- forget ends what is over: leases of a pool, and places of clients that showed no
-- life. A line without notes is one that an evicting server has torn.
local function forget()
  local known = call('EXISTS', line, notes)
  if known == 0 then return end
  if known == 1 then
    call('DEL', line, notes)
    return
  end
  if not is_ours() then
    for _, member in ipairs(call('ZRANGEBYSCORE', line, FIRST_END, now)) do end_lease(member:sub(2)) end
  end
  local dead = {}
  for _, member in ipairs(call('ZRANGEBYSCORE', line, -now, '(0')) do
    dead[member:sub(2)] = true
  end
  if not next(dead) then return end
  for _, member in ipairs(places()) do
    local holder = member:sub(2)
    if dead[client_of(holder)] then leave(holder) end
  end
end

-- serve makes those at the head of the line holders, up to the first who does not
-- fit.
local function serve()
  while not value do
    local first = places('LIMIT', 0, 1)[1]
    if not first then return end
    local holder = first:sub(2)
    local known = call('HMGET', notes, first, 'limit', 'used')
    local slots, ttl = (known[1] or '1 1'):match('^(%d+) (%d+)$')
    local limit = tonumber(known[2] or 1)
    if (known[3] or 0) + slots > limit then return end
    leave(holder)
    local fence = grant(holder, slots, ttl, limit)
    hand_over(holder, fence, slots, left(end_after(ttl)))
  end
end

-- done sees to it that line and notes end with the last of what is in them.
local function done(reply)
  if not longer then
    if shorter and call('EXISTS', line) == 0 then call('DEL', notes) end
    return reply
  end
  local low = call('ZRANGE', line, 0, 0, 'WITHSCORES')
  if not low[1] then
    call('DEL', notes)
    return reply
  end
  local high = call('ZRANGE', line, -1, -1, 'WITHSCORES')
  local ends = math.max(-low[2], tonumber(high[2]))
  for _, key in ipairs({ line, notes }) do
    if ends >= NEVER then
      call('PERSIST', key)
    else
      call('PEXPIREAT', key, math.ceil(ends / 1000) + 1)
    end
  end
  return reply
end

-- first_end returns what is left of the lease that ends first, and its holder.
local function first_end()
  if value then
    local us = lock_left()
    if us >= 0 then us = us + 1000 - now % 1000 end
    return us, is_ours() and value:sub(51, -2) or ''
  end
  local first = leases('WITHSCORES', 'LIMIT', 0, 1)
  if not first[1] then return -1, '' end
  return left(tonumber(first[2])), first[1]:sub(2)
end
