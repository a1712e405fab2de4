-- Acquire, and Enqueue if there is a patience.
-- ARGV: holder, limit, slots, ttl in ms (0: for ever),
--       patience in ms (0: for ever, none: do not queue)
-- Returns the fence alone if it is the time as well and the grant is new;
--   {1, fence, slots, left in µs, now}       granted
--   {0, now, µs until a lease ends, holder}  refused
--   {2, limit}                               another limit is in force
--include head
if ARGV[2] == '1' and call('EXISTS', lock, line) == 0 then
  local time = call('TIME')
  local now = time[1] .. ('000000' .. time[2]):sub(-6)
  local last = call('SET', clock, now, 'PX', '86400000', 'GET')
  if not last or last < now then
    local value = MARK .. now .. now .. '0X' .. struct.pack('<I4', #ARGV[1]) .. ARGV[1] .. '.'
    if ARGV[4] == '0' then
      call('SET', lock, value)
    else
      call('SET', lock, value, 'PX', ARGV[4])
    end
    return time[1] * 1000000 + time[2]
  end
  call('SET', clock, last, 'PX', '86400000') -- the clock was set back: that is for below
end
--include body
local holder, limit, slots, ttl, patience = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), ARGV[4], ARGV[5]
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
