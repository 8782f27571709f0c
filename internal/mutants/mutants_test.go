//go:build mutants

package mutants

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// mutant is a bug: in file, old becomes new. Where there is a second edit, both are needed.
type mutant struct {
	name  string
	want  string // the simulation's words, as a regular expression
	edits []edit
}

type edit struct{ file, old, new string }

// mutants are the bugs. docs/model has those of the same name in the model.
func mutants() []mutant {
	const engine, calls, work, aside, clock = "election.go", "election_calls.go", "election_work.go", "election_aside.go", "clock.go"
	const (
		believes = `both believe$|believes (although its session|although it gave the key back|with token \d+, but the store gave the key to another)`
		foreign  = `leads on with token \d+ although it has read that|leads with token \d+ after \d+$|both believe$|but the store gave the key to another|token 0 closes term \d+$`
		overdue  = `goes on with a term that is over$`
		late     = `begins a term with token \d+, \S+ after it lost the key`
		grows    = `token \d+ does not grow from \d+$`
		idle     = `nobody leads \S+ after the last fault$`
		stuck    = `Resign has not returned|are not closed after a TTL$`
		left     = `is closed and leaves \S+ behind$`
		early    = `gives the key back while its work runs$`
		stands   = `stands( while its work runs| and is sick|, and has stood down)$`
	)
	return []mutant{
		{"deadline-from-reply", believes, []edit{{calls, "m.renewed = sent\n", "m.renewed = m.now\n"}}},
		{"renewal-alone-is-proof", believes, []edit{{engine, "m.holds && m.proved.mono >= m.renewed.mono", "m.holds"}}},
		{"read-before-renewal", believes, []edit{{engine, "m.holds, m.proved = true, sent\n", "m.holds, m.proved = true, m.now\n"}}},
		{"stale-reply-believed", believes, []edit{{calls, "if c.seq == 0 || c.seq != r.seq {", "if c.seq == 0 {"}}},
		{"no-deadline", overdue, []edit{{engine, "(in.kind == inLapsed || in.now.reached(m.expiry))", "in.kind == inLapsed"}}},
		{"lapsed-term-resumes", overdue, []edit{{engine, "in.kind == inLapsed || in.now.reached(m.expiry)", "in.kind == inLapsed || in.kind == inTick && in.now.reached(m.expiry)"}}},
		{"session-kept-after-lapse", grows, []edit{{
			engine, "Err: cause},\n\t)\n\tm.leave()",
			"Err: cause},\n\t)\n\tif m.now.reached(m.expiry) {\n\t\tm.phase, m.stale = phaseStanding, true\n\t\treturn\n\t}\n\tm.leave()",
		}}},
		{"own-key-not-checked", foreign, []edit{{engine, "mine := holder.Session == m.session &&", "mine := m.phase == phaseStanding || holder.Session == m.session &&"}}},
		{"lost-key-ignored", foreign, []edit{{engine, "m.lose(fmt.Errorf(\"%w: %s\", ErrKeyLost, describe(holder)))", "m.proved = sent\n\t\tm.prove()"}}},
		{"token-not-compared", foreign, []edit{
			{engine, "(!held || holder.Token == m.token)", "(held || !held)"},
		}},
		{"no-wait-for-predecessor", believes, []edit{{engine, "case len(m.doubts) > 0 || !m.now", "case !m.now"}}},
		{"previous-holder-ignored", believes, []edit{{engine, "\t\tm.suspect(earlier)\n", "\t\t_ = earlier\n"}}},
		{"one-earlier-holder-heard", believes, []edit{{engine, "range m.seen.Earlier {", "range m.seen.Earlier[max(0, len(m.seen.Earlier)-1):] {"}}},
		{"term-not-ended", believes, []edit{{engine, "m.fx.term, m.fx.cause = termEnd, cause", "m.fx.cause = cause"}}},
		{"no-read-after-the-wait", late, []edit{{engine, "m.waited, m.holds, m.stale = false, false, true", "m.waited = false"}}},
		{"takeover-delay-ignored", believes, []edit{{engine, "m.takeoverAt = m.now.after(m.takeover)", "m.takeoverAt = m.now"}}},
		{"drift-not-allowed-for", believes, []edit{{calls, "r.session, r.ttl-m.drift, sent", "r.session, r.ttl, sent"}}},
		{"key-given-back-first", believes, []edit{{engine, "m.endTerm(ErrResigned)", "m.request(opRelease)"}}},
		{"sign-by-who-never-believed", believes, []edit{{engine, "if m.phase != phaseLeading {\n\t\tm.token = 0", "if false {\n\t\tm.token = 0"}}},
		{"suspension-not-noticed", believes, []edit{
			{clock, "return i.mono >= deadline.mono || i.boot >= deadline.boot", "return i.mono >= deadline.mono"},
			{clock, "return min(deadline.mono-i.mono, deadline.boot-i.boot)", "return deadline.mono - i.mono"},
		}},
		{"waits-by-the-wall-clock", believes, []edit{{clock, "func (i instant) outlasted(wait instant) bool { return i.mono >= wait.mono }", "func (i instant) outlasted(wait instant) bool { return i.reached(wait) }"}}},
		{"dead-session-kept", idle, []edit{{calls, "if m.phase == phaseLeading {\n\t\tm.lose(err)\n\t} else {", "if m.phase == phaseStanding {\n\t\tm.fail(o, err)\n\t\treturn\n\t}\n\tif m.phase == phaseLeading {\n\t\tm.lose(err)\n\t} else {"}}},
		{"no-second-try", idle, []edit{{calls, "m.notBefore[o] = m.now.after(m.pause(m.failures[o]))\n\tm.tell(o, err)", "m.notBefore[o] = m.now.after(24 * time.Hour)\n\tm.tell(o, err)"}}},
		{"session-left-behind", left, []edit{{calls, "m.adopted && !m.closing\n", "true\n"}}},
		{"key-given-back-while-work-runs", early, []edit{{calls, "want(opRelease, m.waitedForWork())", "want(opRelease, true)"}}},
		{"stands-while-work-runs", stands, []edit{{aside, "!m.busy && ", ""}}},
		{"stands-though-sick", stands, []edit{{aside, "m.sick == nil && ", ""}}},
		{"stands-though-it-stood-down", stands, []edit{{aside, " && m.now.reached(m.barredUntil)", ""}}},
		{"work-never-told-to-return", stuck, []edit{{work, ", m.fx.stop = m.now.after(m.drain), cause", " = m.now.after(1000 * m.drain)"}}},
		{"resign-never-returns", stuck, []edit{{calls, "m.fx.released = true // who waits", "// who waits"}}},
	}
}

