/*
 * The hand-off of a lock or a pool: the scripts of redisstore as atomic steps, and
 * the waiting of the root package around them. docs/guides/hand-off-model.md tells
 * what this covers, what not, and how to run it.
 *
 * One name. Each client is an instance with one acquisition: one holder, which is
 * its number. A fence is never 0.
 *
 * Time has no length here. What time does to a client (its deadline passes, its
 * lease ends in the store, its patience runs out) and what the network does is in
 * process fate, and can happen between any two steps, within these rules:
 *   - the store ends a lease after the holder's own deadline, see "past";
 *   - what is not normal is counted, and there is only so much of it in one run:
 *     see the budgets.
 *
 * Each #ifdef WORD is a mistake: "spin -a -DWORD" builds it in, and a property has to
 * catch it. model_test.go has the list.
 */

#ifndef CLIENTS
#define CLIENTS 2
#endif
#ifndef LIMIT
#define LIMIT 1		/* slots of the name; 1: a lock */
#endif
#ifndef HEAVY
#define HEAVY CLIENTS	/* the client that wants two slots; CLIENTS: none does */
#endif
#ifndef WATCHED
#define WATCHED (CLIENTS - 1)	/* the client of the claim "served" */
#endif
#ifndef FAULTS
#define FAULTS 0	/* requests without an answer, and pushes lost or repeated */
#endif
#ifndef SLOW
#define SLOW 0		/* a living client was too slow: a place, or a lease not heard of, is over */
#endif
#ifndef CRASHES
#define CRASHES 0
#endif
#ifndef FORCE
#define FORCE 0		/* evictions, and a foreign program's DEL */
#endif
#ifndef FOREIGN
#define FOREIGN 0	/* how often a foreign program takes the name */
#endif
#ifndef QUITS
#define QUITS 0		/* waits that are given up */
#endif

#define NOTHING 0	/* as an answer: no lease */
#define REFUSED 255	/* as an answer: held by others */
#define MISSING 254	/* as what a look saw: neither lease nor place */
#define slots(h) (1 + ((h) == HEAVY))

/* ---- the budgets ---- */

byte faults = FAULTS, slow = SLOW, quits = QUITS, crashes = CRASHES, force = FORCE, foreigns = FOREIGN;

/* ---- the store ---- */

chan line = [CLIENTS] of { byte };	/* the places, first in first out */
bool lease[CLIENTS];
byte fence[CLIENTS];			/* of the last lease */
byte used;				/* slots */
byte clock;				/* the last fence */
bool foreign;				/* the name has a value that is not ours */

/* ---- between the store and the clients ---- */

bool listening[CLIENTS];
byte pushed[CLIENTS];			/* the fence in a push under way; 0: none is */
byte strays[CLIENTS];			/* requests for a place without an answer: they may arrive yet */

/* ---- the clients, as in wait.go, line_queue.go and lease.go ---- */

bool asks[CLIENTS] = true;		/* it has not taken an outcome yet */
bool in_line[CLIENTS];			/* it stands in its line: waiter.elem */
bool queued[CLIENTS];			/* waiter.queued */
bool handed[CLIENTS];			/* waiter.handed */
byte result[CLIENTS];			/* waiter.result: a fence; 0: empty */
bool gaveUp[CLIENTS];			/* waiter.gaveUp */
bool made[CLIENTS];			/* waiter.lease is there */
bool givingBack[CLIENTS];		/* hold.givingBack */
bool failed[CLIENTS];			/* acquisition.failed */
bool believes[CLIENTS];			/* the lease's Err is nil: its work goes on */
byte saw[CLIENTS];			/* what its look was told and has not worked on yet */
bool past[CLIENTS] = true;		/* the holder does not count on the lease, or not any more */

/* ---- what only the properties need ---- */

bool stands[CLIENTS];			/* it waits */
bool dead[CLIENTS];			/* it has crashed */
bool forced[CLIENTS];			/* something was taken from it by force: it cannot know */
byte highest;				/* fence so far */
byte begun;				/* clients that have sent something */

hidden byte overfull, overtaken, fence_fell, left_free, two_believe, stranded;

/* The slots that clients believe to hold, but for what was taken by force. */
#define believed(h) ((believes[h] && !forced[h]) * slots(h))
#if CLIENTS > 2
#define BELIEVED (believed(0) + believed(1) + believed(2))
#else
#define BELIEVED (believed(0) + believed(1))
#endif

/* must makes the name of the property part of what pan prints. */
#define must(broken, is) broken = (is); assert(!broken)

