package etcd

import (
	"context"
	"errors"
	"os"
	"strings"
	"sync/atomic"

	clientv3 "go.etcd.io/etcd/client/v3"
)

// errEmptyFile: there is no password in the file.
var errEmptyFile = errors.New("the file is empty")

// passwordFile is a password that may be replaced.
type passwordFile struct {
	path string
	last atomic.Pointer[string]
}

// read returns what is in the file now, or the last that was.
func (f *passwordFile) read() (string, error) {
	data, err := os.ReadFile(f.path)
	password := strings.TrimSpace(string(data))
	if err == nil && password == "" {
		err = errEmptyFile
	}
	if err == nil {
		f.last.Store(&password)
		return password, nil
	}
	if last := f.last.Load(); last != nil {
		return *last, nil
	}
	return "", err
}

// login is the part of etcd's client that logs in, with what is in a file at that time. The client would
// go on with the password that it was made with.
type login struct {
	clientv3.Auth
	file *passwordFile
}

func (l login) Authenticate(ctx context.Context, name, _ string) (*clientv3.AuthenticateResponse, error) {
	password, err := l.file.read()
	if err != nil {
		return nil, err
	}
	return l.Auth.Authenticate(ctx, name, password)
}
