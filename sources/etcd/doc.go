// Package etcd elects leaders at an etcd cluster (v3 API).
//
//	member, err := etcd.NewClusterFactory(etcd.WithEndpoints("etcd-1:2379", "etcd-2:2379", "etcd-3:2379")).Build(ctx)
//
// # Layout
//
// The keys are those of package concurrency of etcd's own client, so that [concurrency.Election], etcdctl elect and members of this
// package stand in one election: below the election's key and a slash each candidate has a key that is named for its lease in
// hex and lives as long as that lease. The one with the smallest create revision leads. The session id is the lease id in hex, the fencing
// token is the create revision of the leader's key; see [Fence].
//
// Keys further down (k/x/… for the election k) belong to another election and are left out, here; concurrency.Election takes
// them for candidates. So don't nest elections where such peers take part.
//
// A leader that resigns deletes its key and, in the same transaction, writes a vote without a session id below it (k/694d77aa9e38260f/resigned), on the same
// lease, which is revoked next. That is how its successor knows at once that nobody believes in the term any more.
// concurrency.Election takes that key for a candidate, too: who campaigns with it in that moment waits until the lease is revoked, and Leader and Observe may show it.
//
// Beside its key each candidate has a trace on the same lease, from the same transaction on: k.holders//694d77aa9e38260f. It goes with the candidacy, or with the lease where that is revoked next, and not where an operator
// deletes the key. Who becomes the first in line reads the traces that are older than its own candidacy, and waits for those who may believe. To delete them as well hides
// from it that there is anybody. Where an operator deletes the keys of waiters, too, the first one to stand again waits for these as if they had led.
//
// A waiter watches the key of the candidate right before it, so that a handover wakes one waiter, not all of them.
//
// # What operators may do
//
// A lease that is revoked ends the term. So does a leader's key that is deleted. A plain put over a candidate's key detaches it
// from its lease: the term ends, and the key is removed. A detached key of a lease that is gone is removed by the next candidate
// that finds it first in line. A key without a lease that is not named like one is nobody's candidacy:
// it is left alone, and candidates behind it report [leadership.ErrKeyConflict] until it is gone.
//
// # What a user of etcd needs
//
// Permission to read and write the keys that begin with the election's key and a slash, or with the key and .holders//, and none for leases: see docs/etcd-role.txt, which is tested. A
// refusal shows as [leadership.ErrDenied]. With [WithPasswordFile] a password can be replaced while members run; authentication tokens are renewed by themselves.
//
// # Time
//
// etcd counts TTLs in whole seconds and has a minimum of one and a half election timeouts (2 s by default); what it grants
// counts. A lease whose grant was lost on its way is found again by the next attempt, or ends with its TTL.
package etcd
