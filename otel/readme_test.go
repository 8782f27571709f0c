package leadershipotel_test

import (
	"context"
	"errors"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/leadership-go/leadership"
)

// commonAttributes stand with everything.
func commonAttributes() []string {
	return []string{"leadership.key", "leadership.service", "leadership.instance"}
}

// tables reads the tables below one heading of README.md: for each row the columns, by the name in its first one.
func tables(t *testing.T, heading string) map[string][]string {
	t.Helper()
	text, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, found := strings.Cut(string(text), "\n## "+heading+"\n")
	if !found {
		t.Fatalf("README.md has no section %s", heading)
	}
	section, _, _ = strings.Cut(section, "\n## ")
	rows := make(map[string][]string)
	for line := range strings.Lines(section) {
		columns := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|")
		if names := quoted(columns[0]); strings.HasPrefix(line, "|") && len(names) == 1 {
			rows[names[0]] = columns
		}
	}
	return rows
}

// quoted are the names in backticks.
func quoted(column string) (names []string) {
	for _, m := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(column, -1) {
		names = append(names, m[1])
	}
	return names
}

// sent is what was seen of one metric or span.
type sent struct {
	kind, unit string
	attributes map[string]bool
}

// census is all that was seen.
type census struct {
	metrics, spans map[string]*sent
	values         map[string]map[string]bool // of attributes, where they count something
}

func (c *census) note(in map[string]*sent, name, kind, unit string, set attribute.Set, counts bool) {
	if in[name] == nil {
		in[name] = &sent{kind: kind, unit: unit, attributes: make(map[string]bool)}
	}
	for _, kv := range set.ToSlice() {
		in[name].attributes[string(kv.Key)] = true
		if c.values[string(kv.Key)] == nil {
			c.values[string(kv.Key)] = make(map[string]bool)
		}
		if counts {
			c.values[string(kv.Key)][kv.Value.String()] = true
		}
	}
}

// instrument is how README.md calls what data come from.
func instrument(m metricdata.Metrics) string {
	switch data := m.Data.(type) {
	case metricdata.Sum[int64]:
		if data.IsMonotonic {
			return "counter"
		}
		return "up-down counter"
	case metricdata.Gauge[int64], metricdata.Gauge[float64]:
		return "gauge"
	case metricdata.Histogram[float64]:
		return "histogram"
	}
	return "unknown"
}

func (c *census) take(t *testing.T, l *lab) {
	t.Helper()
	for name, m := range l.metrics(t) {
		for _, p := range points(m) {
			c.note(c.metrics, name, instrument(m), m.Unit, p.attributes, p.value > 0)
		}
	}
	for _, s := range l.recorder.Ended() {
		if s.InstrumentationScope().Name == "github.com/leadership-go/leadership/otel" {
			c.note(c.spans, s.Name(), "", "", attributesOf(s), true)
		}
	}
}

func TestReadmeListsAllThatIsSent(t *testing.T) {
	bubble(t, "and nothing else", func(t *testing.T) {
		_ = handled(t) // what is lost on purpose
		l := newLab(t)
		c := &census{metrics: make(map[string]*sent), spans: make(map[string]*sent), values: make(map[string]map[string]bool)}
		everything(t, l, func() { c.take(t, l) })
		c.take(t, l)
		compare(t, "Metrics", tables(t, "Metrics"), c.metrics, func(t *testing.T, name string, columns []string, s *sent) {
			kind, _, _ := strings.Cut(strings.TrimSpace(columns[1]), ",")
			if unit := quoted(columns[2]); kind != s.kind || len(unit) != 1 || unit[0] != s.unit {
				t.Errorf("%s is listed as %s in %s, and is a %s in %s", name, kind, unit, s.kind, s.unit)
			}
			attributesAgree(t, name, quoted(columns[3]), s)
		})
		compare(t, "Spans", tables(t, "Spans"), c.spans, func(t *testing.T, name string, columns []string, s *sent) {
			if strings.HasPrefix(name, "leadership.store.") {
				s.attributes["error.type"] = true // not each of them has failed
			}
			attributesAgree(t, name, quoted(columns[1]), s)
		})
		compare(t, "Attributes", tables(t, "Attributes"), c.values, func(t *testing.T, name string, columns []string, values map[string]bool) {
			listed := quoted(columns[1])
			if len(listed) == 0 {
				return // anything
			}
			slices.Sort(listed)
			if seen := slices.Sorted(maps.Keys(values)); !slices.Equal(seen, listed) {
				t.Errorf("%s is listed with\n%q, and was seen with\n%q", name, listed, seen)
			}
		})
	})
}

// compare checks that listed and seen have the same names, and looks at each.
func compare[S any](t *testing.T, what string, listed map[string][]string, seen map[string]S, look func(t *testing.T, name string, columns []string, s S)) {
	t.Helper()
	if len(listed) == 0 {
		t.Errorf("README.md lists no %s", what)
	}
	for name := range listed {
		if _, ok := seen[name]; !ok {
			t.Errorf("%s: %s is listed, and was not seen", what, name)
		}
	}
	for name, s := range seen {
		if columns, ok := listed[name]; ok {
			look(t, name, columns, s)
		} else {
			t.Errorf("%s: %s was seen, and is not listed", what, name)
		}
	}
}

func attributesAgree(t *testing.T, name string, listed []string, s *sent) {
	t.Helper()
	listed = append(listed, commonAttributes()...)
	slices.Sort(listed)
	if seen := slices.Sorted(maps.Keys(s.attributes)); !slices.Equal(seen, listed) {
		t.Errorf("%s is listed with\n%q, and was seen with\n%q", name, listed, seen)
	}
}

