package operators_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log"
	"log/slog"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/leadership-go/leadership"
	"github.com/leadership-go/leadership/internal/marble"
	"github.com/leadership-go/leadership/operators"
)

// written logs to where nobody reads it.
func written(s stream) stream {
	return operators.Log(s, slog.New(slog.NewTextHandler(new(bytes.Buffer), nil)), slog.LevelInfo, "s")
}

// plain leaves out the time, and the stack of a panic.
func plain(_ []string, a slog.Attr) slog.Attr {
	switch a.Key {
	case slog.TimeKey:
		return slog.Attr{}
	case "cause":
		if p, ok := errors.AsType[*leadership.PanicError](a.Value.Any().(error)); ok {
			return slog.Any("cause", p.Value)
		}
	}
	return a
}

// texts logs as text to the buffer, from Info on.
func texts(b *bytes.Buffer) *slog.Logger {
	return slog.New(slog.NewTextHandler(b, &slog.HandlerOptions{ReplaceAttr: plain}))
}

func TestLog(t *testing.T) {
	failing := operators.StartWith(leadership.Throw[int](marble.ErrMarble), 1)
	endless := operators.StartWith(leadership.Never[int](), 1)
	read := func(_ *testing.T, o numbers) { o.Subscribe(nil) }
	for _, tt := range []struct {
		name   string
		source numbers
		end    func(*testing.T, numbers)
		want   string // with "level=INFO " and "stream=numbers" left out of each line
	}{
		{"values and the completion", leadership.Just(1, 2), read, `
			msg="Stream subscribed"
			msg="Stream value" value=1
			msg="Stream value" value=2
			msg="Stream completed"`},
		{"a failure", failing, read, `
			msg="Stream subscribed"
			msg="Stream value" value=1
			msg="Stream failed" error="marble: #"`},
		{"Unsubscribe", endless, func(_ *testing.T, o numbers) { o.Subscribe(nil).Unsubscribe() }, `
			msg="Stream subscribed"
			msg="Stream value" value=1
			msg="Stream released" cause="leadership: unsubscribed"`},
		{"an operator that has had enough", endless, func(_ *testing.T, o numbers) { operators.Take(o, 1).Subscribe(nil) }, `
			msg="Stream subscribed"
			msg="Stream value" value=1
			msg="Stream released" cause="leadership: unsubscribed"`},
		{"the end of the context, with its cause", endless, func(t *testing.T, o numbers) {
			ctx, cancel := context.WithCancelCause(t.Context())
			_ = o.ForEach(ctx, func(int) { cancel(errors.New("shutdown")) })
		}, `
			msg="Stream subscribed"
			msg="Stream value" value=1
			msg="Stream released" cause=shutdown`},
		{"a panic in the callback", endless, func(_ *testing.T, o numbers) { o.Subscribe(func(int) { panic("boom") }) }, `
			msg="Stream subscribed"
			msg="Stream value" value=1
			msg="Stream released" cause=boom`},
		{"a panic above", operators.Map(leadership.Just(1), boom[int, int]), read, `
			msg="Stream subscribed"
			msg="Stream released" cause=boom`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var b bytes.Buffer
			tt.end(t, operators.Log(tt.source, texts(&b), slog.LevelInfo, "numbers"))
			got := strings.NewReplacer("level=INFO ", "", " stream=numbers", "").Replace(b.String())
			want := strings.ReplaceAll(strings.TrimPrefix(tt.want, "\n"), "\t", "") + "\n"
			if got != want {
				t.Errorf("got\n%swant\n%s", got, want)
			}
			if n := strings.Count(b.String(), " stream=numbers"); n != strings.Count(want, "\n") {
				t.Errorf("%d records name the stream:\n%s", n, b.String())
			}
		})
	}
}

// secret is not to be seen in a log.
type secret string

func (secret) LogValue() slog.Value { return slog.StringValue("***") }

