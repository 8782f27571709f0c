/*
 * The election of package leadership as a model that spin searches exhaustively: .ci/model. README.md beside this file says what is modelled,
 * what is left out, why that is sound, and what was measured.
 *
 * Each rule names the function that it stands for, in election.go and election_calls.go unless another file is named. A deliberate bug is a
 * macro MUTANT_...; each one must break a check. Rules marked D1, D2, ... differ from the code: README.md lists them.
 *
 * A configuration is a set of macros: see the defaults below, and .ci/model for those that are run.
 */

#ifndef N
#define N 2			/* members: 2 or 3 */
#endif
#ifndef TTL
#define TTL 3			/* of a session, in ticks */
#endif
#ifndef DRIFT
#define DRIFT 1			/* the allowance for wrong clocks, in ticks: more than 1 tick in TTL is never wrong */
#endif
#ifndef SLIPS
#define SLIPS 1			/* 0: all clocks run alike */
#endif
#ifndef SUSPENDS
#define SUSPENDS 0		/* 1: machines are suspended, at any time, for any time */
#endif
#ifndef LATE
#define LATE 1			/* 0: the answer to a renewal comes at the instant at which the store renews */
#endif
#ifndef STALE
#define STALE 0			/* 1: answers outlive the requests that were given up, and come twice */
#endif
#ifndef DELETES
#define DELETES 0		/* how often an operator deletes the key */
#endif
#ifndef ENDS
#define ENDS 0			/* how often an operator ends a session */
#endif
#ifndef TAKEOVER
#define TAKEOVER 0		/* Config.Election.TakeoverDelay, in ticks */
#endif
#ifndef SHOWN
#define SHOWN 1			/* 0: the store never shows who held the key last (Observation.Earlier) */
#endif
#ifndef FORGET
#define FORGET 1		/* 0: a member never crashes, so that it forgets nobody whom it has seen */
#endif
#ifndef BELATED
#define BELATED 0		/* 1: check P1b, too */
#endif
#ifndef FAULTS
#define FAULTS 2		/* liveness: how many faults there are in a run */
#endif
#ifndef BOUND
#define BOUND 8			/* liveness: somebody leads at most that many ticks after the last fault */
#endif

#ifdef MUTANT_DRIFT_NOT_ALLOWED_FOR
#define LEASE TTL
#else
#define LEASE (TTL - DRIFT)	/* state.lease */
#endif

/* phase. Delayed is left out, leaving and closed are one with opening (D3). */
#define OPENING 0
#define STANDING 1
#define CLAIMING 2
#define LEADING 3

/* A request: not under way, sent, answered by the store; failed: liveness only. */
#define NONE 0
#define SENT 1
#define OK 2
#define FAILED 3

/* How a key came free: sources/memory, type exit. */
#define ENDED 0			/* the session is gone, or who held the key withdrew without a sign */
#define DELETED 1
#define RESIGNED 2

/*
 * The store. A session is named by its member: 1..N. A member has one at a time; the sessions that it has given up are all alike (D4).
 */
#define NOBODY 0
#define SESSION(i) ((i) + 1)
#define LEFT (N + 1)		/* a session that was given up, and leaves no sign */
#define SIGNED (N + 2)		/* a session given up by its leader: Resign will leave the sign */
byte holder;			/* of the key */
byte token;			/* of this holding; 0 when there is none */
bool resigned;			/* Observation.Resigned */
byte previous;			/* Observation.Earlier */
bool live[N];			/* the store knows the session */
byte left[N];			/* of the session's TTL, by the store's clock; it may end at 0 or at any time after */

/*
 * The members: type state. Instants are countdowns by the member's own clock: what is left of the lease that began at that instant.
 */
byte phase[N];
byte renewed[N];		/* state.renewed, the last good renewal */
byte expiry[N];			/* state.expiry, the deadline: 0 is over */
byte term[N];			/* state.token */
bool proven[N];			/* proven(): the last read showed the key ours, sent no earlier than that renewal */
bool provenNext[N];		/* it was sent no earlier than the renewal under way, either */
byte seen[N];			/* state.seen.Holder.Session, of another member */
byte takeoverAt[N];
byte doubt[N * N];		/* state.doubts: what is left of until, by [member * N + other] */
#define DOUBT(i, j) doubt[(i) * N + (j)]

