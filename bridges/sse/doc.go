// Package sse serves a stream to browsers, and to whatever else speaks HTTP, as Server-Sent Events: the format of the WHATWG HTML standard that
// EventSource reads. Who is cut off comes back and goes on where it was, with nothing lost and nothing doubled.
//
//	handler, err := sse.NewHandler(member.AsObservable(), sse.Options[leadership.ElectionMessage]{})
//	if err != nil { … }
//	defer handler.Close()
//	http.Handle("/events", handler)
//
// and in the page
//
//	const events = new EventSource("/events");
//	events.onmessage = (e) => show(JSON.parse(e.data));
//	events.addEventListener("gap", (e) => reload());
//	events.addEventListener("end", (e) => goodbye(JSON.parse(e.data).error));
//
// # How it goes on after a cut
//
// A [Handler] subscribes to its source once, when it is made, and numbers the events. Each has the id "<epoch>-<number>", with an epoch
// that is the handler's own, by chance, so that the id of another process is known as such. The latest [Options].Keep events stay in
// memory. EventSource reconnects by itself and says which id it has seen last:
//
//	Last-Event-ID                     the response begins with
//	none                              the latest Options.Replay events: a client that comes late knows the current state
//	an event that is kept, or the     the events after it
//	one before
//	an older one                      a gap event that counts what is lost, {"missed":17}, then all events that are kept
//	of another epoch, or malformed    a gap event that can't count, {"missed":null}, then the same as for none
//	the end event                     nothing: 204 No Content, by which EventSource stops for good
//
// So a gap is never silent. The gap event has an id, too, and so has the beginning of each response, before any event: who is cut off right
// there misses nothing either.
//
// # Events besides the source's
//
// Those have the type that [Options].Event gives them, or none, which EventSource calls message. Three more types are the handler's own:
//
//	gap       {"missed":17} or {"missed":null}: what came before this event and after the last one that the client has seen is lost
//	invalid   {"error":"…"}: an event stood here that could not be encoded. The stream goes on
//	end       {"error":null} or {"error":"…"}: the source has completed or failed. The response ends
//
// An event that claims one of these types is invalid itself. The types "error" and "open" are allowed, but EventSource uses them for
// lost and new connections, too: tell them apart by e.data.
//
// Errors are sent as text to every client. Who does not want that handles them before: see Catch and MapErr in package operators, and
// Options.Encode.
//
// # Slow clients
//
// Each client has a mailbox of its own, of twice Options.Keep events, and 256 at least. Nobody waits for a slow one: neither the source nor another client.
// When its mailbox overflows, its response ends after what is in there, and the client resumes with its last id. A client that takes
// nothing at all is given up after [Options].WriteTimeout. That replaces the server's own WriteTimeout, which would cut every response off.
// Over HTTP/2 it ends a stream, but not a connection of which nothing is read any more: set WriteByteTimeout in http.Server.HTTP2, too.
//
// # Leaving
//
// [Handler.Close] ends all responses, without an end event: browsers come back, to the next process or to a new handler. A member that is
// closed completes its stream, and after the end of a stream browsers do not come back. So close the handler before the member when others
// carry on, as in the program above, and before http.Server.Shutdown, which waits for responses. (http.Server.RegisterOnShutdown can do
// that.)
//
// # What it leaves to others
//
// Who may read: CORS, authentication and limits belong to a middleware. It has to let the [http.ResponseController] through to the server's
// writer, by Flush or Unwrap: where a response can't be flushed, the answer is 500. Over HTTP/1 browsers open at most six connections to
// one host, and a stream takes one of them: serve HTTP/2 where a page may be open in many tabs.
package sse
