--include head
if call('EXISTS', line) == 0 then return call('DEL', lock) end
--include body
forget()
call('DEL', lock)
value = false
for _, member in ipairs(leases()) do end_lease(member:sub(2)) end
serve()
return done(1)
