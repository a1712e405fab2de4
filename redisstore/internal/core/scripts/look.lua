-- ARGV: client, patience in ms (0: for ever)
-- Returns {now, µs until a lease ends, whose it is, places of the client,
--          and for each of its leases: holder, fence, slots, left in µs}.
--include head
local client = ARGV[1]
do
  -- A lock that another client holds, and a patience that need not be renewed yet:
  -- what an idle waiter finds each time but a few.
  local value, ends = redis.pcall('GET', lock), call('ZSCORE', line, 'c' .. client)
  if type(value) == 'string' and ends and ARGV[2] ~= '0' and
    (value:sub(51, -2):match('^(.*)/[^/]*$') or value:sub(51, -2)) ~= client then
    local time = call('TIME')
    local now = time[1] * 1000000 + time[2]
    if -ends >= now + ARGV[2] * 1000 then
      local ms = call('PTTL', lock)
      if ms >= 0 then ms = ms * 1000 + 1000 - now % 1000 end
      local who = value:sub(1, 12) == MARK and value:sub(51, -2) or ''
      return { now, ms, who, tonumber(call('HGET', notes, 'c' .. client) or 0) }
    end
  end
end
--include body
forget()
if call('ZSCORE', line, 'c' .. client) then renew(client, ARGV[2]) end
serve()
local us, who = first_end()
local reply = { now, us, who, tonumber(call('HGET', notes, 'c' .. client) or 0) }
local function add(holder)
  if client_of(holder) ~= client then return end
  local fence, slots, remain = find(holder)
  for _, v in ipairs({ holder, fence, slots, remain }) do reply[#reply + 1] = v end
end
if is_ours() then add(value:sub(51, -2)) end
for _, member in ipairs(leases()) do add(member:sub(2)) end
return done(reply)
