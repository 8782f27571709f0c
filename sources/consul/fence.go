package consul

import "github.com/hashicorp/consul/api"

// Fence returns an operation that lets a transaction pass only while session holds the election's key. Put it first
// in a transaction that writes what only the leader may write: then a leader that was replaced without knowing it writes nothing.
//
//	ok, _, _, err := client.Txn().Txn(api.TxnOps{
//		consul.Fence(key, vote.SessionID),
//		{KV: &api.KVTxnOp{Verb: api.KVSet, Key: "jobs/last", Value: []byte("42")}},
//	}, nil)
//
// The session is the one in the leader's vote. A member never leads two terms with one session, unless it was attached to it: then a
// write of the first term passes during the second. There, let what is written carry the token: read it, give up where it is above
// your own, and add a check-index of what was read. A check-index of the election's key with the token tells terms apart,
// too, but an operator's plain write to that key then blocks the leader's writes until its term ends.
func Fence(key, session string) *api.TxnOp {
	return &api.TxnOp{KV: &api.KVTxnOp{Verb: api.KVCheckSession, Key: key, Session: session}}
}
