package wmbridge_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"

	"github.com/leadership-go/leadership"
	wmbridge "github.com/leadership-go/leadership/bridges/watermill"
	"github.com/leadership-go/leadership/operators"
)

// failing publishes to r, but fails n times before each success.
func failing(r *trace, n int) publisher {
	left := n
	return func(_ string, m *message.Message) error {
		if left > 0 {
			left--
			r.add("failed %s %s", m.UUID, m.Payload)
			m.Metadata.Set("tried", "yes")
			m.Payload[0] = 'x'
			return fmt.Errorf("attempt %d: %w", n-left, errBroken)
		}
		left = n
		r.add("%s %s%s", m.UUID, m.Payload, strings.Join(slices.Sorted(maps.Keys(m.Metadata)), ","))
		return nil
	}
}

// counting makes UUIDs that tests can name.
func counting() func() string {
	n := 0
	return func() string {
		n++
		return "m" + strconv.Itoa(n)
	}
}

func TestPublish(t *testing.T) {
	always := &operators.RetryPolicy{Delay: time.Second}
	for name, c := range map[string]struct {
		src     leadership.Observable[int]
		opts    wmbridge.Options[int]
		fails   int
		want    []string
		wantErr string
	}{
		"each value is a message, in order": {src: leadership.Just(1, 2, 3), want: []string{"m1 1", "m2 2", "m3 3"}},
		"no value":                          {src: leadership.Empty[int]()},
		"the stream fails":                  {src: leadership.Throw[int](errBroken), wantErr: "broken"},
		"metadata": {
			src:  leadership.Just(1),
			opts: wmbridge.Options[int]{Metadata: func(v int) message.Metadata { return message.Metadata{"key" + strconv.Itoa(v): ""} }},
			want: []string{"m1 1key1"},
		},
		"a format of one's own": {
			src:  leadership.Just(1),
			opts: wmbridge.Options[int]{Marshal: func(v int) ([]byte, error) { return []byte(strings.Repeat("I", v)), nil }},
			want: []string{"m1 I"},
		},
		"what can't be written ends it": {
			src: leadership.Just(1, 2),
			opts: wmbridge.Options[int]{Marshal: func(v int) ([]byte, error) {
				if v == 2 {
					return nil, errBroken
				}
				return []byte("1"), nil
			}},
			want: []string{"m1 1"}, wantErr: `wmbridge: topic "leaders": marshal message m2: broken`,
		},
		"an error of the publisher ends it": {
			src: leadership.Just(1, 2), fails: 1,
			want: []string{"failed m1 1"}, wantErr: `wmbridge: topic "leaders": publish message m1: attempt 1: broken`,
		},
		"with a retry each is published before the next, unchanged and under its own identity": {
			src: leadership.Just(1, 2), fails: 2,
			opts: wmbridge.Options[int]{Retry: always, Metadata: func(int) message.Metadata { return message.Metadata{"key": "value"} }},
			want: []string{"failed m1 1", "failed m1 1", "m1 1key", "failed m2 2", "failed m2 2", "m2 2key"},
		},
		"a retry that gives up": {
			src: leadership.Just(1, 2), fails: 3,
			opts: wmbridge.Options[int]{Retry: &operators.RetryPolicy{Max: 1}},
			want: []string{"failed m1 1", "failed m1 1"}, wantErr: `wmbridge: topic "leaders": publish message m1: attempt 2: broken`,
		},
		"a retry of other errors": {
			src: leadership.Just(1, 2), fails: 1,
			opts: wmbridge.Options[int]{Retry: &operators.RetryPolicy{If: func(err error) bool { return !errors.Is(err, errBroken) }}},
			want: []string{"failed m1 1"}, wantErr: `wmbridge: topic "leaders": publish message m1: attempt 1: broken`,
		},
	} {
		bubble(t, name, func(t *testing.T) {
			var r trace
			c.opts.UUID = counting()
			err := wmbridge.Publish(t.Context(), c.src, failing(&r, c.fails), topic, c.opts)
			if fmt.Sprint(err) != c.wantErr && (err != nil || c.wantErr != "") {
				t.Errorf("ended by %v", err)
			}
			if err != nil && !errors.Is(err, errBroken) {
				t.Errorf("%v does not wrap its cause", err)
			}
			r.is(t, c.want...)
		})
	}
	bubble(t, "by default each message has an identity of its own, JSON, and the caller's context", func(t *testing.T) {
		type key struct{}
		seen := map[string]bool{}
		err := wmbridge.Publish(context.WithValue(t.Context(), key{}, "mine"), leadership.Just([]int{1}, []int{2}), publisher(func(name string, m *message.Message) error {
			seen[m.UUID] = true
			var v []int
			if err := json.Unmarshal(m.Payload, &v); err != nil || len(v) != 1 || name != topic || m.Context().Value(key{}) != "mine" {
				t.Errorf("%s: %s, %v", name, m.Payload, err)
			}
			return nil
		}), topic, wmbridge.Options[[]int]{})
		if err != nil || len(seen) != 2 || seen[""] {
			t.Errorf("%v, %v", err, seen)
		}
	})
	bubble(t, "a message's context lives on after Publish, for who sends it later", func(t *testing.T) {
		var sent *message.Message
		err := wmbridge.Publish(t.Context(), leadership.Just(1), publisher(func(_ string, m *message.Message) error {
			sent = m
			return nil
		}), topic, wmbridge.Options[int]{})
		if err != nil || sent.Context().Err() != nil {
			t.Errorf("%v, %v", err, sent.Context().Err())
		}
	})
	bubble(t, "no publisher", func(t *testing.T) {
		err := wmbridge.Publish(t.Context(), leadership.Just(1), nil, topic, wmbridge.Options[int]{})
		if !errors.Is(err, leadership.ErrInvalidConfig) {
			t.Errorf("got %v", err)
		}
	})
	bubble(t, "a panic of the publisher, with a retry and without, and one in an option", func(t *testing.T) {
		panics := publisher(func(string, *message.Message) error { panic("oh") })
		fine := publisher(func(string, *message.Message) error { return nil })
		for name, c := range map[string]struct {
			publisher message.Publisher
			opts      wmbridge.Options[int]
		}{
			"without":  {panics, wmbridge.Options[int]{}},
			"with":     {panics, wmbridge.Options[int]{Retry: always}},
			"Marshal":  {fine, wmbridge.Options[int]{Retry: always, Marshal: func(int) ([]byte, error) { panic("oh") }}},
			"Metadata": {fine, wmbridge.Options[int]{Metadata: func(int) message.Metadata { panic("oh") }}},
			"UUID":     {fine, wmbridge.Options[int]{UUID: func() string { panic("oh") }}},
		} {
			err := wmbridge.Publish(t.Context(), leadership.Just(1, 2), c.publisher, topic, c.opts)
			if caught, ok := errors.AsType[*leadership.PanicError](err); !ok || caught.Value != "oh" || err.Error() != caught.Error() {
				t.Errorf("%s: ended by %v", name, err)
			}
		}
	})
}