func TestLogWritesValuesAsTheirTypesSay(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	elected := message{
		Status: leadership.StatusRelegation, Term: 7, Time: at, Err: leadership.ErrKeyLost,
		Vote: &leadership.Vote{SessionID: "e11b6ace", ServiceName: "cluster-app", ServiceID: "node-1"},
	}
	t.Run("an election message as text", func(t *testing.T) {
		var b bytes.Buffer
		operators.Log(leadership.Just(elected), texts(&b), slog.LevelInfo, "m").Subscribe(nil)
		want := `level=INFO msg="Stream value" stream=m value="` + elected.String() + `"` + "\n"
		if !strings.Contains(b.String(), want) {
			t.Errorf("got\n%swant\n%s", b.String(), want)
		}
	})
	t.Run("an election message as JSON", func(t *testing.T) {
		var b bytes.Buffer
		logger := slog.New(slog.NewJSONHandler(&b, &slog.HandlerOptions{ReplaceAttr: plain}))
		operators.Log(operators.Skip(leadership.Just(message{}, elected), 1), logger, slog.LevelInfo, "m").Subscribe(nil)
		want := `{"level":"INFO","msg":"Stream value","stream":"m","value":{"time":"2026-01-02T03:04:05Z","status":"relegation",` +
			`"vote":{"sessionId":"e11b6ace","serviceName":"cluster-app","serviceId":"node-1"},"term":7,"error":"leadership: key lost"}}` + "\n"
		if !strings.Contains(b.String(), want) {
			t.Errorf("got\n%swant\n%s", b.String(), want)
		}
		for line := range strings.Lines(b.String()) {
			if !json.Valid([]byte(line)) {
				t.Errorf("no JSON: %s", line)
			}
		}
	})
	t.Run("what stands for itself in logs", func(t *testing.T) {
		var b bytes.Buffer
		operators.Log(leadership.Just(secret("hunter2")), texts(&b), slog.LevelInfo, "s").Subscribe(nil)
		if !strings.Contains(b.String(), "value=***") || strings.Contains(b.String(), "hunter2") {
			t.Error(b.String())
		}
	})
	t.Run("errors as JSON", func(t *testing.T) {
		var b bytes.Buffer
		operators.Log(leadership.Throw[int](marble.ErrMarble), slog.New(slog.NewJSONHandler(&b, nil)), slog.LevelInfo, "s").Subscribe(nil)
		if !strings.Contains(b.String(), `"error":"marble: #"`) {
			t.Error(b.String())
		}
	})
}

// mute fails the test when it is formatted.
type mute struct{ t *testing.T }

func (m mute) String() string { m.t.Error("formatted"); return "" }

func (m mute) LogValue() slog.Value { m.t.Error("resolved"); return slog.Value{} }

func TestLogAtALevelThatIsDisabled(t *testing.T) {
	var b bytes.Buffer
	level := new(slog.LevelVar)
	logger := slog.New(slog.NewTextHandler(&b, &slog.HandlerOptions{Level: level}))
	t.Run("nothing is written, and nothing formatted", func(t *testing.T) {
		operators.Log(leadership.Just(mute{t}), logger, slog.LevelDebug, "s").Subscribe(nil)
		operators.Log(leadership.Throw[mute](marble.ErrMarble), logger, slog.LevelDebug, "s").Subscribe(nil)
		operators.Log(leadership.Never[mute](), logger, slog.LevelDebug, "s").Subscribe(nil).Unsubscribe()
		if b.Len() != 0 {
			t.Error(b.String())
		}
	})
	t.Run("it is asked for at each event, so it can be enabled on the way", func(t *testing.T) {
		o := operators.Log(leadership.Just(1, 2, 3), logger, slog.LevelDebug, "s")
		o.Subscribe(func(v int) {
			level.Set(slog.LevelInfo)
			if v == 1 {
				level.Set(slog.LevelDebug)
			}
		})
		if got := b.String(); strings.Count(got, "\n") != 1 || !strings.Contains(got, "value=2") {
			t.Error(got)
		}
	})
}

// handler is a slog.Handler of which a test says what it does.
type handler struct {
	slog.Handler
	handle func(context.Context, slog.Record)
}

