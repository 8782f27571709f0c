package operators_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/leadership-go/leadership"
	"github.com/leadership-go/leadership/internal/marble"
	"github.com/leadership-go/leadership/operators"
	"github.com/leadership-go/leadership/sources/memory"
)

func caught(then string) func(stream) stream {
	return func(s stream) stream {
		return operators.Catch(s, func(error) stream { return marble.Source(then) })
	}
}

func TestCatch(t *testing.T) {
	spec(t, caught("--b-|"), "-a-#", "-a---b-|")
	spec(t, caught("(bc|)"), "(a#)", "(abc|)")
	spec(t, caught("b"), "-a-|", "-a-|")
	spec(t, caught("b"), "-a-", "-a")
	spec(t, caught("b|"), "#", "b|")
	spec(t, caught("|"), "-a-#", "-a-|")
	t.Run("a failure of the second stream is not caught again", func(t *testing.T) {
		spec(t, caught("-b#"), "-a-#", "-a--b#")
	})
	t.Run("the error is what the source failed with, and the source is released before anybody hears of it", func(t *testing.T) {
		open := 0
		source := operators.Merge(held(&open, 1, 2), leadership.Throw[int](marble.ErrMarble))
		var heard []int
		err := operators.Catch(source, func(err error) numbers {
			if !errors.Is(err, marble.ErrMarble) || open != 0 {
				t.Errorf("asked for %v with %d open", err, open)
			}
			return leadership.Just(3)
		}).ForEach(t.Context(), func(v int) { heard = append(heard, v) })
		if err != nil || !slices.Equal(heard, []int{1, 2, 3}) {
			t.Errorf("heard %v, %v", heard, err)
		}
	})
	t.Run("what a source says after its failure counts no more", func(t *testing.T) {
		source := leadership.New(func(_ *leadership.Scope, out leadership.Observer[int]) {
			out.Error(marble.ErrMarble)
			out.Next(1)
			out.Error(marble.ErrMarble)
			out.Complete()
		})
		asked := 0
		o := operators.Catch(source, func(error) numbers {
			asked++
			return leadership.Never[int]()
		})
		sub := o.Subscribe(func(v int) { t.Error(v) })
		if sub.Err() != nil || asked != 1 {
			t.Errorf("asked %d times, ended with %v", asked, sub.Err())
		}
		sub.Unsubscribe()
	})
	t.Run("nobody is asked after the end", func(t *testing.T) {
		source := leadership.New(func(_ *leadership.Scope, out leadership.Observer[int]) {
			out.Next(1)
			out.Error(marble.ErrMarble) // without asking whether it is still heard
		})
		o := operators.Catch(source, func(error) numbers {
			t.Error("asked")
			return leadership.Empty[int]()
		})
		if err := operators.Take(o, 1).ForEach(t.Context(), nil); err != nil {
			t.Error(err)
		}
	})
	t.Run("a panic that arrives as an error passes by, wrapped or not", func(t *testing.T) {
		panicked := &leadership.PanicError{Value: "boom"}
		for _, err := range []error{panicked, fmt.Errorf("shared: %w", panicked), errors.Join(marble.ErrMarble, panicked)} {
			source := leadership.Throw[int](err)
			for name, o := range map[string]numbers{
				"Catch":         operators.Catch(source, func(error) numbers { return leadership.Just(1) }),
				"OnErrorReturn": operators.OnErrorReturn(source, func(error) int { return 1 }),
			} {
				heard := 0
				if got := o.ForEach(t.Context(), func(int) { heard++ }); !errors.Is(got, panicked) || heard != 0 {
					t.Errorf("%s: heard %d, ended with %v", name, heard, got)
				}
			}
		}
	})
	t.Run("a panic of what it makes, or of what that makes, is one of the subscription", func(t *testing.T) {
		for _, then := range []func(error) numbers{
			func(error) numbers { panic("boom") },
			func(error) numbers { return operators.Map(leadership.Just(1), boom[int, int]) },
		} {
			o := operators.Catch(operators.Catch(leadership.Throw[int](marble.ErrMarble), then), func(error) numbers { return leadership.Just(1) })
			failed, ok := errors.AsType[*leadership.PanicError](o.ForEach(t.Context(), func(int) { t.Error("recovered") }))
			if !ok || failed.Value != "boom" {
				t.Errorf("ended with %v", failed)
			}
		}
	})
}

func returned(s stream) stream {
	return operators.OnErrorReturn(s, func(err error) string {
		if errors.Is(err, marble.ErrMarble) {
			return "z"
		}
		return "?"
	})
}

func TestOnErrorReturn(t *testing.T) {
	spec(t, returned, "-a-#", "-a-(z|)")
	spec(t, returned, "#", "(z|)")
	spec(t, returned, "(a#)", "(az|)")
	spec(t, returned, "-a-|", "-a-|")
	spec(t, returned, "-a-", "-a")
}

