package drill

import (
	"context"
	"path/filepath"
	"reflect"
	"testing"
	"time"
)

// script is a contender whose answers, and the clock around them, stand in a table.
type script struct {
	answers []answer
	i       int
	after   bool // the clock is read for the second time
}

// answer is given to a question asked at an instant, which took a while.
type answer struct {
	at    Instant
	took  Instant
	token uint64 // 0: no
}

func (s *script) Leads() (uint64, bool) {
	token := s.answers[s.i].token
	return token, token != 0
}
func (*script) Resign(context.Context) error { return nil }
func (*script) Close() error                 { return nil }

func (s *script) clock() Instant {
	a := s.answers[s.i]
	s.after = !s.after
	if s.after {
		return a.at
	}
	s.i++
	return a.at + a.took
}

func TestSampler(t *testing.T) {
	const quick, slow = Instant(time.Microsecond), Instant(time.Second)
	second := Instant(time.Second)
	for _, c := range []struct {
		name    string
		answers []answer
		terms   []Term
		wakes   []Wake
	}{
		{"never", []answer{{1 * ms, quick, 0}, {2 * ms, quick, 0}}, nil, nil},
		{
			"a term goes from before the first question to after the last",
			[]answer{{1 * ms, quick, 0}, {2 * ms, quick, 7}, {3 * ms, quick, 7}, {4 * ms, quick, 7}, {5 * ms, quick, 0}},
			[]Term{{7, 2 * ms, 4*ms + quick, 5*ms + quick}},
			nil,
		},
		{
			"a term that goes on is not over",
			[]answer{{1 * ms, quick, 7}},
			[]Term{{7, 1 * ms, 1*ms + quick, 0}},
			nil,
		},
		{
			"one term follows another between two questions",
			[]answer{{1 * ms, quick, 7}, {2 * ms, quick, 8}},
			[]Term{{7, 1 * ms, 1*ms + quick, 2 * ms}, {8, 2 * ms, 2*ms + quick, 0}},
			nil,
		},
		{
			"a yes that was made before or after a stop counts before",
			[]answer{{1 * ms, quick, 7}, {2 * ms, slow, 7}, {second + 3*ms, quick, 0}},
			[]Term{{7, 1 * ms, 2 * ms, second + 3*ms + quick}},
			nil,
		},
		{
			"a first yes that was made before or after a stop is asked for again",
			[]answer{{1 * ms, slow, 7}, {second + 2*ms, quick, 7}},
			[]Term{{7, second + 2*ms, second + 2*ms + quick, 0}},
			nil,
		},
		{
			"a stop between two questions is noted with the answer after it",
			[]answer{{1 * ms, quick, 7}, {second, quick, 7}, {3 * second, quick, 0}},
			[]Term{{7, 1 * ms, second + quick, 3*second + quick}},
			[]Wake{{1*ms + quick, second, true}, {second + quick, 3 * second, false}},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			sheet, unmap, err := openSheet(filepath.Join(t.TempDir(), "sheet"))
			if err != nil {
				t.Fatal(err)
			}
			defer unmap() //nolint:errcheck // the test is over
			s := &script{answers: c.answers}
			p := sampler{sheet: sheet, clock: s.clock}
			for range c.answers {
				p.ask(s)
			}
			got := sheet.read()
			if !reflect.DeepEqual(got.Terms, c.terms) || !reflect.DeepEqual(got.Wakes, c.wakes) || got.Samples != len(c.answers) {
				t.Errorf("got  %v, wakes %v, %d samples\nwant %v, wakes %v", got.Terms, got.Wakes, got.Samples, c.terms, c.wakes)
			}
		})
	}
}

func TestLongestPauseThatIsNoStop(t *testing.T) {
	const quick = Instant(time.Microsecond)
	sheet, unmap, err := openSheet(filepath.Join(t.TempDir(), "sheet"))
	if err != nil {
		t.Fatal(err)
	}
	defer unmap() //nolint:errcheck // the test is over
	s := &script{answers: []answer{{1 * ms, quick, 0}, {51 * ms, quick, 0}, {71 * ms, quick, 0}, {500 * ms, quick, 0}}}
	p := sampler{sheet: sheet, clock: s.clock}
	for range s.answers {
		p.ask(s)
	}
	if got := sheet.read(); got.Apart != time.Duration(50*ms-quick) || len(got.Wakes) != 1 {
		t.Errorf("apart %v, %d stops", got.Apart, len(got.Wakes))
	}
}

// What is noted in a sheet is read by who maps the same file.
func TestSheetIsShared(t *testing.T) {
	path := filepath.Join(t.TempDir(), "sheet")
	writer, unmap1, err := openSheet(path)
	if err != nil {
		t.Fatal(err)
	}
	reader, unmap2, err := openSheet(path)
	if err != nil {
		t.Fatal(err)
	}
	writer.told.Store(1)
	writer.begin(Term{Token: 5, First: 1, Last: 2})
	writer.last(3)
	told := tell(writer)
	told("notelected", 0, nil)
	told("elected", 5, nil)
	told("elected.first", 5, nil)
	told("relegation", 5, nil)
	told("elected.first", 4, nil)
	writer.addWake(Wake{4, 5, true})
	got := reader.read()
	if len(got.Terms) != 1 || got.Terms[0] != (Term{5, 1, 3, 0}) || len(got.Wakes) != 1 || got.Wakes[0] != (Wake{4, 5, true}) || !got.Told {
		t.Errorf("read %+v", got)
	}
	if got.Breach != `"relegation" after "elected.first": it closes no term` {
		t.Errorf("the first breach is %q", got.Breach)
	}
	if len(got.Edges) != 3 || !got.Edges[0].Elected || got.Edges[1].Elected || got.Edges[2].Token != 4 || got.Edges[0].At == 0 {
		t.Errorf("edges %v", got.Edges)
	}
	for range maxWakes {
		writer.addWake(Wake{4, 5, true})
	}
	if got = reader.read(); !got.Full || len(got.Wakes) != maxWakes {
		t.Errorf("%d wakes, full: %v", len(got.Wakes), got.Full)
	}
	if err := unmap1(); err != nil {
		t.Error(err)
	}
	if err := unmap2(); err != nil {
		t.Error(err)
	}
}
