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
// The session is the one in the leader's vote. A member never leads two terms with one session,
// unless it was attached to it.
func Fence(key, session string) *api.TxnOp {
	return &api.TxnOp{KV: &api.KVTxnOp{Verb: api.KVCheckSession, Key: key, Session: session}}
}
