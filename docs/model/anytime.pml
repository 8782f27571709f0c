/*
 * Safety: whatever may happen may happen at any instant, or never. So a member may be stopped for any time, a request and its answer may
 * take any time or be lost, and a session may live on for any time after its TTL.
 */

active [N] proctype member() {
#define i _pid
end:	do
	:: d_step { phase[i] == OPENING -> open(i); skip }

	/* request, of opRenew; the store renews; the answer is renewedAt. A request without an answer in time fails: fail. */
	:: d_step { phase[i] != OPENING && AWAKE(i) && renewal[i] == NONE ->
		renewal[i] = SENT; renewalAt[i] = LEASE; provenNext[i] = false; readProvesNext[i] = false; skip }
#if LATE
	:: d_step { renewal[i] == SENT && live[i] -> left[i] = TTL; renewal[i] = OK; skip }
	:: d_step { renewal[i] == OK && AWAKE(i) -> keepRenewalAnswer(i); renewedNow(i); skip }
#else
	:: d_step { renewal[i] == SENT && AWAKE(i) && live[i] -> left[i] = TTL; renewedNow(i); skip }
#endif
	:: d_step { renewal[i] == SENT && AWAKE(i) && !live[i] -> leave(i, SIGN_OF(i)); skip }	/* lostSession */
	:: d_step { renewal[i] != NONE -> keepRenewalAnswer(i); dropRenewal(i); skip }

	/* Session.Campaign takes a free key; a read that shows the key ours, Campaign or Observe */
	:: d_step { phase[i] == STANDING && read[i] == NONE && live[i] && holder == NOBODY -> takeKey(SESSION(i)); answerRead(i); skip }
	:: d_step { phase[i] != OPENING && AWAKE(i) && read[i] == NONE && holder == SESSION(i) -> answerRead(i); skip }
	:: d_step { read[i] == OK && AWAKE(i) -> keepReadAnswer(i); readOurs(i); skip }
	:: d_step { read[i] == OK -> keepReadAnswer(i); dropRead(i); rename(); skip }
	/* one that does not: a late answer is D6 */
#ifdef MUTANT_OWN_KEY_NOT_CHECKED
	:: d_step { phase[i] == STANDING && read[i] == NONE && holder != SESSION(i) && holder != NOBODY -> answerRead(i); skip }
#else
	:: d_step { phase[i] != OPENING && AWAKE(i) && read[i] == NONE && holder != SESSION(i) -> readOthers(i, holder); skip }
#endif

#ifdef MUTANT_REST_OF_TTL_BOUNDS_DOUBT
	/* lifetimeKnown: D1 */
	:: d_step { phase[i] >= CLAIMING && AWAKE(i) && DOUBT(i, 0) > left[0] -> DOUBT(i, 0) = left[0]; skip }
	:: d_step { phase[i] >= CLAIMING && AWAKE(i) && DOUBT(i, 1) > left[1] -> DOUBT(i, 1) = left[1]; skip }
#endif

#ifdef MUTANT_WAITS_BY_THE_WALL_CLOCK
	/* The wall clock was put forward. */
	:: d_step { DOUBTS(i) || takeoverAt[i] != 0 -> noDoubts(i); takeoverAt[i] = 0; skip }
#endif

	:: d_step { MAY_BELIEVE(i) -> believe(i); skip }
	:: d_step { LAPSED(i) && !(AWAKE(i)) -> lapse(i); skip }

	/* resign, close */
	:: d_step { phase[i] != OPENING && AWAKE(i) -> leave(i, SIGN_OF(i)); skip }
#ifdef MUTANT_KEY_GIVEN_BACK_FIRST
	:: d_step { phase[i] == LEADING && AWAKE(i) && holder == SESSION(i) -> freeKey(RESIGNED); skip }
#endif
#if FORGET
	/* A crash: all is forgotten. */
	:: d_step { phase[i] != OPENING || seen[i] != 0 || DOUBTS(i) ->
		if
		:: phase[i] != OPENING -> leave(i, false)
		:: else
		fi;
		seen[i] = 0; noDoubts(i); stale[i] = NONE; staleAt[i] = 0; rename(); skip }
#endif
#if STALE
	/* reply: one that nobody waits for any more is ignored. */
#ifdef MUTANT_STALE_REPLY_BELIEVED
	:: d_step { stale[i] == SENT && phase[i] != OPENING && AWAKE(i) ->
		dropRenewal(i);
		renewalAt[i] = staleAt[i]; stale[i] = NONE; staleAt[i] = 0; renewedNow(i); skip }
	:: d_step { stale[i] == OK && phase[i] != OPENING && AWAKE(i) ->
		dropRead(i);
		readTerm[i] = staleAt[i]; readProves[i] = true; stale[i] = NONE; staleAt[i] = 0; readOurs(i); skip }
#endif
	:: d_step { stale[i] != NONE -> stale[i] = NONE; staleAt[i] = 0; rename(); skip }
#endif
	od
#undef i
}

active proctype store() {
#define FOR(i) \
	:: d_step { live[i] && left[i] == 0 -> endSession(i); skip } \
	:: d_step { live[i] && left[i] < TTL -> left[i] = TTL; skip }	/* a renewal that came late, or twice */ \
	:: d_step { live[i] && holder == NOBODY -> takeKey(SESSION(i)); skip }	/* so did a Campaign; or it was next in etcd's line */ \
	:: d_step { ends > 0 && live[i] -> ends--; endSession(i); skip }
end:	do
	FOR(0)
	FOR(1)
#if N == 3
	FOR(2)
#endif
	/* A session that was given up: a late Campaign, Session.Resign, Session.Close, its end. */
	:: d_step { holder == NOBODY -> takeKey(LEFT); skip }
	:: d_step { holder == LEFT || holder == SIGNED -> freeKey(ENDED); skip }
	:: d_step { holder == SIGNED -> freeKey(RESIGNED); skip }
	:: d_step { deletes > 0 && holder != NOBODY -> deletes--; freeKey(DELETED); skip }
	od
}

active proctype clock() {
end:	do
	:: d_step { true -> tick(0, 0); skip }
#if SLIPS
	:: d_step { calm == 0 -> tick(1, 0); skip }
	:: d_step { calm == 0 -> tick(2, 0); skip }
	:: d_step { calm == 0 -> tick(3, 0); skip }
#if N == 3
	:: d_step { calm == 0 -> tick(4, 0); skip }
	:: d_step { calm == 0 -> tick(5, 0); skip }
	:: d_step { calm == 0 -> tick(6, 0); skip }
	:: d_step { calm == 0 -> tick(7, 0); skip }
#endif
#endif
#if SUSPENDS
	:: d_step { true -> tick(0, 1); skip }
	:: d_step { true -> tick(0, 2); skip }
	:: d_step { true -> tick(0, 3); skip }
#if N == 3
	:: d_step { true -> tick(0, 4); skip }
	:: d_step { true -> tick(0, 5); skip }
	:: d_step { true -> tick(0, 6); skip }
	:: d_step { true -> tick(0, 7); skip }
#endif
#endif
	od
}
