-- ARGV: holder, ttl in ms (0: for ever)
-- Returns {fence, slots, left in µs, now}, or 0 if there is no such lease.
--include head
--include body
forget()
local fence, slots, before = find(ARGV[1])
if not fence then
  serve()
  return done(0)
end
local ends = end_after(ARGV[2])
if not is_ours() then
  longer = true
  call('ZADD', line, ends, 'h' .. ARGV[1])
elseif ARGV[2] == '0' then
  call('PERSIST', lock)
else
  call('PEXPIRE', lock, ARGV[2])
end
local after = left(ends)
if after >= 0 and (before < 0 or after < before) then
  -- Those who wait have planned their next look for the end they were told.
  for _, member in ipairs(call('ZRANGEBYSCORE', line, '-inf', '(0')) do push(member:sub(2), '') end
end
serve()
return done({ fence, slots, after, now })
