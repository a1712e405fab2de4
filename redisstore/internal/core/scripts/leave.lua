-- ARGV: holder
--include head
--include body
forget()
leave(ARGV[1])
end_lease(ARGV[1])
serve()
return done(1)
