package leadership

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"strings"
	"time"
)

// Explanation is what settings mean for an election, as [ClusterFactory.Explain] computes it from them and from what is known of the store.
type Explanation struct {
	// Store is the store's name.
	Store string
	// Key is the election's key.
	Key string

	// AfterResign, AfterCrash and AfterPartition bound for how long nobody leads, where the store is up, a candidate waits, and its watch works: after Resign,
	// Close or TransferTo; after the leader's process has died on a machine that lives; after it was cut off, counted from when it has stopped believing. What requests
	// take comes on top.
	AfterResign, AfterCrash, AfterPartition time.Duration
	// DeadWatch is how much longer it may take where the candidate's watch is dead.
	DeadWatch time.Duration

	// Belief is how long a leader believes at most after it sent its last proof.
	Belief time.Duration
	// Margin is how much sooner a leader stops believing than the store may give the key to another one: by so much may the store's clock run ahead of the leader's
	// within one TTL.
	Margin time.Duration

	// LeaderRequests and CandidateRequests are requests a second at the store while nothing changes, of the leader and of each one that waits. With a strategy, whoever comes to
	// hold the key reads the candidates once more; with election.preempt the leader's reads of them are counted.
	LeaderRequests, CandidateRequests float64

	// Assumes is what "never two leaders" rests on.
	Assumes []string
	// Notes is what else can keep the election without a leader.
	Notes []string
	// Risks is what in the settings makes the election less safe, or less lively, than it could be. Build logs each as a warning.
	Risks []string
}

// Explain computes what the settings mean, without asking the store. Its errors are those of Build.
func (f *ClusterFactory) Explain() (Explanation, error) {
	cfg, backend, err := f.prepare()
	if err != nil {
		return Explanation{}, err
	}
	e := explanationOf(cfg, backend.Traits(cfg), f.chosen(cfg) != nil)
	return e, backend.Close()
}

// explanationOf computes an explanation of complete settings. chosen says that a strategy is gone by.
func explanationOf(cfg Config, t Traits, chosen bool) Explanation {
	s, takeover := cfg.Session, cfg.Election.TakeoverDelay
	e := Explanation{Store: t.Store, Key: cfg.Key(), Assumes: t.Assumes, Notes: t.Notes}
	if t.TTL == 0 { // single mode: there is nothing that could go wrong
		return e
	}
	e.Belief, e.Margin = t.TTL-s.Drift, s.Drift
	every := min(s.Refresh, (t.TTL-s.Drift)/2)
	freed := t.Linger + t.LockDelay + takeover // after the TTL
	// The last renewal may have got through although its answer did not.
	e.AfterCrash, e.AfterPartition = t.TTL+freed, s.Drift+every+freed
	if noticed := t.Notice + t.LockDelay + takeover; t.Notice > 0 && noticed < e.AfterCrash {
		e.Notes = append([]string{fmt.Sprintf("a machine that dies with the leader on it is noticed by the TTL: up to %v without a leader", e.AfterCrash)}, e.Notes...)
		e.AfterCrash = noticed
	}
	reread := t.reread(cfg)
	e.DeadWatch = cmp.Or(t.WatchBound, reread)
	if t.Polls {
		e.AfterResign += e.DeadWatch
		e.AfterCrash += e.DeadWatch
		e.AfterPartition += e.DeadWatch
		e.DeadWatch = 0
	}
	rate := func(n int, every time.Duration) float64 { return float64(n) / every.Seconds() }
	watch := 0.0
	if t.WatchPeriod > 0 {
		watch = rate(1, t.WatchPeriod)
	}
	e.LeaderRequests = rate(t.RenewRequests+t.ReadRequests, every) + watch
	if chosen {
		e.Notes = append([]string{fmt.Sprintf("a candidate that has crashed may be given the key until its session ends: up to %v without a leader", t.TTL+freed)}, e.Notes...)
		if cfg.Election.Preempt > 0 {
			e.LeaderRequests += rate(t.ReadRequests, cfg.Election.looks())
		}
	}
	e.CandidateRequests = rate(t.RenewRequests, waiting(t.TTL-s.Drift)) + rate(t.CampaignRequests, reread) + watch
	e.Assumes = append([]string{
		fmt.Sprintf("within one TTL of %v, the store's clock runs ahead of a leader's by %v at most (session.drift)", t.TTL, s.Drift),
		"on Linux the boot clock runs on while a machine is suspended; elsewhere the wall clock is not put back meanwhile",
		"what must not be done by two is asked of Term right before, or guarded with its token",
	}, t.Assumes...)
	if takeover < t.TTL {
		e.Assumes = append(e.Assumes, "nobody frees the key of a leader that is cut off, unless election.takeoverDelay is the TTL or more")
	}
	e.Risks = append(risks(cfg, t), t.Risks...)
	return e
}