func (handler) Enabled(context.Context, slog.Level) bool { return true }
func (h handler) Handle(ctx context.Context, r slog.Record) error {
	h.handle(ctx, r)
	return nil
}

func TestLogHandlersAreUserCode(t *testing.T) {
	t.Run("one may unsubscribe, and hears of that", func(t *testing.T) {
		var sub *leadership.Subscription
		var said []string
		hot := leadership.NewSubject[int]()
		logger := slog.New(handler{handle: func(_ context.Context, r slog.Record) {
			said = append(said, r.Message)
			if r.Message == "Stream value" {
				sub.Unsubscribe()
			}
		}})
		sub = operators.Log(hot.AsObservable(), logger, slog.LevelInfo, "s").Subscribe(func(int) { t.Error("told") })
		hot.Next(1)
		<-sub.Done()
		if got := strings.Join(said, ", "); got != "Stream subscribed, Stream value, Stream released" {
			t.Error(got)
		}
	})
	t.Run("one that panics ends the subscription", func(t *testing.T) {
		for _, at := range []string{"Stream subscribed", "Stream value", "Stream completed", "Stream released"} {
			logger := slog.New(handler{handle: func(_ context.Context, r slog.Record) {
				if r.Message == at {
					panic("boom")
				}
			}})
			o := operators.Log(leadership.Just(1), logger, slog.LevelInfo, "s")
			if at == "Stream released" {
				o = operators.Take(operators.Log(leadership.Just(1, 2), logger, slog.LevelInfo, "s"), 1)
			}
			err := operators.Retry(o, operators.RetryPolicy{Max: 3}).ForEach(t.Context(), nil)
			if failed, ok := errors.AsType[*leadership.PanicError](err); !ok || failed.Value != "boom" {
				t.Errorf("at %s: %v", at, err)
			}
		}
	})
	t.Run("one is given the values of the subscriber's context, and never its end", func(t *testing.T) {
		type key struct{}
		ctx, cancel := context.WithCancel(context.WithValue(t.Context(), key{}, "trace"))
		records := 0
		logger := slog.New(handler{handle: func(ctx context.Context, r slog.Record) {
			if records++; ctx.Value(key{}) != "trace" || ctx.Err() != nil {
				t.Errorf("%s: %v, %v", r.Message, ctx.Value(key{}), ctx.Err())
			}
		}})
		o := operators.Log(operators.StartWith(leadership.Never[int](), 1), logger, slog.LevelInfo, "s")
		_ = o.ForEach(ctx, func(int) { cancel() })
		if records != 3 {
			t.Errorf("%d records", records)
		}
	})
}

func TestLogWithoutALogger(t *testing.T) {
	before, flags := slog.Default(), log.Flags()
	t.Cleanup(func() {
		slog.SetDefault(before)
		log.SetOutput(os.Stderr) // which SetDefault had redirected
		log.SetFlags(flags)
	})
	o := operators.Log(leadership.Just(1), nil, slog.LevelInfo, "s")
	var b bytes.Buffer
	slog.SetDefault(texts(&b)) // after the stream was made, before it is subscribed to
	o.Subscribe(nil)
	if !strings.Contains(b.String(), `msg="Stream value" stream=s value=1`) {
		t.Error(b.String())
	}
}

func ExampleLog() {
	logger := slog.New(slog.NewTextHandler(os.Stdout, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey {
			return slog.Attr{} // so that the output is the same every time
		}
		return a
	}}))
	messages := leadership.Just(leadership.ElectionMessage{Status: leadership.StatusElected, Vote: &leadership.Vote{ServiceID: "node-1"}})
	operators.Log(messages, logger, slog.LevelInfo, "election").Subscribe(nil)
	// Output:
	// level=INFO msg="Stream subscribed" stream=election
	// level=INFO msg="Stream value" stream=election value="ElectionMessage(status=elected, vote=Vote{sessionId='', serviceName='', serviceId='node-1'}, error=null)"
	// level=INFO msg="Stream completed" stream=election
}
