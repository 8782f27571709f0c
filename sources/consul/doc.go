// Package consul elects a leader at a Consul cluster, through sessions and one key of its KV store.
//
//	member, err := consul.NewClusterFactory().Build(ctx)
//
// # What stands at the store
//
// The key "services/<service name>/leader", held by the leader's session, with the vote as its value: the three-field JSON of
// [leadership.Vote], flags 0, or a mark: where [leadership.Member.TransferTo] gave the key away, and, in a key that was given back, of who is next. Members of the Java library leadership-consul take part in the same election. Sessions are named
// after their election and instance, so that an operator can tell them apart in the output of "consul" and in its UI.
//
// Sessions are made with behaviour "delete": the key of a dead leader vanishes, and data found in a key that nobody
// holds is somebody else's, which is never overwritten. A leader that resigns writes a vote without a session id and releases the key in the
// same transaction, which tells its successor that nobody believes in the old term. It destroys its session afterwards, in this order because
// Consul's lock-delay follows a session that ends while it holds keys, and not a release. The sign is removed once the
// session is gone, unless a successor has taken the key by then.
//
// Consul 1.14 or newer is needed, for transactions that read a key which may be missing.
//
// Beside the key its holder has a trace, "services/<service name>/leader/holders/<session>", from the same transaction on until it gives the key back or its session ends. An operator who
// deletes the key alone leaves that: whoever takes the key next reads all traces in the transaction that takes it, and waits for those who may believe. To delete the traces as well
// (consul kv delete -recurse) hides from it that there is anybody.
//
// Who stands publishes that in "services/<service name>/leader/candidates/<session>", with its profile. The leader looks there for who waits longest, and names that one in the key when it
// gives it back. That one takes the key at once; the others hold back for 0.3 to 1.3 s, in which they see who has it, and ask for nothing. So a handover among many costs the store little more than one among two. Where
// that one has died, or nobody is named (the leader crashed, or knew of nobody yet), everybody asks, and the store decides. Members of the Java library publish nothing: they ask at once.
//
// # Groups
//
// A group looks at the index of the folder that its keys have in common, "services", and reads all of them, 64 at a time, when that has moved. Whatever is written below that folder moves it. A token needs nothing besides what each of the keys needs, but where the
// servers' acl.enable_key_list_policy is on it needs the right to list the folder. Without that the group goes by the index of the whole store, once a second.
//
// # Fencing tokens
//
// The token of a term is the key's ModifyIndex at acquisition, an index of the cluster's log. It grows across
// deletions of the key, unlike LockIndex. A plain write to a held key by somebody else moves ModifyIndex: the holder's
// own token stays, but other members then see a higher one. Restoring a snapshot may rewind all indexes: stop the members before. For
// writes to Consul itself use [Fence].
//
// # How long a takeover takes
//
// After a resignation: milliseconds. After the death of a leader: Consul ends a session between one and two TTLs after its
// last renewal, then applies the lock-delay. The lock-delay is the smallest possible (1 ms) by default, because a leader stops believing
// one TTL after its last renewal by itself, and one TTL long for sessions with checks, which can end a session at any
// time. See [WithLockDelay].
//
// # Sessions that end with a check
//
// With [WithSessionCheck], [WithServiceChecks] or [WithNodeChecks] Consul ends a session as soon as a check fails: a crash is noticed in a second, not after
// two TTLs. The holder may not know, and believe for up to one TTL more. So the lock-delay is at least session.ttl: nobody gets the key before. For the same reason session.ttl
// may be below what Consul takes (see [WithMinTTL]): it says for how long a leader believes after its last proof, and the store keeps the session for longer.
//
//	crash ──(up to one interval)──> the check fails, the session ends ──(lock-delay = session.ttl)──> a successor
//
// What it costs: a leader with a TTL of 1.5 s renews every 0.7 s, and does not ride out the seconds in which Consul elects its own leader: its term ends then. A failed
// look of the agent ends it, too, where FailuresBeforeCritical does not say otherwise, and a restart of the agent, which takes every check for critical until it
// has run. A check of a process does not see its machine die: then it takes two TTLs of the store, 20 s, or add WithNodeChecks("serfHealth").
//
// Every server of Consul keeps lock-delays in its memory, from when it took in the end of the session. They outlive a change of the servers' leader, but not the restoration
// of a snapshot; a server that gets its state as a snapshot lacks those of before, and one that has just been elected may not have come as far yet. Nor is there any for the key that an operator deletes. A
// waiting candidate therefore also waits for one TTL by its own clock when it saw the leader lose the key, even where the session is gone. One that comes only then
// can't: [leadership.ElectionConfig].TakeoverDelay covers that. All members of an election should have checks, or none, and one session.ttl.
//
// # What a token of Consul's ACL needs
//
//	key "services/cluster-app/leader"                    { policy = "write" }
//	key_prefix "services/cluster-app/leader/holders/"    { policy = "write" }
//	key_prefix "services/cluster-app/leader/candidates/" { policy = "write" }
//	session "node-1"                                     { policy = "write" }
//	session_prefix ""                                    { policy = "read" }
//	service "leadership-cluster-app"                     { policy = "write" } // with a session check
//
// for the node node-1, whose agent the member talks to. See docs/consul-policy.hcl, which is tested. A token that is refused shows as
// [leadership.ErrDenied], with Consul's words for what it lacks. With [WithTokenFile] it can be replaced while members run.
package consul
