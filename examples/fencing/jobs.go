package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	_ "modernc.org/sqlite" // the database driver
)

// errFenced: a term that came later has written.
var errFenced = errors.New("refused: a later term has written")

// jobs is a table whose rows know the greatest token that has written them.
type jobs struct{ *sql.DB }

func openJobs(ctx context.Context, path string) (jobs, error) {
	db, err := sql.Open("sqlite", path)
	if err != nil {
		return jobs{}, err
	}
	if _, err := db.ExecContext(ctx, `CREATE TABLE job (name TEXT PRIMARY KEY, state TEXT NOT NULL, fence INTEGER NOT NULL)`); err != nil {
		return jobs{}, errors.Join(err, db.Close())
	}
	return jobs{db}, nil
}

// setState writes the state of a job on behalf of the term with that token. The condition and the write are one statement, so nothing comes in between. A term
// may write as often as it likes, so the row's token need only be no greater.
func (j jobs) setState(ctx context.Context, name, state string, token uint64) error {
	result, err := j.ExecContext(ctx, `
		INSERT INTO job (name, state, fence) VALUES (?1, ?2, ?3)
		ON CONFLICT (name) DO UPDATE SET state = ?2, fence = ?3 WHERE job.fence <= ?3`, name, state, int64(token)) //nolint:gosec // tokens are far from that
	if err != nil {
		return fmt.Errorf("set state of job %s: %w", name, err)
	}
	written, err := result.RowsAffected()
	switch {
	case err != nil:
		return fmt.Errorf("set state of job %s: %w", name, err)
	case written == 0:
		return errFenced
	}
	return nil
}

func (j jobs) state(ctx context.Context, name string) (state string, err error) {
	err = j.QueryRowContext(ctx, `SELECT state FROM job WHERE name = ?`, name).Scan(&state)
	return state, err
}
