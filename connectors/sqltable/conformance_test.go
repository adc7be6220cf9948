package sqltable

import (
	"fmt"
	"net"
	"testing"
	"time"

	"go.uber.org/goleak"

	"onegrid/connectors"
	"onegrid/connectors/connectortest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestConformance runs the suite of the contract against every engine.
func TestConformance(t *testing.T) {
	each(t, func(t *testing.T, d *database) {
		d.exec(t, "CREATE TABLE to_rec (jjdbh varchar(40) NOT NULL PRIMARY KEY, gxsj "+d.stamp+" NOT NULL, jjnr varchar(200))")
		base := time.Date(2024, 3, 1, 8, 0, 0, 0, time.UTC)
		insert := func(from, to int) (keys []string) {
			for i := from; i < to; i++ {
				k := fmt.Sprintf("K%05d", i)
				// 7 records share each time, so that pages of 100 and batches of 10 end within ties.
				d.exec(t, fmt.Sprintf("INSERT INTO to_rec VALUES (%s, %s, %s)", d.param(1), d.param(2), d.param(3)), k,
					base.Add(time.Duration(i/7)*time.Minute).Format("2006-01-02 15:04:05.000000"), "路灯不亮")
				keys = append(keys, k)
			}
			return keys
		}
		const stream = "streams: [{name: calls, tables: [to_rec], cursor: {time: gxsj, key: jjdbh}}]\npage_rows: 100\n"
		h := connectortest.Harness{Kind: Kind(), KeyColumn: "jjdbh", Keys: insert(0, 350), Overlap: true, Secrets: []string{secret, "路灯不亮"},
			Open: func(t *testing.T) connectors.Source { return d.source(t, 10, stream) },
			Grow: func(t *testing.T) []string { return insert(350, 400) },
			Window: &connectortest.Window{From: base.Add(-8 * time.Hour).Add(10 * time.Minute), To: base.Add(-8 * time.Hour).Add(20 * time.Minute),
				Keys: keys(70, 140)},
			Patience: 60 * time.Second,
		}
		if d.server != nil {
			h.Hang = func(t *testing.T) (connectors.Source, <-chan struct{}) { return silentServer(t, d) }
		}
		connectortest.Run(t, h)
	})
}

func keys(from, to int) (out []string) {
	for i := from; i < to; i++ {
		out = append(out, fmt.Sprintf("K%05d", i))
	}
	return out
}

// silentServer accepts a connection and never says a word.
func silentServer(t *testing.T, d *database) (connectors.Source, <-chan struct{}) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	asked, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		c, err := l.Accept()
		if err != nil {
			return
		}
		close(asked)
		buf := make([]byte, 1024)
		for {
			if _, err := c.Read(buf); err != nil {
				c.Close()
				return
			}
		}
	}()
	t.Cleanup(func() { l.Close(); <-done })
	return openSource(t, d.env(10), serverSettings(d.server, d.name, l.Addr().(*net.TCPAddr).Port)+"retries: 0\nstreams: [{name: calls, tables: [to_rec]}]\n"), asked
}
