package leadership

import (
	"context"
	"log/slog"
	"time"
)

// The attributes of log records. README lists them; their names stay as they are.
const (
	attrService    = "service"
	attrID         = "id"
	attrTerm       = "term"
	attrSession    = "session"
	attrHolder     = "holder"
	attrTTL        = "ttl"
	attrLifetime   = "lifetime"
	attrLeader     = "leader"
	attrCandidates = "candidates"
	attrMessage    = "message"
	attrError      = "error"
)

// journalSize is how many log records may wait for a slow handler.
const journalSize = 1024

// journal is the debug log. It hands its records to the handler on a goroutine of their own, so that
// a handler which blocks or panics holds nothing up. A nil journal writes nothing.
type journal struct {
	records *feed[slog.Record]
	written *Subscription
	attrs   []slog.Attr // of one member of a group
}

// newJournal returns nil unless on. The handler gets ctx.
func newJournal(ctx context.Context, on bool, logger *slog.Logger, cfg Config) *journal {
	if !on {
		return nil
	}
	return journalOf(ctx, logger, attrService, cfg.ServiceName, attrID, cfg.ServiceID)
}

// journalOf is a journal of which each record has these attributes.
func journalOf(ctx context.Context, logger *slog.Logger, attrs ...any) *journal {
	if logger == nil {
		logger = defaultLogger()
	}
	handler := logger.With(attrs...).Handler()
	records := newFeed(journalSize, func(_, _ slog.Record) bool { return true })
	return &journal{records: records, written: records.observable().Subscribe(func(r slog.Record) {
		if handler.Enabled(ctx, r.Level) {
			_ = handler.Handle(ctx, r) // a log that fails has nowhere to go
		}
	})}
}

// of is the journal of one member of a group.
func (j *journal) of(service string) *journal {
	if j == nil {
		return nil
	}
	return &journal{records: j.records, attrs: []slog.Attr{slog.String(attrService, service)}}
}

func (j *journal) write(text string, attrs ...slog.Attr) {
	if j == nil {
		return
	}
	r := slog.NewRecord(time.Now(), slog.LevelDebug, text, 0)
	r.AddAttrs(j.attrs...)
	r.AddAttrs(attrs...)
	j.records.publish(nil, r)
}

// close waits until everything is written, or for at most limit.
func (j *journal) close(limit time.Duration) {
	if j == nil {
		return
	}
	j.records.close(nil)
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case <-j.written.Done():
	case <-timer.C:
	}
}
