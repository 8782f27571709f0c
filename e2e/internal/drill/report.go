package drill

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/leadership-go/leadership/e2e/internal/contender"
	"github.com/leadership-go/leadership/e2e/internal/figures"
)

// total is what the check of several histories found.
type total struct {
	Findings
	elections, faults, purged int
	byKind                    map[Kind]int
	problems                  []string
}

// sum checks the elections of some kinds of contenders.
func (r Result) sum(counts func(kind string) bool) total {
	t := total{byKind: make(map[Kind]int)}
	for _, e := range r.Elections {
		if !counts(e.Kind) {
			continue
		}
		f := e.History.Check(e.Rules)
		t.elections++
		t.purged += e.Purged
		t.Terms += f.Terms
		t.Overlaps += f.Overlaps
		t.Worst = max(t.Worst, f.Worst)
		t.Windows = append(t.Windows, f.Windows...)
		t.Regressions += f.Regressions
		t.ToldEarly += f.ToldEarly
		t.Asleep += f.Asleep
		t.Wakes += f.Wakes
		t.Lost += f.Lost
		t.Reordered += f.Reordered
		t.Doubled += f.Doubled
		t.Leaderless = append(t.Leaderless, f.Leaderless...)
		t.TooLong += f.TooLong
		t.Led += f.Led
		t.Span += f.Span
		t.Orders += f.Orders
		t.Done += f.Done
		t.Refused += f.Refused
		t.Failed += f.Failed
		t.Disobeyed += f.Disobeyed
		for _, o := range f.Unsure {
			t.Unsure = append(t.Unsure, e.Name+": "+o)
		}
		t.Unconfirmed += f.Unconfirmed
		t.Samples += f.Samples
		t.Apart = max(t.Apart, f.Apart)
		t.Interrupted += f.Interrupted
		for _, p := range f.Problems {
			t.problems = append(t.problems, e.Name+": "+p)
		}
		for _, f := range e.History.Faults {
			if f.Life >= 0 {
				t.faults++
				t.byKind[f.Kind]++
			}
		}
	}
	for _, f := range r.Servers { // each befell all elections, and counts once
		t.faults++
		t.byKind[f.Kind]++
	}
	return t
}

// Violations tell what our candidates did wrong, one line each.
func (r Result) Violations() []string { return r.sum(ours).problems }

// Print prints the figures and requires what is promised.
func (r Result) Print(p *figures.Printer) {
	name := func(what string) string { return r.Store + ".faults." + what }
	all := r.sum(ours)
	p.Count(name("seed"), int(r.Seed))
	p.Seconds(name("ttl"), r.TTL)
	p.Count(name("elections"), all.elections)
	p.Count(name("candidates"), all.elections*candidates)
	p.Count(name("faults"), all.faults)
	p.Count(name("elections.checked"), r.checked())
	for _, kind := range Kinds() {
		if kind.checks() && r.checked() == 0 {
			continue
		}
		p.Count(name("kind."+slug(kind)), all.byKind[kind])
	}
	p.Count(name("terms"), all.Terms)
	p.Count(name("overlaps"), all.Overlaps)
	p.Seconds(name("overlap.max"), all.Worst)
	p.Count(name("tokens.regressed"), all.Regressions)
	p.Count(name("edges.lost"), all.Lost)
	p.Count(name("edges.reordered"), all.Reordered)
	p.Count(name("edges.doubled"), all.Doubled)
	p.Count(name("edges.early"), all.ToldEarly)
	p.Count(name("wakes"), all.Wakes)
	p.Count(name("wakes.believed"), all.Asleep)
	r.printOrders(p, all)
	r.printWindows(p, all.Windows)
	gaps := figures.Durations(all.Leaderless)
	p.Seconds(name("recovery.p50"), gaps.Quantile(0.5))
	p.Seconds(name("recovery.p99"), gaps.Quantile(0.99))
	p.Seconds(name("recovery.max"), gaps.Max())
	p.Seconds(name("recovery.bound"), r.bound())
	p.Count(name("recovery.late"), all.TooLong)
	p.Count(name("led.permille"), int(1000*all.Led/max(all.Span, 1)))
	p.Count(name("samples"), all.Samples)
	p.Count(name("samples.interrupted"), all.Interrupted)
	p.Seconds(name("samples.apart.max"), all.Apart)
	printFootprint(p, name("start."), most(r.First))
	printFootprint(p, name("end."), most(r.Last))
	r.printWrites(p)
	for _, problem := range all.problems {
		p.Require(false, "%s: seed %d: %s", r.Store, r.Seed, problem)
	}
	p.Count(name("closes.unconfirmed"), all.Unconfirmed)
	first, last := most(r.First).Goroutines, most(r.Last).Goroutines
	p.Require(last <= first+10, "%s: a candidate has %d goroutines at the end, and had %d", r.Store, last, first)
	p.Require(all.Terms > all.elections && all.Samples > 0, "%s: nothing happened", r.Store)
	if r.Peers == 0 {
		return
	}
	theirs := r.sum(func(kind string) bool { return kind == contender.Peer(r.Store) })
	p.Count(name("peers.faults"), theirs.faults)
	p.Count(name("peers.terms"), theirs.Terms)
	p.Count(name("peers.overlaps"), theirs.Overlaps)
	p.Seconds(name("peers.overlap.max"), theirs.Worst)
	p.Count(name("peers.led.permille"), int(1000*theirs.Led/max(theirs.Span, 1)))
	p.Count(name("peers.replaced"), theirs.purged)
	p.Require(theirs.Overlaps > 0, "%s: the peers never had two leaders, so the drill is blind", r.Store)
}

