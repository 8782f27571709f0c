package drill

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/leadership-go/leadership"
	"github.com/leadership-go/leadership/e2e/internal/contender"
)

// puppet notes what it is told, and answers what stands in a table.
type puppet struct {
	script
	health *health
	told   []string
	errs   map[string]error
}

func (p *puppet) note(format string, args ...any) error {
	told := fmt.Sprintf(format, args...)
	if p.health.probe(context.Background()) != nil {
		told += ", sick"
	}
	p.told = append(p.told, told)
	return p.errs[told]
}
func (p *puppet) Resign(context.Context) error                       { return p.note("resign") }
func (p *puppet) TransferTo(_ context.Context, id string) error      { return p.note("to %s", id) }
func (p *puppet) StandDown(_ context.Context, d time.Duration) error { return p.note("down %v", d) }
func (p *puppet) ShowDoor(_ context.Context, open bool) error        { return p.note("door %v", open) }

func serve(t *testing.T, c contender.Contender, h *health, lines string) (Life, error) {
	t.Helper()
	s, unmap, err := openSheet(filepath.Join(t.TempDir(), "sheet"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := unmap(); err != nil {
			t.Error(err)
		}
	}()
	at := Instant(0)
	clock := func() Instant { at += ms; return at }
	err = (&servant{c, h, s, time.Minute, clock}).obey(strings.NewReader(lines))
	return s.read(), err
}

func TestServantCarriesOutOneAfterTheOther(t *testing.T) {
	h := new(health)
	p := &puppet{health: h, errs: map[string]error{
		"to b":   fmt.Errorf("no: %w", leadership.ErrNoCandidate),
		"to c":   fmt.Errorf("no: %w", leadership.ErrNotLeader),
		"resign": context.DeadlineExceeded,
	}}
	life, err := serve(t, p, h, "resign\ntransfer b\ntransfer c\nstand-down 2s\nsicken\nresign\nrecover\nshut\nreopen\n")
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"resign", "to b", "to c", "down 2s", "resign, sick", "door false", "door true"}; !slices.Equal(p.told, want) {
		t.Errorf("it was told %q, want %q", p.told, want)
	}
	answers := []Answer{Failed, Refused, Refused, Done, Done, Done, Done, Done, Done}
	if len(life.Orders) != len(answers) {
		t.Fatalf("noted %+v", life.Orders)
	}
	for i, o := range life.Orders {
		if began := Instant(2*i+1) * ms; o.Answer != answers[i] || o.Began != began || o.Returned != began+ms {
			t.Errorf("command %d: %+v", i, o)
		}
	}
}

func TestServantEndsAtWhatIsNoCommand(t *testing.T) {
	h := new(health)
	p := &puppet{health: h}
	life, err := serve(t, p, h, "resign\nabdicate\nresign\n")
	if err == nil || len(p.told) != 1 || len(life.Orders) != 1 {
		t.Errorf("error %v, told %q, noted %+v", err, p.told, life.Orders)
	}
}

func TestServantFailsForACandidateThatTakesNoCommands(t *testing.T) {
	life, err := serve(t, new(script), new(health), "resign\n")
	if err != nil || len(life.Orders) != 1 || life.Orders[0].Answer != Failed {
		t.Errorf("%v, noted %+v", err, life.Orders)
	}
}

func TestSheetWithoutRoomForCommandsSaysSo(t *testing.T) {
	h := new(health)
	life, err := serve(t, &puppet{health: h}, h, strings.Repeat("sicken\n", maxOrders+2))
	if err != nil || !life.Full || len(life.Orders) != maxOrders {
		t.Errorf("%v, full %v, %d orders", err, life.Full, len(life.Orders))
	}
}

func TestProbeFailsWhileSick(t *testing.T) {
	var h health
	if err := h.probe(t.Context()); err != nil {
		t.Error(err)
	}
	h.sick.Store(true)
	if err := h.probe(t.Context()); !errors.Is(err, errSick) {
		t.Error(err)
	}
}

func TestJoinedOrdersKeepWhatWasNeverTaken(t *testing.T) {
	sent := []Order{{Command: Command{Verb: Resign}, Heir: -1}, {Command: Command{Verb: Sicken}, Heir: -1}}
	got := joined(sent, []Order{{Began: 5, Returned: 6, Answer: Done}})
	want := []Order{{Command{Verb: Resign}, -1, 5, 6, Done}, {Command: Command{Verb: Sicken}, Heir: -1}}
	if !slices.Equal(got, want) || sent[0].Began != 0 {
		t.Errorf("%+v of %+v", got, sent)
	}
}
