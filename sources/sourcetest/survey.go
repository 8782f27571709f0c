package sourcetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/leadership-go/leadership"
)

// surveyChecks are about backends that are a [leadership.Surveyor]; for others there is nothing to check.
func surveyChecks() []Check {
	checks := []Check{
		{"Survey: rule 10: while nothing changes it names nothing", surveyIsQuiet},
		{"Survey: rule 10: of many changes at once it names each key, and the next one none", surveyNamesMany},
		{"Survey: rule 10: a key that was taken, or written to, is named", surveyNamesTaken},
		{"Await: rule 11: it blocks while nothing changes", awaitBlocks},
		{"Await: rule 11: who waits learns that the holder resigned", awaitTellsOfResignation},
		{"Await: a dead session is no longer waited for", awaitOfDeadSession},
	}
	for _, e := range endings() {
		checks = append(checks,
			Check{"Survey: rule 10: a key is named after " + e.name, func(t T, h Harness) { surveyNamesEnding(t, h, e) }},
			Check{"Await: rule 11: a waiter's returns when " + e.name, func(t T, h Harness) { awaitWakes(t, h, e, false) }},
			Check{"Await: rule 11: a waiter's returns at once if before " + e.name, func(t T, h Harness) { awaitWakes(t, h, e, true) }},
			Check{"Await: rule 11: the holder's returns when " + e.name, func(t T, h Harness) { awaitWakesHolder(t, h, e) }},
		)
	}
	return checks
}

// surveyor is a backend that surveys; nil where it does not.
func (t *trial) surveyor(b leadership.Backend) leadership.Surveyor {
	t.Helper()
	s, ok := b.(leadership.Surveyor)
	if !ok {
		return nil
	}
	return s
}

// survey asks b what has changed in keys.
func (t *trial) survey(b leadership.Backend, keys []string, since uint64) (changed []string, revision uint64) {
	t.Helper()
	var found map[string]uint64
	t.must("Survey", func(ctx context.Context) (err error) {
		found, revision, err = t.surveyor(b).Survey(ctx, keys, since)
		return err
	})
	for key, at := range found {
		changed = append(changed, key)
		if at <= since || at > revision {
			t.Errorf("%q is named with revision %d as changed between revisions %d and %d", key, at, since, revision)
		}
	}
	return changed, revision
}

// several are keys of elections that stand beside one another, and further down.
func (t *trial) several(n int) []string {
	keys := []string{t.key, t.key + "x", t.key + "/x"}
	for i := len(keys); i < n; i++ {
		keys = append(keys, fmt.Sprintf("%s-%d", t.key, i))
	}
	return keys[:n]
}

func surveyIsQuiet(tt T, h Harness) {
	t := begin(tt, h)
	b := t.connect()
	if t.surveyor(b) == nil {
		return
	}
	keys := t.several(6)
	holder, waiter := t.open(b), t.candidate()
	for _, key := range keys[:4] { // two are nobody's
		t.elect(holder, key)
		t.campaign(waiter, key)
	}
	var since uint64 // of the last change, whichever key tells it
	for _, key := range keys {
		since = max(since, t.observe(b, key).Revision)
	}
	for range 3 {
		t.renew(holder)
		changed, revision := t.survey(b, keys, since)
		if len(changed) > 0 || revision < since {
			t.Errorf("nothing has changed since revision %d, and %q are named, as of revision %d", since, changed, revision)
		}
		since = revision
	}
}

