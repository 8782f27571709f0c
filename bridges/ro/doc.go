// Package robridge is the bridge to ro (github.com/samber/ro), in both directions, so that its operators can stand in the middle of a pipeline. It is
// a module of its own: only who imports it links ro. Its name differs from its folder's, so that it can be imported beside ro:
//
//	import (
//		"github.com/samber/ro"
//
//		robridge "github.com/leadership-go/leadership/bridges/ro"
//	)
//
//	leaders := robridge.Pipe(member.AsObservable(), func(o ro.Observable[leadership.ElectionMessage]) ro.Observable[string] {
//		return ro.Pipe2(o, ro.Filter(isElected), ro.Map(nameOfLeader))
//	})
//
// [Pipe] is the one to prefer: it makes a chain of its own for each subscriber and ends it with the subscription. [To] and [From] are
// its halves, for code that has, or wants, an Observable of ro.
//
// # Traps of ro v0.3.0, and what the bridge does about them
//
// ro calls from its sources straight into its observers, in many places with a lock held. The tests here show each of these without the bridge, and
// then with it.
//
//   - Subscribe waits: Timer for its time; Retry, Concat, Repeat, While, SubscribeOn and OnErrorResumeNextWith until what is hot has ended. What it has not
//     returned yet nobody can unsubscribe. From and Pipe subscribe on a goroutine of their own, and where it has not returned their end is the end of
//     the context. Where that is not heeded within 0.05 s, Pipe has its source fail.
//   - For the same reason a source that delivers within Subscribe does not hear that Take, or its like, has enough. To delivers from a goroutine, so that a
//     source of ours does. One of ro can ask IsClosed, which From keeps up to date.
//   - A callback that tells, or subscribes to, the Subject that it hears waits for itself for ever; one that does not return stops all others. Callbacks
//     behind From and Pipe run on a goroutine of their own, with no lock of ro held. From has a mailbox in front of them. Only when it is full
//     does the Subject wait; a callback that tells the Subject then waits with it, until the subscription ends.
//   - Unsubscribe from a callback waits for itself for ever behind GroupBy with MergeAll, and so does a UnicastSubject whose subscriber leaves before it
//     has all that had waited. Teardowns run apart from callbacks, and not before Subscribe has returned.
//   - An observer of one's own kind that panics leaves locks held behind it, and the error that ro makes of the panic waits for them for ever. The
//     bridge lets no panic out into ro, and To calls no observer again that let one out.
//   - ObserveOn, SubscribeOn and GroupBy race with values on their way when they are unsubscribed: the former two close the channel that their source sends
//     into. In Pipe the source stands still before anything is torn down; it has 0.2 s for that. To and From can't do so.
//   - The end of a context is a completion of Interval, and an error of Never, Timer and Retry. Here it is the cause in [leadership.Subscription.Err], and
//     neither of them. On ro's side it is an error of To, with the cause.
//   - An error may be nil, and values may follow it. Here it is never nil, and the end.
//   - MergeMapI counts on from subscription to subscription, and OnErrorResumeNextWith keeps the sources of earlier uses. Each subscription of a Pipe has
//     operators of its own, if they are made within its function.
//   - Timeout breaks at a value whose context is of another type than the subscription's. To gives each value the very context of its subscription. (Behind
//     ContextWithValue it breaks all the same.)
//
// # What the bridge cannot mend
//
//   - A source of ro that delivers within Subscribe for ever, and heeds neither its context nor IsClosed, stays when nobody wants it any more. After a second
//     Unsubscribe returns, and leaves it to itself, as whatever else of ro does not return: a sleep of DelayEach, a teardown that is stuck.
//   - Functions given to operators of ro may still run for a moment after Unsubscribe has returned. An Unsubscribe from within one of them may
//     take a second.
//   - A panic in such a function becomes an error of ro's, without its stack, that Retry and Catch handle as any other. In Future, or in another goroutine
//     that ro starts without a guard, it ends the process. After one in a [ro.NewObserver] its values go on. Functions that may panic belong in front
//     of the bridge or behind it.
//   - Share subscribes to its source with the context of whoever came first, and so ends for all with that one, Interval even with a completion.
//     operators.Share, behind From, does not.
//   - Zip, and Zip2 to Zip6, lose what comes from sources that are hot, and may never complete. operators.Zip does not.
//   - Concat goes on to the next stream after an error, and after the end of a subscription that finds it waiting within Subscribe.
//   - Delay keeps a core busy, and its source waiting, while the subscriber behind it is slow.
//   - The contexts that ro hands on with each value end at From.
package robridge