// violation is how the simulation tells that something is wrong. A mutant that does not compile tells something else.
var violation = regexp.MustCompile(`seed \d+: .*`)

func TestSimulationFindsEveryMutant(t *testing.T) {
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range mutants() {
		t.Run(m.name, func(t *testing.T) {
			t.Parallel()
			out, failed := simulate(t, root, overlay(t, root, m))
			found := violation.FindString(out)
			if !failed || found == "" {
				t.Fatalf("nobody noticed it:\n%s", out)
			}
			if !regexp.MustCompile(m.want).MatchString(found) {
				t.Errorf("found for another reason: %s", found)
			}
			t.Log(found)
		})
	}
}

// overlay writes what m makes of its files and returns the file that tells the go command to take them.
func overlay(t *testing.T, root string, m mutant) string {
	t.Helper()
	dir := t.TempDir()
	changed := map[string][]byte{}
	for _, e := range m.edits {
		text, ok := changed[e.file]
		if !ok {
			var err error
			if text, err = os.ReadFile(filepath.Join(root, e.file)); err != nil {
				t.Fatal(err)
			}
		}
		if n := bytes.Count(text, []byte(e.old)); n != 1 {
			t.Fatalf("%s has %d times\n%s", e.file, n, e.old)
		}
		changed[e.file] = bytes.Replace(text, []byte(e.old), []byte(e.new), 1)
	}
	replace := map[string]string{}
	for file, text := range changed {
		path := filepath.Join(dir, file)
		replace[filepath.Join(root, file)] = path
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	list, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(path, list, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// simulate runs the simulation, with an overlay where there is one.
func simulate(t *testing.T, root, overlay string) (out string, failed bool) {
	t.Helper()
	args := []string{"test", "-count=1", "-vet=off", "-run", "^TestSimulation$", "-timeout=10m"}
	if overlay != "" {
		args = append(args, "-overlay", overlay)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	cmd := exec.CommandContext(ctx, "go", append(args, ".", "-simulation.seeds=40000")...)
	cmd.Dir = root
	var text strings.Builder
	cmd.Stdout, cmd.Stderr = &text, &text
	err := cmd.Run()
	if _, exited := errors.AsType[*exec.ExitError](err); err != nil && !exited {
		t.Fatal(err)
	}
	return text.String(), err != nil
}
