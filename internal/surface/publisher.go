package surface

import (
	"context"
	"fmt"
	"log/slog"

	"onegrid/catalog"
	"onegrid/query/publish"
	"onegrid/warehouse"
)

// OpenPublisher opens the publisher of a store that this process has open. It must be closed before the store.
func OpenPublisher(ctx context.Context, c *catalog.Catalog, data string, feed warehouse.ChangeFeed, log *slog.Logger) (*publish.Publisher, error) {
	list, err := scopes(c)
	if err != nil {
		return nil, err
	}
	set := c.Hub.Query.Publish
	return publish.Open(ctx, publish.Options{Dir: snapDir(data), Feed: feed, Catalog: c, Scopes: list, Interval: set.Every.Std(), K: set.SmallCell,
		MemoryLimit: fmt.Sprintf("%dB", int64(set.Memory)), Logger: log})
}
