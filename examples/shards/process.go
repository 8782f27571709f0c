package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync"
	"time"
)

// process is one process of the service.
type process struct {
	name   string
	cmd    *exec.Cmd
	stdin  io.Closer
	record *record
	heard  sync.WaitGroup
	ends   sync.Once
}

// launch starts one, and records what it leads.
func launch(ctx context.Context, name, address string, record *record) (*process, error) {
	program, err := os.Executable()
	if err != nil {
		return nil, err
	}
	p := &process{name: name, cmd: exec.CommandContext(context.WithoutCancel(ctx), program), record: record}
	p.cmd.Env = append(os.Environ(), envName+"="+name, envEtcd+"="+address)
	p.cmd.Stderr = os.Stderr
	stdin, err := p.cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	p.stdin = stdin
	stdout, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	p.heard.Go(func() {
		for lines := bufio.NewScanner(stdout); lines.Scan(); {
			var what string
			var shard int
			var at int64
			if _, err := fmt.Sscan(lines.Text(), &what, &shard, &at); err == nil {
				record.note(p.name, what == "begin", shard, time.Unix(0, at))
			}
		}
	})
	return p, nil
}

// leave has the process end in order.
func (p *process) leave() { p.end(p.stdin.Close) }

// kill has it end as a crash would.
func (p *process) kill() { p.end(p.cmd.Process.Kill) }

// end waits for the end of the process.
func (p *process) end(how func() error) {
	p.ends.Do(func() {
		_ = how()
		p.heard.Wait()
		_ = p.cmd.Wait()
		p.record.gone(p.name, time.Now())
	})
}
