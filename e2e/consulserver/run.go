package consulserver

import "context"

// TB is the part of [testing.TB] that Run needs.
type TB interface {
	Helper()
	Context() context.Context
	Cleanup(f func())
	Errorf(format string, args ...any)
	Fatalf(format string, args ...any)
	Failed() bool
	Logf(format string, args ...any)
}

// Run is [Start] for a test: it fails the test when there is no server, and ends the server with the test.
func Run(t TB, o Options) *Server {
	t.Helper()
	s, err := Start(t.Context(), o)
	if err != nil {
		t.Fatalf("%v", err)
	}
	t.Cleanup(func() { finish(t, s) })
	return s
}

// RunCluster is [StartCluster] for a test.
func RunCluster(t TB, o Options) *Cluster {
	t.Helper()
	c, err := StartCluster(t.Context(), o)
	if err != nil {
		t.Fatalf("%v", err)
	}
	for _, s := range c.Servers {
		t.Cleanup(func() { finish(t, s) })
	}
	return c
}

func finish(t TB, s *Server) {
	t.Helper()
	if t.Failed() {
		t.Logf("log of Consul server %s:\n%s", s.Node, s.Log())
	}
	if err := s.Close(); err != nil {
		t.Errorf("%v", err)
	}
}
