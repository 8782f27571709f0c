package leadership

import (
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"
)

// trace records what one subscriber was told.
type trace struct {
	mu   sync.Mutex
	said []string
}

func (r *trace) add(s string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.said = append(r.said, s)
}

func (r *trace) String() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return strings.Join(r.said, " ")
}

// subscribe records everything that o says, each value after what also does with it.
func (r *trace) subscribe(o Observable[string], also func(string), opts ...SubscribeOption) *Subscription {
	return o.Subscribe(func(v string) {
		r.add(v)
		if also != nil {
			also(v)
		}
	}, append(opts, OnError(func(err error) { r.add("#" + err.Error()) }), OnComplete(func() { r.add("|") }))...)
}

func (r *trace) is(t *testing.T, want string) {
	t.Helper()
	if got := r.String(); got != want {
		t.Errorf("heard %q, want %q", got, want)
	}
}

// repeats says that a value in lower case may be replaced by a later one with the same first letter. Upper case is an edge.
func repeats(queued, next string) bool {
	return queued[0] >= 'a' && queued[0] == next[0]
}

func TestFeed(t *testing.T) {
	t.Run("a late subscriber gets what is current, then what follows, nothing lost or doubled (P4)", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			f := newFeed[string](8, nil)
			f.publish([]string{"one"}, "zero", "one")
			var r trace
			sub := r.subscribe(f.observable(), nil)
			f.publish([]string{"two"}, "two")
			f.close(nil)
			<-sub.Done()
			r.is(t, "one two |")
			if err := sub.Err(); err != nil {
				t.Errorf("Err after completion: %v", err)
			}
		})
	})
	t.Run("after close a subscriber gets just the terminal", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			f := newFeed[string](8, nil)
			f.publish([]string{"current"}, "current")
			f.close(errors.New("gone"))
			f.close(nil)
			f.publish([]string{"late"}, "late")
			var r trace
			<-r.subscribe(f.observable(), nil).Done()
			r.is(t, "#gone")
		})
	})
	t.Run("a subscriber that joins while others publish misses nothing", func(t *testing.T) {
		f := newFeed[int](1<<16, nil)
		var publisher sync.WaitGroup
		publisher.Go(func() {
			for i := range 5000 {
				f.publish([]int{i}, i)
			}
			f.close(nil)
		})
		for range 50 {
			var got []int
			sub := f.observable().Subscribe(func(v int) { got = append(got, v) })
			publisher.Go(func() {
				<-sub.Done()
				for i := range got[min(1, len(got)):] {
					if got[i+1] != got[i]+1 {
						t.Errorf("%d follows %d", got[i+1], got[i])
					}
				}
				if len(got) > 0 && got[len(got)-1] != 4999 {
					t.Errorf("last is %d", got[len(got)-1])
				}
			})
			runtime.Gosched()
		}
		publisher.Wait()
	})
}

