package leadership

import (
	"testing"
	"time"
)

func TestAMemberOfAGroupAttachesToTheNextSession(t *testing.T) {
	r := rules{ttl: 15 * time.Second, refresh: 7 * time.Second, drift: time.Second, frequency: 10 * time.Second, reread: time.Hour, shared: true}
	s, now := newState(r, true, 1), instant{}
	for _, session := range []string{"first", "second", "third"} {
		var fx effects
		s, fx = step(r, s, input{now: now})
		if len(fx.requests) != 1 || fx.requests[0].op != opOpen || !fx.requests[0].attach {
			t.Fatalf("before session %s it asks for %+v", session, fx.requests)
		}
		s, fx = step(r, s, input{now: now, kind: inReply, reply: reply{op: opOpen, seq: fx.requests[0].seq, session: session, ttl: r.ttl}})
		if !s.adopted || len(fx.requests) != 1 || fx.requests[0].op != opCampaign {
			t.Fatalf("with session %s it is adopted: %v, and asks for %+v", session, s.adopted, fx.requests)
		}
		s, _ = step(r, s, input{now: now, kind: inReply, reply: reply{op: opCampaign, seq: fx.requests[0].seq, err: ErrSessionLost}})
		now = now.after(time.Second)
	}
}
