// Package leadership turns leader election into a typed stream of events. Several instances of a service compete for one key at a
// coordination store, Consul or etcd; each of them reads its own fate from an [Observable] of [ElectionMessage] and pipes it on.
//
//	member, err := consul.NewClusterFactory().Mode(leadership.ModeMulti).Debug(true).Build(ctx)
//	if err != nil { … }
//	defer member.Close()
//
//	member.AsObservable().Subscribe(func(m leadership.ElectionMessage) { fmt.Println(m) })
//
// The hard part is not winning the election. It is knowing, in time, that you no longer hold it:
//
//	the store's session   |<─────────────── TTL or longer ───────────────>|
//	the leader's belief   |<────────── TTL − drift ──────────>|
//	                      ^                                   ^
//	            the last proof was sent               relegation at the latest
//	                                                              a successor ^
//
// A proof is a renewal of the session together with a read of the key, sent no earlier, that shows the key ours. Its time is that of
// sending, by clocks that run on while the process or the machine stands still. Whatever the network does, a leader without a new proof
// stops believing before the store can elect another one.
//
// # What is promised
//
//   - Never two leaders, as the application sees it: by [Member.IsLeader], [Term.Valid], the context of the term, or the stream.
//   - A fencing token that grows with every term: [Term.Token], [ElectionMessage].Term.
//   - A grammar of messages, see [Status]: exactly one relegation, with a reason, for each elected.first.
//   - A late subscriber first gets the current state. A slow, stuck or panicking one holds nobody up.
//   - Whatever happens to the store, candidacy goes on until Close or the end of the context given to Build.
//   - Close and Resign give the key back, so that a waiter is elected in milliseconds.
//
// [Member.Lead] runs work while the member leads: it stops the work before the term is over, and gives the key back after it has returned.
//
// # What is not promised
//
// A resource that does not look at the fencing token can still see a late write of an old leader, which passed its check, was stopped, and wrote
// then. Clocks that run wrong by more than the drift allowance ([SessionConfig].Drift) break the arithmetic above. An operator who deletes the key
// of a leader that is cut off at that moment leaves its trace, and so whoever comes to hold the key waits for it; one who ends its session, or deletes traces, too,
// hands over at once: [ElectionConfig].TakeoverDelay covers that. All members of one election should use one TTL.
//
// # Packages
//
// sources/consul, sources/etcd and sources/memory are the stores; sources/http follows an election from outside; operators holds the stream's operators and rx the bridge to rxgo; config reads settings from
// YAML and the environment; sources/sourcetest is the conformance suite for who writes a [Backend].
package leadership
