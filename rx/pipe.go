package rx

import (
	"context"
	"errors"
	"time"

	"github.com/reactivex/rxgo/v2"

	"github.com/leadership-go/leadership"
)

// flush is how long a chain may take to run empty once its source has ended, before its context ends, too. In the
// other order an operator that hears of the context would leave one before it, that does not, in its send for ever.
const flush = patience / 5

// errNoChain is the error for a function that returned nil instead of a chain.
var errNoChain = errors.New("rx: there is no rxgo Observable: it is nil")

// Pipe leads obs through a chain of rxgo's operators and back. It names the type that comes out; the others are inferred:
//
//	rx.Pipe[string](member.AsObservable(), func(o rxgo.Observable) rxgo.Observable { return o.Map(leader) })
//
// chain is called anew for each subscription, so that operators which can be observed only once do no harm, and may return
// an rxgo Single just as well. What it is given ends with the subscription, and with it all operators in between, whether or not they
// know of contexts. The context that functions within the chain get has the values of the subscriber's, and ends when the chain has run empty,
// or 0.2 s after the subscription at the latest. The mailbox at the source is the subscriber's
// ([leadership.Mailbox]): a chain that stands still fills it, holds up nobody else, and is told [leadership.ErrOverflow].
//
// The first error is the end. An item that is no U is an [ErrItemType], a value that rxgo cannot carry an [ErrValue]. A panic in chain
// itself ends the subscription; one in a function given to an operator of rxgo ends the process.
func Pipe[U any, T comparable, R rxgo.Iterable](obs leadership.Observable[T], chain func(rxgo.Observable) R) leadership.Observable[U] {
	return PipeContext[U](obs, func(_ context.Context, o rxgo.Observable) R { return chain(o) })
}

// PipeContext is [Pipe] for the few chains that need their context when they are made. rxgo leaves goroutines behind
//
//   - where an operator that does not hear of the context of Observe, such as Retry or Debounce, comes before one that ends by itself, such as First, and
//   - in Sample and SequenceEqual,
//
// unless the operator at fault is given the context, with [rxgo.WithContext]:
//
//	func(ctx context.Context, o rxgo.Observable) rxgo.Single {
//		return o.Debounce(delay, rxgo.WithContext(ctx)).FirstOrDefault(nobody)
//	}
//
// Don't give it to BackOffRetry, which panics when it ends.
func PipeContext[U any, T comparable, R rxgo.Iterable](
	obs leadership.Observable[T], chain func(context.Context, rxgo.Observable) R,
) leadership.Observable[U] {
	return leadership.New(func(s *leadership.Scope, out leadership.Observer[U]) {
		s.Go(func() {
			how, err := through(s, obs, chain, out)
			switch how {
			case completed:
				out.Complete()
			case failed:
				out.Error(err)
			case cancelled:
			}
		})
	})
}

// through runs one chain to its end and releases it.
func through[U any, T comparable, R rxgo.Iterable](
	s *leadership.Scope, obs leadership.Observable[T], chain func(context.Context, rxgo.Observable) R, out leadership.Observer[U],
) (end, error) {
	work := s.Child()
	defer work.End()
	ctx, cancel := context.WithCancel(context.WithoutCancel(work.Context()))
	defer cancel()
	iterable := chain(ctx, source(work, obs))
	if any(iterable) == nil {
		return failed, errNoChain
	}
	items := iterable.Observe(rxgo.WithContext(ctx))
	defer func() {
		work.End()
		release(items, flush)
		cancel()
		release(items, patience-flush)
	}()
	return receive(work.Context(), items, func(v U) bool {
		out.Next(v)
		return !work.Ended()
	})
}

// source is obs for a chain that belongs to s. It just closes when s ends: an error would have Retry try again.
func source[T comparable](s *leadership.Scope, obs leadership.Observable[T]) rxgo.Observable {
	return rxgo.Defer([]rxgo.Producer{func(ctx context.Context, next chan<- rxgo.Item) {
		if _, err := forward(ctx, next, s, obs); err != nil {
			select {
			case next <- rxgo.Error(err):
			case <-ctx.Done():
			case <-s.Context().Done():
			}
		}
	}})
}

// receive gives next what comes from rxgo until it says no, the stream ends or ctx does.
func receive[T any](ctx context.Context, items <-chan rxgo.Item, next func(T) bool) (end, error) {
	for {
		select {
		case item, open := <-items:
			switch {
			case ended(ctx):
				return cancelled, nil // whatever came: rxgo closes its channels then
			case !open:
				return completed, nil
			case item.Error():
				return failed, item.E
			}
			v, err := unboxed[T](item)
			if err != nil {
				return failed, err
			}
			if !next(v) {
				return cancelled, nil
			}
		case <-ctx.Done():
			return cancelled, nil
		}
	}
}

func ended(ctx context.Context) bool { return ctx.Err() != nil }

// release receives what rxgo still sends, until it closes the channel or the time is over: some operators are deaf to contexts while they send.
func release(items <-chan rxgo.Item, limit time.Duration) {
	timer := time.NewTimer(limit)
	defer timer.Stop()
	for {
		select {
		case _, open := <-items:
			if !open {
				return
			}
		case <-timer.C:
			return
		}
	}
}