// checked is how many elections have sessions with a check.
func (r Result) checked() int {
	n := 0
	for _, e := range r.Elections {
		if e.Kind == contender.LeadershipChecked {
			n++
		}
	}
	return n
}

// handovers are how long it took from when a leader was told until another one led, of the handovers of one kind.
func (r Result) handovers(kind Kind) figures.Durations {
	return r.side(kind, func(e Election) bool { return ours(e.Kind) }).successor
}

// printOrders prints what became of what our candidates were told. Half of all handovers must take less than a wait for any session.
func (r Result) printOrders(p *figures.Printer, all total) {
	name := func(what string) string { return r.Store + ".faults.orders" + what }
	p.Count(name(""), all.Orders)
	p.Count(name(".done"), all.Done)
	p.Count(name(".refused"), all.Refused)
	p.Count(name(".failed"), all.Failed)
	p.Count(name(".failed.calm"), len(all.Unsure))
	p.Count(name(".disobeyed"), all.Disobeyed)
	p.Require(all.Orders < fewOrders || all.Done > 0, "%s: none of %d orders was carried out", r.Store, all.Orders)
	for _, kind := range []Kind{ToldResign, ToldTransfer} {
		took := r.handovers(kind)
		p.Seconds(name("."+slug(kind)+".p50"), took.Quantile(0.5))
		p.Seconds(name("."+slug(kind)+".max"), took.Max())
		if len(took) >= fewHandovers {
			p.Require(took.Quantile(0.5) < r.TTL/4, "%s: %q takes %v", r.Store, kind, took.Quantile(0.5))
		}
	}
}

// fewOrders may all be refused: an heir that has just resigned does not stand.
const fewOrders = 10

// fewHandovers are too few to say how long most take: who waits may have resigned just before.
const fewHandovers = 5

// bound is the one without a fault of the store.
func (r Result) bound() time.Duration {
	if len(r.Elections) == 0 {
		return 0
	}
	return r.Elections[0].Rules.Leaderless
}

// printWindows prints the overlaps that an operator brought about where no takeover delay was set.
func (r Result) printWindows(p *figures.Printer, windows []Window) {
	for _, kind := range CandidateKinds() {
		if !kind.handsOver() {
			continue
		}
		var lengths figures.Durations
		for _, w := range windows {
			if w.Kind == kind {
				lengths = append(lengths, w.Length)
			}
		}
		name := r.Store + ".faults.window." + slug(kind)
		p.Count(name+".count", len(lengths))
		p.Seconds(name+".max", lengths.Max())
	}
}

// most is the most of each.
func most(all []Footprint) Footprint {
	var m Footprint
	for _, f := range all {
		m.Goroutines = max(m.Goroutines, f.Goroutines)
		m.FDs = max(m.FDs, f.FDs)
		m.RSS = max(m.RSS, f.RSS)
	}
	return m
}