byte renewal[N];		/* calls[opRenew] */
byte renewalAt[N];		/* the instant at which it was sent */
byte read[N];			/* calls[opCampaign], calls[opObserve]: NONE, or OK with an answer on its way that shows the key ours */
byte readTerm[N];		/* in that answer: the token, */
bool readResigned[N];
byte readPrevious[N];
bool readProves[N];		/* it was sent no earlier than the last good renewal, */
bool readProvesNext[N];		/* and than the renewal under way */

/* An answer to a request that nobody waits for any more. */
byte stale[N];			/* NONE, SENT: to a renewal, OK: to a read that showed the key ours */
byte staleAt[N];		/* the renewal's instant, or the read's token */

/* The environment. */
byte calm;			/* ticks until a clock may slip again */
byte deletes = DELETES;
byte ends = ENDS;

/* The observer: nothing reads these but the checks. */
byte last;			/* the token of the term that began last */
byte lost[N];			/* 1 + ticks since the holding of a claim or term was over at the store; 0: it is not */

byte x, y;			/* scratch: 0 between steps */

#ifdef MUTANT_TERM_NOT_ENDED
byte forgotten[N];		/* what is left of the lease of a term that the state machine has left */
#define BELIEVES(i) (phase[i] == LEADING && expiry[i] > 0 || forgotten[i] > 0)
#define LAPSED(i) (phase[i] == LEADING && expiry[i] == 0)
#elif defined(MUTANT_NO_DEADLINE)
#define BELIEVES(i) (phase[i] == LEADING)
#define LAPSED(i) false
#else
#define BELIEVES(i) (phase[i] == LEADING && expiry[i] > 0)	/* Term.Valid, term.go */
#define LAPSED(i) (phase[i] == LEADING && expiry[i] == 0)
#endif
#ifdef MUTANT_LAPSED_TERM_RESUMES
#define AWAKE(i) true
#else
#define AWAKE(i) (!LAPSED(i))	/* step: a deadline that is over ends the term, whatever comes in */
#endif

#if N == 2
#define OTHERS_BELIEVE(i) (BELIEVES(1 - (i)))
#define DOUBTS(i) (DOUBT(i, 0) || DOUBT(i, 1))
#define SOMEBODY_LEADS (BELIEVES(0) || BELIEVES(1))
#define TOKEN_IN_USE(v) (token == v || term[0] == v || term[1] == v || readTerm[0] == v || readTerm[1] == v || STALE_TOKEN(0, v) || STALE_TOKEN(1, v))
#else
#define OTHERS_BELIEVE(i) (BELIEVES(((i) + 1) % 3) || BELIEVES(((i) + 2) % 3))
#define DOUBTS(i) (DOUBT(i, 0) || DOUBT(i, 1) || DOUBT(i, 2))
#define SOMEBODY_LEADS (BELIEVES(0) || BELIEVES(1) || BELIEVES(2))
#define TOKEN_IN_USE(v) (token == v || term[0] == v || term[1] == v || term[2] == v || readTerm[0] == v || readTerm[1] == v || readTerm[2] == v \
	|| STALE_TOKEN(0, v) || STALE_TOKEN(1, v) || STALE_TOKEN(2, v))
#endif
#define STALE_TOKEN(i, v) (stale[i] == OK && staleAt[i] == v)
#define TOKENS (3 * N + 2)

/* ---- Tokens. Only their order counts, so that those in use are renamed to 1, 2, ... (D5). ---- */

