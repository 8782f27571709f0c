package fenced

import (
	"bytes"
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/leadership-go/leadership/e2e/internal/figures"
	"github.com/leadership-go/leadership/e2e/internal/stores"
)

// Measured is what one scenario showed.
type Measured struct {
	Report

	// Deposed says how its leaders were deposed.
	Deposed Deposed
}

// Measure runs the scenario, in this process, and examines its history.
func (s Scenario) Measure(ctx context.Context, store stores.Store) (Measured, error) {
	var log bytes.Buffer
	deposed, err := s.Run(ctx, store, Record(&log))
	if err != nil {
		return Measured{}, err
	}
	ops, err := Parse(log.Bytes())
	if err != nil {
		return Measured{}, err
	}
	return Measured{Check(ops), deposed}, nil
}

// Measure prints what fenced writes show at a store within d, and after that what the same writes show without a fence.
func Measure(ctx context.Context, s stores.Store, d time.Duration, p *figures.Printer) error {
	name := func(what string) string { return s.Name() + ".fenced." + what }
	m, err := Scenario{For: d, Every: true}.Measure(ctx, s)
	if err != nil {
		return err
	}
	for _, way := range slices.Sorted(maps.Keys(m.Deposed)) {
		p.Count(name("deposed."+strings.ReplaceAll(string(way), " ", "-")), m.Deposed[way])
	}
	p.Count(name("deposed"), m.Deposed.Total())
	p.Count(name("writes"), m.Writes)
	p.Count(name("accepted"), m.Accepted)
	p.Count(name("refused"), m.Refused)
	p.Count(name("unknown"), m.Unknown)
	p.Count(name("unknown.seen"), m.Seen)
	p.Count(name("reads"), m.Reads)
	p.Count(name("late.sent"), m.Late)
	p.Count(name("late.held"), m.Held)
	p.Count(name("late.refused"), m.LateRefused)
	p.Count(name("late.unknown"), m.LateUnknown)
	p.Count(name("late.accepted"), m.LateAccepted)
	p.Count(name("checked"), m.Checked)
	p.Count(name("linearizable"), yes(m.Linearizable))
	p.Require(m.Late > 0 && m.Held > 0, "%s: %d late writes were sent, %d of them held back", s.Name(), m.Late, m.Held)
	p.Require(m.Trails == m.Registers, "%s: all accepted writes are known of %d elections of %d", s.Name(), m.Trails, m.Registers)
	p.Require(m.LateAccepted == 0, "%s: %d late writes were accepted", s.Name(), m.LateAccepted)
	p.Require(m.Err() == nil, "%s: fenced writes: %w", s.Name(), m.Err())

	name = func(what string) string { return s.Name() + ".unfenced." + what }
	open, err := Scenario{Guard: Open, For: max(d/4, 5*time.Second), Elections: 1}.Measure(ctx, s)
	if err != nil {
		return err
	}
	p.Count(name("writes"), open.Writes)
	p.Count(name("late.sent"), open.Late)
	p.Count(name("late.accepted"), open.LateAccepted)
	p.Count(name("linearizable"), yes(open.LinearizableUnfenced))
	p.Count(name("linearizable.fenced"), yes(open.Linearizable))
	p.Require(open.LateAccepted > 0 && !open.Linearizable, "%s: without a fence %d late writes were accepted, and the check says %v",
		s.Name(), open.LateAccepted, open.Linearizable)
	return nil
}

func yes(b bool) int {
	if b {
		return 1
	}
	return 0
}
