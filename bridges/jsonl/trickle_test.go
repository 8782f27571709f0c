package jsonl_test

import (
	"context"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"github.com/leadership-go/leadership/bridges/jsonl"
)

// trickle is a reader that never ends a value.
type trickle struct {
	text string
	left int
}

func (r *trickle) Read(p []byte) (int, error) {
	if r.left--; r.left < 0 {
		return 0, io.ErrUnexpectedEOF
	}
	time.Sleep(time.Second)
	return copy(p, r.text), nil
}

func TestTheEndIsNoticedBetweenTwoReadsThatMakeNoValue(t *testing.T) {
	for _, text := range []string{"\n", "1", " "} {
		synctest.Test(t, func(t *testing.T) {
			start := time.Now()
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			defer cancel()
			_ = jsonl.Read[int](&trickle{text, 1000}).ForEach(ctx, nil)
			if took := time.Since(start); took > 11*time.Second {
				t.Errorf("%q: the reader was read for %v", text, took)
			}
		})
	}
}