inline rename() {
	x = TOKENS;
	do
	:: x > 0 ->
		if
		:: TOKEN_IN_USE(x)
		:: else ->
			if :: token > x -> token-- :: else fi;
			if :: last >= x -> last-- :: else fi;
			y = 0;
			do
			:: y < N ->
				if :: term[y] > x -> term[y]-- :: else fi;
				if :: readTerm[y] > x -> readTerm[y]-- :: else fi;
				if :: stale[y] == OK && staleAt[y] > x -> staleAt[y]-- :: else fi;
				y++
			:: else -> break
			od;
			y = 0
		fi;
		x--
	:: else -> break
	od
}

/* A new holding has a token above all earlier ones: Backend, rule 4. */
inline takeKey(s) {
	holder = s;
	token = last;
	y = 0;
	do
	:: y < N ->
		if :: term[y] > token -> token = term[y] :: else fi;
		if :: readTerm[y] > token -> token = readTerm[y] :: else fi;
		if :: stale[y] == OK && staleAt[y] > token -> token = staleAt[y] :: else fi;
		y++
	:: else -> break
	od;
	y = 0;
	token++;
	rename()
}

/* ---- The store: sources/memory, election.go, leave. ---- */

inline freeKey(how) {
	if
	:: BELATED && holder <= N && term[holder - 1] == token && phase[holder - 1] >= CLAIMING -> lost[holder - 1] = 1
	:: else
	fi;
	resigned = ((how) == RESIGNED);
	if
	:: (how) == RESIGNED -> previous = 0
	:: (how) == ENDED && previous != 0 	/* who held before may believe still: that one is shown */
	:: else -> previous = (SHOWN && holder <= N -> holder : 0)
	fi;
	holder = NOBODY;
	token = 0;
	rename()
}

/* Nobody need wait for session s any more: Lifetime would say so (D2). */
inline forget(s) {
	if :: previous == (s) -> previous = 0 :: else fi;
	y = 0;
	do
	:: y < N ->
		DOUBT(y, (s) - 1) = 0;
		if :: seen[y] == (s) -> seen[y] = 0 :: else fi;
		if :: readPrevious[y] == (s) -> readPrevious[y] = 0 :: else fi;
		y++
	:: else -> break
	od;
	y = 0
}

inline endSession(i) {
	if :: holder == SESSION(i) -> freeKey(ENDED) :: else fi;
	live[i] = false;
	left[i] = 0;
	forget(SESSION(i))
}

/* ---- The member. ---- */

inline dropRead(i) {
	read[i] = NONE; readTerm[i] = 0; readResigned[i] = false; readPrevious[i] = 0; readProves[i] = false; readProvesNext[i] = false
}

inline dropRenewal(i) {
	renewal[i] = NONE; renewalAt[i] = 0; provenNext[i] = false; readProvesNext[i] = false
}

/* The answers under way may still come, when nobody waits for them: reply, and caller.go, cancel. */
inline keepReadAnswer(i) {
#if STALE
	if :: read[i] == OK && stale[i] == NONE -> stale[i] = OK; staleAt[i] = readTerm[i] :: else fi
#endif
	skip
}

inline keepRenewalAnswer(i) {
#if STALE
	if :: renewal[i] == OK && stale[i] == NONE -> stale[i] = SENT; staleAt[i] = renewalAt[i] :: else fi
#endif
	skip
}

/* leave, drop, restart; lose, as far as it is about the state. The store learns of it later, or never. */
inline leave(i, sign) {
	keepReadAnswer(i);
	keepRenewalAnswer(i);
	if
	:: holder == SESSION(i) && (sign) && term[i] == token -> holder = SIGNED
	:: holder == SESSION(i) && !((sign) && term[i] == token) -> holder = LEFT
	:: else
	fi;
	live[i] = false; left[i] = 0;
	forget(SESSION(i));
#ifdef MUTANT_TERM_NOT_ENDED
	if :: expiry[i] > forgotten[i] -> forgotten[i] = expiry[i] :: else fi;
#endif
	phase[i] = OPENING;
	renewed[i] = 0; expiry[i] = 0; term[i] = 0; proven[i] = false; takeoverAt[i] = 0; lost[i] = 0;
	dropRead(i);
	dropRenewal(i);
	rename()
}