func surveyNamesMany(tt T, h Harness) {
	t := begin(tt, h)
	b := t.connect()
	if t.surveyor(b) == nil {
		return
	}
	const many = 150
	keys := t.several(many)
	s := t.candidate()
	since := t.campaign(s, keys[0]).Revision
	for _, key := range keys[1:] {
		t.campaign(s, key)
	}
	changed, revision := t.survey(b, keys, since)
	for _, key := range keys[1:] {
		if !slices.Contains(changed, key) {
			t.Errorf("%q was taken after revision %d, and is not named as of revision %d", key, since, revision)
		}
	}
	if again, next := t.survey(b, keys, revision); len(again) > 0 {
		t.Errorf("nothing has changed since revision %d, and %d keys are named, as of revision %d", revision, len(again), next)
	}
	for i, key := range keys { // each change is named by the survey after it
		if i%30 != 0 {
			continue
		}
		t.resign(s, key)
		if changed, revision = t.survey(b, keys, revision); !slices.Contains(changed, key) {
			t.Errorf("%q was given back, and is not named", key)
		}
	}
}

func surveyNamesTaken(tt T, h Harness) {
	t := begin(tt, h)
	b := t.connect()
	if t.surveyor(b) == nil {
		return
	}
	other := t.candidate()
	since := t.campaign(other, t.key+"x").Revision
	holder := t.candidate()
	t.elect(holder, t.key)
	changed, revision := t.survey(b, t.several(3), since)
	if !slices.Contains(changed, t.key) {
		t.Errorf("the key was taken after revision %d, and is not named", since)
	}
	t.overwrite(t.key, leadership.Vote{SessionID: holder.ID(), ServiceName: "sourcetest", ServiceID: "another"}.Encode())
	if changed, _ = t.survey(b, t.several(3), revision); !slices.Contains(changed, t.key) {
		t.Errorf("the key was written to after revision %d, and is not named", revision)
	}
}

// surveyNamesEnding has the key free, held by the next one, or held anew by the same session, when the survey looks.
func surveyNamesEnding(tt T, h Harness, e ending) {
	t := begin(tt, h)
	b := t.connect()
	if t.surveyor(b) == nil {
		return
	}
	for _, after := range []string{"and the key is free", "and another one holds it", "and another election's key was created"} {
		holder, waiter := t.candidate(), t.candidate()
		t.elect(holder, t.key)
		if after == "and another one holds it" {
			t.campaign(waiter, t.key)
		}
		since := t.observe(b, t.key).Revision
		if _, revision := t.survey(b, t.several(3), since); revision >= since {
			since = revision
		}
		e.do(t, holder)
		if after == "and another election's key was created" { // as many keys as before
			t.campaign(waiter, t.key+"/x")
		}
		changed, revision := t.survey(b, t.several(3), since)
		if !slices.Contains(changed, t.key) {
			t.Errorf("after %s, %s, the key is not named as changed between revisions %d and %d", e.name, after, since, revision)
		}
		t.resign(waiter, t.key)
		t.resign(waiter, t.key+"/x")
	}
}

// awaited is how an Await ended.
type awaited struct {
	changed  map[string]uint64
	revision uint64
	err      error
}

// await waits beside the check until the key is named. Others may be.
func (t *trial) await(b leadership.Backend, s leadership.Session, keys []string, since uint64) <-chan awaited {
	t.Helper()
	done := make(chan awaited, 1)
	t.start(func(ctx context.Context) (leadership.Observation, error) {
		for range tooOften {
			var a awaited
			a.changed, a.revision, a.err = t.surveyor(b).Await(ctx, s, keys, since)
			if _, named := a.changed[t.key]; a.err != nil || named {
				done <- a
				return leadership.Observation{}, a.err
			}
			since = max(since, a.revision)
		}
		done <- awaited{err: errors.New("sourcetest: it returns again and again without the key")}
		return leadership.Observation{}, nil
	})
	return done
}

// within waits for the end of an Await.
func (t *trial) within(done <-chan awaited, what string) awaited {
	t.Helper()
	late := time.NewTimer(t.h.Prompt)
	defer late.Stop()
	select {
	case a := <-done:
		return a
	case <-late.C:
		t.Fatalf("Await has not returned %v after %s", t.h.Prompt, what)
		return awaited{}
	}
}

