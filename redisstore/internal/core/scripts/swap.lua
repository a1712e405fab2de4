-- Writes or deletes a record if it has a version.
-- ARGV: the version as it stands behind the value, its sign there, the version of
--       a value that another program wrote, and, to write: value, ttl in ms (0: for ever)
local tail = redis.call('GETRANGE', KEYS[1], -16, -1)
if tail ~= ARGV[1] then
  if #tail == 16 and tail:sub(9) == ARGV[2] then return 0 end
  local value = redis.call('GET', KEYS[1])
  if not value or redis.sha1hex(value):sub(1, 16) ~= ARGV[3] then return 0 end
end
if not ARGV[4] then
  return redis.call('DEL', KEYS[1])
elseif ARGV[5] == '0' then
  redis.call('SET', KEYS[1], ARGV[4])
else
  redis.call('SET', KEYS[1], ARGV[4], 'PX', ARGV[5])
end
return 1
