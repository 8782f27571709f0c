// Package drill breaks real elections and proves from what the candidates believed that they were never broken.
//
// Each candidate is a process of its own behind a faulty link of its own. It asks all the time whether it leads and notes the answers in a
// file that is mapped into memory, so that they survive its being killed, with a clock that all processes of a host share. A schedule made from a
// seed cuts, stops, kills and so on. Candidates of ours are also told to resign, to transfer, to stand down, to be sick, while all is well and while
// it is not: see [Command]. At Consul some of them have session checks. Afterwards [History.Check] and [History.Outcomes], which are pure functions, say what happened.
//
// The candidates of other libraries go through the same drill beside ours.
package drill
