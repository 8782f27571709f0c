package figures

import (
	"strings"
	"testing"
	"time"
)

func TestPrinterWritesNameValueUnit(t *testing.T) {
	var out strings.Builder
	p := To(&out)
	p.Count("etcd.runs", 20)
	p.Seconds("etcd.belief.max", 9498*time.Millisecond)
	p.Seconds("etcd.overlap.max", 0)
	p.Require(true, "never told")
	if err := p.Err(); err != nil {
		t.Errorf("nothing fell short, and this is told: %v", err)
	}
	p.Require(false, "%d runs without a successor", 3)
	if err := p.Err(); err == nil || err.Error() != "3 runs without a successor" {
		t.Errorf("got %v", err)
	}
	if got, want := out.String(), "etcd.runs 20 count\netcd.belief.max 9.498 s\netcd.overlap.max 0 s\n"; got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}

func TestQuantilesAreMeasurements(t *testing.T) {
	d := Durations{5, 1, 4, 2, 3}
	for q, want := range map[float64]time.Duration{0: 1, 0.2: 1, 0.5: 3, 0.9: 5, 1: 5} {
		if got := d.Quantile(q); got != want {
			t.Errorf("quantile %v: got %d, want %d", q, got, want)
		}
	}
	if got := Durations(nil).Max(); got != 0 {
		t.Errorf("the longest of nothing is %v", got)
	}
	if d[0] != 5 {
		t.Error("the measurements were sorted in place")
	}
}
