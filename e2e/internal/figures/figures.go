// Package figures prints measurements as lines of a name, a value and a unit, and keeps what fell short.
package figures

import (
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"time"
)

// Printer writes figures. It is not safe for concurrent use.
type Printer struct {
	out     io.Writer
	short   []error
	failure error // of out
}

// To prints to out.
func To(out io.Writer) *Printer { return &Printer{out: out} }

// Count prints a number of things.
func (p *Printer) Count(name string, n int) { p.line(name, strconv.Itoa(n), "count") }

// Seconds prints a duration, to the microsecond.
func (p *Printer) Seconds(name string, d time.Duration) {
	p.line(name, strconv.FormatFloat(float64(d.Round(time.Microsecond))/float64(time.Second), 'f', -1, 64), "s")
}

func (p *Printer) line(name, value, unit string) {
	if _, err := fmt.Fprintln(p.out, name, value, unit); err != nil && p.failure == nil {
		p.failure = err
	}
}

// Require notes a shortfall unless ok.
func (p *Printer) Require(ok bool, format string, args ...any) {
	if !ok {
		p.short = append(p.short, fmt.Errorf(format, args...))
	}
}

// Err is everything that fell short.
func (p *Printer) Err() error { return errors.Join(append(p.short, p.failure)...) }

// Durations are measurements of one thing.
type Durations []time.Duration

// Min is the shortest, 0 of none.
func (d Durations) Min() time.Duration { return d.Quantile(0) }

// Max is the longest, 0 of none.
func (d Durations) Max() time.Duration { return d.Quantile(1) }

// Quantile is the least measurement that a share q of all does not exceed; 0 of none.
func (d Durations) Quantile(q float64) time.Duration {
	if len(d) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(d))
	i := int(math.Ceil(q*float64(len(sorted)))) - 1
	return sorted[min(max(i, 0), len(sorted)-1)]
}
