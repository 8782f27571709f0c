package handover

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"time"
)

// process is a candidate in a process of its own.
type process struct {
	id    string
	words chan word
	cmd   *exec.Cmd
	stdin io.Closer
	said  bytes.Buffer  // on standard error; to be read after gone
	gone  chan struct{} // closed when it has ended
	err   error         // how; valid after gone
}

// word is what a candidate has told.
type word struct {
	process *process
	text    string
	at      time.Duration
}

// launch starts a candidate, which tells its words to the given channel.
func launch(o order, words chan word) (*process, error) {
	binary, err := os.Executable()
	if err != nil {
		return nil, err
	}
	text, err := json.Marshal(o)
	if err != nil {
		return nil, err
	}
	p := &process{id: o.Stand.ID, words: words, gone: make(chan struct{})}
	p.cmd = exec.Command(binary) //nolint:noctx // it lives until it is ended
	p.cmd.Env = append(os.Environ(), variable+"="+string(text))
	p.cmd.Stderr = &p.said
	childOf(p.cmd)
	if p.stdin, err = p.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	stdout, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	started := make(chan error)
	go func() {
		// The kernel counts the thread as the parent: it has to live as long as the child.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		if err := p.cmd.Start(); err != nil {
			started <- err
			return
		}
		started <- nil
		p.listen(stdout)
		p.err = p.cmd.Wait()
		close(p.gone)
	}()
	return p, <-started
}

// listen passes on what the candidate tells, until it ends.
func (p *process) listen(stdout io.Reader) {
	for lines := bufio.NewScanner(stdout); lines.Scan(); {
		var text string
		var at int64
		if _, err := fmt.Sscan(lines.Text(), &text, &at); err == nil {
			p.words <- word{p, text, time.Duration(at)}
		}
	}
}

// kill ends it at once, and returns when that was.
func (p *process) kill() (time.Duration, error) {
	at := now()
	if err := p.cmd.Process.Kill(); err != nil {
		return at, fmt.Errorf("kill %s: %w", p.id, err)
	}
	<-p.gone
	return at, nil
}

// leave has it close its candidacy; it does not wait for the end.
func (p *process) leave() { _ = p.stdin.Close() }

// left waits until the process has ended after leave, and ends it where it does not.
func (p *process) left(ctx context.Context) error {
	select {
	case <-p.gone:
	case <-ctx.Done():
		_, err := p.kill()
		return errors.Join(fmt.Errorf("%s does not end: %w", p.id, context.Cause(ctx)), err)
	}
	if p.err != nil {
		return fmt.Errorf("%s: %w: %s", p.id, p.err, strings.TrimSpace(p.said.String()))
	}
	return nil
}
