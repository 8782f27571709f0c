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

// Fence is a condition for a transaction of etcd: it holds as long as session (a [leadership.Vote]'s SessionID) has its candidacy for the
// election's key with that token (a [leadership.Term]'s), so as long as that term has not been taken from it at the store. Writes
// that are guarded by it can't come from an earlier term:
//
//	client.Txn(ctx).If(etcd.Fence(key, session, term.Token())).Then(clientv3.OpPut("jobs/next", "42")).Commit()
func Fence(key, session string, token uint64) clientv3.Cmp {
	return clientv3.Compare(clientv3.CreateRevision(candidateKey(key, session)), "=", int64(token))
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

// isSign reports whether value is the vote that a leader leaves behind when it resigns.
func isSign(value []byte) bool {
	vote, err := leadership.ParseVote(value)
	return err == nil && vote.SessionID == ""
}

// signed reports whether a candidate's key carries the sign that its holder gave it back. It was written over the vote, and on the lease:
// neither a first value nor an operator's plain put is a sign.
func signed(kv *mvccpb.KeyValue) bool { return kv.Lease != 0 && kv.Version > 1 && isSign(kv.Value) }
