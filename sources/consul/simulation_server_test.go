package consul

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/consul/api"
)

// ensemble is a fake Consul server that keeps what the real one keeps, as far as the adapter asks for it: sessions that end two TTLs after
// their last renewal, keys with their three indexes, lock-delay, transactions, blocking queries.
type ensemble struct {
	mu       sync.Mutex
	rng      *rand.Rand
	index    uint64 // of the last write
	folder   uint64 // of the last write to any key
	sessions map[string]*fakeSession
	keys     map[string]api.KVPair
	past     []fakeState // what reads that may be stale can show, oldest first
	delays   map[string]time.Time
	changed  chan struct{} // closed at the next write
	denied   map[int]bool  // by member
	busy     bool
	rewound  uint64        // how far the indexes that are told are behind
	lag      time.Duration // of reads that may be stale
	quiet    chan struct{} // closed when the server goes down

	patience int  // in halves of a TTL: how long a session lives after a renewal; 4 as Consul has it
	restarts bool // broken: indexes start anew when a key is deleted
	clinging bool // broken: sessions are not destroyed
}

type fakeSession struct {
	entry api.SessionEntry
	ttl   time.Duration
	timer *time.Timer
	born  time.Time
}

// fakeState is what all keys were from an instant on.
type fakeState struct {
	from  time.Time
	index uint64
	keys  map[string]api.KVPair
	below uint64 // the index of the folder
}

func newEnsemble(seed uint64) *ensemble {
	return &ensemble{
		rng: rand.New(rand.NewPCG(seed, 0xc0)), index: 10, sessions: make(map[string]*fakeSession), keys: make(map[string]api.KVPair),
		delays: make(map[string]time.Time), changed: make(chan struct{}), denied: make(map[int]bool), quiet: make(chan struct{}), patience: 4,
	}
}

// do runs f under the lock.
func (e *ensemble) do(f func()) {
	e.mu.Lock()
	defer e.mu.Unlock()
	f()
}

// wrote notes that something changed. The caller holds the lock and has raised the index.
func (e *ensemble) wrote() {
	same := func(a, b api.KVPair) bool { return a.ModifyIndex == b.ModifyIndex }
	if n := len(e.past); n == 0 || !maps.EqualFunc(e.past[n-1].keys, e.keys, same) {
		e.folder = e.index
	}
	e.past = append(e.past, fakeState{time.Now(), e.index, maps.Clone(e.keys), e.folder})
	if len(e.past) > 64 {
		e.past = slices.Clone(e.past[32:])
	}
	close(e.changed)
	e.changed = make(chan struct{})
}

// end invalidates a session: its keys are deleted, or released, and held back for the lock-delay.
func (e *ensemble) end(id string) {
	s, ok := e.sessions[id]
	if !ok {
		return
	}
	s.timer.Stop()
	delete(e.sessions, id)
	e.index++
	for key, pair := range e.keys {
		if pair.Session != id {
			continue
		}
		if s.entry.Behavior == api.SessionBehaviorDelete {
			delete(e.keys, key)
		} else {
			pair.Session, pair.ModifyIndex = "", e.index
			e.keys[key] = pair
		}
		if s.entry.LockDelay > 0 {
			e.delays[key] = time.Now().Add(s.entry.LockDelay)
		}
	}
	e.wrote()
}

// life is how long a session lives after a renewal.
func (e *ensemble) life(ttl time.Duration) time.Duration { return ttl * time.Duration(e.patience) / 2 }

// elect gives all sessions a whole TTL, as a new leader of the servers does.
func (e *ensemble) elect() {
	for _, s := range e.sessions {
		s.timer.Reset(e.life(s.ttl))
	}
}

// from is a request of a member.
func (e *ensemble) from(member int) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		e.mu.Lock()
		denied, busy := e.denied[member], e.busy && e.rng.IntN(3) > 0
		code := []int{http.StatusTooManyRequests, http.StatusInternalServerError, http.StatusServiceUnavailable}[e.rng.IntN(3)]
		e.mu.Unlock()
		switch {
		case denied:
			answer{status: http.StatusForbidden, body: "Permission denied: token lacks permission"}.write(w)
		case busy:
			answer{status: code, body: "simulated: no cluster leader, or too much to do"}.write(w)
		default:
			e.answer(r).write(w)
		}
	})
}

