package leadership_test

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/leadership-go/leadership"
	"github.com/leadership-go/leadership/sources/memory"
)

// lockedBuffer is for handlers of several members.
type lockedBuffer struct {
	mu  sync.Mutex
	out bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.out.Write(p)
}

// README lists the attributes of log records, all of them and no others.
func TestLogAttributes(t *testing.T) {
	var logged lockedBuffer
	synctest.Test(t, func(t *testing.T) {
		store := memory.NewStore()
		logger := slog.New(slog.NewJSONHandler(&logged, &slog.HandlerOptions{Level: slog.LevelDebug}))
		factory := func(id string) *leadership.ClusterFactory {
			return memory.NewClusterFactory(store).Debug(true).Logger(logger).Configure(leadership.Config{ServiceID: id})
		}
		o, err := factory("observer").Observer(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		var members []*leadership.Member
		for _, id := range []string{"a", "b"} {
			m, err := factory(id).Build(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			members = append(members, m)
			time.Sleep(time.Minute)
		}
		store.DeleteKey(leaderKey) // the successor asks for the session of the former holder
		time.Sleep(time.Minute)
		for _, id := range store.Sessions() {
			store.DestroySession(id) // an error
		}
		time.Sleep(time.Minute)
		for _, m := range members {
			_ = m.Close()
		}
		_ = o.Close()
	})
	used := make(map[string]bool)
	for line := range strings.Lines(logged.out.String()) {
		var record map[string]any
		if err := json.Unmarshal([]byte(line), &record); err != nil {
			t.Fatal(err)
		}
		for name := range record {
			used[name] = true
		}
	}
	for _, name := range []string{slog.TimeKey, slog.LevelKey, slog.MessageKey} {
		delete(used, name)
	}
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(readme), "\n## Logs\n")
	section, _, _ = strings.Cut(section, "\n## ")
	var listed []string
	for row := range strings.Lines(section) {
		cells := strings.Split(row, "|")
		if len(cells) < 3 {
			continue
		}
		for _, name := range regexp.MustCompile("`([a-z]+)`").FindAllStringSubmatch(cells[1], -1) {
			listed = append(listed, name[1])
		}
	}
	slices.Sort(listed)
	if got := slices.Sorted(maps.Keys(used)); !slices.Equal(got, listed) {
		t.Errorf("records have the attributes %q, and README lists %q", got, listed)
	}
}