func printFootprint(p *figures.Printer, name string, f Footprint) {
	p.Count(name+"goroutines.max", f.Goroutines)
	p.Count(name+"fds.max", f.FDs)
	p.Count(name+"rss.kib.max", int(f.RSS>>10))
}

// slug makes a name for figures of a kind.
func slug(k Kind) string {
	return strings.Join(strings.FieldsFunc(strings.ToLower(string(k)), func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < '0' || r > '9')
	}), "-")
}

// side is one half of a line of the table.
type side struct {
	n, never          int
	overlap           time.Duration
	both              bool
	notice, successor figures.Durations
}

// side gathers the faults of one kind that befell a leader, in the elections that count.
func (r Result) side(kind Kind, counts func(Election) bool) side {
	var s side
	for _, e := range r.Elections {
		if !counts(e) {
			continue
		}
		for _, o := range e.History.Outcomes() {
			if o.Kind != kind || !o.Held {
				continue
			}
			s.n++
			if o.Both {
				s.both, s.overlap = true, max(s.overlap, o.Overlap)
			}
			if o.Succeeded {
				s.successor = append(s.successor, o.Successor)
			}
			switch {
			case kind == Kill || kind == ResignThenKill: // the dead notice nothing
			case o.Noticed:
				s.notice = append(s.notice, o.Notice)
			case o.Succeeded:
				s.never++
			}
		}
	}
	return s
}

func (s side) columns() string {
	if s.n == 0 {
		return "0\t\t\t\t"
	}
	overlap := "none"
	if s.both {
		overlap = seconds(s.overlap)
	}
	notice := spread(s.notice)
	if s.never > 0 {
		notice += fmt.Sprintf(" (never: %d)", s.never)
	}
	return fmt.Sprintf("%d\t%s\t%s\t%s\t", s.n, overlap, notice, spread(s.successor))
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.3f", d.Seconds()) }

func spread(d figures.Durations) string {
	if len(d) == 0 {
		return "–"
	}
	return seconds(d.Quantile(0.5)) + "/" + seconds(d.Max())
}

// Table compares, kind by kind, what befell leaders. Times are seconds, the median and the most; a leader that kept its term noticed nothing and
// has no successor. Below it stand the orders that the store did not confirm although nothing was broken.
func (r Result) Table(out io.Writer) error {
	peer := contender.Peer(r.Store)
	without := func(delayed bool) func(Election) bool {
		return func(e Election) bool { return e.Kind == contender.Leadership && e.Delayed == delayed }
	}
	checked := r.checked() > 0
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	sides := []string{peer, contender.Leadership, "with TakeoverDelay"}
	if checked {
		sides = append(sides, "with a session check")
	}
	_, _ = fmt.Fprintf(w, "%s, TTL %v\t%s\t\t\t\t\n", r.Store, r.TTL, strings.Join(sides, "\t\t\t\t"))
	_, _ = fmt.Fprintf(w, "what befell a leader\t%s\n", strings.Repeat("n\toverlap\tnotice\tsuccessor\t", len(sides)))
	for _, kind := range Kinds() {
		theirs := r.side(kind, func(e Election) bool { return e.Kind == peer })
		plain, delayed := r.side(kind, without(false)), r.side(kind, without(true))
		watched := r.side(kind, func(e Election) bool { return e.Kind == contender.LeadershipChecked })
		if theirs.n+plain.n+delayed.n+watched.n == 0 {
			continue
		}
		columns := theirs.columns() + plain.columns() + delayed.columns()
		if checked {
			columns += watched.columns()
		}
		_, _ = fmt.Fprintf(w, "%s\t%s\n", kind, columns)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	for _, o := range r.sum(ours).Unsure {
		if _, err := fmt.Fprintln(out, "not confirmed although nothing was broken:", o); err != nil {
			return err
		}
	}
	return nil
}

// Counted is how many faults befell our elections and the store.
func (r Result) Counted() int { return r.sum(ours).faults }

// CountedOf is how many of one kind did.
func (r Result) CountedOf(kind Kind) int { return r.sum(ours).byKind[kind] }