/* ================ the scripts ================ */

hidden byte first, each;

/* grant is body.lua's, with the leave that comes before it when a place is served. */
inline grant(h, fresh) {
	must(overtaken, len(line) > 0 && !line?[eval(h)]);
	if
	:: line??[eval(h)] -> line??eval(h)
	:: else
	fi;
	if
	:: fresh -> clock++
	:: else
	fi;
	must(fence_fell, clock <= highest);
	highest = clock;
	lease[h] = true;
	fence[h] = clock;
	past[h] = !asks[h];
	used = used + slots(h);
	must(overfull, used + foreign * LIMIT > LIMIT)
}

inline end_lease(h) {
	lease[h] = false;
	used = used - slots(h)
}

/* own_end is end_lease for the holder itself, which does not count on it any more. */
inline own_end(h) {
	if
	:: lease[h] -> end_lease(h)
	:: else
	fi;
	past[h] = true;
	fence[h] = 0
}

#if defined(HEAD_SKIPPED) || defined(MISFIT_PASSED)
/* another makes first somebody else in line who fits. */
inline another(when) {
	for (each : 0 .. CLIENTS - 1) {
		if
		:: (when) && line??[eval(each)] && !line?[eval(each)] && used + slots(each) <= LIMIT -> first = each
		:: else
		fi
	}
	each = 0
}
#endif

inline serve() {
	do
	:: len(line) == 0 || foreign -> break
	:: else ->
		line?<first>;
#ifdef HEAD_SKIPPED
		another(true);
#endif
#ifdef MISFIT_PASSED
		another(used + slots(first) > LIMIT);
#endif
		if
		:: used + slots(first) > LIMIT -> break
		:: else ->
#ifdef FENCE_KEPT
			grant(first, false);
#else
			grant(first, true);
#endif
			if
			:: listening[first] && in_line[first] -> pushed[first] = fence[first]
			:: else
			fi
		fi
	od;
	first = 0
}

/* acquire is acquire.lua with a patience: it sets answer. */
inline acquire(h) {
#ifndef NEWCOMER_OVERTAKES
	serve();
#endif
	if
	:: lease[h] -> answer = fence[h]
	:: else ->
		if
#ifdef NEWCOMER_OVERTAKES
		:: !foreign && used + slots(h) <= LIMIT ->
#else
		:: !foreign && used + slots(h) <= LIMIT && len(line) == 0 ->
#endif
			grant(h, true);
			answer = fence[h]
		:: else ->
			if
			:: line??[eval(h)]
			:: else -> line!h
			fi;
			answer = REFUSED
		fi
	fi
}

/* look is look.lua. It sets saw to the fence of h's lease, or to MISSING if h has
 * neither lease nor place, or to NOTHING, if there is nothing new to h. */
inline look(h) {
#ifndef LOOK_DOES_NOT_SERVE
	serve();
#endif
	if
	:: result[h] != 0 -> saw[h] = NOTHING
	:: result[h] == 0 && lease[h] -> saw[h] = fence[h]
	:: result[h] == 0 && !lease[h] -> saw[h] = (line??[eval(h)] -> NOTHING : MISSING)
	fi;
	if
	:: len(line) > 0 && !foreign ->
		line?<first>;
		must(left_free, used + slots(first) <= LIMIT);
		first = 0
	:: else
	fi
}

/* release is release.lua. */
inline release(h) {
#ifdef RELEASE_OF_ANYONE
	first = 0;
	do
	:: first < CLIENTS && !lease[first] -> first++
	:: first < CLIENTS && lease[first] -> end_lease(first); break
	:: first == CLIENTS -> break
	od;
#else
	own_end(h);
#endif
	serve()
}

inline leave(h) {
	if
	:: line??[eval(h)] -> line??eval(h)
	:: else
	fi;
#ifndef LEAVE_KEEPS_THE_LEASE
	own_end(h);
#endif
	serve()
}

/* extend is extend.lua: it sets answer. */
inline extend(h) {
	if
	:: lease[h] -> answer = fence[h]
	:: else ->
#ifdef EXTEND_RECREATES
		lease[h] = true; used = used + slots(h); answer = fence[h];
		must(overfull, used + foreign * LIMIT > LIMIT)
#else
		answer = NOTHING
#endif
	fi;
	serve()
}

inline take_by_force(h) {
	if
	:: lease[h] -> end_lease(h); forced[h] = true
	:: else
	fi
}

inline take_all() {
	foreign = false;
	for (each : 0 .. CLIENTS - 1) { take_by_force(each) }
	each = 0
}

