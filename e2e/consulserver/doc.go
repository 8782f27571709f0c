// Package consulserver runs real Consul servers for tests and examples: a single one or a cluster of three, on loopback, each a child
// process that ends with its parent. The server is built from source once, into the user's cache directory.
//
//	server := consulserver.Run(t, consulserver.Options{})
//	client := server.Client()
//
// A server that can't be built or started fails the test; it never skips it.
package consulserver
