package leadership_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/leadership-go/leadership"
	"github.com/leadership-go/leadership/sources/memory"
)

func TestSingleMode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, err := leadership.NewClusterFactory(nil).Mode(leadership.ModeSingle).Build(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		log := record(t, m)
		log.expect(t, elected...)
		first := m.Term().Token()
		time.Sleep(time.Hour)
		if n := len(log.news()); n != 360 || !m.IsLeader() {
			t.Errorf("%d votes in an hour, want 360; leads %v", n, m.IsLeader())
		}
		if err := m.Resign(t.Context()); err != nil {
			t.Error(err)
		}
		log.expect(t, relegated...)
		time.Sleep(11 * time.Second)
		if !m.IsLeader() || m.Term().Token() <= first {
			t.Error("it did not stand again with a new token")
		}
		if err := m.Close(); err != nil {
			t.Error(err)
		}
		log.news()
		if !log.completed() {
			t.Error("the stream did not complete")
		}
	})
}

// told is a layer that writes down which calls come by.
type told struct {
	leadership.Backend
	name  string
	calls *[]string
}

func (l told) Observe(ctx context.Context, key string) (leadership.Observation, error) {
	*l.calls = append(*l.calls, l.name)
	return l.Backend.Observe(ctx, key)
}

func TestLayersLieAroundTheBackend(t *testing.T) {
	var calls []string
	layer := func(name string) leadership.Layer {
		return func(cfg leadership.Config, within leadership.Backend) leadership.Backend {
			if cfg.Session.TTL != 15*time.Second {
				t.Errorf("the settings came without their defaults: %+v", cfg)
			}
			return told{within, name, &calls}
		}
	}
	for _, mode := range []leadership.Mode{leadership.ModeSingle, leadership.ModeMulti} {
		calls = nil
		m, err := memory.NewClusterFactory(memory.NewStore()).Mode(mode).Wrap(layer("inner")).Wrap(layer("outer")).Build(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if err := m.Close(); err != nil {
			t.Error(err)
		}
		calls = nil
		if _, err := m.Leader(t.Context()); err != nil {
			t.Error(err)
		}
		if got := strings.Join(calls, " "); got != "outer inner" {
			t.Errorf("mode %s: %q came by, want the outer layer first", mode, got)
		}
	}
	if _, err := memory.NewClusterFactory(memory.NewStore()).Wrap(nil).Build(t.Context()); !errors.Is(err, leadership.ErrInvalidConfig) {
		t.Errorf("a nil layer: %v", err)
	}
}

func TestDebugLog(t *testing.T) {
	logged := func(t *testing.T, set func(*leadership.ClusterFactory)) string {
		t.Helper()
		var out bytes.Buffer
		synctest.Test(t, func(t *testing.T) {
			f := memory.NewClusterFactory(memory.NewStore()).
				Logger(slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: slog.LevelDebug})))
			set(f)
			m, err := f.Build(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Minute)
			if err := m.Close(); err != nil {
				t.Error(err)
			}
		})
		return out.String()
	}
	t.Run("it has the lines of the Java library, and every renewal, vote, watch and change", func(t *testing.T) {
		got := logged(t, func(f *leadership.ClusterFactory) { f.Debug(true) })
		for _, line := range []string{
			"multi mode active", "Configuration not specified - default used", "Session created ",
			"Session refresh scheduled on 7 seconds frequency", "Vote frequency setup on 10 seconds frequency",
			"Session renewed", "Vote elected", "Key read", "State standing to leading", "Key and session given back",
		} {
			if !strings.Contains(got, line) {
				t.Errorf("no line %q in\n%s", line, got)
			}
		}
	})
	t.Run("without Debug there is none", func(t *testing.T) {
		if got := logged(t, func(*leadership.ClusterFactory) {}); got != "" {
			t.Errorf("logged %s", got)
		}
	})
	t.Run("a stuck handler holds no election up", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			h := stuckHandler{make(chan struct{})}
			m, err := memory.NewClusterFactory(memory.NewStore()).Debug(true).Logger(slog.New(h)).Build(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Hour)
			if !m.IsLeader() {
				t.Error("it does not lead")
			}
			if err := m.Close(); err != nil {
				t.Error(err)
			}
			close(h.release)
		})
	})
}

type stuckHandler struct{ release chan struct{} }

func (h stuckHandler) Enabled(context.Context, slog.Level) bool  { return true }
func (h stuckHandler) Handle(context.Context, slog.Record) error { <-h.release; return nil }
func (h stuckHandler) WithAttrs([]slog.Attr) slog.Handler        { return h }
func (h stuckHandler) WithGroup(string) slog.Handler             { return h }

func TestBuildRefuses(t *testing.T) {
	with := func(set func(*leadership.Config)) *leadership.ClusterFactory {
		var c leadership.Config
		set(&c)
		return memory.NewClusterFactory(nil).Configure(c)
	}
	for _, tt := range []struct {
		name    string
		factory *leadership.ClusterFactory
		want    string
	}{
		{"an unknown mode", memory.NewClusterFactory(nil).Mode("both"), `mode "both" must be "single" or "multi"`},
		{"no store in mode multi", leadership.NewClusterFactory(nil), `connect nil must be given in mode multi`},
		{"a session without an id", memory.NewClusterFactory(nil).Session("", time.Second), `session id "" must not be empty`},
		{"a session without a TTL", memory.NewClusterFactory(nil).Session("x", 0), `session ttl 0s must be positive`},
		{"a refresh as long as the TTL", with(func(c *leadership.Config) { c.Session.Refresh = 15 * time.Second }), `session.refresh 15s must be below session.ttl 15s`},
		{"a refresh as long as a given session's TTL", with(func(c *leadership.Config) { c.Session.Refresh = 5 * time.Second }).Session("x", 5*time.Second), `session.refresh 5s must be below session.ttl 5s`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m, err := tt.factory.Build(t.Context())
			if err == nil {
				_ = m.Close()
				t.Fatal("it was built")
			}
			if !errors.Is(err, leadership.ErrInvalidConfig) || err.Error() != "leadership: invalid config: "+tt.want {
				t.Errorf("got  %v\nwant %s", err, tt.want)
			}
		})
	}
	t.Run("what the store's own rules refuse", func(t *testing.T) {
		bad := leadership.InvalidConfig("session.ttl", time.Second, "must be at least 10s")
		_, err := leadership.NewClusterFactory(func(leadership.Config) (leadership.Backend, error) { return nil, bad }).Build(t.Context())
		if !errors.Is(err, bad) {
			t.Errorf("got %v", err)
		}
	})
}

func TestCopiesOfAFactoryAreWrappedApart(t *testing.T) {
	var made []string
	layer := func(name string) leadership.Layer {
		return func(_ leadership.Config, within leadership.Backend) leadership.Backend {
			made = append(made, name)
			return within
		}
	}
	f := leadership.NewClusterFactory(nil).Mode(leadership.ModeSingle).Wrap(layer("1")).Wrap(layer("2")).Wrap(layer("3"))
	a, b := *f, *f
	a.Wrap(layer("a"))
	b.Wrap(layer("b"))
	m, err := a.Build(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	_ = m.Close()
	if want := []string{"1", "2", "3", "a"}; !slices.Equal(made, want) {
		t.Errorf("the copy has the layers %q, not %q", made, want)
	}
}
