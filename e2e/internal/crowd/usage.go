package crowd

import (
	"bytes"
	"fmt"
	"os"
	"runtime"
	"runtime/metrics"
	"strconv"
)

// Usage is what the process uses.
type Usage struct {
	// Heap is what lives on the heap after a collection, and Stacks are the goroutines' stacks, in bytes.
	Heap, Stacks uint64
	// Goroutines and Files are how many there are: goroutines, open file descriptors.
	Goroutines, Files int
	// Resident is the memory that the process has from the system, in bytes.
	Resident uint64
}

// Use collects garbage and reads what is left.
func Use() (Usage, error) {
	runtime.GC()
	memory := []metrics.Sample{{Name: "/gc/heap/live:bytes"}, {Name: "/memory/classes/heap/stacks:bytes"}}
	metrics.Read(memory)
	for _, m := range memory {
		if m.Value.Kind() != metrics.KindUint64 {
			return Usage{}, fmt.Errorf("crowd: the runtime has no %s", m.Name)
		}
	}
	files, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return Usage{}, err
	}
	pages, err := residentPages()
	return Usage{
		Heap: memory[0].Value.Uint64(), Stacks: memory[1].Value.Uint64(), Goroutines: runtime.NumGoroutine(),
		Files:    len(files) - 1, // less the one that lists them
		Resident: pages * uint64(os.Getpagesize()),
	}, err
}

// residentPages is the second number of statm.
func residentPages() (uint64, error) {
	data, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0, err
	}
	fields := bytes.Fields(data)
	if len(fields) < 2 {
		return 0, fmt.Errorf("crowd: statm says %q", data)
	}
	return strconv.ParseUint(string(fields[1]), 10, 64)
}