func awaitWakes(tt T, h Harness, e ending, before bool) {
	t := begin(tt, h)
	b := t.connect()
	if t.surveyor(b) == nil {
		return
	}
	holder, waiter := t.candidate(), t.open(b)
	t.elect(holder, t.key)
	seen := t.campaign(waiter, t.key)
	var done <-chan awaited
	if before {
		e.do(t, holder)
		done = t.await(b, waiter, t.several(3), seen.Revision)
	} else {
		done = t.await(b, waiter, t.several(3), seen.Revision)
		e.do(t, holder)
	}
	a := t.within(done, e.name)
	if a.err != nil || a.changed[t.key] <= seen.Revision || a.revision < a.changed[t.key] {
		t.Fatalf("after %s, Await from revision %d returned %v up to revision %d, %v; want the key with a later one", e.name, seen.Revision, a.changed, a.revision, a.err)
	}
	t.elect(waiter, t.key)
}

func awaitWakesHolder(tt T, h Harness, e ending) {
	t := begin(tt, h)
	b := t.connect()
	if t.surveyor(b) == nil {
		return
	}
	holder := t.open(b)
	held := t.elect(holder, t.key)
	done := t.await(b, holder, t.several(3), held.Revision)
	e.do(t, holder)
	a := t.within(done, e.name)
	switch {
	case a.err == nil && a.changed[t.key] <= held.Revision:
		t.Errorf("after %s, the holder's Await returned %v up to revision %d; want the key", e.name, a.changed, a.revision)
	case a.err != nil && (!e.dead || !errors.Is(a.err, leadership.ErrSessionLost)):
		t.Errorf("Await of the holder after %s: %v", e.name, a.err)
	}
}

func awaitBlocks(tt T, h Harness) {
	t := begin(tt, h)
	b := t.connect()
	if t.surveyor(b) == nil {
		return
	}
	const most = 10
	holder, waiter := t.candidate(), t.open(b)
	t.elect(holder, t.key)
	since := t.campaign(waiter, t.key).Revision
	quiet := max(t.h.TTL, time.Second)
	err := t.tryFor(t.Context(), quiet, "Await", func(ctx context.Context) error {
		for range most {
			_, revision, err := t.surveyor(b).Await(ctx, waiter, t.several(3), since)
			if err != nil {
				return err
			}
			since = max(since, revision)
		}
		return nil
	})
	switch {
	case err == nil:
		t.Errorf("Await returned %d times within %v although nothing changed", most, quiet)
	case !errors.Is(err, context.DeadlineExceeded):
		t.Errorf("Await while nothing changed: %v; want %v after %v", err, context.DeadlineExceeded, quiet)
	}
}

// awaitTellsOfResignation has a session that was attached resign, which lives on: nothing but the sign says that it believes no more.
func awaitTellsOfResignation(tt T, h Harness) {
	t := begin(tt, h)
	b := t.connect()
	if t.surveyor(b) == nil || t.h.ResignHidden {
		return
	}
	owner, waiter := t.candidate(), t.open(b)
	holder := t.attach(t.connect(), owner)
	t.elect(holder, t.key)
	seen := t.campaign(waiter, t.key)
	done := t.await(b, waiter, t.several(3), seen.Revision)
	t.resign(holder, t.key)
	if a := t.within(done, "the holder resigned"); a.err != nil {
		t.Fatalf("Await: %v", a.err)
	}
	if o := t.elect(waiter, t.key); !o.Resigned {
		t.Errorf("the holder resigned, and the next one is told that it did not")
	}
}

func awaitOfDeadSession(tt T, h Harness) {
	t := begin(tt, h)
	b := t.connect()
	if t.surveyor(b) == nil {
		return
	}
	holder, waiter := t.candidate(), t.open(b)
	t.elect(holder, t.key)
	seen := t.campaign(waiter, t.key)
	t.destroy(waiter)
	done := t.await(b, waiter, t.several(3), seen.Revision)
	t.resign(holder, t.key)
	if a := t.within(done, "the key of a dead session's candidacy became free"); a.err != nil {
		t.lost("Await", a.err)
	}
}
