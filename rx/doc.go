// Package rx is the bridge to rxgo (github.com/reactivex/rxgo/v2), in both directions, so that every operator of rxgo can stand in
// the middle of a typed pipeline. Only who imports this package links rxgo.
//
//	leaders := rx.Pipe[leadership.ElectionMessage](member.AsObservable(), func(o rxgo.Observable) rxgo.Observable {
//		return o.Filter(isEdge).Debounce(rxgo.WithDuration(200 * time.Millisecond))
//	})
//
// [Pipe] is the one to prefer: it makes a chain of its own for each subscriber and ends it with the subscription. [To] and [From]
// are its halves, for code that has, or wants, an rxgo Observable. With rxgo comes testify, which it imports outside of its tests.
//
// # What is wrong in rxgo, and what the bridge does about it
//
// The last release of rxgo, v2.5.0 of April 2021, has faults that a user of leader election must not meet. Tests here show them.
//
//   - One subscriber of FromEventSource that does not read stops all others, or with the Drop strategy itself loses what comes while it is busy. Create
//     and FromChannel deal the items out instead of giving each observer all. The bridge builds on Defer alone: each Observe is a subscription
//     with a mailbox of its own, starts with the current state, and fails with [leadership.ErrOverflow] when it is too slow. The
//     election never waits for a channel of rxgo.
//   - A channel closed by the end of a context looks like a completion. On the typed side it is what it is: the cause in
//     [leadership.Subscription.Err], and no OnComplete.
//   - A second Observe of Debounce, FlatMap and the operators with windows or buffers panics, and kills the process. In Pipe each subscription has its
//     own chain; From observes once and hands out itself what comes.
//   - Retry, BackOffRetry, StartWith, ZipFromIterable and Sample start when they are made, and do not hear of the context given to Observe;
//     nor do Debounce, FlatMap and others while they send. In Pipe the source itself ends with the subscription, and the bridge goes on receiving
//     until the chain has run empty and closed, for at most one second. Only then, or after 0.2 s, the context of the chain ends.
//   - Distinct and DistinctUntilChanged panic at a key that can't be compared, Debounce loses nil. To admits comparable, non-nil values only: others
//     are an [ErrValue].
//   - Items are untyped. What is no T, nil included, is an [ErrItemType] that names both types.
//
// # What the bridge cannot mend
//
//   - A panic in a function given to an operator of rxgo runs on a goroutine of rxgo: nobody can recover it, and it ends the process. Functions that may
//     panic belong in front of the bridge or behind it, where a panic ends one subscription.
//   - Take(n) completes at the item after the nth. Until then it holds its source. Use First or TakeUntil, which end with the item, or operators.Take behind the bridge.
//   - Debounce drops what it holds when its source ends.
//   - BackOffRetry with a context of its own panics when that ends. Give it none: in Pipe it needs none.
//   - A source of rxgo that heeds no context and never closes (Never, Interval without WithContext, FromChannel of a channel that stays open) stays when
//     it is merged into a chain. After the second that the bridge gives it, Unsubscribe returns and its goroutines are left to it.
//   - Retry, Debounce and their like before an operator that ends by itself, and Sample, leave goroutines behind unless they are given a
//     context: [PipeContext] has it.
//   - Functions given to operators of rxgo may still run for a moment after Unsubscribe has returned.
//   - A context given to a single operator ends that operator as a completion does. Give it to the subscription instead:
//     [leadership.WithContext].
package rx
