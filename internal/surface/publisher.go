package surface

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os/user"
	"strconv"

	"onegrid/catalog"
	"onegrid/query/audit"
	"onegrid/query/publish"
	"onegrid/warehouse"
)

// OpenPublisher opens the publisher of a store that this process has open. It must be closed before the store. What it
// publishes is on record in a chain of its own, since every chain has one writing process.
func OpenPublisher(ctx context.Context, c *catalog.Catalog, data string, feed warehouse.ChangeFeed, log *slog.Logger) (*publish.Publisher, error) {
	list, err := scopes(c)
	if err != nil {
		return nil, err
	}
	set := c.Hub.Query.Publish
	group, err := groupID(set.Group)
	if err != nil {
		return nil, err
	}
	chain, err := openAudit(c, data, publishAudit(data), log)
	if errors.Is(err, audit.ErrLocked) {
		return nil, fmt.Errorf("%w: %w", publish.ErrBusy, err)
	}
	if err != nil {
		return nil, err
	}
	p, err := publish.Open(ctx, publish.Options{Dir: snapDir(data), Feed: feed, Catalog: c, Scopes: list, Interval: set.Every.Std(), K: set.SmallCell,
		MemoryLimit: fmt.Sprintf("%dB", int64(set.Memory)), Group: group, Record: &record{chain}, Logger: log})
	if err != nil {
		return nil, errors.Join(err, chain.Close())
	}
	return p, nil
}

// record notes generations in a chain.
type record struct{ chain *audit.Log }

// Record implements publish.Recorder.
func (r *record) Record(ctx context.Context, m *publish.Manifest) error {
	return r.chain.Note(ctx, audit.Note{Kind: audit.KindPublish, User: "onegrid", Action: "generation", Scope: m.Scope.String(), Generation: m.Generation, Rows: m.Rows,
		Bytes: m.Size, Reason: "sha256 " + m.SHA256})
}

// Close implements publish.Recorder. The chain may have been closed before.
func (r *record) Close() error { return r.chain.Close() }

// groupID is the number of a group that is named by name or number, 0 for none.
func groupID(name string) (int, error) {
	if name == "" {
		return 0, nil
	}
	if n, err := strconv.Atoi(name); err == nil {
		return n, nil
	}
	g, err := user.LookupGroup(name)
	if err != nil {
		return 0, fmt.Errorf("query.publish.group: %w", err)
	}
	return strconv.Atoi(g.Gid)
}
