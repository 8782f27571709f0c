package jsonl

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"

	"github.com/leadership-go/leadership"
)

// keptBuffer is how large a line's buffer may be to be used again.
const keptBuffer = 64 << 10

// Write writes each value of src to w as one line: compact JSON and a newline, in one call of w.Write.
//
// It blocks until the stream or ctx has ended, and returns what [leadership.Observable.ForEach] does: nil after a completion, the cause of
// ctx when that has ended first, and otherwise what ended the subscription. A value that can't be encoded ends it too, as does an error of
// w, or [io.ErrShortWrite] where w took less than the line: the error counts the value from 1 and wraps the cause. After an error of w its
// last line may be there in part; nothing follows it.
//
// A source that is hot does not wait for w: opts may set its [leadership.Mailbox]. Write does not return while w.Write blocks, whatever
// ctx does; where that may last, give w a deadline, or close it when ctx ends.
func Write[T any](ctx context.Context, w io.Writer, src leadership.Observable[T], opts ...leadership.SubscribeOption) error {
	if ctx == nil {
		return leadership.InvalidConfig("jsonl.Write ctx", nil, "must not be nil")
	}
	if w == nil {
		return leadership.InvalidConfig("jsonl.Write w", nil, "must not be nil")
	}
	ctx, fail := context.WithCancelCause(ctx)
	defer fail(nil)
	out := newLineWriter(w)
	return src.ForEach(ctx, func(v T) {
		if err := out.write(v); err != nil {
			fail(err)
		}
	}, opts...)
}

// lineWriter writes values as lines.
type lineWriter struct {
	w       io.Writer
	line    bytes.Buffer
	encoder *json.Encoder
	count   uint64
}

func newLineWriter(w io.Writer) *lineWriter {
	l := &lineWriter{w: w}
	l.encoder = json.NewEncoder(&l.line) // it ends a document with a newline, and puts none inside
	l.encoder.SetEscapeHTML(false)
	return l
}

func (l *lineWriter) write(v any) error {
	l.count++
	l.line.Reset()
	if err := l.encoder.Encode(v); err != nil {
		return fmt.Errorf("jsonl: encode value %d: %w", l.count, err)
	}
	n, err := l.w.Write(l.line.Bytes())
	if err == nil && n < l.line.Len() {
		err = io.ErrShortWrite
	}
	if err != nil {
		return fmt.Errorf("jsonl: write value %d: %w", l.count, err)
	}
	if l.line.Cap() > keptBuffer {
		l.line = bytes.Buffer{}
	}
	return nil
}
