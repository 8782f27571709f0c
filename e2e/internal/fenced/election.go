package fenced

import (
	"context"
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/leadership-go/leadership"
	"github.com/leadership-go/leadership/e2e/internal/fault"
	"github.com/leadership-go/leadership/e2e/internal/stores"
)

// election is one of a scenario's.
type election struct {
	Scenario

	store    stores.Store
	all      *tally
	recorder *Recorder
	name     string
	chance   *mathrand.Rand
	config   leadership.Config

	candidates []*candidate
	written    atomic.Uint64 // the highest token of an accepted write
}

// candidate is a member behind a link of its own, and those that write for it.
type candidate struct {
	link   *fault.Link
	member *leadership.Member
	near   *Writer // has a connection that is never cut
	far    *Writer // writes through the link: when that is cut, nobody knows what came of it
	held   *Writer // sends what was held back
}

const (
	candidates = 3
	writeEvery = 15 * time.Millisecond // of a leader; a deposed one writes half as often
	readEvery  = 10 * time.Millisecond
	holdEvery  = 50 * time.Millisecond
	maxHeld    = 10 // for each term
	nearLimit  = 5 * time.Second
	farLimit   = 300 * time.Millisecond
)

// run deposes leaders, beginning with the way of that index.
func (e *election) run(ctx context.Context, firstWay int) (err error) {
	e.config = leadership.Config{
		ServiceName: e.name,
		Session:     leadership.SessionConfig{TTL: e.TTL},
		Election:    leadership.ElectionConfig{Frequency: e.TTL / 4},
	}
	near, err := Dial(e.store.Name(), e.store.Addrs(), e.config.Key(), e.name)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, near.Close()) }()
	defer func() { err = errors.Join(err, e.close(context.WithoutCancel(ctx))) }()
	for i := range candidates {
		if err := e.enter(ctx, near, fmt.Sprint("candidate-", i)); err != nil {
			return err
		}
	}
	reader := NewClient("reader", e.name, near, e.recorder)
	defer func() { err = errors.Join(err, reader.Trail(ctx)) }()
	at, stop := context.WithCancel(ctx)
	var running sync.WaitGroup
	defer running.Wait()
	defer stop()
	running.Go(func() { e.read(at, reader) })
	for _, c := range e.candidates {
		running.Go(func() { e.write(at, c.near, nearLimit) })
		running.Go(func() { e.write(at, c.far, farLimit) })
		running.Go(func() { e.hold(at, c.held) })
	}
	return e.depose(ctx, firstWay)
}

// enter has one more candidate stand.
func (e *election) enter(ctx context.Context, near Register, name string) error {
	link, err := fault.NewLink(e.store.Addrs()[0])
	if err != nil {
		return err
	}
	c := &candidate{link: link}
	e.candidates = append(e.candidates, c)
	far, err := Dial(e.store.Name(), []string{link.Addr()}, e.config.Key(), e.name)
	if err != nil {
		return err
	}
	config := e.config
	config.ServiceID = name
	c.member, err = e.store.Factory(link.Addr()).Configure(config).Build(ctx)
	if err != nil {
		return errors.Join(err, far.Close())
	}
	writer := func(way string, r Register) *Writer {
		w := NewWriter(c.member, NewClient(name+"-"+way, e.name, r, e.recorder))
		w.guard = e.Guard
		return w
	}
	c.near, c.far, c.held = writer("near", near), writer("far", far), writer("held", near)
	return nil
}

// close ends all candidates at once. Links are whole again, so that members can say goodbye.
func (e *election) close(ctx context.Context) error {
	errs := make([]error, len(e.candidates))
	var running sync.WaitGroup
	for i, c := range e.candidates {
		running.Go(func() {
			defer c.link.Close()
			if c.member == nil {
				return
			}
			c.link.Heal(ctx)
			_ = c.member.Close() // what it could not give back is of no interest here
			errs[i] = c.far.Close()
		})
	}
	running.Wait()
	return errors.Join(errs...)
}

// read reads the register all the time.
func (e *election) read(ctx context.Context, c *Client) {
	for pause(ctx, readEvery) {
		at, cancel := context.WithTimeout(ctx, nearLimit)
		_, _ = c.Read(at) // failed reads are recorded as such
		cancel()
	}
}

// write writes all the time, whether the term of w still holds or not.
func (e *election) write(ctx context.Context, w *Writer, limit time.Duration) {
	for seq := uint64(1); pause(ctx, writeEvery); seq++ {
		if _, leads := w.Leads(); !leads {
			if w.token.Load() == 0 {
				continue // has never led
			}
			if !pause(ctx, writeEvery) {
				return
			}
		}
		at, cancel := context.WithTimeout(ctx, limit)
		accepted, _ := w.Write(at, seq) // what came of it is recorded
		cancel()
		if accepted {
			e.note(w.token.Load())
		}
	}
}

// note remembers that a write with that token was accepted.
func (e *election) note(token uint64) {
	for {
		before := e.written.Load()
		if token <= before || e.written.CompareAndSwap(before, token) {
			return
		}
	}
}

// hold asks the term now and then, and sends what each yes allows only when a successor has written: as a process does that is stopped
// between the check and the write.
func (e *election) hold(ctx context.Context, w *Writer) {
	var (
		held  []uint64 // the tokens of what is held back, which rise
		seq   uint64
		grant = make(map[uint64]Grant)
	)
	for pause(ctx, holdEvery) {
		if token, leads := w.Leads(); leads && (len(held) < maxHeld || held[len(held)-maxHeld] != token) {
			g, err := w.grant(ctx)
			if err != nil {
				return // ctx is done
			}
			grant[token] = g
			held = append(held, token)
		}
		for len(held) > 0 && held[0] < e.written.Load() {
			seq++
			at, cancel := context.WithTimeout(ctx, nearLimit)
			_, _ = w.client.write(at, e.Guard, grant[held[0]], seq, true) // what came of it is recorded
			cancel()
			held = held[1:]
		}
	}
}

// pause waits, and reports whether ctx goes on.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
