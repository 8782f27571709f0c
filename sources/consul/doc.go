// Package consul elects a leader at a Consul cluster, through sessions and one key of its KV store.
//
//	member, err := consul.NewClusterFactory().Build(ctx)
//
// # What stands at the store
//
// The key "services/<service name>/leader", held by the leader's session, with the vote as its value: the three-field JSON of
// [leadership.Vote], flags 0. Members of the Java library leadership-consul take part in the same election. Sessions are named
// after their election and instance, so that an operator can tell them apart in the output of "consul" and in its UI.
//
// Sessions are made with behaviour "delete": the key of a dead leader vanishes, and data found in a key that nobody
// holds is somebody else's, which is never overwritten. A leader that resigns writes a vote without a session id and releases the key in the
// same transaction, which tells its successor that nobody believes in the old term. It destroys its session afterwards, in this order because
// Consul's lock-delay follows a session that ends while it holds keys, and not a release. The sign is removed once the
// session is gone, unless a successor has taken the key by then.
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
// one TTL after its last renewal by itself, and one TTL long for sessions with health checks, which can end a session at any
// time: the leader may believe for up to one TTL more. See [WithLockDelay].
//
// # What a token of Consul's ACL needs
//
//	key "services/cluster-app/leader" { policy = "write" }
//	session "node-1"                  { policy = "write" }
//	session_prefix ""                 { policy = "read" }
//
// for the node node-1, whose agent the member talks to. See docs/consul-policy.hcl, which is tested. A token that is refused shows as
// [leadership.ErrDenied], with Consul's words for what it lacks. With [WithTokenFile] it can be replaced while members run.
package consul