/* ================ the clients ================ */

/* no_answer: the request for a place failed; what it does, it may do later. */
inline no_answer(h) {
	strays[h]++;
	failed[h] = true
}

/* clean_up is Leave, repeated until there is an answer. One that was done without an
 * answer is the same as one that is done when it is repeated. */
inline clean_up(h) {
	do
	:: d_step { leave(h) }; break
	:: atomic { faults > 0 -> faults-- };
#ifdef LEAVE_ONCE
		break
#endif
	od
}

/* undo_later is the second clean-up, if a request failed: when that has arrived, if
 * it ever does. */
inline undo_later(h) {
	if
	:: failed[h] ->
#ifndef NO_SECOND_UNDO
		strays[h] == 0;
		clean_up(h)
#endif
	:: else
	fi
}

/* deliver is line.granted. */
inline deliver(h, f) {
	if
	:: in_line[h] ->
		queued[h] = false;
		handed[h] = true;
		if
		:: result[h] == 0 -> result[h] = f
		:: else
		fi
	:: else
	fi
}

/* leave_line is waiter.leave. */
inline leave_line(h) {
	in_line[h] = false;
	queued[h] = false;
	listening[h] = false;
	pushed[h] = 0
}

/* forget resets what is of no interest any more, so that there are fewer states. */
inline forget(h) {
	in_line[h] = false; queued[h] = false; handed[h] = false; result[h] = 0; gaveUp[h] = false;
	made[h] = false; failed[h] = false; asks[h] = false; stands[h] = false;
	listening[h] = false; pushed[h] = 0; forced[h] = false
}

/* Clients that are alike begin in the order of their numbers: any other order is the
 * same run with other numbers. */
inline begin(h) {
	if
	:: begun == h -> begun++
	:: else
	fi
}

/* granted is Lease.granted: it says whether there is a lease. */
inline granted(h) {
	asks[h] = false;
	stands[h] = false;
	if
#ifdef CLOCK_FROM_HEARING
	:: true ->
#else
	:: answer == fence[h] && !past[h] ->
#endif
		believes[h] = true;
		made[h] = true;
		must(two_believe, BELIEVED > LIMIT)
	:: else
	fi;
	answer = NOTHING
}

/* stop: nobody counts on what h has, or may get. */
inline stop(h) {
	believes[h] = false;
	past[h] = true
}

/* client is Lease.wait and what follows. */
proctype client(byte i)
{
	byte answer;
	bool lost;

	begun == i;
	{
		/* waiter.ask: again and again, until there is an answer */
		do
		:: d_step { begin(i); acquire(i) }; break
		:: atomic { faults > 0 -> faults--; begin(i); no_answer(i) }
		:: atomic { faults > 0 && quits > 0 -> faults--; quits--; begin(i); no_answer(i) }; goto abandon
		od;

		if
		:: atomic { answer != REFUSED -> granted(i) }
		:: atomic { answer == REFUSED -> in_line[i] = true; queued[i] = true; stands[i] = true; answer = NOTHING };
			/* waiter.stand */
			if
			:: atomic { result[i] != 0 -> answer = result[i]; leave_line(i) }
			:: atomic { quits > 0 -> quits-- }; goto abandon
			fi;
			atomic { granted(i) }
		fi;

		/* it works, and perhaps extends its lease */
		do
		:: d_step { believes[i] ->
			extend(i);
			if
			:: answer == NOTHING -> stop(i); lost = true
			:: else -> answer = NOTHING
			fi
		   }
#ifdef LOST_NOT_UNDONE
		:: lost -> goto out
#else
		:: lost -> goto undo
#endif
		:: atomic { made[i] && !lost -> stop(i); givingBack[i] = true };
			/* hold.leave */
			d_step { release(i) };
			givingBack[i] = false;
			goto undo
		:: d_step { !made[i] -> stop(i); release(i) };	/* too late */
			gaveUp[i] = true;
#ifdef TOO_LATE_NOT_UNDONE
			goto out
#else
			goto undo
#endif
		od;

abandon:
		atomic { leave_line(i); asks[i] = false; stands[i] = false; gaveUp[i] = true; stop(i) };
		clean_up(i);
undo:
		undo_later(i);
out:		skip
	} unless { dead[i] };
	atomic {
		dead[i] || (strays[i] == 0 && saw[i] == NOTHING) ->
		must(stranded, !dead[i] && (lease[i] || line??[eval(i)]));
		forget(i);
		answer = NOTHING;
		lost = false
	}
}

