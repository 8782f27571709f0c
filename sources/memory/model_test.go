package memory_test

import (
	"cmp"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/leadership-go/leadership"
	"github.com/leadership-go/leadership/sources/memory"
)

// The model says what the store has to do in the plainest way: time passes only between operations, and everything is
// worked out anew from a list of sessions and a list of places for each key.
type model struct {
	grace time.Duration
	now   time.Duration
	live  []*modelSession
	keys  map[string]*modelKey
	token uint64
}

type modelSession struct {
	id      string
	number  int
	ttl     time.Duration
	renewed time.Duration
}

type modelKey struct {
	line     []modelPlace
	token    uint64
	told     bool // the holder was told that it is that
	resigned bool
	deposed  []string // by an operator, oldest first
	data     string   // what others wrote while nobody held the key
	written  bool
}

type modelPlace struct{ id, value string }

func (m *model) session(id string) *modelSession {
	if i := slices.IndexFunc(m.live, func(s *modelSession) bool { return s.id == id }); i >= 0 {
		return m.live[i]
	}
	return nil
}

func (m *model) key(name string) *modelKey {
	if m.keys[name] == nil {
		m.keys[name] = new(modelKey)
	}
	return m.keys[name]
}

// remove takes id out of the line of one key. gone says that it can't believe any more.
func (m *model) remove(k *modelKey, id string, gone, resigned bool) {
	if gone {
		k.deposed = slices.DeleteFunc(slices.Clone(k.deposed), func(d string) bool { return d == id })
	}
	i := slices.IndexFunc(k.line, func(p modelPlace) bool { return p.id == id })
	if i < 0 {
		return
	}
	k.line = slices.Delete(slices.Clone(k.line), i, i+1)
	if i == 0 {
		k.resigned = resigned
		if !gone && k.told {
			k.deposed = append(k.deposed, id)
		}
		m.newHolder(k)
	}
}

func (m *model) newHolder(k *modelKey) {
	k.token, k.told = 0, false
	if len(k.line) > 0 {
		m.token++
		k.token = m.token
	}
}

// pass lets time go by; sessions end in the order of their deadlines.
func (m *model) pass(d time.Duration) {
	m.now += d
	order := slices.SortedFunc(slices.Values(m.live), func(a, b *modelSession) int {
		return cmp.Or(cmp.Compare(a.renewed+a.ttl, b.renewed+b.ttl), cmp.Compare(a.number, b.number))
	})
	for _, s := range order {
		if m.now >= s.renewed+s.ttl+m.grace {
			m.end(s.id)
		}
	}
}

func (m *model) end(id string) {
	m.live = slices.DeleteFunc(m.live, func(s *modelSession) bool { return s.id == id })
	for _, k := range m.keys {
		m.remove(k, id, true, false)
	}
}

var modelKeys = []string{"xy", "xyz", "xy/z"}

// walk runs random operations against a store and the model.
type walk struct {
	*rapid.T
	bubble   *testing.T
	store    *memory.Store
	backend  *memory.Backend
	model    *model
	sessions []leadership.Session // also those that ended
	tokens   map[string]uint64    // the highest one seen of each key
}

// check compares err with what is expected, nil included.
func (w *walk) check(what string, err, want error) {
	w.Helper()
	if (err == nil) != (want == nil) || want != nil && !isErr(err, want) {
		w.Fatalf("%s: %v; want %v", what, err, want)
	}
}

func (w *walk) anySession() leadership.Session {
	return rapid.SampledFrom(w.sessions).Draw(w.T, "session")
}

// lostUnless is the error that a call with the session has to return.
func (w *walk) lostUnless(s leadership.Session) error {
	if w.model.session(s.ID()) == nil {
		return leadership.ErrSessionLost
	}
	return nil
}

func (w *walk) anyKey() string { return rapid.SampledFrom(modelKeys).Draw(w.T, "key") }