func (e *ensemble) answer(r *http.Request) answer {
	id := r.URL.Path[strings.LastIndex(r.URL.Path, "/")+1:]
	switch k := kind(r); k {
	case "get":
		return e.get(r, strings.TrimPrefix(r.URL.Path, "/v1/kv/"))
	case "keys":
		return e.names(r)
	case "list":
		e.mu.Lock()
		defer e.mu.Unlock()
		return answer{index: e.told(e.index), body: e.below(strings.TrimPrefix(r.URL.Path, "/v1/kv/"))}
	case "delete":
		return e.delete(r, strings.TrimPrefix(r.URL.Path, "/v1/kv/"))
	case "txn":
		return e.transact(r)
	case "create":
		return e.create(r)
	default:
		e.mu.Lock()
		defer e.mu.Unlock()
		s, ok := e.sessions[id]
		switch {
		case k == "destroy":
			if !e.clinging {
				e.end(id)
			}
			return answer{body: true}
		case k == "renew" && !ok:
			return notFound(id)
		case k == "renew":
			s.timer.Reset(e.life(s.ttl))
			return answer{body: []api.SessionEntry{s.entry}}
		case k != "info":
			return answer{status: http.StatusTeapot, body: "the fake knows no " + k}
		case !ok, !r.URL.Query().Has("consistent") && time.Since(s.born) < e.lag:
			return answer{index: e.told(e.index), body: "[]"}
		default:
			return answer{index: e.told(e.index), body: []api.SessionEntry{s.entry}}
		}
	}
}

func (e *ensemble) told(index uint64) string { return fmt.Sprint(max(index-min(index, e.rewound), 1)) }

func (e *ensemble) create(r *http.Request) answer {
	var in struct{ TTL, LockDelay, Behavior, Name string }
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
		return answer{status: http.StatusBadRequest, body: err.Error()}
	}
	ttl, err := time.ParseDuration(in.TTL)
	delay, delayErr := time.ParseDuration(in.LockDelay)
	if err != nil || delayErr != nil {
		return answer{status: http.StatusBadRequest, body: fmt.Sprint(err, delayErr)}
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.index++
	id := fmt.Sprintf("%08x-0000-4000-8000-%012x", e.index, e.rng.Uint64()>>16)
	e.sessions[id] = &fakeSession{
		entry: api.SessionEntry{ID: id, Name: in.Name, TTL: in.TTL, LockDelay: delay, Behavior: in.Behavior, CreateIndex: e.index},
		ttl:   ttl, born: time.Now(),
		timer: time.AfterFunc(e.life(ttl), func() { e.do(func() { e.end(id) }) }),
	}
	e.wrote()
	return answer{body: map[string]string{"ID": id}}
}

// get is a read, or a blocking query.
func (e *ensemble) get(r *http.Request, key string) answer {
	return e.block(r, func() (index uint64, _ answer) {
		pair, ok, index := e.read(key, r.URL.Query().Has("consistent"))
		if !ok {
			return index, answer{status: http.StatusNotFound, body: ""}
		}
		return index, answer{body: []api.KVPair{pair}}
	})
}

// names is a listing, or a blocking query, of what stands in the one folder that there is.
func (e *ensemble) names(r *http.Request) answer {
	return e.block(r, func() (index uint64, _ answer) {
		state := fakeState{keys: e.keys, below: e.folder}
		if !r.URL.Query().Has("consistent") {
			state = e.behind()
		}
		if len(state.keys) == 0 {
			return state.below, answer{status: http.StatusNotFound, body: ""}
		}
		return state.below, answer{body: []string{"services/"}}
	})
}

// block answers as f does under the lock, with its index, once that is greater than the one that r waits from.
func (e *ensemble) block(r *http.Request, f func() (index uint64, a answer)) answer {
	q := r.URL.Query()
	least, _ := strconv.ParseUint(q.Get("index"), 10, 64)
	wait, _ := time.ParseDuration(q.Get("wait"))
	timer := time.NewTimer(wait + wait/32)
	defer timer.Stop()
	for {
		e.mu.Lock()
		index, a := f()
		changed, quiet := e.changed, e.quiet
		a.index = e.told(index)
		now, _ := strconv.ParseUint(a.index, 10, 64)
		e.mu.Unlock()
		if least > 0 && now <= least {
			select {
			case <-changed:
				continue
			case <-timer.C:
			case <-quiet:
				return answer{status: http.StatusInternalServerError, body: "shutting down"}
			case <-r.Context().Done():
			}
		}
		return a
	}
}

// behind is what reads that may be stale show. The caller holds the lock.
func (e *ensemble) behind() fakeState {
	state := fakeState{index: e.index, keys: e.keys, below: e.folder}
	if e.lag > 0 {
		for _, s := range slices.Backward(e.past) {
			if state = s; time.Since(s.from) >= e.lag {
				break
			}
		}
	}
	return state
}

// reap forgets deletions. The caller holds the lock.
func (e *ensemble) reap() {
	e.folder = 1
	for _, pair := range e.keys {
		e.folder = max(e.folder, pair.ModifyIndex)
	}
	close(e.changed)
	e.changed = make(chan struct{})
}

// read shows a key, as it was a while ago where the read may be stale. The caller holds the lock.
func (e *ensemble) read(key string, consistent bool) (pair api.KVPair, ok bool, index uint64) {
	state := fakeState{index: e.index, keys: e.keys}
	if !consistent {
		state = e.behind()
	}
	index = state.index
	pair, ok = state.keys[key]
	if ok {
		index = pair.ModifyIndex
	}
	return pair, ok, index
}

