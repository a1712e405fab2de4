-- What it takes to hand a lock to one who waits for it: the time, a fence, the lock's
-- value, and the push. Of body.lua, whose comment describes the line, this is what the
-- short way of a release needs as well.
local FIRST_END = 1000000000000   -- scores from here on are times
local NEVER = 9007199254740991

local time = call('TIME')
local now = time[1] * 1000000 + time[2]
local value -- the lock's: false: nobody's; a table: not even a string

-- Fences rise over all names of a slot. So nothing has to be remembered of a
-- name that is free, and what is remembered is one number a slot. It may go after
-- a day: then the server's time alone is larger, unless its clock was set back by
-- more than that.
local function next_fence()
  local fence = now
  local last = call('SET', clock, string.format('%.0f', now), 'PX', 86400000, 'GET')
  last = tonumber(last or 0) or 0
  if last >= now then
    fence = last + 1
    call('SET', clock, string.format('%.0f', fence), 'PX', 86400000)
  end
  return fence
end

-- ttl is in ms, as a string; '0' is for ever.
local function take_lock(holder, ttl)
  local fence = next_fence()
  value = MARK .. string.format('%016.0f%016.0f', fence, now) ..
    '0X' .. struct.pack('<I4', #holder) .. holder .. '.'
  if ttl == '0' then
    call('SET', lock, value)
  else
    call('SET', lock, value, 'PX', ttl)
  end
  return fence
end

local function client_of(holder) return holder:match('^(.*)/[^/]*$') or holder end

-- A push is a hint: that it cannot be sent, for want of a right perhaps, must not
-- stop the script in the middle.
local function push(client, text) redis.pcall('PUBLISH', line .. ':' .. client, text) end

local function hand_over(holder, fence, slots, us)
  push(client_of(holder), string.format('%.0f %s %.0f %.0f ', fence, slots, us, now) .. holder)
end