/* suspect. The own sessions before this one are never suspected: session == m.former. */
inline suspect(i, s) {
	if
	:: (s) != 0 && (s) != SESSION(i) && (s) != seen[i] -> DOUBT(i, (s) - 1) = TTL
	:: else
	fi
}

inline noDoubts(i) {
	y = 0;
	do
	:: y < N -> DOUBT(i, y) = 0; y++
	:: else -> break
	od;
	y = 0
}

/* P1 and P2, wherever a belief begins. */
inline begins(i) {
	assert(!OTHERS_BELIEVE(i));
	assert(term[i] > last);
	last = term[i];
	rename()
}

/* prove */
inline prove(i) {
	if
#if defined(MUTANT_RENEWAL_ALONE_IS_PROOF) || defined(MUTANT_LOST_KEY_IGNORED)
	:: phase[i] == LEADING && renewed[i] > expiry[i] ->
#else
	:: phase[i] == LEADING && proven[i] && renewed[i] > expiry[i] ->
#endif
		if
		:: BELIEVES(i) -> expiry[i] = renewed[i]
		:: else -> expiry[i] = renewed[i]; begins(i)
		fi
	:: else
	fi
}

/* claim; before is in seen[i] */
inline claim(i) {
	phase[i] = CLAIMING; term[i] = readTerm[i]; expiry[i] = 0;
	lost[i] = (BELATED && !(holder == SESSION(i) && token == term[i]));
	x = seen[i]; seen[i] = 0;
	suspect(i, x);
	x = 0;
#ifndef MUTANT_PREVIOUS_HOLDER_IGNORED
	suspect(i, readPrevious[i]);
#endif
#ifndef MUTANT_TAKEOVER_DELAY_IGNORED
	takeoverAt[i] = TAKEOVER;
#endif
	if
	:: readResigned[i] -> noDoubts(i); takeoverAt[i] = 0
	:: else
	fi
}

/* read, of an answer that shows the key ours. A leader compares the token. */
inline readOurs(i) {
	if
#ifdef MUTANT_TOKEN_NOT_COMPARED
	:: phase[i] == LEADING ->
		proven[i] = readProves[i]; provenNext[i] = readProvesNext[i];
#else
	:: phase[i] == LEADING && readTerm[i] == term[i] ->
		proven[i] = readProves[i]; provenNext[i] = readProvesNext[i];
#endif
		dropRead(i);
		rename();
		prove(i)
	:: phase[i] == LEADING && readTerm[i] != term[i] -> leave(i, true)
	:: phase[i] != LEADING ->
		proven[i] = readProves[i]; provenNext[i] = readProvesNext[i];
		if
		:: phase[i] == STANDING || readTerm[i] != term[i] -> claim(i)
		:: else
		fi;
		seen[i] = 0;
		dropRead(i);
		rename()
	fi
}

/* read, of an answer that shows that h holds the key, or nobody */
inline readOthers(i, h) {
	if
#ifdef MUTANT_LOST_KEY_IGNORED
	:: phase[i] == LEADING
#else
	:: phase[i] == LEADING -> seen[i] = ((h) <= N -> (h) : 0); leave(i, true)
#endif
	:: phase[i] != LEADING ->
		x = seen[i];
		seen[i] = ((h) <= N -> (h) : 0);
		proven[i] = false; provenNext[i] = false; phase[i] = STANDING; term[i] = 0; takeoverAt[i] = 0; lost[i] = 0;
		suspect(i, x);
		x = 0;
		rename()
	fi
}

/* The store answers a read with the key ours. The answer may come much later. */
inline answerRead(i) {
	read[i] = OK;
	readTerm[i] = token;
	readResigned[i] = resigned;
	readPrevious[i] = (previous == holder -> 0 : previous);
	readProves[i] = true;
	readProvesNext[i] = (renewal[i] == SENT || renewal[i] == OK)
}

