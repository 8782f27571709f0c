package jsonl_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"github.com/leadership-go/leadership"
	"github.com/leadership-go/leadership/bridges/jsonl"
	"github.com/leadership-go/leadership/operators"
)

// read is what a subscriber of a stream sees, in one text: values, then | or #.
func read[T any](t *testing.T, src leadership.Observable[T]) (seen string, err error) {
	t.Helper()
	var values []string
	err = src.ForEach(t.Context(), func(v T) { values = append(values, fmt.Sprint(v)) },
		leadership.OnComplete(func() { values = append(values, "|") }),
		leadership.OnError(func(error) { values = append(values, "#") }))
	return strings.Join(values, " "), err
}

func TestRead(t *testing.T) {
	long := strings.Repeat(" ", jsonl.MaxLine-1) + "7"
	for _, tt := range []struct {
		sentence string
		text     string
		want     string
		err      string
		is       error
	}{
		{"each line is a value", "1\n2\n3\n", "1 2 3 |", "", nil},
		{"nothing is no value", "", "|", "", nil},
		{"the last line may lack its end", "1\n2", "1 2 |", "", nil},
		{"lines may end with CRLF", "1\r\n2\r\n", "1 2 |", "", nil},
		{"blank lines are read over", "\n\r\n1\n \t\n\n2\n\n  ", "1 2 |", "", nil},
		{"blanks around a document count for nothing", " 1 \n\t2\t\r\n", "1 2 |", "", nil},
		{
			"a malformed line fails with its number, blank ones counted", "1\n\n{]\n3\n",
			"1 #", "jsonl: line 3: invalid character ']' looking for beginning of object key string", nil,
		},
		{
			"a line of another type fails", "1\n\"two\"\n",
			"1 #", "jsonl: line 2: json: cannot unmarshal string into Go value of type int", nil,
		},
		{"two documents in a line fail", "1 2\n", "#", "jsonl: line 1: invalid character '2' after top-level value", nil},
		{"a document over two lines fails", "1\n[\n]\n", "1 #", "jsonl: line 2: unexpected end of JSON input", nil},
		{"a last line that was cut fails", "1\n[2", "1 #", "jsonl: line 2: unexpected end of JSON input", nil},
		{"a line may have MaxLine bytes", long + "\n8\n", "7 8 |", "", nil},
		{"its end does not count", long + "\r\n8\n", "7 8 |", "", nil},
		{"nor does it if it is missing", long, "7 |", "", nil},
		{
			"one more is too long", "1\n " + long + "\n8\n",
			"1 #", "jsonl: line too long: line 2 has more than 1048576 bytes", jsonl.ErrLineTooLong,
		},
		{
			"one more is too long at the end as well", " " + long,
			"#", "jsonl: line too long: line 1 has more than 1048576 bytes", jsonl.ErrLineTooLong,
		},
		{
			"one more is too long before CRLF as well", " " + long + "\r\n",
			"#", "jsonl: line too long: line 1 has more than 1048576 bytes", jsonl.ErrLineTooLong,
		},
	} {
		t.Run(tt.sentence, func(t *testing.T) {
			for _, r := range []io.Reader{
				strings.NewReader(tt.text), iotest.DataErrReader(strings.NewReader(tt.text)), iotest.HalfReader(strings.NewReader(tt.text)),
			} {
				seen, err := read(t, jsonl.Read[int](r))
				if seen != tt.want || (err == nil) != (tt.err == "") || err != nil && err.Error() != tt.err || tt.is != nil && !errors.Is(err, tt.is) {
					t.Errorf("saw %s, %v; want %s, %s", seen, err, tt.want, tt.err)
				}
			}
		})
	}
}

// endless is a line without end. It counts what is read of it.
type endless struct{ read int }

func (e *endless) Read(p []byte) (int, error) {
	e.read += len(p)
	return len(p), nil
}

func TestReadKeepsNoMoreThanALine(t *testing.T) {
	r := &endless{}
	if seen, err := read(t, jsonl.Read[int](r)); seen != "#" || !errors.Is(err, jsonl.ErrLineTooLong) {
		t.Errorf("saw %s, %v", seen, err)
	}
	if r.read > jsonl.MaxLine+64<<10 {
		t.Errorf("read %d bytes of the line", r.read)
	}
}

// The 12 of a 123 that was not read to its end is no value.
func TestReadIgnoresALineThatItsReaderBrokeOff(t *testing.T) {
	broken := errors.New("broken")
	seen, err := read(t, jsonl.Read[int](io.MultiReader(strings.NewReader("1\n12"), iotest.ErrReader(broken))))
	if seen != "1 #" || !errors.Is(err, broken) || err.Error() != "jsonl: read line 2: broken" {
		t.Errorf("saw %s, %v", seen, err)
	}
}

func TestReadServesOneSubscription(t *testing.T) {
	src := jsonl.Read[int](strings.NewReader("1\n2\n3\n"))
	if seen, err := read(t, operators.Take(src, 1)); seen != "1 |" || err != nil {
		t.Errorf("the first saw %s, %v", seen, err)
	}
	if seen, err := read(t, src); seen != "#" || !errors.Is(err, jsonl.ErrUsed) {
		t.Errorf("the second saw %s, %v", seen, err)
	}
}

func TestReadRefusesNoReader(t *testing.T) {
	if _, err := read(t, jsonl.Read[int](nil)); !errors.Is(err, leadership.ErrInvalidConfig) {
		t.Errorf("failed with %v", err)
	}
}

