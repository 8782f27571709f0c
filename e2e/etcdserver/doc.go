// Package etcdserver starts real etcd servers for tests: inside the process, which is quick, or as child processes, which can be killed
// and frozen. All listen on free loopback ports, which a server keeps over restarts as it keeps its data.
//
// A server that does not start fails the test. Nothing here skips.
package etcdserver