func (w *walk) open() {
	ttl := time.Duration(rapid.IntRange(1, 20).Draw(w.T, "ttl")) * time.Second
	s, err := w.backend.Open(w.bubble.Context(), ttl)
	w.check("Open", err, nil)
	if s.TTL() != ttl || w.model.session(s.ID()) != nil {
		w.Fatalf("opened session %q with a TTL of %v for %v", s.ID(), s.TTL(), ttl)
	}
	w.sessions = append(w.sessions, s)
	w.model.live = append(w.model.live, &modelSession{id: s.ID(), number: len(w.sessions), ttl: ttl, renewed: w.model.now})
}

func (w *walk) renew() {
	s := w.anySession()
	want := w.lostUnless(s)
	w.check("Renew", s.Renew(w.bubble.Context()), want)
	if want == nil {
		w.model.session(s.ID()).renewed = w.model.now
	}
}

func (w *walk) attach() {
	s := w.anySession()
	want := w.lostUnless(s)
	attached, err := w.backend.Attach(w.bubble.Context(), s.ID(), s.TTL())
	w.check("Attach", err, want)
	if want == nil {
		w.model.session(s.ID()).renewed = w.model.now
		w.check("Close of an attached session", attached.Close(w.bubble.Context()), nil)
	}
}

func (w *walk) campaign() {
	s, key := w.anySession(), w.anyKey()
	value := leadership.Vote{SessionID: s.ID(), ServiceID: fmt.Sprint(rapid.IntRange(0, 3).Draw(w.T, "value"))}.Encode()
	k := w.model.key(key)
	want := w.lostUnless(s)
	stands := slices.ContainsFunc(k.line, func(p modelPlace) bool { return p.id == s.ID() })
	if want == nil && !stands && k.written && k.data == "garbage" {
		want = leadership.ErrKeyConflict
	}
	if want == nil && !stands {
		k.line = append(k.line, modelPlace{s.ID(), string(value)})
		if len(k.line) == 1 {
			k.data, k.written = "", false
			w.model.newHolder(k)
		}
	}
	o, err := s.Campaign(w.bubble.Context(), key, value)
	w.check("Campaign", err, want)
	if err == nil {
		w.compare("Campaign", key, o)
		k.told = k.told || k.line[0].id == s.ID()
	}
}

func (w *walk) resign() {
	s, key := w.anySession(), w.anyKey()
	vote := rapid.SampledFrom([]string{"", string(leadership.Vote{}.Encode()), string(leadership.Vote{SessionID: s.ID()}.Encode())}).Draw(w.T, "vote")
	w.check("Resign", s.Resign(w.bubble.Context(), key, []byte(vote)), nil)
	w.model.remove(w.model.key(key), s.ID(), true, vote == string(leadership.Vote{}.Encode()))
}

func (w *walk) end() {
	s := w.anySession()
	w.model.end(s.ID())
	w.check("Close", s.Close(w.bubble.Context()), nil)
}

func (w *walk) destroy() {
	s := w.anySession()
	known := w.model.session(s.ID()) != nil
	w.model.end(s.ID())
	if got := w.store.DestroySession(s.ID()); got != known {
		w.Fatalf("DestroySession: %v; want %v", got, known)
	}
}

func (w *walk) deleteKey() {
	key := w.anyKey()
	k := w.model.key(key)
	found := len(k.line) > 0 || k.written || k.resigned
	k.data, k.written = "", false
	if len(k.line) > 0 {
		w.model.remove(k, k.line[0].id, false, false)
	} else {
		k.resigned = false
	}
	if got := w.store.DeleteKey(key); got != found {
		w.Fatalf("DeleteKey: %v; want %v", got, found)
	}
}

func (w *walk) put() {
	key, value := w.anyKey(), rapid.SampledFrom([]string{"garbage", "", string(leadership.Vote{}.Encode())}).Draw(w.T, "data")
	k := w.model.key(key)
	if len(k.line) > 0 {
		k.line = slices.Clone(k.line)
		k.line[0].value = value
	} else {
		k.data, k.written, k.resigned = value, true, false
	}
	w.store.Put(key, []byte(value))
}

func (w *walk) pass() {
	d := time.Duration(rapid.IntRange(1, 8).Draw(w.T, "seconds")) * time.Second
	// In steps, so that sessions which end at different times do so in their order.
	for range d / time.Second {
		w.model.pass(time.Second)
		<-time.NewTimer(time.Second).C
		synctest.Wait()
	}
}

