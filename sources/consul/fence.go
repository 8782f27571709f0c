package consul

import (
	"github.com/hashicorp/consul/api"

	"github.com/leadership-go/leadership"
)

// nobody is the name of no session. A fence for "" would pass while nobody holds the key.
const nobody = "nobody"

// Fence returns an operation that lets a transaction pass only while the term's session holds the election's key. Put it first in a transaction
// that writes what only the leader may write: then a leader that was replaced without knowing it writes nothing. The fence of the zero Term lets nothing pass.
//
//	ok, _, _, err := client.Txn().Txn(api.TxnOps{
//		consul.Fence(term),
//		{KV: &api.KVTxnOp{Verb: api.KVSet, Key: "jobs/last", Value: []byte("42")}},
//	}, nil)
//
// A member never leads two terms with one session, unless it was attached to it: then a write of the first term passes during the
// second, and [FenceIndex] tells them apart.
func Fence(term leadership.Term) *api.TxnOp { return FenceSession(term.Key(), term.Session()) }

// FenceSession is [Fence] for who knows only the election's key and the session in the leader's vote, as a process does that works for the leader.
func FenceSession(key, session string) *api.TxnOp {
	if session == "" {
		session = nobody
	}
	return &api.TxnOp{KV: &api.KVTxnOp{Verb: api.KVCheckSession, Key: key, Session: session}}
}

// FenceIndex is a fence by the term's token, the election key's index since the term began: no other term has it, whatever its session. In return it lets nothing pass any
// more once somebody has written to that key, which does not end the term if the session still holds it.
func FenceIndex(term leadership.Term) *api.TxnOp {
	op := &api.KVTxnOp{Verb: api.KVCheckIndex, Key: term.Key(), Index: term.Token()}
	if op.Index == 0 {
		return FenceSession(op.Key, "")
	}
	return &api.TxnOp{KV: op}
}
