package operators_test

import (
	"context"
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
	"weak"

	"github.com/leadership-go/leadership"
	"github.com/leadership-go/leadership/internal/marble"
	"github.com/leadership-go/leadership/operators"
)

// letterGroups groups letters by what they are in lower case, and merges what each makes of its group.
func letterGroups(each func(stream) stream) func(stream) stream {
	return func(s stream) stream {
		return operators.FlatMap(operators.GroupBy(s, strings.ToLower), func(g operators.Group[string, string]) stream {
			return each(g.Observable)
		})
	}
}

func TestGroupBy(t *testing.T) {
	spec(t, letterGroups(framed), "-a-b-A-B-|", "-(ia)-(ib)-A-B-(oo|)")
	spec(t, letterGroups(framed), "-(aAb)|", "-(iaAib)(oo|)")
	spec(t, letterGroups(framed), "-a-#", "-(ia)-#")
	spec(t, letterGroups(framed), "-|", "-|")
	spec(t, letterGroups(framed), "#", "#")
	spec(t, letterGroups(framed), "--", "")
	t.Run("a group that was left is replaced with the next value of its key", func(t *testing.T) {
		spec(t, letterGroups(func(g stream) stream { return framed(operators.Take(g, 2)) }), "-a-b-A-a-A-a|", "-(ia)-(ib)-(Ao)-(ia)-(Ao)-(ia)(oo|)")
		spec(t, letterGroups(func(g stream) stream { return framed(operators.TakeUntil(g, marble.Source("---x"))) }), "-aA---aA-|", "-(ia)A-o-(ia)A-(o|)")
	})
	t.Run("the groups end in the order in which they began", func(t *testing.T) {
		values := make([]int, 100)
		for i := range values {
			values[i] = i
		}
		var ended []int
		sub := operators.GroupBy(leadership.FromSlice(values), func(v int) int { return v % 50 }).Subscribe(func(g operators.Group[int, int]) {
			g.Subscribe(nil, leadership.OnComplete(func() { ended = append(ended, g.Key) }))
		}, leadership.OnComplete(func() { ended = append(ended, -1) }))
		if want := append(slices.Clone(values[:50]), -1); sub.Err() != nil || !slices.Equal(ended, want) {
			t.Errorf("ended %v, %v", ended, sub.Err())
		}
	})
	t.Run("groups that wait for their turn keep their values", func(t *testing.T) {
		o := operators.ConcatMap(operators.GroupBy(leadership.Just("a", "b", "A", "B", "c"), strings.ToLower), func(g operators.Group[string, string]) stream {
			return framed(g.Observable)
		})
		heard := ""
		if err := o.ForEach(t.Context(), func(v string) { heard += v }); err != nil || heard != "iaAoibBoico" {
			t.Errorf("heard %s, %v", heard, err)
		}
	})
	t.Run("a key that cannot be compared ends the subscription with a PanicError", func(t *testing.T) {
		o := operators.GroupBy(leadership.Just(1), func(int) any { return []int{} })
		var p *leadership.PanicError
		if err := o.ForEach(t.Context(), nil); !errors.As(err, &p) {
			t.Errorf("ended with %v", err)
		}
	})
}