func TestPublishAndItsContext(t *testing.T) {
	bubble(t, "a call that blocks is waited for, and nothing is published after it", func(t *testing.T) {
		var r trace
		var hot leadership.Subject[int]
		ctx, cancel := context.WithCancelCause(t.Context())
		block := make(chan struct{})
		done := make(chan error, 1)
		go func() {
			done <- wmbridge.Publish(ctx, hot.AsObservable(), publisher(func(_ string, m *message.Message) error {
				<-block
				r.add("%s", m.Payload)
				return errBroken
			}), topic, wmbridge.Options[int]{Retry: &operators.RetryPolicy{Delay: time.Second}})
		}()
		synctest.Wait()
		for v := range 3 {
			hot.Next(v)
		}
		synctest.Wait()
		cancel(errors.New("enough"))
		time.Sleep(time.Hour)
		select {
		case err := <-done:
			t.Fatalf("returned %v within the call", err)
		default:
		}
		close(block)
		if err := <-done; err == nil || err.Error() != "enough" {
			t.Errorf("ended by %v", err)
		}
		r.is(t, "0")
	})
	bubble(t, "a call that heeds the message's context ends with it", func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		began := time.Now()
		err := wmbridge.Publish(ctx, leadership.Just(1), publisher(func(_ string, m *message.Message) error {
			<-m.Context().Done()
			return m.Context().Err()
		}), topic, wmbridge.Options[int]{Retry: &operators.RetryPolicy{}})
		if took := time.Since(began); took != time.Minute || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("ended by %v after %v", err, took)
		}
	})
	bubble(t, "retries without a wait end with it", func(t *testing.T) {
		for range 100 {
			attempts := 0
			ctx, cancel := context.WithCancel(t.Context())
			err := wmbridge.Publish(ctx, leadership.Just(1), publisher(func(string, *message.Message) error {
				if attempts++; attempts == 3 {
					cancel()
				}
				return errBroken
			}), topic, wmbridge.Options[int]{Retry: &operators.RetryPolicy{}})
			if attempts != 3 || !errors.Is(err, context.Canceled) {
				t.Fatalf("ended by %v after %d attempts", err, attempts)
			}
		}
	})
	bubble(t, "the wait before a retry ends with it", func(t *testing.T) {
		var r trace
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(time.Minute, func() { cancel(errors.New("enough")) })
		began := time.Now()
		err := wmbridge.Publish(ctx, leadership.Just(1, 2), failing(&r, 9), topic,
			wmbridge.Options[int]{UUID: counting(), Retry: &operators.RetryPolicy{Delay: time.Hour, MaxDelay: time.Hour}})
		if took := time.Since(began); took != time.Minute || err == nil || err.Error() != "enough" {
			t.Errorf("ended by %v after %v", err, took)
		}
		r.is(t, "failed m1 1")
	})
	bubble(t, "an error releases the source before Publish returns", func(t *testing.T) {
		released := false
		src := leadership.New(func(s *leadership.Scope, out leadership.Observer[int]) {
			s.OnEnd(func() { released = true })
			s.Go(func() { out.Next(1) })
		})
		var r trace
		if err := wmbridge.Publish(t.Context(), src, failing(&r, 1), topic, wmbridge.Options[int]{}); !errors.Is(err, errBroken) || !released {
			t.Errorf("ended by %v, released: %t", err, released)
		}
	})
}

