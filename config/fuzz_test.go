package config_test

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"github.com/leadership-go/leadership"
	"github.com/leadership-go/leadership/config"
)

// FuzzParse: whatever the file holds, the outcome is a valid config or an error that says invalid; and reading is deterministic.
func FuzzParse(f *testing.F) {
	files, err := filepath.Glob("testdata/*.yaml")
	if err != nil || len(files) == 0 {
		f.Fatal("no seeds", err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data, "CLUSTER_LEADER_SERVICE_NAME=x", "CLUSTER_LEADER_SESSION_TTL=60s")
	}
	f.Fuzz(func(t *testing.T, data []byte, one, two string) {
		environ := config.WithEnviron([]string{one, two})
		cfg, err := config.Parse(data, environ)
		again, errAgain := config.Parse(data, environ)
		if !reflect.DeepEqual(cfg, again) || (err == nil) != (errAgain == nil) || err != nil && err.Error() != errAgain.Error() {
			t.Fatalf("read twice: %+v, %v and %+v, %v", cfg, err, again, errAgain)
		}
		if err != nil {
			if !errors.Is(err, leadership.ErrInvalidConfig) || !reflect.DeepEqual(cfg, leadership.Config{}) {
				t.Fatalf("config %+v with error %v", cfg, err)
			}
			return
		}
		if err := cfg.Validate(); err != nil {
			t.Fatalf("accepted %+v: %v", cfg, err)
		}
	})
}