func (e *ensemble) delete(r *http.Request, key string) answer {
	cas, _ := strconv.ParseUint(r.URL.Query().Get("cas"), 10, 64)
	e.mu.Lock()
	defer e.mu.Unlock()
	pair, ok := e.keys[key]
	if ok && pair.ModifyIndex == cas {
		e.index++
		if e.restarts {
			e.index = 1
		}
		delete(e.keys, key)
		e.wrote()
	}
	return answer{body: !ok || pair.ModifyIndex == cas}
}

// below lists the keys that begin with prefix. The caller holds the lock.
func (e *ensemble) below(prefix string) []api.KVPair {
	list := []api.KVPair{}
	for _, name := range slices.Sorted(maps.Keys(e.keys)) {
		if strings.HasPrefix(name, prefix) {
			list = append(list, e.keys[name])
		}
	}
	return list
}

// transact carries out all operations or none.
func (e *ensemble) transact(r *http.Request) answer {
	var ops api.TxnOps
	if err := json.NewDecoder(r.Body).Decode(&ops); err != nil {
		return answer{status: http.StatusBadRequest, body: err.Error()}
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	var errs api.TxnErrors
	var results api.TxnResults
	before := e.keys
	e.keys = maps.Clone(before) // each operation sees what those before it did
	writes := false
	for i, op := range ops {
		shown, wrote, why := e.apply(op.KV)
		if why != "" {
			errs = append(errs, &api.TxnError{OpIndex: i, What: why})
		}
		writes = writes || wrote
		for _, pair := range shown {
			results = append(results, &api.TxnResult{KV: &pair})
		}
	}
	if len(errs) > 0 || !writes {
		e.keys = before
	}
	if len(errs) > 0 {
		return rolledBack(errs...)
	}
	if writes {
		e.index++
		e.wrote()
	}
	return answer{body: api.TxnResponse{Results: results}}
}

// apply carries an operation out and says what it shows, whether it wrote, or why it can't be. The caller holds the lock.
func (e *ensemble) apply(op *api.KVTxnOp) (shown []api.KVPair, wrote bool, why string) {
	old, ok := e.keys[op.Key]
	next := e.index + 1
	put := func(pair api.KVPair) ([]api.KVPair, bool, string) {
		e.keys[op.Key] = pair
		pair.Value = nil
		return []api.KVPair{pair}, true, ""
	}
	switch op.Verb { //nolint:exhaustive // the adapter uses no others
	case api.KVGetTree:
		return e.below(op.Key), false, ""
	case api.KVGetOrEmpty:
		old.Key = op.Key
		return []api.KVPair{old}, false, ""
	case api.KVCheckNotExists:
		if ok {
			return nil, false, fmt.Sprintf("key %q exists", op.Key)
		}
	case api.KVCheckIndex:
		if !ok || old.ModifyIndex != op.Index {
			return nil, false, fmt.Sprintf("failed index check for key %q, current modify index %d != %d", op.Key, old.ModifyIndex, op.Index)
		}
	case api.KVCheckSession:
		if old.Session != op.Session {
			return nil, false, fmt.Sprintf("failed session check for key %q, current session %q != %q", op.Key, old.Session, op.Session)
		}
		return []api.KVPair{old}, false, ""
	case api.KVDelete:
		delete(e.keys, op.Key)
		return nil, ok, ""
	case api.KVDeleteCAS:
		if ok && old.ModifyIndex != op.Index {
			return nil, false, fmt.Sprintf("failed to delete key %q, index is stale", op.Key)
		}
		delete(e.keys, op.Key)
		return nil, ok, ""
	case api.KVLock:
		if _, live := e.sessions[op.Session]; !live {
			return nil, false, fmt.Sprintf("invalid session %q", op.Session)
		}
		if time.Now().Before(e.delays[op.Key]) {
			return nil, false, fmt.Sprintf("failed to lock key %q due to lock delay", op.Key)
		}
		if old.Session != "" && old.Session != op.Session {
			return nil, false, fmt.Sprintf("failed to lock key %q, lock is already held", op.Key)
		}
		pair := api.KVPair{Key: op.Key, Value: op.Value, Flags: op.Flags, Session: op.Session, CreateIndex: next, ModifyIndex: next, LockIndex: 1}
		if ok {
			pair.CreateIndex, pair.LockIndex = old.CreateIndex, old.LockIndex
			if old.Session == "" {
				pair.LockIndex++
			}
		}
		if old.Session == op.Session && bytes.Equal(old.Value, op.Value) && old.Flags == op.Flags {
			return []api.KVPair{old}, true, ""
		}
		return put(pair)
	case api.KVUnlock:
		if old.Session == "" || old.Session != op.Session {
			return nil, false, fmt.Sprintf("failed to unlock key %q, lock isn't held, or is held by another session", op.Key)
		}
		old.Session, old.Value, old.Flags, old.ModifyIndex = "", op.Value, op.Flags, next
		return put(old)
	default:
		return nil, false, fmt.Sprintf("the fake knows no verb %q", op.Verb)
	}
	return nil, false, ""
}
