// Package bubble holds a test alone: a real etcd server, within a testing/synctest bubble.
package bubble