func TestOverflow(t *testing.T) {
	for _, tt := range []struct {
		name      string
		mailbox   int
		publish   string // after the first value, on which the subscriber is stuck
		want      string
		coalesced uint64
		err       error
	}{
		{"what fits is kept as it is", 4, "a1 a2 a3 a4", "stuck a1 a2 a3 a4", 0, nil},
		{"the oldest that a later one replaces goes first", 3, "a1 a2 a3 a4 a5", "stuck a3 a4 a5", 2, nil},
		{"order is kept and nothing moves across an edge", 4, "a1 E1 b1 b2 b3 b4", "stuck a1 E1 b3 b4", 2, nil},
		{"two kinds of one run replace each its own", 4, "a1 b1 a2 b2 a3 b3", "stuck a2 b2 a3 b3", 2, nil},
		{"equal ones on both sides of an edge both stay, so the bound is hit", 3, "a1 E1 a2 E2", "stuck a1 E1 a2 #" + ErrOverflow.Error(), 0, ErrOverflow},
		{"edges only: the subscription ends after what was queued", 2, "E1 E2 E3 E4", "stuck E1 E2 #" + ErrOverflow.Error(), 0, ErrOverflow},
		{"the new value itself closes a run", 2, "a1 E1 a2", "stuck a1 E1 #" + ErrOverflow.Error(), 0, ErrOverflow},
		{"a run in front of edges is thinned for a later edge", 3, "a1 a2 E1 E2", "stuck a2 E1 E2", 1, nil},
		{"mailbox of one", 1, "a1 a2 a3", "stuck a3", 2, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFeed(99, repeats)
				var r, other trace
				stuck := make(chan struct{})
				sub := r.subscribe(f.observable(), func(string) { <-stuck }, Mailbox(tt.mailbox))
				quick := other.subscribe(f.observable(), nil)
				f.publish(nil, "stuck")
				synctest.Wait()
				for v := range strings.FieldsSeq(tt.publish) {
					f.publish(nil, v)
				}
				synctest.Wait()
				other.is(t, "stuck "+tt.publish)
				close(stuck)
				synctest.Wait()
				r.is(t, tt.want)
				if got := sub.Coalesced(); got != tt.coalesced {
					t.Errorf("coalesced %d, want %d", got, tt.coalesced)
				}
				if err := sub.Err(); !errors.Is(err, tt.err) {
					t.Errorf("Err %v, want %v", err, tt.err)
				}
				sub.Unsubscribe()
				quick.Unsubscribe()
			})
		})
	}
	t.Run("what is published together fits an empty mailbox of any size", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			f := newFeed(99, repeats)
			f.publish([]string{"A", "B", "C"})
			var r trace
			sub := r.subscribe(f.observable(), nil, Mailbox(1))
			synctest.Wait()
			f.publish(nil, "D", "E")
			synctest.Wait()
			r.is(t, "A B C D E")
			sub.Unsubscribe()
		})
	})
	t.Run("the publisher's slices are never written to", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			f := newFeed(2, repeats)
			stuck := make(chan struct{})
			shared := []string{"a1", "a2", "a3", "spare"}
			var subs []*Subscription
			var traces [3]trace
			for i := range traces {
				subs = append(subs, traces[i].subscribe(f.observable(), func(string) { <-stuck }))
			}
			f.publish(nil, shared[:3]...)
			synctest.Wait()
			for _, v := range []string{"b1", "b2", "b3"} {
				f.publish(nil, v)
			}
			close(stuck)
			synctest.Wait()
			for i := range traces {
				traces[i].is(t, "a1 a3 b3")
				subs[i].Unsubscribe()
			}
			if want := []string{"a1", "a2", "a3", "spare"}; !slices.Equal(shared, want) {
				t.Errorf("published slice is now %v", shared)
			}
		})
	})
}

// TestMailboxModel publishes at random to a subscriber that is stuck, and checks what it gets against what was published.
func TestMailboxModel(t *testing.T) {
	events := rapid.SliceOfN(rapid.SampledFrom([]string{"a", "b", "c", "E", "F"}), 0, 40)
	rapid.Check(t, func(rt *rapid.T) {
		limit := rapid.IntRange(1, 8).Draw(rt, "mailbox")
		publications := rapid.SliceOfN(rapid.SliceOfN(events, 0, 4), 0, 4).Draw(rt, "publications")
		failed := ""
		synctest.Test(t, func(*testing.T) { failed = mailboxModel(limit, publications) })
		if failed != "" {
			rt.Fatal(failed)
		}
	})
}

// mailboxModel lets the subscriber get stuck on the first event of each round.
func mailboxModel(limit int, rounds [][][]string) (failed string) {
	f := newFeed(limit, repeats)
	var published, got []string
	gate := make(chan struct{})
	sub := f.observable().Subscribe(func(v string) {
		got = append(got, v)
		<-gate
	})
	n := 0
	for _, round := range rounds {
		for _, events := range round {
			numbered := make([]string, len(events))
			for i, e := range events {
				numbered[i] = fmt.Sprint(e, n)
				n++
			}
			published = append(published, numbered...)
			f.publish(nil, numbered...)
		}
		synctest.Wait()
		if len(got) == 0 {
			continue
		}
		for range len(published) {
			select {
			case gate <- struct{}{}:
			default:
			}
			synctest.Wait()
		}
	}
	close(gate)
	f.close(nil)
	<-sub.Done()
	overflowed := errors.Is(sub.Err(), ErrOverflow)
	if sub.Err() != nil && !overflowed {
		return fmt.Sprintf("ended with %v", sub.Err())
	}
	// Walk through both: what is missing must be replaceable by something delivered later, with no edge between.
	missing, at := 0, 0
	for i, v := range published {
		if at < len(got) && got[at] == v {
			at++
			continue
		}
		if overflowed && at == len(got) {
			break // the gap that ErrOverflow tells of
		}
		missing++
		replaced := false
		for _, later := range published[i+1:] {
			if replaced = repeats(v, later) && slices.Contains(got[at:], later); replaced || later[0] < 'a' {
				break
			}
		}
		if !replaced {
			return fmt.Sprintf("%s is lost: published %v, got %v", v, published, got)
		}
	}
	if at != len(got) {
		return fmt.Sprintf("out of order: published %v, got %v", published, got)
	}
	if !overflowed && uint64(missing) != sub.Coalesced() {
		return fmt.Sprintf("%d missing, %d counted", missing, sub.Coalesced())
	}
	return ""
}

func TestStuckSubscribersHarmNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFeed[int](4, nil)
		release := make(chan struct{})
		var stuck, quick []*Subscription
		var heard atomic.Int64
		for range 20 {
			stuck = append(stuck, f.observable().Subscribe(func(int) { <-release }))
			quick = append(quick, f.observable().Subscribe(func(int) { heard.Add(1) }))
		}
		before := time.Now()
		for i := range 100 {
			f.publish(nil, i)
			synctest.Wait()
		}
		if got := heard.Load(); got != 2000 {
			t.Errorf("the others heard %d values, want 2000", got)
		}
		if d := time.Since(before); d != 0 {
			t.Errorf("publishing took %v", d)
		}
		close(release)
		for _, s := range stuck {
			<-s.Done()
			if !errors.Is(s.Err(), ErrOverflow) {
				t.Errorf("stuck subscriber ended with %v", s.Err())
			}
		}
		for _, s := range quick {
			s.Unsubscribe()
		}
	})
}

func TestAnIdleSubscriberCostsLittle(t *testing.T) {
	const n = 10_000
	f := newFeed[ElectionMessage](64, func(_, _ ElectionMessage) bool { return false })
	f.publish([]ElectionMessage{{Status: StatusElected}, {Status: StatusElectedFirst}})
	subs := make([]*Subscription, n)
	next := func(ElectionMessage) {}
	goroutines := runtime.NumGoroutine()
	before := heap()
	for i := range subs {
		subs[i] = f.observable().Subscribe(next)
	}
	var all sync.WaitGroup
	all.Add(n)
	last := f.observable().Subscribe(func(ElectionMessage) {})
	for runtime.NumGoroutine() > goroutines {
		runtime.Gosched() // until what is current was delivered
	}
	if got := (heap() - before) / n; got > 400 {
		t.Errorf("an idle subscriber takes %d bytes, want at most 400", got)
	} else {
		t.Logf("an idle subscriber takes %d bytes", got)
	}
	last.Unsubscribe()
	for _, s := range subs {
		s.Unsubscribe()
	}
	if len(f.boxes) != 0 {
		t.Errorf("%d mailboxes are left", len(f.boxes))
	}
}

// heap is how many bytes are in use.
func heap() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

func TestAPublishedEventAllocatesNothing(t *testing.T) {
	f := newFeed[int](8, nil)
	heard := make(chan int)
	sub := f.observable().Subscribe(func(v int) { heard <- v })
	events := []int{1}
	if got := testing.AllocsPerRun(1000, func() {
		f.publish(nil, events...)
		<-heard
	}); got > 0 {
		t.Errorf("%v allocations an event", got)
	}
	sub.Unsubscribe()
}

func BenchmarkFanOut(b *testing.B) {
	for _, n := range []int{1, 100, 10_000} {
		b.Run(fmt.Sprintf("feed/%d", n), func(b *testing.B) {
			f := newFeed[int](64, nil)
			var round sync.WaitGroup
			for range n {
				sub := f.observable().Subscribe(func(int) { round.Done() })
				defer sub.Unsubscribe()
			}
			b.ReportAllocs()
			for i := range b.N {
				round.Add(n)
				f.publish(nil, i)
				round.Wait()
			}
		})
		b.Run(fmt.Sprintf("channels/%d", n), func(b *testing.B) {
			var round, readers sync.WaitGroup
			chans := make([]chan int, n)
			for i := range chans {
				c := make(chan int, 64)
				chans[i] = c
				readers.Go(func() {
					for range c {
						round.Done()
					}
				})
			}
			b.ReportAllocs()
			for i := range b.N {
				round.Add(n)
				for _, c := range chans {
					c <- i
				}
				round.Wait()
			}
			for _, c := range chans {
				close(c)
			}
			readers.Wait()
		})
	}
}
