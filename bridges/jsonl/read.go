package jsonl

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync/atomic"
	"time"

	"github.com/leadership-go/leadership"
)

// MaxLine is how many bytes a line that [Read] reads may have, without its end: 1 MiB.
const MaxLine = 1 << 20

var (
	// ErrLineTooLong ends a stream of [Read] at a line of more than [MaxLine] bytes.
	ErrLineTooLong = errors.New("jsonl: line too long")
	// ErrUsed is what every subscriber of a stream of [Read] gets after the first one.
	ErrUsed = errors.New("jsonl: the reader belongs to an earlier subscription")
)

// bufferSize is how much Read asks its reader for at a time, and how long a line may be that it need not copy.
const bufferSize = 16 << 10

// Read is the stream of the values in the lines of r, each a JSON document. It completes at the end of r; the last line may lack
// its newline. Lines end with LF or CRLF, and blank ones are read over.
//
// The stream fails at a line that is no JSON for a T, at one of more than [MaxLine] bytes ([ErrLineTooLong]), and where r fails; a line
// that r broke off is not read then. The error has the number of the line, from 1, and wraps the cause.
//
// r is read once, as fast as the subscriber takes the values, on a goroutine that ends with the subscription. It is read ahead, so what is
// left in r after an early end is of no use: a second subscription fails with [ErrUsed].
//
// A subscription that has ended still waits for a call of r.Read that blocks. Where r knows deadlines, as connections and [os.Pipe] do, the end
// breaks off that call by SetReadDeadline, and leaves the deadline there. Anything else has to be closed first, and unsubscribed from then.
// [os.Stdin] is broken off neither by a deadline nor by Close: copy it into an [io.Pipe], and close that.
func Read[T any](r io.Reader) leadership.Observable[T] {
	if r == nil {
		return leadership.Throw[T](leadership.InvalidConfig("jsonl.Read r", nil, "must not be nil"))
	}
	used := new(atomic.Bool)
	return leadership.New(func(s *leadership.Scope, out leadership.Observer[T]) {
		if used.Swap(true) {
			out.Error(ErrUsed)
			return
		}
		reading := new(atomic.Bool)
		reading.Store(true)
		if d, ok := r.(interface{ SetReadDeadline(t time.Time) error }); ok {
			s.OnEnd(func() {
				if reading.Load() {
					_ = d.SetReadDeadline(time.Unix(1, 0)) // a file that knows no deadlines, as os.Stdin, is waited for
				}
			})
		}
		s.Go(func() {
			err := readAll(s, &lineReader{r: bufio.NewReaderSize(scoped{s, r}, bufferSize)}, out)
			reading.Store(false)
			switch {
			case err == nil:
				out.Complete()
			case !s.Ended():
				out.Error(err)
			}
		})
	})
}

// readAll emits all values. It returns nil at the end of the lines, and any error once s has ended.
func readAll[T any](s *leadership.Scope, lines *lineReader, out leadership.Observer[T]) error {
	for !s.Ended() {
		line, err := lines.next()
		if err == io.EOF { //nolint:errorlint // next returns it as it is
			return nil
		}
		if err != nil {
			return err
		}
		var v T
		if err := json.Unmarshal(line, &v); err != nil {
			return fmt.Errorf("jsonl: line %d: %w", lines.number, err)
		}
		if !s.Ended() {
			out.Next(v)
		}
	}
	return leadership.ErrUnsubscribed
}

// scoped is a reader that is not asked again once its scope has ended.
type scoped struct {
	s *leadership.Scope
	r io.Reader
}

func (r scoped) Read(p []byte) (int, error) {
	if r.s.Ended() {
		return 0, leadership.ErrUnsubscribed
	}
	return r.r.Read(p)
}

// lineReader reads lines that are not blank.
type lineReader struct {
	r      *bufio.Reader
	number int    // of the line that was read last, from 1
	long   []byte // a line that did not fit the buffer
	over   bool   // there is no line after the last one
}

// next returns the next line, without its end; it is valid until the next call. After the last one it returns [io.EOF], as it is.
func (l *lineReader) next() ([]byte, error) {
	for !l.over {
		l.number++
		line, err := l.read()
		if err != nil {
			return nil, err
		}
		if len(bytes.TrimLeft(line, " \t\r\n")) > 0 {
			return line, nil
		}
	}
	return nil, io.EOF
}

// read returns a line as it is, without its end. Where r ends within the line, that is the last one.
func (l *lineReader) read() ([]byte, error) {
	l.long = l.long[:0]
	for {
		part, err := l.r.ReadSlice('\n')
		line := part
		if len(l.long) > 0 || errors.Is(err, bufio.ErrBufferFull) {
			l.long = append(l.long, part...)
			line = l.long
		}
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			if len(line) <= MaxLine+len("\r") {
				continue
			}
		case err == io.EOF:
			l.over = true
		case err != nil:
			return nil, fmt.Errorf("jsonl: read line %d: %w", l.number, err)
		}
		line = bytes.TrimSuffix(bytes.TrimSuffix(line, []byte("\n")), []byte("\r"))
		if len(line) > MaxLine {
			return nil, fmt.Errorf("%w: line %d has more than %d bytes", ErrLineTooLong, l.number, MaxLine)
		}
		return line, nil
	}
}