func TestErrorsAsTerminal(t *testing.T) {
	spec(t, elections(operators.ErrorsAsTerminal), "-n-(ef)-x-(nr)|", "-n-(ef)-#")
	spec(t, elections(operators.ErrorsAsTerminal), "(exe|)", "(e#)")
	spec(t, elections(operators.ErrorsAsTerminal), "-(nr)-|", "-(nr)-|")
	spec(t, elections(operators.ErrorsAsTerminal), "-e-#", "-e-#")
	spec(t, elections(operators.ErrorsAsTerminal), "", "")
	t.Run("the cause is that of the message, and there always is one", func(t *testing.T) {
		for _, tt := range []struct{ cause, want error }{{marble.ErrMarble, marble.ErrMarble}, {nil, nil}} {
			asked := 0
			o := operators.ErrorsAsTerminal(leadership.Just(message{Status: leadership.StatusError, Err: tt.cause}))
			err := operators.Catch(o, func(err error) messages {
				if asked++; err == nil || tt.want != nil && !errors.Is(err, tt.want) {
					t.Errorf("of %v it made %v", tt.cause, err)
				}
				return leadership.Empty[message]()
			}).ForEach(t.Context(), nil)
			if err != nil || asked != 1 {
				t.Errorf("asked %d times, ended with %v", asked, err)
			}
		}
	})
	t.Run("what a source says after the error counts no more", func(t *testing.T) {
		open, heard := 0, 0
		o := operators.ErrorsAsTerminal(held(&open, statuses["e"], statuses["x"], statuses["n"], statuses["x"]))
		sub := atEnd(t, o, func() {
			if open != 0 {
				t.Error("told before the release")
			}
		}).Subscribe(func(message) { heard++ })
		if heard != 1 || !errors.Is(sub.Err(), marble.ErrMarble) {
			t.Errorf("heard %d, ended with %v", heard, sub.Err())
		}
	})
	t.Run("a relegation has a cause and is no error", func(t *testing.T) {
		m := message{Status: leadership.StatusRelegation, Err: leadership.ErrKeyLost}
		if err := operators.ErrorsAsTerminal(leadership.Just(m)).ForEach(t.Context(), nil); err != nil {
			t.Error(err)
		}
	})
	t.Run("Retry, Catch and OnErrorReturn apply to it", func(t *testing.T) {
		spec(t, elections(func(m messages) messages {
			return operators.Retry(operators.ErrorsAsTerminal(m), operators.RetryPolicy{Max: 1})
		}), "-f-x-r|", "-f--f-#")
		spec(t, elections(func(m messages) messages {
			return operators.Catch(operators.ErrorsAsTerminal(m), func(error) messages { return toMessages(marble.Source("n|")) })
		}), "-f-x-r|", "-f-n|")
		spec(t, elections(func(m messages) messages {
			return operators.OnErrorReturn(operators.ErrorsAsTerminal(m), func(err error) message {
				return message{Status: leadership.StatusRelegation, Err: err, Term: 1}
			})
		}), "-f-x-r|", "-f-(r|)")
	})
}

