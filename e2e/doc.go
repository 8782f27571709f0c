// Package e2e proves the library against real Consul and etcd servers.
package e2e