/* renewedAt */
inline renewedNow(i) {
#ifdef MUTANT_DEADLINE_FROM_REPLY
	renewed[i] = LEASE;
#else
	renewed[i] = renewalAt[i];
#endif
#ifndef MUTANT_READ_BEFORE_RENEWAL
	proven[i] = provenNext[i];
	readProves[i] = (read[i] == OK && readProvesNext[i]);
#endif
	dropRenewal(i);
	prove(i)
}

/* opened. The answer is at once; that it may be late is what waiting before the next step is. */
inline open(i) {
	phase[i] = STANDING; live[i] = true; left[i] = TTL; renewed[i] = LEASE
}

#ifdef MUTANT_NO_WAIT_FOR_PREDECESSOR
#define MAY_BELIEVE(i) (phase[i] == CLAIMING && takeoverAt[i] == 0 && proven[i] && renewed[i] > 0)
#else
#define MAY_BELIEVE(i) (phase[i] == CLAIMING && !DOUBTS(i) && takeoverAt[i] == 0 && proven[i] && renewed[i] > 0)
#endif

/* believe */
inline believe(i) {
	phase[i] = LEADING; expiry[i] = renewed[i];
	begins(i)
}

/* lapse */
inline lapse(i) {
#ifdef MUTANT_SESSION_KEPT_AFTER_LAPSE
	phase[i] = STANDING; term[i] = 0; proven[i] = false; provenNext[i] = false; lost[i] = 0;
	dropRead(i);
	rename()
#else
	leave(i, true)
#endif
}

#ifdef MUTANT_SIGN_BY_WHO_NEVER_BELIEVED
#define SIGN_OF(i) (phase[i] >= CLAIMING)
#else
#define SIGN_OF(i) (phase[i] == LEADING)	/* leave: m.token = 0 */
#endif

/* ---- Time. ---- */

inline down(v) { if :: v > 0 -> v-- :: else fi }

/* What a member waits for comes nearer by its monotonic clock alone. */
inline awaited(i) {
	down(takeoverAt[i]);
	x = 0;
	do
	:: x < N -> down(DOUBT(i, x)); x++
	:: else -> break
	od;
	x = 0
}

/*
 * One tick of the store's clock. The clocks of the members in slow (bits) stand still meanwhile. The machines of those in asleep are suspended:
 * their monotonic clock stands still, their boot clock goes on, and what asks for both (reached, clock.go) ends by it. A wait does not (outlasted).
 */
inline tick(slow, asleep) {
	y = 0;
	do
	:: y < N ->
		down(left[y]);
		if
#ifdef MUTANT_SUSPENSION_NOT_NOTICED
		:: (((slow) | (asleep)) >> y) & 1
#else
		:: ((slow) >> y) & 1
#endif
		:: else ->
			down(renewed[y]);
			down(expiry[y]);
			down(renewalAt[y]);
			if	/* attempt: no request may take as long as the lease */
			:: (renewal[y] == SENT || renewal[y] == OK) && renewalAt[y] == 0 -> keepRenewalAnswer(y); dropRenewal(y)
			:: else
			fi;
			if :: stale[y] == SENT -> down(staleAt[y]) :: else fi;
#ifdef MUTANT_TERM_NOT_ENDED
			down(forgotten[y]);
#endif
			if
			:: ((asleep) >> y) & 1
			:: else -> awaited(y)
			fi
		fi;
		if
		:: lost[y] != 0 && !BELIEVES(y) && phase[y] == LEADING -> lost[y] = 0
		:: lost[y] != 0 && (BELIEVES(y) || phase[y] != LEADING) ->
			if :: lost[y] <= TTL -> lost[y]++ :: else fi;
			assert(!(lost[y] > TTL && BELIEVES(y)))	/* nobody believes for longer than a TTL in a holding that is over */
		:: else
		fi;
		y++
	:: else -> break
	od;
	y = 0;
	calm = ((slow) != 0 -> TTL - 1 : (calm > 0 -> calm - 1 : 0))
}

#ifndef LIVENESS
#include "anytime.pml"
#else
#include "prompt.pml"
#endif