func TestGroupOfAnotherSubscription(t *testing.T) {
	odd := func(v int) bool { return v%2 == 1 }
	t.Run("a group that nobody subscribes to fails alone, and drops its values until somebody has", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			source := leadership.NewSubject[int]()
			groups := map[bool][]operators.Group[bool, int]{}
			evens := ""
			sub := operators.GroupBy(source.AsObservable(), odd).Subscribe(func(g operators.Group[bool, int]) {
				groups[g.Key] = append(groups[g.Key], g)
				if !g.Key {
					g.Subscribe(func(v int) { evens += fmt.Sprint(v) })
				}
			}, leadership.Mailbox(2))
			tell := func(values ...int) {
				for _, v := range values {
					source.Next(v)
					synctest.Wait()
				}
			}
			tell(1, 2, 3, 4, 5, 6, 7, 8)
			if len(groups[true]) != 1 || len(groups[false]) != 1 || evens != "2468" || sub.Err() != nil {
				t.Fatalf("%d groups; heard %s, %v", len(groups[true])+len(groups[false]), evens, sub.Err())
			}
			heard := ""
			if err := groups[true][0].ForEach(t.Context(), func(v int) { heard += fmt.Sprint(v) }); !errors.Is(err, leadership.ErrOverflow) || heard != "13" {
				t.Errorf("heard %s, ended with %v", heard, err)
			}
			tell(9)
			if len(groups[true]) != 2 {
				t.Fatalf("%d groups of the key, want a new one", len(groups[true]))
			}
			if err := groups[true][0].ForEach(t.Context(), nil); !errors.Is(err, operators.ErrSubscribed) {
				t.Errorf("a second subscriber ended with %v", err)
			}
			source.Complete()
			<-sub.Done()
			if err := groups[true][1].ForEach(t.Context(), func(v int) { heard += fmt.Sprint(v) }); err != nil || heard != "139" {
				t.Errorf("heard %s, ended with %v", heard, err)
			}
		})
	})
	t.Run("all groups fail with the cause when the whole ends", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			cause := errors.New("cause")
			ctx, cancel := context.WithCancelCause(t.Context())
			var mu sync.Mutex
			told := map[int]error{}
			source := operators.Concat(leadership.Just(0, 1, 2, 3, 4, 5), leadership.Never[int]())
			sub := operators.GroupBy(source, func(v int) int { return v % 3 }).Subscribe(func(g operators.Group[int, int]) {
				g.Subscribe(nil, leadership.OnError(func(err error) {
					mu.Lock()
					defer mu.Unlock()
					told[g.Key] = err
				}))
			}, leadership.WithContext(ctx))
			cancel(cause)
			<-sub.Done()
			synctest.Wait()
			for key := range 3 {
				if !errors.Is(told[key], cause) {
					t.Errorf("group %d was told %v", key, told[key])
				}
			}
		})
	})
	t.Run("an error reaches the groups, and then the whole", func(t *testing.T) {
		var told []string
		note := func(who string) leadership.SubscribeOption {
			return leadership.OnError(func(err error) { told = append(told, fmt.Sprint(who, " ", err)) })
		}
		source := operators.Concat(leadership.Just(1, 2), leadership.Throw[int](marble.ErrMarble))
		operators.GroupBy(source, odd).Subscribe(func(g operators.Group[bool, int]) { g.Subscribe(nil, note(fmt.Sprint(g.Key))) }, note("whole"))
		if got, want := fmt.Sprint(told), "[true marble: # false marble: # whole marble: #]"; got != want {
			t.Errorf("told %s", got)
		}
	})
	t.Run("a callback may leave its group, or the whole", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			source := leadership.NewSubject[int]()
			var sub *leadership.Subscription
			begun, heard := 0, 0
			sub = operators.GroupBy(source.AsObservable(), odd).Subscribe(func(g operators.Group[bool, int]) {
				begun++
				var inner *leadership.Subscription
				inner = g.Subscribe(func(v int) {
					heard += v
					if inner != nil {
						inner.Unsubscribe()
					}
					if v == 9 {
						sub.Unsubscribe()
					}
				})
			})
			for _, v := range []int{1, 3, 5, 7, 9, 11} {
				source.Next(v)
			}
			<-sub.Done()
			if begun != 5 || heard != 1+3+5+7+9 {
				t.Errorf("%d groups, heard %d", begun, heard)
			}
		})
	})
}

