// Package streams runs the same work on this library's streams and on what else there is in Go: samber/ro, rxgo, goroutines with channels,
// and functions that call the next one. Each contender is written in its own idiom and in the quickest configuration that its
// documentation offers; where that was a choice, a comment says why. All must come to the same checked result.
package streams
