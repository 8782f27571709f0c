package streams

// barePipeline is the cheapest chain there could be: functions that call the next one, with no rule kept. They are not inlined, as
// a chain that is put together at run time can't be.
func barePipeline[T comparable](w Work[T], next func(T)) error {
	push := bareFilter(bareMap(bareDistinct(next), w.Convert), w.Keep)
	for _, v := range w.Values {
		push(v)
	}
	return nil
}

//go:noinline
func bareFilter[T any](next func(T), keep func(T) bool) func(T) {
	return func(v T) {
		if keep(v) {
			next(v)
		}
	}
}

//go:noinline
func bareMap[T any](next func(T), f func(T) T) func(T) {
	return func(v T) { next(f(v)) }
}

//go:noinline
func bareDistinct[T comparable](next func(T)) func(T) {
	var last T
	has := false
	return func(v T) {
		if has && v == last {
			return
		}
		last, has = v, true
		next(v)
	}
}
