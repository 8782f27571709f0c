// Package leadershipotel measures and traces members with OpenTelemetry. It is a module of its own: who does not import it links nothing of
// OpenTelemetry.
//
//	telemetry, err := leadershipotel.New()
//	if err != nil { … }
//	member, err := telemetry.Build(ctx, consul.NewClusterFactory().Configure(cfg))
//
// [Telemetry.Build] stands in for [leadership.ClusterFactory.Build]. Nothing else changes: the member is measured until it is closed.
//
// README.md beside this file lists all metrics, spans and attributes; a test compares it with what is sent.
//
// # What is measured
//
// Whether the member leads, the latest term that it knows of, and how much time is left until its deadline, each asked of the member at
// the moment of collection: a process that wakes from a stop says at once that it leads no more. How terms begin and end, and why. How
// long each call to the store took, and how it ended. How close to its deadline a leader was when a renewal was answered. Errors by kind.
// And, for subscribers that are named with [Telemetry.Subscriber], how many messages were coalesced in their mailboxes.
//
// # What is traced
//
// A term may last for months, a candidate may wait as long, and a span shows only once it has ended: there is none for either. The two
// moments that make somebody look have a short span each, and a trace of their own.
//
//   - leadership.campaign goes from the call that took the key to elected.first, or to where the key was given up before; where a new
//     session was made for it, from there. It shows what a successor waited for.
//   - leadership.handover goes from relegation to where the store has confirmed that it has key or session back: the time for which
//     nobody else could lead.
//
// Below them stand the calls to the store that were made meanwhile. Other calls, such as renewals, are measured but not traced, and
// watches are neither.
//
// [leadership.Member.Leader], [leadership.Member.Confirm] and [leadership.Member.TransferTo] ask the store on behalf of the caller: where
// their context carries a span, these calls are children of that one.
//
// # What it costs
//
// The election never waits for OpenTelemetry. Around a call to the store, the clock is read and a record is put into a mailbox;
// instruments and tracers are called from goroutines of their own, one at a time for each, that live while there is something to do. A
// span processor that blocks delays spans, not even metrics; one that panics is reported to [otel.Handle]. Where 1,024 records wait, the
// rest is lost, which is reported, too.
//
// [leadership.Member.Close] waits for up to a second, once key and session are given back, until all is handed over, so that a provider
// may be shut down after it:
//
//	defer provider.Shutdown(ctx)
//	defer member.Close()
package leadershipotel
