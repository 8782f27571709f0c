package drill

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/leadership-go/leadership/e2e/internal/frozen"
)

// process is one candidate's process.
type process struct {
	candidate string
	started   Instant
	sheet     *sheet
	unmap     func() error
	cmd       *exec.Cmd
	stdin     io.WriteCloser
	orders    []Order // as they were sent
	output    *tail
	gone      chan struct{} // closed when it has ended
	err       error         // how; valid after gone
	killed    Instant       // when it was killed, if it was
}

// launch starts a candidate.
func launch(o order) (*process, error) {
	binary, err := os.Executable()
	if err != nil {
		return nil, err
	}
	text, err := json.Marshal(o)
	if err != nil {
		return nil, err
	}
	p := &process{candidate: o.Stand.Process, output: new(tail), gone: make(chan struct{})}
	if p.sheet, p.unmap, err = openSheet(o.Sheet); err != nil {
		return nil, err
	}
	p.cmd = exec.Command(binary) //nolint:noctx // it lives until it is ended
	p.cmd.Env = append(os.Environ(), variable+"="+string(text), "GOMAXPROCS=2")
	p.cmd.Stdout, p.cmd.Stderr = p.output, p.output
	childOf(p.cmd)
	if p.stdin, err = p.cmd.StdinPipe(); err != nil {
		return nil, errors.Join(err, p.unmap())
	}
	p.started = now()
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
		p.err = p.cmd.Wait()
		close(p.gone)
	}()
	if err := <-started; err != nil {
		return nil, errors.Join(err, p.unmap())
	}
	return p, nil
}

// tell has the candidate carry out c, sooner or later.
func (p *process) tell(c Command, heir int) error {
	if _, err := io.WriteString(p.stdin, c.String()+"\n"); err != nil {
		return fmt.Errorf("tell %s %q: %w", p.candidate, c, err)
	}
	p.orders = append(p.orders, Order{Command: c, Heir: heir})
	return nil
}

// obeyed reports that it has answered everything that it was told.
func (p *process) obeyed() bool { return p.sheet.answered.Load() == uint64(len(p.orders)) }

// freeze stops the process and waits until it stands still.
func (p *process) freeze() error {
	if err := freeze(p.cmd.Process); err != nil {
		return fmt.Errorf("stop %s: %w", p.candidate, err)
	}
	return frozen.Await(p.cmd.Process.Pid)
}

// thaw lets it go on.
func (p *process) thaw() error { return thaw(p.cmd.Process) }

// kill ends it at once.
func (p *process) kill() error {
	if p.ended() {
		return nil
	}
	p.killed = now()
	if err := p.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("kill %s: %w", p.candidate, err)
	}
	<-p.gone
	return nil
}

// ended reports that it runs no more.
func (p *process) ended() bool {
	select {
	case <-p.gone:
		return true
	default:
		return false
	}
}

// leave has it close its candidacy and end.
func (p *process) leave(ctx context.Context) error {
	if p.killed != 0 {
		return nil
	}
	_ = p.stdin.Close() // it may have ended
	select {
	case <-p.gone:
		return nil
	case <-ctx.Done():
		return errors.Join(fmt.Errorf("%s does not end: %w", p.candidate, context.Cause(ctx)), p.kill())
	}
}

// believes reports that it has just said that it leads, and since when. A stopped process says nothing.
func (p *process) believes() (Term, bool) {
	t, on := p.sheet.current()
	return t, on && now().Sub(t.Last) < stoppedFor
}

// life is what it went through so far.
func (p *process) life() Life {
	life := p.sheet.read()
	life.Candidate, life.Killed = p.candidate, p.killed
	life.Said = p.output.String()
	life.Orders = joined(p.orders, life.Orders)
	if p.killed != 0 || !p.ended() || p.err == nil {
		return life
	}
	var exit *exec.ExitError
	if life.Unconfirmed = errors.As(p.err, &exit) && exit.ExitCode() == unconfirmed; !life.Unconfirmed {
		life.Failure = fmt.Sprintf("%v: %s", p.err, p.output)
	}
	return life
}

// joined are the orders that were sent, with what the candidate noted about them.
func joined(sent, noted []Order) []Order {
	all := slices.Clone(sent)
	for i, o := range noted {
		if i < len(all) {
			all[i].Began, all[i].Returned, all[i].Answer = o.Began, o.Returned, o.Answer
		}
	}
	return all
}

// footprint is what it takes now.
func (p *process) footprint() (Footprint, error) {
	fds, rss, err := usage(p.cmd.Process.Pid)
	return Footprint{int(p.sheet.goroutines.Load()), fds, rss}, err
}

// tail keeps the end of what a process writes.
type tail struct {
	mu   sync.Mutex
	text []byte
}

const tailSize = 8 << 10

func (t *tail) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.text = append(t.text, b...)
	if n := len(t.text) - tailSize; n > 0 {
		t.text = append(t.text[:0], t.text[n:]...)
	}
	return len(b), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(t.text)
}

// await polls until done or the end of ctx.
func await(ctx context.Context, done func() bool) error {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !done() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return nil
}

// sleep waits for d or the end of ctx.
func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
