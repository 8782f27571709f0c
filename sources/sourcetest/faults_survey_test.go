package sourcetest_test

// surveyDefects are about many keys that are read or watched at once.
func surveyDefects() []defect {
	type found = map[string]uint64
	return []defect{
		{
			name: "a survey names nothing", says: "is not named",
			make: func(r *rig) {
				r.fault.survey = func(ctx ctxt, since uint64, next func(ctxt, uint64) (found, uint64, error)) (found, uint64, error) {
					_, revision, err := next(ctx, since)
					return nil, revision, err
				}
			},
			finds: []string{"Survey: rule 10: of many", "Survey: rule 10: a key that was taken", "Survey: rule 10: a key is named after"},
		},
		{
			name: "a survey names what fits", says: "is not named",
			make: func(r *rig) {
				r.fault.survey = func(ctx ctxt, since uint64, next func(ctxt, uint64) (found, uint64, error)) (found, uint64, error) {
					changed, revision, err := next(ctx, since)
					for key := range changed {
						if len(changed) > 100 {
							delete(changed, key)
						}
					}
					return changed, revision, err
				}
			},
			finds: []string{"Survey: rule 10: of many"},
		},
		{
			name: "a survey overlooks what became free", says: "is not named",
			make: func(r *rig) {
				r.fault.survey = func(ctx ctxt, since uint64, next func(ctxt, uint64) (found, uint64, error)) (found, uint64, error) {
					changed, revision, err := next(ctx, since)
					for key := range changed {
						if r.store.Holder(key).Session == "" {
							delete(changed, key)
						}
					}
					return changed, revision, err
				}
			},
			finds: []string{"Survey: rule 10: of many", "Survey: rule 10: a key is named after an operator deleted"},
		},
		{
			name: "a survey answers as of a later revision", says: "is not named",
			make: func(r *rig) {
				r.fault.survey = func(ctx ctxt, since uint64, next func(ctxt, uint64) (found, uint64, error)) (found, uint64, error) {
					changed, revision, err := next(ctx, since)
					return changed, revision + 5, err
				}
			},
			finds: []string{"Survey: rule 10: of many"},
		},
		{
			name: "a survey answers as of no revision", says: "nothing has changed",
			make: func(r *rig) {
				r.fault.survey = func(ctx ctxt, since uint64, next func(ctxt, uint64) (found, uint64, error)) (found, uint64, error) {
					changed, _, err := next(ctx, since)
					return changed, 0, err
				}
			},
			finds: []string{"Survey: rule 10: while nothing changes"},
		},
		{
			name: "a survey tells no revisions", says: "named with revision",
			make: func(r *rig) {
				r.fault.survey = func(ctx ctxt, since uint64, next func(ctxt, uint64) (found, uint64, error)) (found, uint64, error) {
					changed, revision, err := next(ctx, since)
					for key := range changed {
						changed[key] = since
					}
					return changed, revision, err
				}
			},
			finds: []string{"Survey: rule 10: of many", "Survey: rule 10: a key is named after"},
		},
		{
			name: "a wait never ends", says: "has not returned",
			make: func(r *rig) {
				r.fault.await = func(ctx ctxt, _ uint64, _ func(ctxt, uint64) (found, uint64, error)) (found, uint64, error) {
					return nil, 0, r.hang(ctx, true)
				}
			},
			finds: []string{"Await: rule 11: a waiter's returns when", "Await: rule 11: the holder's returns when", "Await: a dead session"},
		},
		{
			name: "a wait begins when it is called", says: "has not returned",
			make: func(r *rig) {
				r.fault.await = func(ctx ctxt, _ uint64, next func(ctxt, uint64) (found, uint64, error)) (found, uint64, error) {
					o, err := r.store.Backend().Observe(ctx, "any")
					if err != nil {
						return nil, 0, err
					}
					return next(ctx, o.Revision)
				}
			},
			finds: []string{"Await: rule 11: a waiter's returns at once"},
		},
		{
			name: "a wait is a poll", says: "although nothing changed",
			make: func(r *rig) {
				r.fault.await = func(_ ctxt, since uint64, _ func(ctxt, uint64) (found, uint64, error)) (found, uint64, error) {
					return nil, since, nil
				}
			},
			finds: []string{"Await: rule 11: it blocks"},
		},
		{
			name: "a wait tells no revisions", says: "want the key with a later one",
			make: func(r *rig) {
				r.fault.await = func(ctx ctxt, since uint64, next func(ctxt, uint64) (found, uint64, error)) (found, uint64, error) {
					changed, revision, err := next(ctx, since)
					for key := range changed {
						changed[key] = since
					}
					return changed, revision, err
				}
			},
			finds: []string{"Await: rule 11: a waiter's returns when"},
		},
	}
}
