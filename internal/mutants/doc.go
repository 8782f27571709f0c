// Package mutants is a test, behind the build tag mutants: it puts deliberate bugs into the state machine and shows that the simulation finds each of them.
// .ci/run mutants runs it.
package mutants
