package consul

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/hashicorp/consul/api"

	"github.com/leadership-go/leadership"
)

const (
	// leastInterval is how often an agent runs a check at most: it takes less for this, without a word.
	leastInterval = time.Second
	// leastReap is the least time after which an agent removes a service whose check stays critical, and our default.
	leastReap = time.Minute
	// checkServicePrefix is what the names of services that carry session checks begin with.
	checkServicePrefix = "leadership-"
	// metaOwner and metaProcess are where such a service says which instance and which port or URL it stands for, and which process registered it.
	metaOwner, metaProcess = "leadership-owner", "leadership-process"
	// firstLook and lastLook bound the pause before a session is asked for again whose check the servers do not know yet.
	firstLook = 5 * time.Millisecond
	lastLook  = 100 * time.Millisecond
	// removalTimeout bounds the removal of the service when the backend is closed.
	removalTimeout = 2 * time.Second
)

// sessionCheck is a service of the local agent's with one check, with which the sessions of a backend end. It is registered when a session is opened
// and removed when the backend is closed. In between it stays, also where a session ended with it: registered anew, the check would count as passing
// until the agent's next look, and a member that is not well would lead until then.
type sessionCheck struct {
	service api.AgentServiceRegistration // as it is registered first
	ttl     bool                         // the check is passed by renewals

	turn       chan struct{} // full while somebody registers or removes; guards what follows
	asked      bool          // the agent may have it
	registered bool          // the agent has had it
	token      string        // what the agent tells the servers of the check with
}

// process tells the services of this process from those of the one before it, of the same instance.
var process = rand.Text() //nolint:gochecknoglobals // it is one for all that this process registers

// ownerOf says in a few bytes whose a check is, "" where nobody knows or it looks at nothing. The default of serviceId has the process id in it, which the next
// process does not share: at a port, which only one process has, that does not count. A URL may stand for several.
func ownerOf(s settings, check *api.AgentServiceCheck) string {
	target := check.TCP + check.HTTP
	if s.checkOwner == "" || target == "" {
		return ""
	}
	owner := s.checkOwner
	if check.TCP != "" {
		owner = strings.TrimSuffix(owner, "/"+strconv.Itoa(os.Getpid()))
	}
	return fmt.Sprintf("%x", sha256.Sum256([]byte(owner+" "+target)))
}

// newSessionCheck is nil where the settings ask for none.
func newSessionCheck(s settings) *sessionCheck {
	if s.sessionCheck == nil {
		return nil
	}
	check := *s.sessionCheck
	id := checkServicePrefix + strings.ToLower(rand.Text())
	check.CheckID = id
	check.Name = cmp.Or(check.Name, s.sessionName, "leadership")
	check.Status = cmp.Or(check.Status, api.HealthPassing)
	check.DeregisterCriticalServiceAfter = cmp.Or(check.DeregisterCriticalServiceAfter, leastReap.String())
	if check.TTL == "" {
		check.Timeout = cmp.Or(check.Timeout, check.Interval)
	}
	meta := map[string]string{metaProcess: process}
	if owner := ownerOf(s, &check); owner != "" {
		meta[metaOwner] = owner
	}
	return &sessionCheck{
		service: api.AgentServiceRegistration{
			ID: id, Name: cmp.Or(s.checkService, strings.TrimSuffix(checkServicePrefix, "-")), Checks: api.AgentServiceChecks{&check},
			Meta:      meta,
			Namespace: s.namespace, Partition: s.partition,
		},
		ttl:  check.TTL != "",
		turn: make(chan struct{}, 1),
	}
}

// notices is how soon the agent finds out that the process has died: its port refuses at once then.
func (c *sessionCheck) notices() time.Duration {
	check := c.service.Checks[0]
	period, err := time.ParseDuration(cmp.Or(check.TTL, check.Interval))
	if err != nil { // it was validated
		return 0
	}
	return period * time.Duration(1+check.FailuresBeforeCritical)
}

// id is that of the service and of its check.
func (c *sessionCheck) id() string { return c.service.ID }

