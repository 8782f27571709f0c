package soak

import (
	"encoding/csv"
	"io"
	"strconv"
)

// WriteCSV writes the samples, one in a line, below a line of names. What a store did not tell is left empty.
func (r *Result) WriteCSV(out io.Writer) error {
	w := csv.NewWriter(out)
	header := []string{"seconds", "heap_bytes", "goroutines", "files", "resident_bytes"}
	for _, name := range r.Names {
		for _, what := range []string{"sessions", "keys", "messages", "terms"} {
			header = append(header, name+"_"+what)
		}
		for _, kind := range Kinds() {
			header = append(header, name+"_"+kind.String())
		}
	}
	if err := w.Write(header); err != nil {
		return err
	}
	for _, s := range r.Samples {
		line := []string{
			strconv.FormatFloat(s.At.Seconds(), 'f', 3, 64), strconv.FormatUint(s.Heap, 10),
			strconv.Itoa(s.Goroutines), strconv.Itoa(s.Files), strconv.FormatUint(s.Resident, 10),
		}
		for _, st := range s.Stores {
			for _, n := range append([]int{st.Sessions, st.Keys, st.Messages, st.Terms}, st.Faults[:]...) {
				cell := ""
				if n >= 0 {
					cell = strconv.Itoa(n)
				}
				line = append(line, cell)
			}
		}
		if err := w.Write(line); err != nil {
			return err
		}
	}
	w.Flush()
	return w.Error()
}