// stand builds a member that reaches a store of its own by link.
func stand(t *testing.T) (member *leadership.Member, link *memory.Backend, store *memory.Store) {
	t.Helper()
	store = memory.NewStore()
	link = store.Backend()
	member, err := leadership.NewClusterFactory(func(leadership.Config) (leadership.Backend, error) { return link, nil }).Build(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return member, link, store
}

// TestErrorsAsTerminalOfAMember shows what Retry makes of a real member's errors: what it subscribes to again begins with the
// state, of which an error is no part.
func TestErrorsAsTerminalOfAMember(t *testing.T) {
	// each has f see a stream of a member that is subscribed to anew after each error, and the number of subscriptions.
	each := func(t *testing.T, policy operators.RetryPolicy, f func(m *leadership.Member, link *memory.Backend, retried messages, subscribed *atomic.Int64)) {
		synctest.Test(t, func(t *testing.T) {
			member, link, _ := stand(t)
			defer func() { _ = member.Close() }()
			var subscribed atomic.Int64 // two may subscribe anew at once
			f(member, link, operators.Retry(leadership.Defer(func() messages {
				subscribed.Add(1)
				return operators.ErrorsAsTerminal(member.AsObservable())
			}), policy), &subscribed)
		})
	}
	short := func(m message) string { return string(m.Status) }

	t.Run("at once and without end, it does not spin", func(t *testing.T) {
		each(t, operators.RetryPolicy{}, func(member *leadership.Member, link *memory.Backend, retried messages, subscribed *atomic.Int64) {
			link.Deny(true)
			errs := 0
			all := operators.OfStatus(member.AsObservable(), leadership.StatusError).Subscribe(func(message) { errs++ })
			defer all.Unsubscribe()
			var told []string
			sub := retried.Subscribe(func(m message) { told = append(told, short(m)) })
			defer sub.Unsubscribe()
			time.Sleep(time.Hour)
			if synctest.Wait(); errs < 300 || int(subscribed.Load()) != errs+1 {
				t.Errorf("%d subscriptions for %d errors", subscribed.Load(), errs)
			}
			told = nil
			link.Deny(false)
			time.Sleep(5 * time.Second)
			if synctest.Wait(); !slices.Equal(told, []string{"elected", "elected.first"}) || sub.Err() != nil {
				t.Errorf("told %v, %v", told, sub.Err())
			}
		})
	})
	t.Run("within a term it tells elected.first again, of the same term", func(t *testing.T) {
		each(t, operators.RetryPolicy{}, func(member *leadership.Member, link *memory.Backend, retried messages, subscribed *atomic.Int64) {
			var told []string
			var terms []uint64
			began := 0
			work := operators.WhileLeading(retried, func(uint64) numbers {
				began++
				return leadership.Never[int]()
			}).Subscribe(nil)
			defer work.Unsubscribe()
			sub := retried.Subscribe(func(m message) {
				told = append(told, short(m))
				if m.Status == leadership.StatusElectedFirst {
					terms = append(terms, m.Term)
				}
			})
			defer sub.Unsubscribe()
			time.Sleep(6 * time.Second)
			link.Deny(true)
			time.Sleep(2 * time.Second) // one renewal
			link.Deny(false)
			time.Sleep(time.Second)
			synctest.Wait()
			if want := slices.Repeat([]string{"elected", "elected.first"}, int(subscribed.Load())/2); subscribed.Load() < 4 || !slices.Equal(told, want) {
				t.Errorf("told %v in %d subscriptions of two", told, subscribed.Load())
			}
			if len(slices.Compact(terms)) != 1 || !member.IsLeader() || began != 1 {
				t.Errorf("terms %v, leads %v, WhileLeading began %d", terms, member.IsLeader(), began)
			}
		})
	})
	t.Run("what a slow subscriber has not heard by the error, it does not hear: WhileLeading ends the term all the same", func(t *testing.T) {
		each(t, operators.RetryPolicy{}, func(member *leadership.Member, link *memory.Backend, retried messages, _ *atomic.Int64) {
			var told []string
			ends := 0
			slow := operators.Tap(retried, func(m message) {
				if told = append(told, short(m)); len(told) == 3 { // the first vote of the term
					time.Sleep(time.Minute)
				}
			})
			work := operators.WhileLeading(slow, func(uint64) numbers {
				return leadership.New(func(s *leadership.Scope, _ leadership.Observer[int]) { s.OnEnd(func() { ends++ }) })
			}).Subscribe(nil)
			defer work.Unsubscribe()
			time.Sleep(11 * time.Second)
			link.Deny(true)
			time.Sleep(2 * time.Minute)
			synctest.Wait()
			if slices.Contains(told, "relegation") || told[len(told)-1] != "notelected" || ends != 1 {
				t.Errorf("told %v, %d terms ended", told, ends)
			}
		})
	})
	t.Run("a closed member is no failure", func(t *testing.T) {
		each(t, operators.RetryPolicy{}, func(member *leadership.Member, _ *memory.Backend, retried messages, subscribed *atomic.Int64) {
			sub := retried.Subscribe(nil)
			time.Sleep(time.Second)
			if err := member.Close(); err != nil {
				t.Error(err)
			}
			if <-sub.Done(); sub.Err() != nil || subscribed.Load() != 1 {
				t.Errorf("ended with %v after %d subscriptions", sub.Err(), subscribed.Load())
			}
		})
	})
}

func ExampleCatch() {
	store := leadership.Throw[string](errors.New("store is down"))
	leader := operators.Catch(store, func(err error) leadership.Observable[string] {
		fmt.Println(err)
		return leadership.Just("node-1, as of yesterday")
	})
	show(leader)
	// Output:
	// store is down
	// node-1, as of yesterday |
}

func ExampleOnErrorReturn() {
	leading := operators.StartWith(leadership.Throw[bool](errors.New("store is down")), true)
	show(operators.OnErrorReturn(leading, func(error) bool { return false }))
	// Output: true false |
}

// A member goes on from its errors by itself. Here an application wants to give up after some of them in a row.
func ExampleErrorsAsTerminal() {
	ctx := context.Background()
	link := memory.NewStore().Backend()
	link.Deny(true)
	member, err := leadership.NewClusterFactory(func(leadership.Config) (leadership.Backend, error) { return link, nil }).
		Configure(leadership.Config{Election: leadership.ElectionConfig{Frequency: 5 * time.Millisecond}}).
		Build(ctx)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = member.Close() }()

	messages := operators.Retry(operators.ErrorsAsTerminal(member.AsObservable()), operators.RetryPolicy{
		Max:     2,
		Healthy: time.Minute,
		If: func(err error) bool {
			fmt.Println("refused:", errors.Is(err, leadership.ErrDenied))
			return true
		},
	})
	elected := operators.OfStatus(messages, leadership.StatusElectedFirst)
	err = elected.ForEach(ctx, func(m leadership.ElectionMessage) { fmt.Println(m.Status) })
	fmt.Println("gave up:", errors.Is(err, leadership.ErrDenied))
	// Output:
	// refused: true
	// refused: true
	// gave up: true
}
