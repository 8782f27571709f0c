package sourcetest_test

import (
	"context"
	"errors"
	"slices"

	"github.com/leadership-go/leadership"
)

// transferDefects are about who holds next, and about who only looks.
func transferDefects() []defect {
	passes := "Transfer: the heir holds the key next"
	return []defect{
		{
			name: "a transfer is a resignation",
			make: func(r *rig) {
				r.fault.transfer = func(ctx ctxt, s ses, key string, v []byte, _ leadership.Vote) error { return s.Resign(ctx, key, v) }
			},
			finds: []string{passes, "Transfer: to a session that is gone"}, says: "has not come about",
		},
		{
			name: "a transfer only says that it is one",
			make: func(r *rig) {
				r.fault.transfer = func(ctxt, ses, string, []byte, leadership.Vote) error { return nil }
			},
			finds: []string{passes, "Transfer: to who waits next", "Transfer: of two at once"}, says: "transfers of one holding",
		},
		{
			name: "a transfer shows no resignation",
			make: func(r *rig) {
				r.fault.transfer = func(ctx ctxt, s ses, key string, _ []byte, heir leadership.Vote) error {
					return s.Transfer(ctx, key, nil, heir)
				}
			},
			finds: []string{passes, "Transfer: to who waits next"}, says: "observed resigned=false",
		},
		{
			name: "a transfer always shows a resignation",
			make: func(r *rig) {
				r.fault.transfer = func(ctx ctxt, s ses, key string, _ []byte, heir leadership.Vote) error {
					return s.Transfer(ctx, key, leadership.Vote{ServiceID: "gone"}.Encode(), heir)
				}
			},
			finds: []string{"Transfer: without a sign"}, says: "observed resigned=true",
		},
		{
			name: "a transfer to nobody looks as if the own session was lost",
			make: func(r *rig) {
				r.fault.transfer = func(ctx ctxt, s ses, key string, v []byte, heir leadership.Vote) error {
					err := s.Transfer(ctx, key, v, heir)
					if errors.Is(err, leadership.ErrNoCandidate) {
						return errors.Join(err, leadership.ErrSessionLost)
					}
					return err
				}
			},
			finds: []string{"Transfer: to a session that is gone"}, says: "session lost",
		},
		{
			name: "a transfer to nobody gives the key up first",
			make: func(r *rig) {
				r.fault.transfer = func(ctx ctxt, s ses, key string, v []byte, heir leadership.Vote) error {
					err := s.Transfer(ctx, key, v, heir)
					if errors.Is(err, leadership.ErrNoCandidate) {
						return errors.Join(err, s.Resign(ctx, key, v))
					}
					return err
				}
			},
			finds: []string{"Transfer: to a session that is gone"}, says: "is observed",
		},
		{
			name: "who waits can take the holder's key away",
			make: func(r *rig) {
				r.fault.transfer = func(ctx ctxt, s ses, key string, v []byte, heir leadership.Vote) error {
					if r.store.Holder(key).Session != s.ID() {
						r.store.DeleteKey(key)
					}
					return s.Transfer(ctx, key, v, heir)
				}
			},
			finds: []string{"Transfer: who does not hold"},
		},
		{
			name: "those who were passed over stand no more",
			make: func(r *rig) {
				r.fault.transfer = func(ctx ctxt, s ses, key string, v []byte, heir leadership.Vote) error {
					for _, id := range r.store.Candidates(key)[1:] {
						if id != heir.SessionID {
							r.store.DestroySession(id)
						}
					}
					return s.Transfer(ctx, key, v, heir)
				}
			},
			finds: []string{passes}, says: "passed over",
		},
		{
			name: "who waits is listed before the holder",
			make: func(r *rig) {
				r.fault.candidates = func(list []leadership.Candidate) []leadership.Candidate {
					slices.Reverse(list)
					return list
				}
			},
			finds: []string{"Candidates: the holder comes first"}, says: "are listed",
		},
		{
			name: "the list of candidates never ends",
			make: func(r *rig) {
				r.fault.candidates = func(list []leadership.Candidate) []leadership.Candidate {
					return append(list, leadership.Candidate{Session: "somebody"})
				}
			},
			finds: []string{"Candidates: the holder comes first"}, says: "nobody stands",
		},
		{
			name: "the watch of who does not stand hears nothing",
			make: func(r *rig) {
				r.fault.follow = func(ctx ctxt, _ func(context.Context) error) error { return r.hang(ctx, true) }
			},
			finds: []string{"Watch: for who does not stand it returns"}, says: "has not come about",
		},
		{
			name: "the watch of who does not stand returns at once",
			make: func(r *rig) {
				r.fault.follow = func(ctxt, func(context.Context) error) error { return nil }
			},
			finds: []string{"Watch: for who does not stand it blocks"}, says: "although nothing changed",
		},
		{
			name: "the watch of who does not stand outlasts its context",
			make: func(r *rig) {
				r.fault.follow = func(ctx ctxt, _ func(context.Context) error) error { return r.hang(ctx, false) }
			},
			finds: []string{"Watch: for who does not stand it blocks"}, says: "rule 1",
		},
	}
}
