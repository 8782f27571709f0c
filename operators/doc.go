// Package operators holds what can be done with an [leadership.Observable], under the names and with the meaning that
// reactivex.io gives.
//
// Each operator takes the stream first and returns a new one: nothing happens before somebody subscribes, and each
// subscription has a state of its own. What all of them share is said at [leadership.Observable]. In particular a terminal of the
// source passes on at once unless the operator says otherwise, unsubscribing at any moment releases everything, and a function given to an operator may
// block only its own subscriber. A panic in one ends the subscription with a [leadership.PanicError], passing by [Retry].
//
// Diagrams read from left to right, a character for each unit of time: - nothing, a letter a value, | the completion, # an
// error, and (…) several in one unit.
package operators