// inTurn calls f while nobody else is in here.
func (c *sessionCheck) inTurn(ctx context.Context, what string, f func() error) error {
	select {
	case c.turn <- struct{}{}:
	case <-ctx.Done():
		return fmt.Errorf("consul: %s: %w", what, context.Cause(ctx))
	}
	defer func() { <-c.turn }()
	return f()
}

// awaited says whether err means that the servers do not know yet of the check, or of its having been passed, which an agent tells them at once.
func (c *sessionCheck) awaited(err error) bool {
	status, ok := errors.AsType[api.StatusError](err)
	if !ok || status.Code != http.StatusInternalServerError {
		return false
	}
	return strings.Contains(status.Body, "Missing check '"+c.id()+"'") || c.ttl && strings.Contains(status.Body, "Check '"+c.id()+"' is in critical state")
}

// openSession creates a session, with the check where there is one. A check that is critical is an error: a later call may find it passing.
func (b *backend) openSession(ctx context.Context, ttl time.Duration) (string, error) {
	if b.check == nil {
		return b.createSession(ctx, ttl)
	}
	err := b.check.inTurn(ctx, "register session check", func() error { return b.registerCheck(ctx) })
	if err != nil {
		return "", err
	}
	if err := b.passCheck(ctx); err != nil {
		return "", err
	}
	for pause := firstLook; ; pause = min(2*pause, lastLook) {
		id, err := b.createSession(ctx, ttl)
		if err == nil || !b.check.awaited(err) {
			return id, err
		}
		if ended := sleep(ctx, pause); ended != nil {
			return "", fmt.Errorf("%w (%w)", err, ended)
		}
	}
}

// tendCheck is what a renewal does for the check: it passes one that has a TTL, and tells the agent about a new token, since an agent
// goes on with the one of the registration, and gives up where that is refused.
func (b *backend) tendCheck(ctx context.Context) error {
	if b.check == nil {
		return nil
	}
	err := b.check.inTurn(ctx, "register session check", func() error {
		if b.check.token == b.credentials.current() {
			return nil
		}
		return b.registerCheck(ctx)
	})
	if err != nil {
		return err
	}
	return b.passCheck(ctx)
}

// registerCheck has the agent know the service; it is in turn. A check that the agent knows already keeps its state. One that it has lost was
// registered before: it begins as critical, since nothing is known about it.
func (b *backend) registerCheck(ctx context.Context) error {
	ctx, cancel := bound(ctx, requestTimeout)
	defer cancel()
	c, token := b.check, b.credentials.current()
	service := c.service
	if c.registered {
		check := *service.Checks[0]
		check.Status = api.HealthCritical
		service.Checks = api.AgentServiceChecks{&check}
	}
	if !c.asked {
		if err := b.removeLeft(ctx); err != nil {
			return err
		}
	}
	err := b.client.Agent().ServiceRegisterOpts(&service, api.ServiceRegisterOpts{Token: token}.WithContext(ctx))
	if err == nil {
		c.asked, c.registered, c.token = true, true, token
		return nil
	}
	if _, answered := errors.AsType[api.StatusError](err); !answered {
		c.asked = true // perhaps
	}
	return b.fail(ctx, "register session check "+c.id(), err)
}

// removeLeft has the agent forget what an earlier process of the same instance left behind when it crashed. That one's check would pass: it
// looks at the port that this process has now. Without the check, the sessions of the crashed process end.
func (b *backend) removeLeft(ctx context.Context) error {
	const what = "remove the session checks of an earlier process"
	owner, ok := b.check.service.Meta[metaOwner]
	if !ok {
		return nil
	}
	services, err := b.client.Agent().ServicesWithFilterOpts(fmt.Sprintf("Meta[%q] == %q", metaOwner, owner), b.reading(ctx))
	if err != nil {
		return b.fail(ctx, what, err)
	}
	for id, service := range services {
		if service == nil || service.Meta[metaOwner] != owner || service.Meta[metaProcess] == process {
			continue
		}
		if err := b.client.Agent().ServiceDeregisterOpts(id, b.reading(ctx)); err != nil && !hasStatus(err, http.StatusNotFound) {
			return b.fail(ctx, what, err)
		}
	}
	return nil
}

