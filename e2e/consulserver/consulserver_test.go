package consulserver

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/consul/api"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestServerKeepsItsDataOverAKill(t *testing.T) {
	t.Parallel()
	s := Run(t, Options{Persist: true})
	kv := s.Client().KV()
	if _, err := kv.Put(&api.KVPair{Key: "kept", Value: []byte("1")}, nil); err != nil {
		t.Fatal(err)
	}
	if err := s.Kill(); err != nil {
		t.Fatal(err)
	}
	if _, _, err := kv.Get("kept", nil); err == nil {
		t.Fatal("a killed server answers")
	}
	if err := s.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	if entry, _, err := kv.Get("kept", nil); err != nil || entry == nil {
		t.Fatalf("after the restart: %v, %v", entry, err)
	}
	if err := s.Restart(t.Context()); err == nil {
		t.Fatal("a running server was started again")
	}
}

func TestServerPausesAndResumes(t *testing.T) {
	t.Parallel()
	s := Run(t, Options{})
	if err := s.Pause(); err != nil {
		t.Fatal(err)
	}
	client := s.Client()
	answered := make(chan error, 1)
	go func() {
		_, err := client.Status().Leader()
		answered <- err
	}()
	select {
	case err := <-answered:
		t.Fatalf("a paused server answered: %v", err)
	case <-time.After(200 * time.Millisecond):
	}
	if err := s.Resume(); err != nil {
		t.Fatal(err)
	}
	if err := <-answered; err != nil {
		t.Fatal(err)
	}
	if err := s.Stop(); err != nil {
		t.Fatal(err)
	}
}

func TestServerWithAccessControlDeniesWithoutToken(t *testing.T) {
	t.Parallel()
	s := Run(t, Options{ACL: true})
	if _, err := s.Client().KV().Put(&api.KVPair{Key: "a"}, nil); err != nil {
		t.Fatal(err)
	}
	var q api.QueryOptions
	q.Token = "nobody"
	if _, _, err := s.Client().KV().Get("a", &q); err == nil || !strings.Contains(err.Error(), "403") {
		t.Fatalf("a bad token got %v", err)
	}
}

func TestClusterElectsAnotherLeader(t *testing.T) {
	t.Parallel()
	c := RunCluster(t, Options{ACL: true})
	leader, err := c.Leader(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := leader.Kill(); err != nil {
		t.Fatal(err)
	}
	next, err := c.Leader(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if next == leader {
		t.Fatalf("%s leads although it was killed", leader.Node)
	}
	if err := leader.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func TestServerVersionComesFromTheToolModule(t *testing.T) {
	dir := t.TempDir()
	for name, c := range map[string]struct{ gomod, want string }{
		"one line":    {"module x\nrequire github.com/hashicorp/consul v1.2.3\n", "v1.2.3"},
		"in a block":  {"module x\nrequire (\n\tgithub.com/hashicorp/consul/api v9.9.9\n\tgithub.com/hashicorp/consul v1.2.3 // indirect\n)\n", "v1.2.3"},
		"only others": {"module x\nrequire github.com/hashicorp/consul/api v1.2.3\n", ""},
	} {
		t.Run(name, func(t *testing.T) {
			if err := os.WriteFile(filepath.Join(dir, "go.mod"), []byte(c.gomod), 0o600); err != nil {
				t.Fatal(err)
			}
			got, err := serverVersion(dir)
			if got != c.want || (err == nil) != (c.want != "") {
				t.Errorf("version %q, error %v; want %q", got, err, c.want)
			}
		})
	}
}

func TestFileLockIsExclusive(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	unlock, err := lockFile(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	second := make(chan func(), 1)
	go func() {
		unlock, err := lockFile(t.Context(), path)
		if err != nil {
			t.Error(err)
		}
		second <- unlock
	}()
	select {
	case <-second:
		t.Fatal("two hold the lock")
	case <-time.After(150 * time.Millisecond):
	}
	unlock()
	(<-second)()
}
