package sourcetest

import (
	"context"

	"github.com/leadership-go/leadership"
)

func attachChecks() []Check {
	return []Check{
		{"Attach: to a session that the store does not know is reported as lost", attachUnknown},
		{"Attach: failure 7: a session that is taken up again resumes its holding, with the same token", attachResumes},
		{"Attach: closing leaves the session alive", attachClose},
		{"Attach: what is campaigned for through it, the session holds", attachCampaigns},
		{"Attach: a session that died meanwhile is reported as lost", attachDies},
	}
}

func (t *trial) attach(b leadership.Backend, to leadership.Session) leadership.Session {
	t.Helper()
	var s leadership.Session
	t.must("Attach", func(ctx context.Context) (err error) {
		s, err = b.Attach(ctx, to.ID(), to.TTL())
		return err
	})
	if s.ID() != to.ID() {
		t.Fatalf("attached to session %q and got %q", to.ID(), s.ID())
	}
	t.after("Session.Close", s.Close)
	return s
}

func attachUnknown(tt T, h Harness) {
	t := begin(tt, h)
	b := t.connect()
	for _, kill := range kills() {
		s := t.candidate()
		kill.do(t, s)
		t.lost("Attach", t.try("Attach", func(ctx context.Context) error {
			_, err := b.Attach(ctx, s.ID(), s.TTL())
			return err
		}))
	}
}

func attachResumes(tt T, h Harness) {
	t := begin(tt, h)
	owner := t.candidate()
	held := t.elect(owner, t.key)
	again := t.attach(t.connect(), owner)
	if o := t.campaign(again, t.key); !sameHolding(o.Holder, held.Holder) {
		t.Fatalf("held as %s; taken up again it holds as %s", show(held.Holder), show(o.Holder))
	}
	if again.TTL() < owner.TTL() {
		t.Errorf("attached to a session with a TTL of %v and got %v", owner.TTL(), again.TTL())
	}
}

func attachClose(tt T, h Harness) {
	t := begin(tt, h)
	b := t.connect()
	owner := t.candidate()
	t.elect(owner, t.key)
	attached := t.attach(b, owner)
	t.renew(attached)
	for range 2 {
		t.must("Session.Close", attached.Close)
	}
	t.renew(owner)
	if left := t.lifetime(b, owner.ID()); left <= 0 {
		t.Errorf("closing an attached session ended it")
	}
	t.holds(b, owner, t.key)
}

func attachCampaigns(tt T, h Harness) {
	t := begin(tt, h)
	b := t.connect()
	owner := t.candidate()
	attached := t.attach(b, owner)
	t.elect(attached, t.key)
	t.holds(b, owner, t.key)
	t.resign(attached, t.key)
	t.free(b, t.key)
	t.renew(owner)
	t.elect(attached, t.key)
	t.must("Session.Close of the owner", owner.Close)
	t.free(b, t.key)
}

func attachDies(tt T, h Harness) {
	t := begin(tt, h)
	owner := t.candidate()
	attached := t.attach(t.connect(), owner)
	t.destroy(owner)
	t.lost("Renew", t.try("Renew", attached.Renew))
	_, err := t.tryCampaign(attached, t.key, vote(attached))
	t.lost("Campaign", err)
	t.must("Session.Close", attached.Close)
}
