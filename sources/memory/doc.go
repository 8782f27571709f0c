// Package memory is a coordination store inside the process: the reference implementation of [leadership.Backend], what
// single mode runs on, and what you test your own code with.
//
// A [Store] is the server. Each [Store.Backend] is the link of one member to it:
//
//	store := memory.NewStore()
//	a, b := store.Backend(), store.Backend() // two "processes"
//
// It keeps time by plain timers and starts no goroutine, so that elections of hours run in an instant inside a
// [testing/synctest] bubble; make the store and its members in the same bubble.
//
// What goes wrong with a real store can be made to happen:
//
//   - [Store.DestroySession], [Store.DeleteKey] and [Store.Put] are an operator's hands;
//   - [Backend.Disconnect] cuts one member off, as a half-open link does: its calls hang until their contexts end;
//   - [Backend.Deny] revokes the credential of one member.
//
// Candidates stand in line, as with etcd: when the holder goes, the next one holds the key at once, in the order of
// campaigning. Tokens come from one counter for the whole store. A session expires TTL and the store's [WithGrace] after its last renewal
// arrived. The store lives and dies with the process: it elects among the members of one process only.
package memory
