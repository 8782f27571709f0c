// Package fenced shows, at real stores, what the fencing token is for: not one write of a leader that has been replaced gets in.
//
// Every election has a register, one value at the store that only its leader may write. A write carries the token of the term that it is made in,
// and goes through the store's fence, which package sources/etcd or sources/consul gives. Writers go on after they have lost the election, on
// purpose; writes that passed the check of the term are held back until the successor has written, as if the process had been stopped
// in between. Every operation is recorded, with the times of its call and its return by a clock that all processes of one
// host share. [Check] then says
//
//   - whether the history is that of a linearizable register that takes no write of a lower token after one of a higher;
//   - whether the order in which the store numbered the writes agrees with the order of time and with the tokens;
//   - how many writes were late, which means sent after a write of a later term had been accepted, and that none of them was accepted. Each accepted write leaves
//     an entry beside the register, in the same transaction, so that writes without an answer are known, too.
//
// The same writers without a fence are the positive control.
package fenced