// reread is how often a candidate reads the key although its watch is under way.
func (t Traits) reread(cfg Config) time.Duration {
	switch {
	case t.Polls: // there is nothing but reads
		return cfg.Election.Frequency
	case t.WatchBound > 0: // it ends before
		return 2 * watchLimit
	}
	return max(cfg.Election.Frequency, 2*t.TTL)
}

const (
	// steepestDrift is by how much two clocks that NTP slews may run apart: each 500 ppm, in opposite directions.
	steepestDrift = 1000
	// leastRetransmission is what a lost packet costs at least, on Linux and elsewhere.
	leastRetransmission = 200 * time.Millisecond
)

// risks are those that any store shares.
func risks(cfg Config, t Traits) []string {
	var list []string
	s := cfg.Session
	warn := func(risky bool, format string, args ...any) {
		if risky {
			list = append(list, fmt.Sprintf(format, args...))
		}
	}
	warn(s.Drift < t.TTL/steepestDrift,
		"session.drift %v is less than a thousandth of the TTL %v: clocks that are slewed run further apart", s.Drift, t.TTL)
	warn(s.attempt() <= leastRetransmission,
		"session.refresh %v leaves %v for each of two attempts: a lost packet alone costs %v", s.Refresh, s.attempt(), leastRetransmission)
	warn(cfg.Election.TakeoverDelay > 0 && cfg.Election.TakeoverDelay < t.TTL,
		"election.takeoverDelay %v is less than the TTL %v: it slows every takeover, and does not cover a leader that is cut off", cfg.Election.TakeoverDelay, t.TTL)
	warn(cfg.Lead.Drain > t.TTL,
		"lead.drain %v is more than the TTL %v: work that hangs keeps a resignation for longer than a crash would take", cfg.Lead.Drain, t.TTL)
	warn(cfg.Election.Preempt > 0 && cfg.Election.Preempt < t.TTL,
		"election.preempt %v is less than the TTL %v: a candidate that is to lead and keeps crashing has the leader change each time", cfg.Election.Preempt, t.TTL)
	warn(t.WatchBound == 0 && cfg.Election.Frequency > max(4*t.TTL, defaultFrequency),
		"election.frequency %v is more than four times the TTL %v: a candidate with a dead watch stays away for that long", cfg.Election.Frequency, t.TTL)
	return list
}

// String is the explanation as text, of several lines.
func (e Explanation) String() string {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	list := func(title string, items []string) {
		if len(items) > 0 {
			line("%s", title)
		}
		for _, item := range items {
			line("  - %s", item)
		}
	}
	line("Election of %s at %s", e.Key, e.Store)
	if e.Belief == 0 {
		line("One member, which always leads.")
		return b.String()
	}
	line("Without a leader for at most, beyond what requests take:")
	line("  %-10v after a resignation", e.AfterResign)
	line("  %-10v after a crash", e.AfterCrash)
	line("  %-10v after a partition, from when the leader has stopped believing", e.AfterPartition)
	if e.DeadWatch > 0 {
		line("  %-10v more where a watch is dead", e.DeadWatch)
	}
	line("A leader believes for at most %v after it sent a proof, and stops %v before the store may give the key to another one.", e.Belief, e.Margin)
	line("Requests a second while nothing changes: %.2f of the leader, %.2f of each candidate.", e.LeaderRequests, e.CandidateRequests)
	list("Never two leaders, as long as", e.Assumes)
	list("Also", e.Notes)
	list("Risks", e.Risks)
	return b.String()
}

// warn logs the risks of settings.
func (f *ClusterFactory) warn(ctx context.Context, cfg Config, t Traits) {
	logger := f.logger
	for _, risk := range explanationOf(cfg, t, f.chosen(cfg) != nil).Risks {
		if logger == nil {
			logger = slog.Default()
		}
		logger.LogAttrs(ctx, slog.LevelWarn, "Risky setting: "+risk, slog.String(attrService, cfg.ServiceName), slog.String(attrID, cfg.ServiceID))
	}
}
