package sourcetest

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/leadership-go/leadership"
)

func transferChecks() []Check {
	return []Check{
		{"Transfer: the heir holds the key next, whoever waits before it", transferPasses},
		{"Transfer: to who waits next it is a resignation", transferToNext},
		{"Transfer: without a sign it shows no resignation", transferUnsigned},
		{"Transfer: to a session that is gone it is refused, and changes nothing", transferToNobody},
		{"Transfer: who does not hold the key can't give it away", transferByOther},
		{"Transfer: of two at once, one gives the key away", transferTwice},
	}
}

func observerChecks() []Check {
	return []Check{
		{"Candidates: the holder comes first, and who left is not listed", candidatesListed},
		{"Watch: for who does not stand it returns at each change of the holder", observerWakes},
		{"Watch: for who does not stand it blocks while nothing changes", observerBlocks},
	}
}

func heirOf(s leadership.Session) leadership.Vote {
	v, _ := leadership.ParseVote(vote(s))
	return v
}

func (t *trial) transfer(from, to leadership.Session, sign []byte) error {
	t.Helper()
	return t.try("Transfer", func(ctx context.Context) error { return from.Transfer(ctx, t.key, sign, heirOf(to)) })
}

// handedOver fails the check unless the candidate that was waiting for it is elected, with a greater token than held and with its own vote.
func (t *trial) handedOver(elected *pending, to leadership.Session, held leadership.Observation) leadership.Observation {
	t.Helper()
	o, err := elected.within(t.h.Prompt, "the heir's election")
	switch {
	case err != nil:
		t.Fatalf("the heir: %v", err)
	case o.Holder.Token <= held.Holder.Token:
		t.Errorf("rule 4: at the transfer the token went from %d to %d", held.Holder.Token, o.Holder.Token)
	case string(o.Holder.Value) != string(vote(to)):
		t.Errorf("the heir holds the key with %q, and its vote is %q", o.Holder.Value, vote(to))
	}
	return o
}

func transferPasses(tt T, h Harness) {
	t := begin(tt, h)
	b := t.connect()
	holder, first, second, heir := t.candidate(), t.candidate(), t.candidate(), t.candidate()
	held := t.elect(holder, t.key)
	for _, s := range []leadership.Session{first, second, heir} {
		t.campaign(s, t.key)
	}
	one, two, elected := t.standing(first, t.key), t.standing(second, t.key), t.standing(heir, t.key)
	if err := t.transfer(holder, heir, farewell()); err != nil {
		t.Fatalf("Transfer: %v", err)
	}
	t.shows(t.handedOver(elected, heir, held), true, "the holder gave the key to a waiter")
	t.holds(b, heir, t.key)
	// Those who were passed over stand still.
	t.resign(heir, t.key)
	late := time.NewTimer(t.h.Prompt)
	defer late.Stop()
	select {
	case o := <-one.done:
		t.passedOver(o, first, two)
	case o := <-two.done:
		t.passedOver(o, second, one)
	case <-late.C:
		t.Errorf("nobody who was passed over is elected when the heir resigned")
	}
}

// passedOver fails the check unless s was elected, and the last one is when s resigns.
func (t *trial) passedOver(o outcome, s leadership.Session, last *pending) {
	t.Helper()
	err := o.err
	if err == nil {
		t.resign(s, t.key)
		_, err = last.within(t.h.Prompt, "the election of the last one who was passed over")
	}
	if err != nil {
		t.Errorf("a candidate that was passed over: %v", err)
	}
}

func transferToNext(tt T, h Harness) {
	t := begin(tt, h)
	holder, heir := t.candidate(), t.candidate()
	held := t.elect(holder, t.key)
	t.campaign(heir, t.key)
	elected := t.standing(heir, t.key)
	if err := t.transfer(holder, heir, farewell()); err != nil {
		t.Fatalf("Transfer: %v", err)
	}
	t.shows(t.handedOver(elected, heir, held), true, "the holder gave the key to the next one")
	t.renew(holder)
}

func transferUnsigned(tt T, h Harness) {
	t := begin(tt, h)
	holder, heir := t.candidate(), t.candidate()
	held := t.elect(holder, t.key)
	t.campaign(heir, t.key)
	elected := t.standing(heir, t.key)
	if err := t.transfer(holder, heir, nil); err != nil {
		t.Fatalf("Transfer: %v", err)
	}
	t.shows(t.handedOver(elected, heir, held), false, "the holder gave the key away without a sign")
}

func transferToNobody(tt T, h Harness) {
	t := begin(tt, h)
	b := t.connect()
	holder, gone := t.candidate(), t.candidate()
	held := t.elect(holder, t.key)
	t.campaign(gone, t.key)
	t.destroy(gone)
	for _, to := range []leadership.Session{gone, holder} {
		if err := t.transfer(holder, to, farewell()); !errors.Is(err, leadership.ErrNoCandidate) || errors.Is(err, leadership.ErrSessionLost) {
			t.Errorf("Transfer of the holder %q to %q: %v; want %v", holder.ID(), to.ID(), err, leadership.ErrNoCandidate)
		}
		if o := t.holds(b, holder, t.key); o.Holder.Token != held.Holder.Token || string(o.Holder.Value) != string(held.Holder.Value) {
			t.Errorf("a Transfer that was refused made %s of %s", show(o.Holder), show(held.Holder))
		}
	}
}