func TestReadReturnsAPanicOfItsReader(t *testing.T) {
	var none *bytes.Buffer
	_, err := read(t, jsonl.Read[int](none))
	if p := (*leadership.PanicError)(nil); !errors.As(err, &p) {
		t.Errorf("failed with %v", err)
	}
}

func TestReadStopsAtUnsubscribe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var (
			seen []int
			sub  *leadership.Subscription
		)
		hold := make(chan struct{})
		sub = jsonl.Read[int](strings.NewReader("1\n2\n3\n")).Subscribe(func(v int) {
			seen = append(seen, v)
			<-hold
			if v == 2 {
				sub.Unsubscribe()
			}
		})
		close(hold)
		<-sub.Done()
		if fmt.Sprint(seen) != "[1 2]" || !errors.Is(sub.Err(), leadership.ErrUnsubscribed) {
			t.Errorf("saw %v, ended with %v", seen, sub.Err())
		}
	})
}

// A connection, and a pipe of the system, know deadlines: those break a blocked call off.
func TestReadBreaksOffWhereItCan(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ours, theirs := net.Pipe()
		defer func() { _, _ = ours.Close(), theirs.Close() }()
		first := make(chan int)
		sub := jsonl.Read[int](ours).Subscribe(func(v int) { first <- v })
		if _, err := io.WriteString(theirs, "1\n2"); err != nil || <-first != 1 {
			t.Fatal(err)
		}
		synctest.Wait() // it waits for the rest of the second line
		sub.Unsubscribe()
		if err := sub.Err(); !errors.Is(err, leadership.ErrUnsubscribed) {
			t.Errorf("ended with %v", err)
		}
	})
}

// What ends by itself leaves the deadline of a connection alone: it may have an answer to wait for.
func TestReadLeavesTheDeadlineAloneAtItsOwnEnd(t *testing.T) {
	for _, text := range []string{"", "x\n"} {
		r := &deadlines{Reader: strings.NewReader(text)}
		_, _ = read(t, jsonl.Read[int](r))
		if r.set {
			t.Errorf("%q: set a deadline", text)
		}
	}
}

type deadlines struct {
	io.Reader
	set bool
}

func (d *deadlines) SetReadDeadline(time.Time) error {
	d.set = true
	return nil
}

// As its comment says: another reader has to be closed first.
func TestReadWaitsForABlockedReader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, w := io.Pipe()
		sub := jsonl.Read[int](r).Subscribe(nil)
		synctest.Wait() // it reads
		gone := make(chan struct{})
		go func() {
			sub.Unsubscribe()
			close(gone)
		}()
		synctest.Wait()
		select {
		case <-gone:
			t.Error("Unsubscribe did not wait")
		default:
		}
		_ = w.Close()
		<-gone
	})
}

func TestMessagesReadBack(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC)
	vote := &leadership.Vote{SessionID: "s", ServiceName: "app <1>\n", ServiceID: "node-1\u2028"}
	messages := []leadership.ElectionMessage{
		{Status: leadership.StatusElected, Vote: vote, Term: 1<<64 - 1, Time: at},
		{Status: leadership.StatusElectedFirst, Vote: vote, Term: 1<<64 - 1, Time: at},
		{Status: leadership.StatusError, Err: errors.New("line 1\nline 2"), Time: at},
		{Status: leadership.StatusNotElected, Time: at},
		{Status: leadership.StatusRelegation, Vote: vote, Err: leadership.ErrLeaseExpired, Term: 1<<64 - 1, Time: at},
	}
	var lines bytes.Buffer
	if err := jsonl.Write(t.Context(), &lines, leadership.FromSlice(messages)); err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(lines.String(), "\n"); n != len(messages) {
		t.Fatalf("%d lines:\n%s", n, lines.String())
	}
	var back []leadership.ElectionMessage
	if err := jsonl.Read[leadership.ElectionMessage](&lines).ForEach(t.Context(), func(m leadership.ElectionMessage) { back = append(back, m) }); err != nil {
		t.Fatal(err)
	}
	if len(back) != len(messages) {
		t.Fatalf("read %d messages", len(back))
	}
	for i, m := range messages {
		// Print them: errors come back as text.
		if got, want := fmt.Sprintf("%v %d %v", back[i], back[i].Term, back[i].Time), fmt.Sprintf("%v %d %v", m, m.Term, m.Time); got != want {
			t.Errorf("read back %s, want %s", got, want)
		}
	}
}

// A program writes while another one reads, as over a pipe between two processes.
func TestWriteToRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		subject := leadership.NewSubject[int]()
		r, w := io.Pipe()
		wrote := make(chan error, 1)
		go func() {
			err := jsonl.Write(t.Context(), w, subject.AsObservable())
			_ = w.CloseWithError(err)
			wrote <- err
		}()
		seen := make(chan int, 100)
		sub := jsonl.Read[int](r).Subscribe(func(v int) { seen <- v })
		synctest.Wait()
		for i := range 100 {
			subject.Next(i)
		}
		synctest.Wait()
		if len(seen) != 100 {
			t.Fatalf("%d values came through while both go on", len(seen))
		}
		for i := range 100 {
			if v := <-seen; v != i {
				t.Fatalf("%d came at %d", v, i)
			}
		}
		subject.Complete()
		<-sub.Done()
		if err, wroteErr := sub.Err(), <-wrote; err != nil || wroteErr != nil {
			t.Errorf("reading ended with %v, writing with %v", err, wroteErr)
		}
	})
}