// everything has all happen that can be measured. look is called while members live.
func everything(t *testing.T, l *lab, look func()) {
	t.Helper()
	ways(t, l)
	failures(t, l)

	// A member that waits for its predecessor's session, and is closed before it leads; one whose session is given; one that somebody asks.
	f, link := l.link("waits", "a")
	a := l.build(t, f)
	synctest.Wait()
	b, c := l.member(t, "waits", "b"), l.member(t, "waits", "c")
	link.Disconnect()
	l.store.DeleteKey(key("waits"))
	time.Sleep(3 * time.Second)
	_ = b.Close()
	time.Sleep(time.Minute)
	l.store.DestroySession(l.store.Candidates(key("waits"))[0])
	link.Reconnect()
	time.Sleep(time.Minute)
	l.store.DestroySession(l.store.Candidates(key("waits"))[1])
	time.Sleep(time.Minute)
	_ = c.Close()
	_ = a.Close()

	transfer(t, l)

	given, err := l.store.Backend().Open(t.Context(), ttl)
	if err != nil {
		t.Fatal(err)
	}
	f, _ = l.link("given", "a")
	d := l.build(t, f.Session(given.ID(), ttl))
	blocked := make(chan struct{})
	slow := d.AsObservable().Subscribe(func(leadership.ElectionMessage) { <-blocked }, leadership.Mailbox(4), l.telemetry.Subscriber(d, "slow"))
	time.Sleep(time.Hour)
	look()
	close(blocked)
	_ = d.Close()
	<-slow.Done()
}

// transfer has a leader choose its heir, and then one that is gone.
func transfer(t *testing.T, l *lab) {
	t.Helper()
	var hook fault
	hook.transfer = func(heir leadership.Vote) {
		if heir.ServiceID == "gone" {
			l.store.DestroySession(heir.SessionID)
		}
	}
	f, _ := l.link("transfer", "a")
	a := l.build(t, f.Wrap(hook.within))
	synctest.Wait()
	b, gone := l.member(t, "transfer", "b"), l.member(t, "transfer", "gone")
	ctx, span := l.tracers.Tracer("test").Start(t.Context(), "request")
	_ = a.TransferTo(ctx, "b")
	time.Sleep(time.Minute)
	_ = b.TransferTo(ctx, "a")
	time.Sleep(time.Minute)
	_ = a.TransferTo(ctx, "gone")
	span.End()
	_, _, _ = a.Close(), b.Close(), gone.Close()
}

// ways has terms end in every way.
func ways(t *testing.T, l *lab) {
	t.Helper()
	var sick atomic.Bool
	f, link := l.link("ways", "a")
	m := l.build(t, f.Health(func(context.Context) error {
		if sick.Load() {
			return errors.New("disk full")
		}
		return nil
	}))
	ctx, cancel := context.WithCancel(t.Context())
	over := make(chan struct{})
	var work atomic.Pointer[func(context.Context) error]
	go func() {
		defer close(over)
		_ = m.Lead(ctx, func(ctx context.Context, _ leadership.Term) error {
			if w := work.Load(); w != nil {
				return (*w)(ctx)
			}
			return nil
		})
	}()
	time.Sleep(time.Minute)
	next := func() {
		time.Sleep(2 * time.Minute)
		if !m.IsLeader() {
			t.Fatal("nobody leads")
		}
	}
	_ = m.Resign(t.Context())
	next()
	_ = m.StandDown(t.Context(), time.Minute)
	sick.Store(true)
	time.Sleep(time.Minute)
	sick.Store(false)
	next()
	sick.Store(true)
	time.Sleep(time.Minute)
	sick.Store(false)
	next()
	time.Sleep(1234 * time.Millisecond) // not at the instant of a renewal, whose read would show the key lost
	l.store.DestroySession(l.store.Holder(key("ways")).Session)
	next()
	l.store.DeleteKey(key("ways"))
	next()
	link.Disconnect()
	time.Sleep(3 * time.Minute)
	link.Reconnect()
	next()
	fails := func(context.Context) error { return errors.New("out of paper") }
	work.Store(&fails)
	_ = m.Resign(t.Context())
	time.Sleep(30 * time.Second)
	stays := func(ctx context.Context) error {
		time.Sleep(10 * time.Minute)
		return context.Cause(ctx)
	}
	work.Store(&stays)
	time.Sleep(time.Minute)
	_ = m.Resign(t.Context())
	work.Store(nil)
	time.Sleep(10 * time.Minute)
	next()
	_ = m.Close()
	cancel()
	<-over
}

// failures has calls fail in every way.
func failures(t *testing.T, l *lab) {
	t.Helper()
	var hang fault
	refuse := func(context.Context) error { return errors.New("no quorum") }
	f, link := l.link("fails", "a")
	l.store.Put(key("fails"), []byte("data of others"))
	m := l.build(t, f.Wrap(hang.within))
	time.Sleep(time.Minute) // a conflict
	l.store.DeleteKey(key("fails"))
	time.Sleep(time.Minute)
	l.store.Put(key("fails"), []byte("no vote"))
	time.Sleep(time.Minute)
	hang.renew.Store(&refuse)
	time.Sleep(time.Minute)
	hang.renew.Store(nil)
	link.Deny(true)
	time.Sleep(time.Minute)
	link.Deny(false)
	time.Sleep(time.Minute)
	waits := func(ctx context.Context) error {
		<-ctx.Done()
		return context.Cause(ctx)
	}
	hang.renew.Store(&waits)
	time.Sleep(8 * time.Second)
	_ = m.Resign(t.Context())
	hang.renew.Store(nil)
	time.Sleep(time.Minute)
	ctx, span := l.tracers.Tracer("test").Start(t.Context(), "request")
	_ = m.Confirm(ctx)
	span.End()
	_ = m.Close()
}