func transferByOther(tt T, h Harness) {
	t := begin(tt, h)
	b := t.connect()
	holder, waiter, heir := t.candidate(), t.candidate(), t.candidate()
	t.elect(holder, t.key)
	t.campaign(waiter, t.key)
	t.campaign(heir, t.key)
	if err := t.transfer(waiter, heir, farewell()); !errors.Is(err, leadership.ErrNoCandidate) {
		t.Errorf("Transfer by a waiter: %v; want %v", err, leadership.ErrNoCandidate)
	}
	t.holds(b, holder, t.key)
}

// transferTwice is a Transfer whose answer was lost, and one more try.
func transferTwice(tt T, h Harness) {
	t := begin(tt, h)
	b := t.connect()
	holder, left, right := t.candidate(), t.candidate(), t.candidate()
	t.elect(holder, t.key)
	t.campaign(left, t.key)
	t.campaign(right, t.key)
	given := 0
	for _, to := range []leadership.Session{left, right} {
		switch err := t.transfer(holder, to, farewell()); {
		case err == nil:
			given++
		case !errors.Is(err, leadership.ErrNoCandidate):
			t.Errorf("Transfer: %v; want %v", err, leadership.ErrNoCandidate)
		}
	}
	if given != 1 {
		t.Errorf("%d transfers of one holding took effect", given)
	}
	t.elect(left, t.key)
	t.holds(b, left, t.key)
}

func candidatesListed(tt T, h Harness) {
	t := begin(tt, h)
	b := t.connect()
	list := func() (ids []string) {
		var all []leadership.Candidate
		t.must("Candidates", func(ctx context.Context) (err error) {
			all, err = b.Candidates(ctx, t.key)
			return err
		})
		for _, c := range all {
			ids = append(ids, c.Session)
		}
		return ids
	}
	if ids := list(); len(ids) > 0 {
		t.Errorf("nobody stands, and these are listed: %q", ids)
	}
	holder, waiter, leaver := t.candidate(), t.candidate(), t.candidate()
	t.elect(holder, t.key)
	t.campaign(leaver, t.key)
	t.campaign(waiter, t.key)
	t.resign(leaver, t.key)
	t.destroy(leaver)
	ids := list()
	switch {
	case len(ids) == 0 || ids[0] != holder.ID():
		t.Errorf("%q holds the key, and these are listed: %q", holder.ID(), ids)
	case slices.Contains(ids, leaver.ID()):
		t.Errorf("%q has left, and these are listed: %q", leaver.ID(), ids)
	case !t.h.WaitersHidden && !slices.Equal(ids, []string{holder.ID(), waiter.ID()}):
		t.Errorf("%q holds the key and %q waits, and these are listed: %q", holder.ID(), waiter.ID(), ids)
	}
}

func observerWakes(tt T, h Harness) {
	t := begin(tt, h)
	b := t.connect()
	for _, e := range endings() {
		holder := t.candidate()
		seen := t.observe(b, t.key)
		follow := func(seen leadership.Observation) *pending {
			return t.start(func(ctx context.Context) (leadership.Observation, error) {
				now := seen
				for range tooOften {
					if err := b.Watch(ctx, t.key, now); err != nil {
						return now, err
					}
					var err error
					if now, err = b.Observe(ctx, t.key); err != nil || now.Holder.Session != seen.Holder.Session {
						return now, err
					}
				}
				return now, errors.New("sourcetest: Watch returns although nothing changes")
			})
		}
		begins := follow(seen)
		t.elect(holder, t.key)
		now, err := begins.within(t.h.Prompt, "the notice that somebody holds the key")
		if err != nil || now.Holder.Session != holder.ID() {
			t.Fatalf("Watch when a session took the key: %v, and then %s is observed", err, show(now.Holder))
		}
		ends := follow(now)
		e.do(t, holder)
		if now, err = ends.within(t.h.Prompt, "the notice after "+e.name); err != nil {
			t.Fatalf("Watch after %s: %v", e.name, err)
		}
		if now.Holder.Session == holder.ID() {
			t.Errorf("after %s the holder is observed as %s", e.name, show(now.Holder))
		}
		t.resign(holder, t.key)
	}
}

func observerBlocks(tt T, h Harness) {
	t := begin(tt, h)
	const most = 10
	b := t.connect()
	t.elect(t.candidate(), t.key)
	quiet := max(t.h.TTL, time.Second)
	err := t.tryFor(t.Context(), quiet, "Watch", func(ctx context.Context) error {
		for range most {
			o, err := b.Observe(ctx, t.key)
			if err != nil {
				return err
			}
			if err := b.Watch(ctx, t.key, o); err != nil {
				return err
			}
		}
		return nil
	})
	switch {
	case err == nil:
		t.Errorf("Watch returned nil %d times within %v although nothing changed", most, quiet)
	case !errors.Is(err, context.DeadlineExceeded):
		t.Errorf("Watch while nothing changed: %v; want %v after %v", err, context.DeadlineExceeded, quiet)
	}
}