func TestPublishAndASlowPublisher(t *testing.T) {
	bubble(t, "while it is down, what comes waits in the mailbox, and then follows in order", func(t *testing.T) {
		var r trace
		var hot leadership.Subject[int]
		var down atomic.Bool
		down.Store(true)
		done := make(chan error, 1)
		go func() {
			done <- wmbridge.Publish(t.Context(), hot.AsObservable(), publisher(func(_ string, m *message.Message) error {
				if down.Load() {
					return errBroken
				}
				r.add("%s", m.Payload)
				return nil
			}), topic, wmbridge.Options[int]{Retry: &operators.RetryPolicy{Delay: time.Second}})
		}()
		synctest.Wait()
		want := make([]string, 200)
		for v := range want {
			hot.Next(v)
			want[v] = strconv.Itoa(v)
			time.Sleep(time.Second)
		}
		down.Store(false)
		hot.Complete()
		if err := <-done; err != nil {
			t.Errorf("ended by %v", err)
		}
		r.is(t, want...)
	})
	bubble(t, "when the mailbox is full, it says so", func(t *testing.T) {
		var r trace
		var hot leadership.Subject[int]
		done := make(chan error, 1)
		go func() {
			done <- wmbridge.Publish(t.Context(), hot.AsObservable(), publisher(func(_ string, m *message.Message) error {
				time.Sleep(time.Hour)
				r.add("%s", m.Payload)
				return nil
			}), topic, wmbridge.Options[int]{Subscribe: []leadership.SubscribeOption{leadership.Mailbox(2)}})
		}()
		synctest.Wait()
		for v := range 9 {
			hot.Next(v)
			synctest.Wait()
		}
		if err := <-done; !errors.Is(err, leadership.ErrOverflow) {
			t.Errorf("ended by %v", err)
		}
		r.is(t, "0", "1", "2")
	})
}

func TestMessageMetadata(t *testing.T) {
	vote := &leadership.Vote{SessionID: "s1", ServiceName: "app", ServiceID: "node-1"}
	for name, c := range map[string]struct {
		message leadership.ElectionMessage
		want    message.Metadata
	}{
		"a term": {
			leadership.ElectionMessage{Status: leadership.StatusElectedFirst, Vote: vote, Term: 42},
			message.Metadata{
				"leadership_status": "elected.first", "leadership_term": "42",
				"leadership_service_name": "app", "leadership_service_id": "node-1",
			},
		},
		"nobody leads": {leadership.ElectionMessage{Status: leadership.StatusNotElected}, message.Metadata{"leadership_status": "notelected"}},
	} {
		t.Run(name, func(t *testing.T) {
			if got := wmbridge.MessageMetadata(c.message); !maps.Equal(got, c.want) {
				t.Errorf("got %v, want %v", got, c.want)
			}
		})
	}
}
