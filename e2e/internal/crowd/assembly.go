package crowd

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/leadership-go/leadership"
	"github.com/leadership-go/leadership/e2e/internal/stores"
)

// leastTTL is what Consul's starter has its servers accept.
const leastTTL = time.Second

// assembly is some members of one election.
type assembly struct {
	store   stores.Store
	door    entrance
	config  leadership.Config
	hall    *hall
	witness *Witness
	members []*leadership.Member // by number
	closed  map[int]bool
	refused error // what the last handover's Close or Resign returned
}

// witnessEvery is the pause between two rounds of questions.
const witnessEvery = 2 * time.Millisecond

func newAssembly(store stores.Store, config leadership.Config) *assembly {
	return &assembly{
		store: store, door: entranceOf(store), config: config,
		hall: newHall(), witness: Attend(witnessEvery), closed: make(map[int]bool),
	}
}

// enter builds a member that reaches the store at addr.
func (a *assembly) enter(ctx context.Context, addr string) error {
	factory, err := a.door.factory(addr)
	if err != nil {
		return err
	}
	config := a.config
	config.ServiceID = fmt.Sprint(len(a.members))
	m, err := factory.Configure(config).Build(context.WithoutCancel(ctx)) // it is closed
	if err != nil {
		return err
	}
	a.hall.listen(len(a.members), m)
	a.members = append(a.members, m)
	a.witness.Add(m)
	return nil
}

// fill has members come, so many at once, until there are n. All know who leads then.
func (a *assembly) fill(ctx context.Context, n, atOnce int) error {
	for len(a.members) < n {
		for range min(atOnce, n-len(a.members)) {
			if err := a.enter(ctx, a.store.Addrs()[0]); err != nil {
				return err
			}
		}
		know := len(a.members)
		if err := a.hall.await(ctx, "not all members know who leads", func() bool { return len(a.hall.informed) == know }); err != nil {
			return err
		}
	}
	return nil
}

// errStays: a member that is closed, or that resigned, says that it leads.
var errStays = errors.New("crowd: a member that gave its term up still leads")

// handOver has whoever leads close or resign, and waits for the successor. It returns both, and when the first one was told. Where the store was too busy to
// confirm, the successor comes later.
func (a *assembly) handOver(ctx context.Context, resign bool) (from, to turn, began time.Time, err error) {
	if from, err = a.leader(ctx); err != nil {
		return from, to, began, err
	}
	n := len(a.hall.all())
	m := a.members[from.member]
	began = time.Now()
	if resign {
		a.refused = m.Resign(ctx)
	} else {
		a.closed[from.member] = true
		a.refused = m.Close()
	}
	if t := m.Term(); t.Token() == from.term && t.Valid() {
		return from, to, began, errStays
	}
	if !resign {
		a.witness.Remove(m)
	}
	to, err = a.hall.awaitTurn(ctx, n)
	return from, to, began, err
}

// leader is who leads now: usually who began a term last. Where that one has lost it again, by itself, the next one is awaited.
func (a *assembly) leader(ctx context.Context) (turn, error) {
	for {
		all := a.hall.all()
		if len(all) > 0 {
			last := all[len(all)-1]
			if t := a.members[last.member].Term(); t.Valid() && t.Token() == last.term {
				return last, nil
			}
		}
		if _, err := a.hall.awaitTurn(ctx, len(all)); err != nil {
			return turn{}, err
		}
	}
}

// grown checks that the terms' tokens grow in the order in which they began.
func (a *assembly) grown() error {
	all := a.hall.all()
	for i := range all[min(1, len(all)):] {
		if all[i+1].term <= all[i].term {
			return fmt.Errorf("crowd: token %d follows %d", all[i+1].term, all[i].term)
		}
	}
	return nil
}

// end closes all members, some at a time, and checks what they leave at the store. Who leads comes last, so that nobody succeeds.
func (a *assembly) end(ctx context.Context) error {
	order := make([]int, 0, len(a.members))
	for i := range a.members {
		if !a.closed[i] {
			order = append(order, i)
		}
	}
	slices.SortStableFunc(order, func(i, j int) int {
		return cmp.Compare(btoi(a.members[i].IsLeader()), btoi(a.members[j].IsLeader()))
	})
	const atOnce = 20
	places := make(chan struct{}, atOnce)
	errs := make([]error, len(a.members))
	var closing sync.WaitGroup
	for _, i := range order {
		places <- struct{}{}
		closing.Go(func() {
			errs[i] = a.members[i].Close()
			<-places
		})
	}
	closing.Wait()
	a.witness.Stop()
	a.door.close()
	return errors.Join(summary(errs), a.grown(), a.witness.Testimony().First, a.awaitEmpty(ctx))
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

// summary is the first error and how many there are.
func summary(errs []error) error {
	errs = slices.DeleteFunc(errs, func(err error) bool { return err == nil })
	if len(errs) == 0 {
		return nil
	}
	return fmt.Errorf("crowd: %d members did not close well, the first: %w", len(errs), errs[0])
}

// awaitEmpty waits until the store holds nothing of this election any more.
func (a *assembly) awaitEmpty(ctx context.Context) error {
	// The session of who was cut off ends by itself: at Consul that takes twice its TTL.
	ctx, cancel := context.WithTimeout(ctx, 3*a.config.Session.TTL)
	defer cancel()
	for {
		sessions, err := a.store.Sessions(ctx)
		keys, err2 := a.store.Left(ctx, a.config.Key())
		if err = errors.Join(err, err2); err == nil && len(sessions)+len(keys) == 0 {
			return nil
		}
		if !sleep(ctx, 50*time.Millisecond) {
			return fmt.Errorf("crowd: left at the store: %d sessions, %d keys: %w", len(sessions), len(keys), err)
		}
	}
}

// sleep waits for d. It reports false if ctx ended before.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
