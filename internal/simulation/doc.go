// Package simulation plays schedules of faults against real members, within a [testing/synctest] bubble, and watches what they believe and say.
//
// A [Plan] is one schedule: it is drawn from a seed, and each [Fault] in it has its time. [Play] lets the members of a plan live in
// a [World], which is a store and the links to it: the memory store behind a layer of faults here, a fake Consul server in sources/consul, a real
// etcd server in e2e. A referee looks at all members every ten virtual milliseconds and at every message that passes to or from a store:
//
//   - at most one term is valid;
//   - tokens grow in the order of terms;
//   - nobody believes beyond what its last proof allows, or after it has read that the key is not its own, by bookkeeping of the referee's own;
//   - the context of a term ends with it, and says why;
//   - nobody gives back a key that it still believes in;
//   - every stream keeps the grammar, tells what the member believes, and tells it at once;
//   - a late subscriber gets the current state and all that follows; a slow one lacks only what may be replaced, and counts it;
//   - once the faults have stopped, somebody leads within a bound, and stays;
//   - Resign and Close return within their bounds; after them nothing of a member is left.
//
// [Explore] plays many seeds. A plan that fails is shrunk by taking faults away, and named by a command that replays it.
//
// The bubble sees what two goroutines do at one virtual instant in the order in which they ran, and the members draw the jitter of their back-off
// from a seed of their own. So the schedule is the same at each replay, and the run nearly so: a replay tries several times.
package simulation
