-- Changes nothing.
-- Returns {now, limit, places, and for each lease:
--          holder, fence, slots, age in µs, left in µs, 1 if it is foreign}.
--include head
--include body
local waiting = call('ZCOUNT', line, '(0', '(' .. FIRST_END)
for _, member in ipairs(call('ZRANGEBYSCORE', line, -now, '(0')) do
  waiting = waiting - (call('HGET', notes, member) or 0)
end
local reply = { now, 0, waiting }
local function add(...)
  for _, v in ipairs({ ... }) do reply[#reply + 1] = v end
end
if is_ours() then
  add(value:sub(51, -2), tonumber(value:sub(13, 28)), 1, math.max(now - value:sub(29, 44), 0), lock_left(), 0)
elseif value then
  add(type(value) == 'string' and value:sub(1, 256) or '', 0, limit_in_force() or 1, 0, lock_left(), 1)
end
for _, member in ipairs(call('ZRANGEBYSCORE', line, '(' .. string.format('%.0f', now), '+inf')) do
  local slots, fence, since = (call('HGET', notes, member) or '1 0 0'):match('^(%d+) (%d+) (%d+)$')
  add(member:sub(2), tonumber(fence), tonumber(slots), math.max(now - since, 0),
    left(tonumber(call('ZSCORE', line, member))), 0)
end
if #reply > 3 or waiting > 0 then reply[2] = limit_in_force() or 1 end
return reply
