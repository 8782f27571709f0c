package leadership

import "context"

// heirs are the candidates that the session own, of the instance serviceID, may give the key to, in their order. Of several sessions of one instance that is the one that came
// last: those before it are of processes that crashed. Somebody else's client can't be passed over: nobody behind the first one is among them, and foreign is its session.
func heirs(candidates []Candidate, own, serviceID string) (list []Candidate, foreign string) {
	last := make(map[string]string, len(candidates))
	for _, c := range candidates {
		last[c.ServiceID] = c.Session
	}
	for _, c := range candidates {
		switch {
		case c.Session == own, c.ServiceID == serviceID:
		case c.ServiceID == "":
			return list, c.Session
		case last[c.ServiceID] == c.Session:
			list = append(list, c)
		}
	}
	return list, ""
}

// choose asks the store who stands, and says who of those that the session own may give the key to is to lead, by the strategy: where own stays, only one that is to lead
// before it. It is the zero Vote where that is nobody. A panic of the strategy is an error.
func (m *Member) choose(ctx context.Context, own string, stays bool) (heir Vote, err error) {
	candidates, err := m.backend.Candidates(ctx, m.key)
	if err != nil {
		return Vote{}, err
	}
	list, _ := heirs(candidates, own, m.config.ServiceID)
	if stays {
		holder := m.config.Candidate()
		holder.Session = own
		list = append([]Candidate{holder}, list...)
	}
	protect(func() error {
		if best := m.best(list); best.Session != own {
			heir = m.voteOf(best)
		}
		return nil
	}, func(failed error) { err = failed })
	return heir, err
}

// best is the first of list that nobody is to lead before, by the strategy; own's where there is nobody.
func (m *Member) best(list []Candidate) (best Candidate) {
	for i, c := range list {
		if i == 0 || m.strategy(m.key, c, best) > 0 {
			best = c
		}
	}
	return best
}

// voteOf is the vote that a candidate stands with; of nobody the zero Vote.
func (m *Member) voteOf(c Candidate) Vote {
	if c.Session == "" {
		return Vote{}
	}
	return Vote{SessionID: c.Session, ServiceName: m.rules.service, ServiceID: c.ServiceID}
}
