package etcd

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"go.etcd.io/etcd/api/v3/mvccpb"
	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/leadership-go/leadership"
)

func TestParseLease(t *testing.T) {
	for name, want := range map[string]clientv3.LeaseID{
		"1": 1, "694d9a3f2b1c0de5": 0x694d9a3f2b1c0de5, "7fffffffffffffff": math.MaxInt64, "ffffffffffffffff": -1, "deadbeef": 0xdeadbeef,
	} {
		if id, ok := parseLease(name); !ok || id != want {
			t.Errorf("%q: %x, %v", name, id, ok)
		}
	}
	for _, name := range []string{
		"", "0", "00", "01", "0x1", "1_0", "-1", "+1", " 1", "1 ", "DEADBEEF", "g", "written-by-hand", "10000000000000000", "1/2", "1\x00",
	} {
		if id, ok := parseLease(name); ok {
			t.Errorf("%q was read as lease %x", name, id)
		}
	}
}

func FuzzParseLease(f *testing.F) {
	for _, name := range []string{"1", "0", "ff", "FF", "694d9a3f2b1c0de5", "ffffffffffffffff", "0x1", "a/b"} {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		id, ok := parseLease(name)
		if !ok {
			return
		}
		if id == clientv3.NoLease || sessionID(id) != name || strings.Trim(name, "0123456789abcdef") != "" || len(name) > 16 {
			t.Errorf("%q was read as lease %d, which is written %q", name, id, sessionID(id))
		}
	})
}

func TestSessionIDIsWhatConcurrencyElectionWrites(t *testing.T) {
	for _, id := range []clientv3.LeaseID{1, 0xdeadbeef, math.MaxInt64} {
		if got, want := candidateKey("k", sessionID(id)), fmt.Sprintf("k/%x", id); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}

func TestHolderOf(t *testing.T) {
	for _, c := range []struct {
		sentence string
		key      string
		lease    int64
		want     string
	}{
		{"a key on its lease", "k/ff", 0xff, "ff"},
		{"a key on another lease", "k/ff", 0xaa, "aa"},
		{"a key of another program on a lease", "k/theirs", 0xaa, "aa"},
		{"a key taken off its lease", "k/ff", 0, "detached:ff"},
		{"a key of no lease", "k/notes", 0, ""},
		{"the bare prefix", "k/", 0, ""},
	} {
		kv := &mvccpb.KeyValue{Key: []byte(c.key), Lease: c.lease, CreateRevision: 7, Value: []byte("v")}
		if got := holderOf("k/", kv); got != c.want {
			t.Errorf("%s: %q, want %q", c.sentence, got, c.want)
		}
		h := holder("k/", kv)
		if c.want == "" && (h.Session != "" || h.Token != 0 || h.Value != nil) || c.want != "" && (h.Session != c.want || h.Token != 7) {
			t.Errorf("%s: the holder is %+v", c.sentence, h)
		}
	}
	if h := holder("k/", nil); h.Session != "" || h.Token != 0 {
		t.Errorf("nobody: %+v", h)
	}
}

func TestNested(t *testing.T) {
	for key, want := range map[string]bool{"k/ff": false, "k/": false, "k/x/ff": true, "k//": true} {
		if got := nested("k/", &mvccpb.KeyValue{Key: []byte(key)}); got != want {
			t.Errorf("%q: %v", key, got)
		}
	}
	if nested("k/", nil) {
		t.Error("nobody is nested")
	}
}

func TestSigns(t *testing.T) {
	sign := leadership.Vote{ServiceName: "s", ServiceID: "1"}.Encode()
	vote := leadership.Vote{SessionID: "ff", ServiceName: "s", ServiceID: "1"}.Encode()
	for _, c := range []struct {
		sentence string
		kv       *mvccpb.KeyValue
		want     bool
	}{
		{"a sign below the key, on the lease", &mvccpb.KeyValue{Key: []byte("k/ff/resigned"), Lease: 0xff, Value: sign}, true},
		{"a sign off the lease", &mvccpb.KeyValue{Key: []byte("k/ff/resigned"), Value: sign}, false},
		{"a sign on another lease", &mvccpb.KeyValue{Key: []byte("k/ff/resigned"), Lease: 1, Value: sign}, false},
		{"somebody else's sign", &mvccpb.KeyValue{Key: []byte("k/1/resigned"), Lease: 1, Value: sign}, false},
		{"a sign in the key itself", &mvccpb.KeyValue{Key: []byte("k/ff"), Lease: 0xff, Value: sign}, false},
		{"a vote", &mvccpb.KeyValue{Key: []byte("k/ff/resigned"), Lease: 0xff, Value: vote}, false},
		{"something else", &mvccpb.KeyValue{Key: []byte("k/ff/resigned"), Lease: 0xff, Value: []byte("host-1")}, false},
		{"nothing", &mvccpb.KeyValue{Key: []byte("k/ff/resigned"), Lease: 0xff}, false},
		{"no key", nil, false},
	} {
		if got := signs(c.kv, "k/ff"); got != c.want {
			t.Errorf("%s: %v", c.sentence, got)
		}
	}
}
