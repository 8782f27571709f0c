package drill

import (
	"maps"
	"slices"
)

// told is an edge without its time.
type told struct {
	elected bool
	token   uint64
}

func (e told) String() string {
	if e.elected {
		return "elected.first"
	}
	return "relegation"
}

// checkEdges compares what a candidate was told with what it believed: one elected.first and then one relegation for each term, in order. Who
// was killed may have been told less of its last term.
func (h History) checkEdges(life Life, f *Findings) {
	if !life.Told {
		return
	}
	tokens := make(map[uint64]bool) // of terms believed or told of
	for _, t := range life.Terms {
		tokens[t.Token] = true
	}
	seen := make(map[told]bool)
	var order []told
	for _, e := range life.Edges {
		tokens[e.Token] = true
		this := told{e.Elected, e.Token}
		if seen[this] {
			f.Doubled++
			f.problem("%s: %v of token %d was told twice", life.Candidate, this, this.token)
			continue
		}
		seen[this] = true
		order = append(order, this)
	}
	checkOrder(life.Candidate, order, seen, f)
	all := slices.Sorted(maps.Keys(tokens))
	for i, token := range all {
		begin, end := told{true, token}, told{false, token}
		needed := []told{begin, end}
		if life.Killed != 0 && i == len(all)-1 {
			needed = nil
			if seen[end] {
				needed = []told{begin}
			}
		}
		for _, edge := range needed {
			if seen[edge] {
				continue
			}
			f.Lost++
			f.problem("%s: %v of token %d was not told", life.Candidate, edge, token)
		}
	}
}

// checkOrder checks the order of edges of which none is told twice. What is missing is not its business.
func checkOrder(candidate string, order []told, seen map[told]bool, f *Findings) {
	var open, top uint64 // the term that was told to have begun last, and the greatest so far
	for _, e := range order {
		wrong := false
		switch {
		case e.elected:
			wrong = open != 0 && seen[told{false, open}] || e.token < top
			open, top = e.token, max(top, e.token)
		case open == e.token:
			open = 0
		default:
			wrong = seen[told{true, e.token}]
		}
		if wrong {
			f.Reordered++
			f.problem("%s: %v of token %d was told in the wrong place", candidate, e, e.token)
		}
	}
}