// passCheck passes a check that has a TTL. The text is always the same: the agent tells the servers about changes only.
func (b *backend) passCheck(ctx context.Context) error {
	if !b.check.ttl {
		return nil
	}
	ctx, cancel := bound(ctx, requestTimeout)
	defer cancel()
	err := b.client.Agent().UpdateTTLOpts(b.check.id(), "the session was renewed", api.HealthPassing, b.reading(ctx))
	if err != nil {
		return b.fail(ctx, "pass session check "+b.check.id(), err)
	}
	return nil
}

// removeCheck has the agent forget the service, and its check with it. It may be repeated after an error.
func (b *backend) removeCheck() error {
	if b.check == nil {
		return nil
	}
	c := b.check
	ctx, cancel := bound(context.Background(), removalTimeout)
	defer cancel()
	what := "remove session check " + c.id()
	return c.inTurn(ctx, what, func() error {
		if !c.asked {
			return nil
		}
		err := b.client.Agent().ServiceDeregisterOpts(c.id(), b.reading(ctx))
		switch {
		case err == nil, hasStatus(err, http.StatusNotFound):
			c.asked = false
			return nil
		case !c.registered: // it most probably never was there
			return nil
		}
		return b.fail(ctx, what, err)
	})
}

// checkSessionCheck refuses what an agent would refuse, or take for something else.
func (s settings) checkSessionCheck() error {
	c := s.sessionCheck
	if c == nil {
		return nil
	}
	const field = "consul session check"
	refuse := func(part string, value any, rule string) error {
		return leadership.InvalidConfig(field+part, value, rule)
	}
	kinds := 0
	for _, kind := range []string{c.TCP, c.HTTP, c.TTL} {
		if kind != "" {
			kinds++
		}
	}
	others := len(c.Args) > 0 || c.DockerContainerID+c.UDP+c.GRPC+c.H2PING+c.AliasNode+c.AliasService != ""
	switch {
	case kinds != 1 || others:
		return refuse("", nil, "must be of one kind: TCP, HTTP or TTL")
	case s.node != "":
		return refuse("", nil, "excludes a node: it belongs to the node of the agent that is talked to")
	case s.datacenter != "":
		return refuse("", nil, "excludes a datacenter: it belongs to that of the agent that is talked to")
	case c.CheckID != "":
		return refuse(" id", c.CheckID, "must be empty: each member's check has one of its own")
	case c.TTL != "" && c.Interval != "":
		return refuse(" interval", c.Interval, "must be empty where the check has a TTL")
	case c.TTL == "" && c.Interval == "":
		return refuse(" interval", `""`, fmt.Sprintf("must be at least %v", leastInterval))
	}
	switch c.Status {
	case "", api.HealthPassing, api.HealthWarning, api.HealthCritical:
	default:
		return refuse(" status", fmt.Sprintf("%q", c.Status), "must be passing, warning or critical")
	}
	for _, d := range []struct {
		part, text string
		least      time.Duration
	}{
		{" interval", c.Interval, leastInterval},
		{" timeout", c.Timeout, time.Millisecond},
		{" TTL", c.TTL, time.Millisecond},
		{" deregistration", c.DeregisterCriticalServiceAfter, leastReap},
	} {
		if d.text == "" {
			continue
		}
		if parsed, err := time.ParseDuration(d.text); err != nil || parsed < d.least {
			return refuse(d.part, fmt.Sprintf("%q", d.text), fmt.Sprintf("must be a duration of at least %v", d.least))
		}
	}
	return nil
}

// checkPassing refuses a check with a TTL that may run out between two renewals of a session with that TTL.
func (s settings) checkPassing(field string, ttl time.Duration) error {
	if s.sessionCheck == nil || s.sessionCheck.TTL == "" {
		return nil
	}
	if lasts, err := time.ParseDuration(s.sessionCheck.TTL); err != nil || lasts < ttl {
		return leadership.InvalidConfig("consul session check TTL", s.sessionCheck.TTL,
			fmt.Sprintf("must be at least %s %v: renewals pass it", field, ttl))
	}
	return nil
}
