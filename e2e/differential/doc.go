// Package differential feeds the same random timed inputs to the operators of this module and to those of the same name in rxgo v2.5.0
// and samber/ro v0.3.0, in virtual time, and compares what comes out and when. Each difference is accounted for by an entry of a table, which
// docs/differences.md shows.
package differential
