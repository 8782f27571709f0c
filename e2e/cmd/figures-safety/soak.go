package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"time"

	"github.com/leadership-go/leadership/e2e/internal/figures"
	"github.com/leadership-go/leadership/e2e/internal/soak"
	"github.com/leadership-go/leadership/e2e/internal/stores"
)

// soakSettings are the flags of the soak, which runs at all chosen stores at once.
type soakSettings struct {
	duration time.Duration
	seed     uint64
	servers  int
	csv, png string
}

func (s *soakSettings) register(flags *flag.FlagSet) {
	flags.DurationVar(&s.duration, "soak", 30*time.Minute, "how long the soak lasts")
	flags.Uint64Var(&s.seed, "soak.seed", 0, "chooses the soak's faults; 0 for any")
	flags.IntVar(&s.servers, "soak.servers", 3, "servers of each store in the soak, 1 or 3")
	flags.StringVar(&s.csv, "soak.csv", "", "file for the soak's samples")
	flags.StringVar(&s.png, "soak.png", "", "file for the soak's graph")
}

// soakGrowth is by how much the median of the last third of the soak's samples may be above that of the first. A short run is
// not that even.
func soakGrowth(d time.Duration) float64 {
	if d < 10*time.Minute {
		return 0.5
	}
	return 0.05
}

// soakScenario has members at all stores live through random faults, and measures what they use.
func soakScenario(ctx context.Context, s soakSettings, names []string, p *figures.Printer) error {
	if s.seed == 0 {
		s.seed = rand.Uint64N(1<<31) + 1
	}
	p.Count("soak.seed", int(s.seed))
	chosen := slices.DeleteFunc(stores.All(), func(st stores.Starter) bool { return !slices.Contains(names, st.Name) })
	r, err := soak.Run(ctx, soak.Options{Seed: s.seed, For: s.duration, Servers: s.servers}, chosen)
	if err != nil && len(r.Seen) == 0 { // it never got to an end
		return err
	}
	p.Require(err == nil, "soak: %v", err)
	printSoak(r, p)
	trends, err := r.Trends()
	if err != nil {
		return err
	}
	for _, t := range trends {
		unit, scale := ".kib", 1024.0
		if t.Name == "goroutines" || t.Name == "files" {
			unit, scale = "", 1
		}
		p.Count("soak."+t.Name+unit+".first", int(t.First/scale))
		p.Count("soak."+t.Name+unit+".last", int(t.Last/scale))
		p.Count("soak."+t.Name+".growth.permille", int(math.Round(1000*t.Growth())))
	}
	if err := r.Flat(soakGrowth(r.For)); err != nil {
		p.Require(false, "%v", err)
	}
	return errors.Join(toFile(s.csv, r.WriteCSV), toFile(s.png, r.WritePNG))
}

func printSoak(r *soak.Result, p *figures.Printer) {
	p.Seconds("soak.duration", r.For)
	p.Seconds("soak.ttl", r.TTL)
	p.Count("soak.members.each", r.Members)
	p.Count("soak.servers.each", r.Servers)
	p.Count("soak.samples", len(r.Samples))
	for kind, n := range r.Faults {
		p.Count("soak.faults."+soak.Kind(kind).String(), n)
		p.Require(n > 0 || r.For < 10*time.Minute, "soak: no fault of kind %v", soak.Kind(kind))
	}
	for i, name := range r.Names {
		seen, last := r.Seen[i], soak.Standing{}
		if len(r.Samples) > 0 {
			last = r.Samples[len(r.Samples)-1].Stores[i]
		}
		name = "soak." + name
		p.Count(name+".faults", last.Total())
		p.Count(name+".messages", last.Messages)
		p.Count(name+".terms", seen.Terms)
		p.Count(name+".overlaps", seen.Overlaps)
		p.Count(name+".asked", seen.Rounds)
		p.Seconds(name+".asked.every.mean", seen.Mean)
		p.Seconds(name+".asked.every.max", seen.Longest)
		p.Count(name+".led.percent", 100*seen.Led/max(seen.Rounds, 1))
		p.Count(name+".subscribers.overflowed", r.Overflows[i])
		p.Count(name+".farewells.refused", r.Refused[i])
		p.Require(seen.Overlaps == 0, "%s: two members led at once, %d times: %v", name, seen.Overlaps, seen.First)
	}
	p.Count("soak.goroutines.before", r.Before.Goroutines)
	p.Count("soak.goroutines.after", r.After.Goroutines)
	p.Count("soak.goroutines.lost.by.the.proxy", r.Abandoned)
	p.Count("soak.files.before", r.Before.Files)
	p.Count("soak.files.after", r.After.Files)
}

// toFile has write fill the file, unless it has no name.
func toFile(path string, write func(io.Writer) error) error {
	if path == "" {
		return nil
	}
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	if err := errors.Join(write(file), file.Close()); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}
