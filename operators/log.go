package operators

import (
	"context"
	"log/slog"
	"sync/atomic"

	"github.com/leadership-go/leadership"
)

// Log writes what happens in src to logger, as structured records at level. A nil logger is what [slog.Default] returns at the
// subscription. These are the records and their attributes:
//
//	Stream subscribed   stream
//	Stream value        stream, value
//	Stream failed       stream, error
//	Stream completed    stream
//	Stream released     stream, cause: the end of a subscription that was told no terminal here
//
// stream is name. cause is that of [leadership.Scope.Context]: a panic, the cause of the subscriber's context, or [leadership.ErrUnsubscribed],
// also where an operator below has had enough.
//
// Each record is written before the event passes on, on the goroutine that brings it, and with the values of the subscriber's context. A
// handler that blocks holds up this subscriber, and whoever unsubscribes it. While level is disabled, an event costs the question whether it
// is, and nothing is formatted or allocated.
func Log[T any](src leadership.Observable[T], logger *slog.Logger, level slog.Level, name string) leadership.Observable[T] {
	return leadership.New(func(s *leadership.Scope, out leadership.Observer[T]) {
		source := s.Child()
		l := &logged[T]{out: out, source: source, logger: logger, level: level, name: name, ctx: context.WithoutCancel(source.Context())}
		if logger == nil {
			l.logger = slog.Default()
		}
		l.write("Stream subscribed")
		source.OnEnd(l.released)
		src.SubscribeIn(source, l)
	})
}

type logged[T any] struct {
	out    leadership.Observer[T]
	source *leadership.Scope
	logger *slog.Logger
	level  slog.Level
	name   string
	ctx    context.Context //nolint:containedctx // for the handler, which may look for values; it belongs to one subscription
	told   atomic.Bool     // the end is written, or being written
}

func (l *logged[T]) enabled() bool { return l.logger.Enabled(l.ctx, l.level) }

func (l *logged[T]) write(text string, attrs ...slog.Attr) {
	if l.enabled() {
		l.logger.LogAttrs(l.ctx, l.level, text, append([]slog.Attr{slog.String("stream", l.name)}, attrs...)...)
	}
}

// released is for an end that nobody told us of.
func (l *logged[T]) released() {
	if !l.told.Swap(true) {
		l.write("Stream released", slog.Any("cause", context.Cause(l.source.Context())))
	}
}

func (l *logged[T]) Next(v T) {
	if l.enabled() { // asked first, as an attribute of v may cost an allocation
		l.write("Stream value", slog.Any("value", v))
	}
	l.out.Next(v)
}

func (l *logged[T]) Error(err error) {
	if !l.told.Swap(true) {
		l.write("Stream failed", slog.Any("error", err))
	}
	l.source.End()
	l.out.Error(err)
}

func (l *logged[T]) Complete() {
	if !l.told.Swap(true) {
		l.write("Stream completed")
	}
	l.source.End()
	l.out.Complete()
}
