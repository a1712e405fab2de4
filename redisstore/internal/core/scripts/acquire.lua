-- Acquire, and Enqueue if there is a patience.
-- ARGV: the value's end with the holder (see head.lua), ttl in ms (0: for ever),
--       patience in ms (0: for ever, none: do not queue), limit, slots.
--       Arguments from which on all are the usual ones, none, 1 and 1, are not sent.
-- Returns the fence alone if it is the time as well and the grant is new;
--   {1, fence, slots, left in µs, now}       granted
--   {0, now, µs until a lease ends, holder}  refused
--   {2, limit}                               another limit is in force
--include head
if not ARGV[4] and call('EXISTS', lock, line) == 0 then
  local time = call('TIME')
  local now = time[1] .. (#time[2] == 6 and time[2] or ('000000' .. time[2]):sub(-6))
  local last = call('SET', clock, now, 'PX', '86400000', 'GET')
  if not last or last < now then
    if ARGV[2] == '0' then
      call('SET', lock, MARK .. now .. now .. ARGV[1])
    else
      call('SET', lock, MARK .. now .. now .. ARGV[1], 'PX', ARGV[2])
    end
    return time[1] * 1000000 + time[2]
  end
  call('SET', clock, last, 'PX', '86400000') -- the clock was set back: that is for below
end
--include body
local holder, ttl, patience = ARGV[1]:sub(7, -2), ARGV[2], ARGV[3] or ''
local limit, slots = tonumber(ARGV[4] or 1), tonumber(ARGV[5] or 1)
forget()
serve()
local fence, has, remain = find(holder)
if fence then return done({ 1, fence, has, remain, now }) end
local other = limit_in_force()
if other and other ~= limit then return done({ 2, other }) end
if has_room(slots, limit) and not places('LIMIT', 0, 1)[1] then
  return done({ 1, grant(holder, slots, ttl, limit), slots, left(end_after(ttl)), now })
end
if patience ~= '' then join(holder, slots, ttl, limit, patience) end
local us, who = first_end()
return done({ 0, now, us, who })
