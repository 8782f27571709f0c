package streams

import "strconv"

// Work is what a pipeline does: it leaves out what Keep refuses, converts with Convert, and leaves out repetitions.
type Work[T comparable] struct {
	// Values are at hand before the clock starts.
	Values  []T
	Keep    func(T) bool
	Convert func(T) T
	// Subscriber makes the function that takes what comes out, and adds it up in the Result.
	Subscriber func(*Result) func(T)

	number func(T) int
}

// Result is what a subscriber made of the values that it was given.
type Result struct {
	Count, Sum int
}

// Record is an event of 96 bytes.
type Record struct {
	Sequence, Term         int
	Key, Value, Node, Zone string
	Load, Weight           float64
}

// Numbers is work on n numbers.
func Numbers(n int) Work[int] {
	w := Work[int]{
		Values:  make([]int, n),
		Keep:    notSeventh,
		Convert: triple,
		Subscriber: func(r *Result) func(int) {
			return func(v int) {
				r.Count++
				r.Sum += v
			}
		},
		number: func(v int) int { return v },
	}
	for i := range w.Values {
		w.Values[i] = number(i)
	}
	return w
}

// Records is the same work on n records.
func Records(n int) Work[Record] {
	w := Work[Record]{
		Values: make([]Record, n),
		Keep:   func(r Record) bool { return notSeventh(r.Sequence) },
		Convert: func(r Record) Record {
			r.Sequence = triple(r.Sequence)
			return r
		},
		Subscriber: func(r *Result) func(Record) {
			return func(v Record) {
				r.Count++
				r.Sum += v.Sequence
			}
		},
		number: func(r Record) int { return r.Sequence },
	}
	for i := range w.Values {
		v := number(i)
		w.Values[i] = Record{Sequence: v, Term: v / 100, Key: "services/app/leader", Value: strconv.Itoa(v), Node: "node-1", Zone: "a", Load: 0.5, Weight: 1}
	}
	return w
}

// number makes the last of eight repeat the one before.
func number(i int) int {
	if i%8 == 7 {
		return i - 1
	}
	return i
}

func triple(v int) int      { return 3 * v }
func notSeventh(v int) bool { return v%7 != 0 }

// Expected is the result of the work.
func (w Work[T]) Expected() Result {
	var r Result
	var last T
	for _, v := range w.Values {
		if !w.Keep(v) {
			continue
		}
		v = w.Convert(v)
		if r.Count > 0 && v == last {
			continue
		}
		last = v
		r.Count++
		r.Sum += w.number(v)
	}
	return r
}
