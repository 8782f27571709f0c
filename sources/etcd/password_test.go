package etcd

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/leadership-go/leadership"
)

func TestPasswordFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "password")
	f := &passwordFile{path: path}
	if got, err := f.read(); got != "" || !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no file: %q, %v", got, err)
	}
	for _, c := range []struct {
		sentence string
		write    func() error
		want     string
		err      error
	}{
		{"white space does not count", func() error { return os.WriteFile(path, []byte(" one\r\n"), 0o600) }, "one", nil},
		{"a new one is read", func() error { return os.WriteFile(path, []byte("t w o"), 0o600) }, "t w o", nil},
		{"an empty one is on its way", func() error { return os.WriteFile(path, nil, 0o600) }, "t w o", nil},
		{"one that is gone, too", func() error { return os.Remove(path) }, "t w o", nil},
	} {
		if err := c.write(); err != nil {
			t.Fatal(err)
		}
		if got, err := f.read(); got != c.want || !errors.Is(err, c.err) {
			t.Errorf("%s: %q, %v", c.sentence, got, err)
		}
	}
}

// recorder is a part of a client that notes with what it is asked to log in.
type recorder struct {
	clientv3.Auth
	got []string
}

func (r *recorder) Authenticate(_ context.Context, name, password string) (*clientv3.AuthenticateResponse, error) {
	r.got = append(r.got, name+" "+password)
	return nil, nil //nolint:nilnil // nobody looks
}

func TestEachLoginReadsThePasswordAnew(t *testing.T) {
	path := file(t, "one\n")
	r := new(recorder)
	l := login{r, &passwordFile{path: path}}
	for _, password := range []string{"one", "two"} {
		if err := os.WriteFile(path, []byte(password), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := l.Authenticate(t.Context(), "me", "of the start"); err != nil {
			t.Error(err)
		}
	}
	if got := fmt.Sprint(r.got); got != "[me one me two]" {
		t.Errorf("logged in with %s", got)
	}
}

func TestPasswordFilesThatAreRefused(t *testing.T) {
	for _, c := range []struct {
		sentence string
		opt      Option
		says     string
	}{
		{"one that is not there", WithPasswordFile("me", "/nowhere/password"), "/nowhere/password"},
		{"an empty one", WithPasswordFile("me", file(t, "\n")), "the file is empty"},
		{"none", WithPasswordFile("me", ""), "must have a password"},
		{"nobody's", WithPasswordFile("", file(t, "x")), "must not be empty"},
	} {
		b, err := connect(leadership.Config{}, variables(), []Option{c.opt})
		if b != nil || !errors.Is(err, leadership.ErrInvalidConfig) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v; want %q", c.sentence, err, c.says)
		}
	}
	b, err := connect(leadership.Config{}, variables(), []Option{WithPasswordFile("me", file(t, "x")), WithUser("me", "y")})
	if err != nil {
		t.Fatalf("a password after a file: %v", err)
	}
	_ = b.Close()
}

func TestEndpointsWithAUserAreNotPrinted(t *testing.T) {
	const secret = "pa55:w@rd"
	for endpoint, shown := range map[string]string{
		"https://me:" + secret + "@host:2379": `"https://…@host:2379"`,
		"me:" + secret + "@host:2379":         `"…@host:2379"`,
		"ftp://me:" + secret + "@host":        `"ftp://…@host"`,
		"https://me:" + secret + "@":          `"https://…@"`,
	} {
		_, err := connect(leadership.Config{}, variables(), []Option{WithEndpoints(endpoint)})
		if !errors.Is(err, leadership.ErrInvalidConfig) || !strings.Contains(err.Error(), shown) {
			t.Errorf("%v; want %s", err, shown)
		}
		if all := fmt.Sprintf("%v %#v", err, err); strings.Contains(all, "w@rd") || strings.Contains(all, "pa55") {
			t.Errorf("the password is in %s", all)
		}
	}
}
