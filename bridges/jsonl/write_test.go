package jsonl_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"math"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/leadership-go/leadership"
	"github.com/leadership-go/leadership/bridges/jsonl"
)

// calls is a writer that notes each call. From the call with number failAt on it fails, having taken some bytes.
type calls struct {
	mu     sync.Mutex
	lines  []string
	failAt int
	takes  int
	err    error
}

func (c *calls) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.lines = append(c.lines, string(p))
	if c.failAt > 0 && len(c.lines) >= c.failAt {
		return c.takes, c.err
	}
	return len(p), nil
}

func (c *calls) all() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return strings.Join(c.lines, "¶")
}

// released counts the subscriptions of src that have not ended.
func released[T any](src leadership.Observable[T]) (counted leadership.Observable[T], open func() int) {
	var (
		mu sync.Mutex
		n  int
	)
	add := func(d int) {
		mu.Lock()
		defer mu.Unlock()
		n += d
	}
	return leadership.New(func(s *leadership.Scope, out leadership.Observer[T]) {
			add(1)
			s.OnEnd(func() { add(-1) })
			src.SubscribeIn(s, out)
		}), func() int {
			mu.Lock()
			defer mu.Unlock()
			return n
		}
}

type pretty struct{}

func (pretty) MarshalJSON() ([]byte, error) { return []byte("{\n  \"a\": [1,\r\n 2]\n}\n"), nil }

type panicking struct{}

func (panicking) MarshalJSON() ([]byte, error) { panic("no") }

func TestWrite(t *testing.T) {
	broken := errors.New("broken")
	for _, tt := range []struct {
		sentence string
		src      leadership.Observable[any]
		w        *calls
		want     string
		err      string
		is       error
	}{
		{
			"each value is one line in one call", leadership.Just[any](1, "two", nil, []int{3, 4}, map[string]int{"b": 2, "a": 1}),
			&calls{}, "1\n¶\"two\"\n¶null\n¶[3,4]\n¶{\"a\":1,\"b\":2}\n", "", nil,
		},
		{"no value, no line", leadership.Empty[any](), &calls{}, "", "", nil},
		{
			"a line has no newline inside, whatever a value makes of itself", leadership.Just[any](pretty{}, json.RawMessage("[1,\n2]"), "a\r\nb"),
			&calls{}, "{\"a\":[1,2]}\n¶[1,2]\n¶\"a\\r\\nb\"\n", "", nil,
		},
		{"text is written as it is, not as HTML wants it", leadership.Just[any]("<a&b>"), &calls{}, "\"<a&b>\"\n", "", nil},
		{
			"long lines are written whole, and short ones after them", leadership.Just[any](strings.Repeat("x", 200_000), 1),
			&calls{}, `"` + strings.Repeat("x", 200_000) + "\"\n¶1\n", "", nil,
		},
		{
			"a failure of the stream is returned as it is", leadership.Create(func(_ *leadership.Scope, out leadership.Observer[any]) {
				out.Next(1)
				out.Error(broken)
			}), &calls{}, "1\n", "broken", broken,
		},
		{
			"a value that is no JSON ends it, and nothing of it is written", leadership.Just[any](1, math.NaN(), 3),
			&calls{}, "1\n", "jsonl: encode value 2: json: unsupported value: NaN", nil,
		},
		{
			"an error of the writer ends it", leadership.Just[any](1, 2, 3),
			&calls{failAt: 2, err: broken}, "1\n¶2\n", "jsonl: write value 2: broken", broken,
		},
		{
			"an error counts also at the last value", leadership.Just[any](1, 2, 3),
			&calls{failAt: 3, err: broken}, "1\n¶2\n¶3\n", "jsonl: write value 3: broken", broken,
		},
		{
			"an error counts also when all bytes were taken", leadership.Just[any](1, 2),
			&calls{failAt: 1, takes: 2, err: broken}, "1\n", "jsonl: write value 1: broken", broken,
		},
		{
			"a short write is an error", leadership.Just[any](10, 20, 30),
			&calls{failAt: 2, takes: 2}, "10\n¶20\n", "jsonl: write value 2: short write", io.ErrShortWrite,
		},
	} {
		t.Run(tt.sentence, func(t *testing.T) {
			src, open := released(tt.src)
			err := jsonl.Write(t.Context(), tt.w, src)
			if (err == nil) != (tt.err == "") || err != nil && err.Error() != tt.err || tt.is != nil && !errors.Is(err, tt.is) {
				t.Errorf("returned %v, want %s", err, tt.err)
			}
			if got := tt.w.all(); got != tt.want {
				t.Errorf("wrote %.200q, want %.200q", got, tt.want)
			}
			if n := open(); n != 0 {
				t.Errorf("%d subscriptions are left", n)
			}
		})
	}
}

func TestWriteKeepsTheCauseOfAnEncodingError(t *testing.T) {
	err := jsonl.Write(t.Context(), io.Discard, leadership.Just(func() {}))
	if unsupported := (*json.UnsupportedTypeError)(nil); !errors.As(err, &unsupported) {
		t.Errorf("returned %v", err)
	}
}

func TestWriteReturnsAPanicOfAMarshaler(t *testing.T) {
	err := jsonl.Write(t.Context(), io.Discard, leadership.Just(panicking{}))
	if p := (*leadership.PanicError)(nil); !errors.As(err, &p) || p.Value != "no" {
		t.Errorf("returned %v", err)
	}
}

func TestWriteRefusesNoWriter(t *testing.T) {
	if err := jsonl.Write(t.Context(), nil, leadership.Just(1)); !errors.Is(err, leadership.ErrInvalidConfig) {
		t.Errorf("returned %v", err)
	}
}

func TestWriteEndsWithItsContext(t *testing.T) {
	stop := errors.New("stop")
	for _, tt := range []struct {
		sentence string
		early    bool
		want     string
	}{
		{"before the first value", true, ""},
		{"between two values", false, "1\n"},
	} {
		t.Run(tt.sentence, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancelCause(t.Context())
				if tt.early {
					cancel(stop)
				}
				subject := leadership.NewSubject[int]()
				src, open := released(subject.AsObservable())
				w, result := &calls{}, make(chan error, 1)
				go func() { result <- jsonl.Write(ctx, w, src) }()
				synctest.Wait()
				subject.Next(1)
				synctest.Wait()
				cancel(stop)
				if err := <-result; !errors.Is(err, stop) {
					t.Errorf("returned %v", err)
				}
				subject.Next(2)
				synctest.Wait()
				if got := w.all(); got != tt.want || open() != 0 {
					t.Errorf("wrote %q, want %q; %d subscriptions are left", got, tt.want, open())
				}
			})
		})
	}
}

func TestWriteSubscribesWithTheOptions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		subject := leadership.NewSubject[int]()
		r, w := io.Pipe()
		result := make(chan error, 1)
		go func() { result <- jsonl.Write(t.Context(), w, subject.AsObservable(), leadership.Mailbox(1)) }()
		synctest.Wait()
		for i := range 3 {
			subject.Next(i) // one is being written, one waits, one is too much
			synctest.Wait()
		}
		go func() { _, _ = io.Copy(io.Discard, r) }()
		if err := <-result; !errors.Is(err, leadership.ErrOverflow) {
			t.Errorf("returned %v", err)
		}
		_ = w.Close()
	})
}
