/*
 * Liveness: everything is prompt, but for the faults, of which there are FAULTS in a run. Time goes on only when everything that is due has
 * been done. What has to happen again and again, happens once a tick.
 */

byte faults = FAULTS;
bool renewalDue[N];		/* agenda: opRenew; once a tick stands for every */
bool readDue[N];		/* agenda: opCampaign, opObserve */
bool stopped[N];		/* the process stands still until the next tick */
byte orphan;			/* of the session that was given up while it held the key: what is left of its TTL */
bool releaseLost;		/* and it is not given back, so that it ends with the TTL */
byte idle;			/* ticks since somebody led, or since the last fault */

#define FAULT faults > 0 -> faults--; idle = 0

#define ACTIVE(i) (!stopped[i])
#define DUE(i) (ACTIVE(i) && (phase[i] == OPENING || LAPSED(i) || MAY_BELIEVE(i) || renewalDue[i] || renewal[i] == SENT || renewal[i] == OK || readDue[i] \
	|| read[i] == OK))
#define OVERDUE(i) (live[i] && left[i] == 0)

/* leave, and what becomes of the session at the store */
inline leaves(i, sign) {
	if :: holder == SESSION(i) -> orphan = left[i] :: else fi;
	leave(i, sign);
	renewalDue[i] = false; readDue[i] = false
}

/* fail: tried again after a pause, which is the rest of the tick */
inline failRenewal(i) {
	dropRenewal(i);
	renewal[i] = FAILED
}

inline failRead(i) {
	dropRead(i);
	read[i] = FAILED;
	rename()
}

/* lostSession */
#ifdef MUTANT_DEAD_SESSION_KEPT
#define LOST_SESSION(i) failRenewal(i)
#else
#define LOST_SESSION(i) leaves(i, SIGN_OF(i))
#endif

active [N] proctype member() {
#define i _pid
end:	do
	:: d_step { ACTIVE(i) && phase[i] == OPENING -> open(i); renewalDue[i] = true; readDue[i] = true; skip }
	:: d_step { ACTIVE(i) && LAPSED(i) -> leaves(i, true); skip }
	:: d_step { ACTIVE(i) && MAY_BELIEVE(i) -> believe(i); skip }

	:: d_step { ACTIVE(i) && AWAKE(i) && renewalDue[i] ->
		renewalDue[i] = false;
		if
		:: renewal[i] == NONE -> renewal[i] = SENT; renewalAt[i] = LEASE; provenNext[i] = false; readProvesNext[i] = false
		:: else
		fi; skip }
	:: d_step { ACTIVE(i) && AWAKE(i) && renewal[i] == SENT && live[i] -> left[i] = TTL; renewal[i] = OK; skip }
	:: d_step { ACTIVE(i) && AWAKE(i) && renewal[i] == SENT && !live[i] -> LOST_SESSION(i); skip }
	:: d_step { ACTIVE(i) && AWAKE(i) && renewal[i] == OK -> renewedNow(i); skip }
	:: d_step { renewal[i] == SENT && FAULT; failRenewal(i); skip }
	:: d_step { renewal[i] == OK && FAULT; failRenewal(i); skip }

	:: d_step { ACTIVE(i) && AWAKE(i) && readDue[i] && !renewalDue[i] ->
		readDue[i] = false;
		if
		:: read[i] != NONE
		:: read[i] == NONE && holder == NOBODY && phase[i] == STANDING && live[i] -> takeKey(SESSION(i)); answerRead(i)
		:: read[i] == NONE && holder == SESSION(i) -> answerRead(i)
		:: read[i] == NONE && holder != SESSION(i) && phase[i] == STANDING && !live[i] ->
			LOST_SESSION(i)
		:: read[i] == NONE && holder != SESSION(i) && !(phase[i] == STANDING && !live[i]) -> readOthers(i, holder)
		fi;
		/* readOthers may have left */
		if :: phase[i] == OPENING -> renewalDue[i] = false :: else fi; skip }
	:: d_step { ACTIVE(i) && AWAKE(i) && read[i] == OK -> readOurs(i); skip }
	:: d_step { readDue[i] && read[i] == NONE && FAULT; readDue[i] = false; failRead(i); skip }
	:: d_step { read[i] == OK && FAULT; failRead(i); skip }

	/* A crash, Resign, a process that is stopped. */
	:: d_step { phase[i] != OPENING && FAULT; leaves(i, false); seen[i] = 0; noDoubts(i); releaseLost = (holder > N); skip }
	:: d_step { phase[i] != OPENING && AWAKE(i) && FAULT; leaves(i, SIGN_OF(i)); skip }
	:: d_step { !stopped[i] && FAULT; stopped[i] = true; skip }
	od
#undef i
}

active proctype store() {
#define FOR(i) \
	:: d_step { OVERDUE(i) -> endSession(i); skip } \
	:: d_step { live[i] && FAULT; endSession(i); skip }
end:	do
	FOR(0)
	FOR(1)
#if N == 3
	FOR(2)
#endif
	:: d_step { holder == SIGNED && !releaseLost -> freeKey(RESIGNED); orphan = 0; skip }
	:: d_step { holder == LEFT && !releaseLost -> freeKey(ENDED); orphan = 0; skip }
	:: d_step { holder > N && !releaseLost && FAULT; releaseLost = true; skip }
	:: d_step { holder > N && releaseLost && orphan == 0 -> freeKey(ENDED); releaseLost = false; skip }
	:: d_step { holder != NOBODY && FAULT; releaseLost = false; orphan = 0; freeKey(DELETED); skip }
	od
}

#if N == 2
#define ALL_DONE (!DUE(0) && !DUE(1) && !OVERDUE(0) && !OVERDUE(1) && !(holder > N && (!releaseLost || orphan == 0)))
#else
#define ALL_DONE (!DUE(0) && !DUE(1) && !DUE(2) && !OVERDUE(0) && !OVERDUE(1) && !OVERDUE(2) && !(holder > N && (!releaseLost || orphan == 0)))
#endif

active proctype clock() {
end:	do
	:: d_step { ALL_DONE ->
		if
		:: SOMEBODY_LEADS -> idle = 0
		:: else -> idle++
		fi;
#ifndef UNBOUNDED
		assert(idle <= BOUND);
#else
		idle = 0;
#endif
		down(orphan);
		tick(0, 0);
		x = 0;
		do
		:: x < N ->
			stopped[x] = false;
			if
			:: phase[x] != OPENING -> renewalDue[x] = true; readDue[x] = true
			:: else
			fi;
#ifndef MUTANT_NO_SECOND_TRY
			if :: renewal[x] == FAILED -> renewal[x] = NONE :: else fi;
			if :: read[x] == FAILED -> read[x] = NONE :: else fi;
#endif
			x++
		:: else -> break
		od;
		x = 0; skip }
	od
}

ltl somebody_leads { [] <> SOMEBODY_LEADS }