/* looker is line.look of the one who waits. */
proctype looker(byte i)
{
	byte answer;
	bool left, holds;

	{
end:		do
		:: atomic { in_line[i] && !listening[i] -> listening[i] = true }
#ifndef PUSHES_ONLY
		:: d_step { in_line[i] && listening[i] && saw[i] == NOTHING -> look(i) }
		:: d_step { in_line[i] && listening[i] && saw[i] == NOTHING && faults > 0 -> faults--; look(i); saw[i] = NOTHING }
#endif
		/* lookAtQueue, when it has the answer */
		:: atomic { saw[i] != NOTHING && saw[i] != MISSING -> deliver(i, saw[i]); saw[i] = NOTHING }
		:: saw[i] == MISSING ->
			if
#ifdef NO_SECOND_PLACE
			:: false;
#elif defined(SECOND_PLACE_UNMARKED)
			:: in_line[i] && queued[i];
#else
			:: atomic { in_line[i] && queued[i] -> failed[i] = true }; /* enqueueAgain */
#endif
				if
				:: d_step { acquire(i) }
				:: atomic { faults > 0 -> faults--; no_answer(i) }
				fi;
				atomic {
					if
					:: answer != NOTHING && answer != REFUSED -> deliver(i, answer)
					:: else
					fi;
					answer = NOTHING;
					left = !in_line[i];
					holds = handed[i] && !gaveUp[i] && (!made[i] || believes[i] || givingBack[i])
				};
#ifdef SECOND_PLACE_UNMARKED
				if
				:: left -> failed[i] = true
				:: else
				fi;
#endif
				if
				:: left && !holds -> clean_up(i); undo_later(i)
				:: else
				fi;
				left = false;
				holds = false
			:: else
			fi;
			saw[i] = NOTHING
		od
	} unless { dead[i] };
	atomic { answer = NOTHING; left = false; holds = false; saw[i] = NOTHING }
}

/* ================ what happens to them ================ */

/* fate is time, network and death for one client. */
proctype fate(byte i)
{
	byte answer;

end:	do
	/* Time. The deadline of one who does not know yet passes only if it is slow. */
	:: atomic { believes[i] && !past[i] -> stop(i) }
	:: atomic { asks[i] && !past[i] && slow > 0 -> slow--; stop(i) }
	:: d_step { lease[i] && past[i] -> own_end(i) }
	:: d_step { line??[eval(i)] && dead[i] -> line??eval(i) }
	:: d_step { line??[eval(i)] && !dead[i] && slow > 0 -> slow--; line??eval(i) }

	/* Pushes come, soon or late, twice, or never. */
	:: atomic { pushed[i] != 0 -> deliver(i, pushed[i]); pushed[i] = 0 }
	:: atomic { pushed[i] != 0 && faults > 0 -> faults--; pushed[i] = 0 }
	:: atomic { pushed[i] != 0 && faults > 0 -> faults--; deliver(i, pushed[i]) }

	/* So do requests that nobody waits for any more. */
	:: d_step { strays[i] > 0 -> strays[i]--; acquire(i); answer = NOTHING }
	:: atomic { strays[i] > 0 -> strays[i]-- }

	:: atomic { crashes > 0 && begun > i && !dead[i] -> crashes--; dead[i] = true; asks[i] = false; stands[i] = false; stop(i) }

	/* What may happen need not. */
	:: atomic { crashes > 0 -> crashes = 0 }
	:: atomic { slow > 0 -> slow = 0 }
	:: atomic { quits > 0 -> quits = 0 }
	od
}

/* strangers use force, or are programs that know nothing of queues. */
proctype strangers()
{
end:	do
	:: d_step { force > 0 -> force--; take_all(); serve() }	/* evict.lua */
	:: d_step { force > 0 && LIMIT == 1 -> force--; take_all() }	/* DEL */
	:: d_step { foreigns > 0 && !foreign && used == 0 -> foreigns--; foreign = true }
	:: d_step { foreign -> foreign = false }	/* DEL, or its time is over */
	:: d_step { force > 0 -> force = 0 }
	:: d_step { foreigns > 0 -> foreigns = 0 }
	od
}

init {
	atomic {
		byte i;
		for (i : 0 .. CLIENTS - 1) {
			run client(i);
			run looker(i);
			run fate(i)
		};
		i = 0;
		run strangers()
	}
}

/* ================ properties over time ================ */

/* Who waits and goes on waiting gets it: no wake-up is lost, nobody starves. */
ltl served { [] (stands[WATCHED] -> <> !stands[WATCHED]) }
