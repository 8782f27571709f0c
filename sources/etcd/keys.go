package etcd

import (
	"bytes"
	"strconv"
	"strings"

	"go.etcd.io/etcd/api/v3/mvccpb"
	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/leadership-go/leadership"
)

// sessionID is the name of a lease: as a session, and as the last part of its candidates' keys.
func sessionID(id clientv3.LeaseID) string { return strconv.FormatUint(uint64(id), 16) }

// parseLease reads a lease id as [sessionID] writes it: lower-case hex of 64 bits, no sign, no prefix, no leading zero, not 0.
func parseLease(name string) (clientv3.LeaseID, bool) {
	n, err := strconv.ParseUint(name, 16, 64)
	if err != nil || n == 0 || strconv.FormatUint(n, 16) != name {
		return 0, false
	}
	return clientv3.LeaseID(n), true
}

// prefixOf is what all candidates' keys for key begin with. The slash keeps the election xy out of the election x.
func prefixOf(key string) string { return key + "/" }

// candidateKey is the key of the session's candidacy.
func candidateKey(key, session string) string { return prefixOf(key) + session }

// Fence is a condition for a transaction of etcd: it holds as long as the term's candidacy stands, so as long as that term has not been taken from
// it at the store. Writes that are guarded by it can't come from an earlier term. That of the zero Term never holds.
//
//	client.Txn(ctx).If(etcd.Fence(term)).Then(clientv3.OpPut("jobs/next", "42")).Commit()
func Fence(term leadership.Term) clientv3.Cmp {
	return FenceToken(term.Key(), term.Session(), term.Token())
}

// FenceToken is [Fence] for who knows only the election's key, the session in the leader's vote and the term's token, as a process does that works for the leader.
func FenceToken(key, session string, token uint64) clientv3.Cmp {
	revision := int64(token)
	if revision <= 0 { // a key that is not there has revision 0
		revision = -1
	}
	return clientv3.Compare(clientv3.CreateRevision(candidateKey(key, session)), "=", revision)
}

// detached marks, in front of its name, the holder of a key that an operator's plain put has taken off its lease. So it is no session's
// id, its own session sees that the key is lost, and the others know whose life to ask for.
const detached = "detached:"

// holderOf names who holds a candidate's key: the lease it hangs on, or the detached one that it is named for. It is ""
// where the key is nobody's.
func holderOf(prefix string, kv *mvccpb.KeyValue) string {
	if kv.Lease != 0 {
		return sessionID(clientv3.LeaseID(kv.Lease))
	}
	name := strings.TrimPrefix(string(kv.Key), prefix)
	if _, ok := parseLease(name); ok {
		return detached + name
	}
	return ""
}

// nested reports whether kv belongs to an election further down.
func nested(prefix string, kv *mvccpb.KeyValue) bool {
	return kv != nil && bytes.Contains(kv.Key[min(len(prefix), len(kv.Key)):], []byte("/"))
}

// isSign reports whether value is the vote that a leader leaves behind when it resigns: one that names no session.
func isSign(value []byte) bool {
	vote, err := leadership.ParseVote(value)
	return err == nil && vote.SessionID == ""
}

// resignedKey is where a leader that resigns leaves its sign, in the transaction that deletes its candidate's key. It is below that key, so that
// whoever may write the one may write the other, and one watch covers both; and further down than candidates are. It hangs on the
// same lease, which is revoked next. Clients that look at all keys below the prefix find a candidate there that came last.
func resignedKey(candidate string) string { return candidate + "/resigned" }

// tracesOf is what the traces of an election begin with. They are beside the candidates' keys and not below the same prefix, where other clients would take them for
// candidates. No election's key has //, so that none of its candidates' keys can begin like that.
func tracesOf(key string) string { return key + ".holders//" }

// tracesBeside is the same for the prefix of an election's candidates.
func tracesBeside(prefix string) string { return tracesOf(strings.TrimSuffix(prefix, "/")) }

// traceOf is the trace of a candidate, and what that says of itself: it hangs on the same lease, is written when the candidate begins to stand, and deleted when that gives its place up, or with the lease, which is revoked next. An operator who deletes the
// candidate's key leaves it where it is. So a trace that is older than the own candidacy is of one that led, or stood before, and may believe.
func traceOf(candidate string) string {
	slash := strings.LastIndexByte(candidate, '/')
	return tracesOf(candidate[:slash]) + candidate[slash+1:]
}

// withResigned has a watch of a candidate's key cover its resignedKey: '0' is the character after '/'.
func withResigned(candidate string) clientv3.OpOption { return clientv3.WithRange(candidate + "0") }

// signs reports whether kv is the sign of who held candidate: below that key, and on its lease, which an operator's plain put is not.
func signs(kv *mvccpb.KeyValue, candidate string) bool {
	return kv != nil && string(kv.Key) == resignedKey(candidate) && isSign(kv.Value) &&
		strings.HasSuffix(candidate, "/"+sessionID(clientv3.LeaseID(kv.Lease)))
}