// compare holds what was seen of key against the model. Of the token it checks that it is there, stays and grows.
func (w *walk) compare(what, key string, o leadership.Observation) {
	w.Helper()
	k := w.model.key(key)
	var id, value string
	if len(k.line) > 0 {
		id, value = k.line[0].id, k.line[0].value
	}
	earlier := slices.DeleteFunc(slices.Clone(k.deposed), func(d string) bool { return d == id })
	if !slices.Equal(o.Earlier, earlier) {
		w.Fatalf("%s of %q: held before by %q; want %q", what, key, o.Earlier, earlier)
	}
	if o.Holder.Session != id || string(o.Holder.Value) != value || o.Resigned != k.resigned || o.Delayed {
		w.Fatalf("%s of %q: %+v with value %q; want session %q, value %q, resigned %v", what, key, o, o.Holder.Value, id, value, k.resigned)
	}
	if (o.Holder.Token == 0) != (id == "") || o.Holder.Token > w.model.token {
		w.Fatalf("%s of %q: token %d of session %q, after %d holdings", what, key, o.Holder.Token, id, w.model.token)
	}
}

// invariants run after every operation.
func (w *walk) invariants() {
	seen := make(map[uint64]string)
	for _, key := range modelKeys {
		o, err := w.backend.Observe(w.bubble.Context(), key)
		w.check("Observe", err, nil)
		w.compare("Observe", key, o)
		if token := o.Holder.Token; token > 0 {
			if token < w.tokens[key] || seen[token] != "" {
				w.Fatalf("%q has the token %d; it had %d, and %q has the same", key, token, w.tokens[key], seen[token])
			}
			w.tokens[key], seen[token] = token, key
		}
		var line []string
		for _, p := range w.model.key(key).line {
			line = append(line, p.id)
		}
		if got := w.store.Candidates(key); !slices.Equal(got, line) {
			w.Fatalf("candidates for %q: %v; want %v", key, got, line)
		}
	}
	for _, s := range w.sessions {
		left, err := w.backend.Lifetime(w.bubble.Context(), s.ID())
		w.check("Lifetime", err, nil)
		var want time.Duration
		if m := w.model.session(s.ID()); m != nil {
			want = m.ttl
		}
		if left != want {
			w.Fatalf("lifetime of %s: %v; want %v", s.ID(), left, want)
		}
	}
	if got := len(w.store.Sessions()); got != len(w.model.live) {
		w.Fatalf("%d sessions; want %d", got, len(w.model.live))
	}
}

// property is one walk.
func property(bubble *testing.T) func(*rapid.T) {
	return func(t *rapid.T) {
		grace := time.Duration(rapid.IntRange(0, 3).Draw(t, "grace")) * time.Second
		store := memory.NewStore(memory.WithGrace(grace))
		w := &walk{
			T: t, bubble: bubble, store: store, backend: store.Backend(),
			model:  &model{grace: grace, keys: make(map[string]*modelKey)},
			tokens: make(map[string]uint64),
		}
		defer func() {
			for _, id := range store.Sessions() {
				store.DestroySession(id)
			}
		}()
		w.open()
		steps := []func(){
			w.open, w.renew, w.attach, w.campaign, w.campaign, w.campaign, w.resign,
			w.end, w.destroy, w.deleteKey, w.put, w.pass, w.pass,
		}
		for range rapid.IntRange(1, 40).Draw(t, "operations") {
			steps[rapid.IntRange(0, len(steps)-1).Draw(t, "operation")]()
			w.invariants()
		}
	}
}

// quiet keeps rapid from asking for the deadline of the test, which a bubble does not have.
type quiet struct{ testing.TB }

func TestStoreDoesWhatTheModelDoes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { rapid.Check(quiet{t}, property(t)) })
}

func FuzzStoreDoesWhatTheModelDoes(f *testing.F) {
	f.Fuzz(func(t *testing.T, data []byte) {
		synctest.Test(t, func(t *testing.T) { rapid.MakeFuzz(property(t))(t, data) })
	})
}