func TestBranchesThatAreOverAreNotKept(t *testing.T) {
	const n = 20_000
	source := leadership.FromSeq(func(yield func(int) bool) {
		for v := range n {
			if !yield(v) {
				return
			}
		}
	})
	for name, o := range map[string]numbers{
		"groups, each of one value, that were left": operators.FlatMap(operators.GroupBy(source, func(v int) int { return v }),
			func(g operators.Group[int, int]) numbers { return operators.Take(g.Observable, 1) }),
		"windows that have completed": operators.FlatMap(operators.WindowCount(source, 1), itself[int]),
		"windows that nobody took":    operators.Map(operators.WindowCount(source, 1), func(numbers) int { return 0 }),
	} {
		t.Run(name, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&before)
			came := 0
			if err := o.ForEach(t.Context(), func(int) {
				if came++; came == n {
					runtime.GC()
					runtime.ReadMemStats(&after)
				}
			}); err != nil {
				t.Error(err)
			}
			if kept := int64(after.HeapAlloc) - int64(before.HeapAlloc); came < n || kept > 1<<20 { // 50 bytes for each
				t.Errorf("%d came, %d KB are kept", came, kept>>10)
			}
		})
	}
	t.Run("values for a subscriber that has left", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			var push leadership.Observer[*[64]int]
			source := leadership.New(func(_ *leadership.Scope, out leadership.Observer[*[64]int]) { push = out })
			sub := operators.WindowCount(source, 1000).Subscribe(func(w leadership.Observable[*[64]int]) { w.Subscribe(nil).Unsubscribe() })
			if !collected(push) {
				t.Error("a value is kept")
			}
			sub.Unsubscribe()
		})
	})
}

// collected reports whether a value, once pushed and delivered, is kept nowhere.
func collected(push leadership.Observer[*[64]int]) bool {
	gone := func() weak.Pointer[[64]int] {
		v := new([64]int)
		push.Next(v)
		return weak.Make(v)
	}()
	synctest.Wait()
	runtime.GC()
	runtime.KeepAlive(push)
	return gone.Value() == nil
}

func TestGroupsAndSubscribersThatRace(t *testing.T) {
	t.Run("each value is heard at most once and in order, and each group ends", func(t *testing.T) {
		for range 30 {
			const n, keys = 2000, 5
			values := make([]int, n)
			for i := range values {
				values[i] = i
			}
			var all sync.WaitGroup
			var heard [keys]atomic.Int64
			var last [keys]atomic.Int64
			err := operators.GroupBy(leadership.FromSlice(values), func(v int) int { return v % keys }).ForEach(t.Context(), func(g operators.Group[int, int]) {
				all.Go(func() {
					take := n
					if g.Key%2 == 0 { // these leave early and are replaced
						take = 3
					}
					if err := operators.Take(g.Observable, take).ForEach(t.Context(), func(v int) {
						heard[g.Key].Add(1)
						if before := last[g.Key].Swap(int64(v)); g.Key%2 == 1 && int64(v) != before+keys && v != g.Key {
							t.Errorf("%d after %d", v, before)
						}
						runtime.Gosched()
					}); err != nil {
						t.Error(err)
					}
				})
			}, leadership.Mailbox(n))
			all.Wait()
			if err != nil {
				t.Fatal(err)
			}
			for key := range keys {
				if got := heard[key].Load(); got > n/keys || key%2 == 1 && got != n/keys {
					t.Errorf("of key %d %d values were heard", key, got)
				}
			}
		}
	})
	t.Run("unsubscribed at any moment, all groups end", func(t *testing.T) {
		for round := range 100 {
			var begun, ended atomic.Int64
			sub := operators.GroupBy(ticks(t.Context(), 2*time.Microsecond), func(v int) int { return v % 16 }).Subscribe(func(g operators.Group[int, int]) {
				begun.Add(1)
				listen := func() {
					<-operators.Take(g.Observable, 3).Subscribe(nil).Done()
					ended.Add(1)
				}
				go listen()
			})
			for range round % 20 {
				runtime.Gosched()
			}
			sub.Unsubscribe()
			for ended.Load() != begun.Load() {
				runtime.Gosched()
			}
		}
	})
}

func ExampleGroupBy() {
	type reading struct {
		node string
		load int
	}
	readings := leadership.Just(reading{"node-1", 70}, reading{"node-2", 20}, reading{"node-1", 90}, reading{"node-2", 10})
	peaks := operators.FlatMap(operators.GroupBy(readings, func(r reading) string { return r.node }),
		func(node operators.Group[string, reading]) leadership.Observable[string] {
			peak := operators.Scan(node.Observable, 0, func(peak int, r reading) int { return max(peak, r.load) })
			return operators.Map(operators.Last(peak), func(load int) string { return fmt.Sprint(node.Key, ":", load) })
		})
	show(peaks)
	// Output: node-1:90 node-2:20 |
}
