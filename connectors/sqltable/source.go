package sqltable

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"path/filepath"
	"time"

	"onegrid/connectors"
)

// Kind is the connector kind sqltable.
func Kind() connectors.Kind {
	return connectors.Define("sqltable",
		"Polls tables or a query in PostgreSQL, MySQL/MariaDB, SQLite, SQL Server or Oracle.",
		"从 PostgreSQL、MySQL/MariaDB、SQLite、SQL Server 或 Oracle 的表或查询中增量读取。",
		Defaults(), open)
}

// source is one database. It holds no connection between calls and no progress at all.
type source struct {
	env connectors.Env
	cfg Config
	d   dialect
}

var (
	_ connectors.Source     = (*source)(nil)
	_ connectors.Checker    = (*source)(nil)
	_ connectors.Discoverer = (*source)(nil)
	_ connectors.Windower   = (*source)(nil)
)

func open(env connectors.Env, cfg Config) (connectors.Source, error) {
	d, ok := dialectFor(cfg.Driver)
	if !ok {
		return nil, fmt.Errorf("unknown driver %q", cfg.Driver)
	}
	if env.Zone == nil {
		env.Zone = time.FixedZone("Asia/Shanghai", 8*3600)
	}
	return &source{env: env, cfg: cfg, d: d}, nil
}

// Read implements connectors.Source.
func (s *source) Read(ctx context.Context, from connectors.Checkpoint) iter.Seq2[connectors.Batch, error] {
	return s.sequence(ctx, from, nil)
}

// ReadWindow implements connectors.Windower: rows with from <= time < to. Streams without a time column are left out
// with a note.
func (s *source) ReadWindow(ctx context.Context, from, to time.Time, at connectors.Checkpoint) iter.Seq2[connectors.Batch, error] {
	return s.sequence(ctx, at, &window{from, to})
}

type window struct{ from, to time.Time }

func (w *window) key() string {
	if w == nil {
		return ""
	}
	return w.from.UTC().Format(time.RFC3339Nano) + "/" + w.to.UTC().Format(time.RFC3339Nano)
}

func (s *source) sequence(ctx context.Context, from connectors.Checkpoint, w *window) iter.Seq2[connectors.Batch, error] {
	return func(yield func(connectors.Batch, error) bool) {
		err := s.read(ctx, from, w, func(b connectors.Batch) bool { return yield(b, nil) })
		if err != nil && !errors.Is(err, errStopped) {
			yield(connectors.Batch{}, err)
		}
	}
}

func (s *source) read(ctx context.Context, from connectors.Checkpoint, w *window, yield func(connectors.Batch) bool) error {
	st, err := decodeState(from, w.key())
	if err != nil {
		return &connectors.Error{Op: "reading the checkpoint", Source: s.env.SourceID, Err: err,
			Hint:   "set the state of the source anew, or restore the settings it was made with",
			HintZH: "请重设该源的断点，或恢复生成断点时的配置"}
	}
	r := &reader{s: s, st: st, yield: yield, window: w}
	if r.db, err = s.database(); err != nil {
		return err
	}
	defer r.db.Close()
	for _, stream := range s.cfg.Streams {
		if err := r.stream(ctx, stream); err != nil {
			return s.fail("reading stream "+stream.Name, err)
		}
	}
	return nil
}

// database makes the handle of one call. It opens no connection.
func (s *source) database() (*sql.DB, error) {
	a, err := s.address()
	if err != nil {
		return nil, &connectors.Error{Op: "preparing the connection", Source: s.env.SourceID, Err: err,
			Hint: "check password, tls and path of the source", HintZH: "请检查该源的 password、tls 与 path 配置"}
	}
	c, err := s.d.connect(a)
	if err != nil {
		return nil, s.fail("preparing the connection", err)
	}
	db := sql.OpenDB(c)
	db.SetMaxOpenConns(1)
	db.SetConnMaxLifetime(s.cfg.ConnLifetime)
	return db, nil
}

func (s *source) address() (address, error) {
	a := address{host: s.cfg.Host, port: s.cfg.Port, database: s.cfg.Database, user: s.cfg.User, params: s.cfg.Params,
		connectTimeout: s.cfg.ConnectTimeout, readTimeout: max(s.cfg.StatementTimeout, s.cfg.SnapshotTimeout) + 30*time.Second}
	if a.port == 0 {
		a.port = s.d.port
	}
	if s.cfg.Path != "" {
		return a, s.file(&a)
	}
	var err error
	if a.password, err = s.secret(s.cfg.Password); err != nil {
		return a, fmt.Errorf("resolving the password: %w", err)
	}
	a.tls, err = s.tlsConfig()
	return a, err
}

func (s *source) secret(ref string) (string, error) {
	if ref == "" {
		return "", nil
	}
	if s.env.Secret == nil {
		return "", errors.New("no secrets are available here")
	}
	return s.env.Secret(ref)
}

// file checks through os.Root that the SQLite file lies inside the configuration folder, also behind links. SQLite opens
// it by name afterwards, because it needs the names of its journal files.
func (s *source) file(a *address) error {
	root, err := os.OpenRoot(s.env.Dir)
	if err != nil {
		return fmt.Errorf("opening the configuration folder: %w", withoutPath(err))
	}
	defer root.Close()
	fi, err := root.Stat(s.cfg.Path)
	if err != nil {
		return fmt.Errorf("%w: opening %s: %w", connectors.ErrUnavailable, s.cfg.Path, withoutPath(err))
	}
	if !fi.Mode().IsRegular() {
		return fmt.Errorf("opening %s: not a regular file", s.cfg.Path)
	}
	dir, err := filepath.Abs(s.env.Dir)
	a.path = filepath.Join(dir, s.cfg.Path)
	return err
}

// withoutPath keeps the cause of a file error and drops the path of this machine.
func withoutPath(err error) error {
	var pe *os.PathError
	if errors.As(err, &pe) {
		return pe.Err
	}
	return err
}

func (s *source) tlsConfig() (*tls.Config, error) {
	t := s.cfg.TLS
	if t.Mode == "disable" {
		return nil, nil
	}
	c := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: s.cfg.Host}
	if t.ServerName != "" {
		c.ServerName = t.ServerName
	}
	if t.CA != "" {
		pem, err := s.readFile(t.CA)
		if err != nil {
			return nil, fmt.Errorf("reading tls.ca: %w", err)
		}
		c.RootCAs = x509.NewCertPool()
		if !c.RootCAs.AppendCertsFromPEM(pem) {
			return nil, errors.New("tls.ca holds no certificate")
		}
	}
	if t.Cert != "" {
		cert, err := s.readFile(t.Cert)
		if err != nil {
			return nil, fmt.Errorf("reading tls.cert: %w", err)
		}
		key, err := s.secret(t.Key)
		if err != nil {
			return nil, fmt.Errorf("resolving tls.key: %w", err)
		}
		pair, err := tls.X509KeyPair(cert, []byte(key))
		if err != nil {
			return nil, errors.New("tls.cert and tls.key do not fit together") // the cause could quote the key
		}
		c.Certificates = []tls.Certificate{pair}
	}
	switch t.Mode {
	case "require":
		c.InsecureSkipVerify = true
	case "verify-ca":
		c.InsecureSkipVerify = true // the chain is verified below, the name is not
		roots := c.RootCAs
		c.VerifyConnection = func(cs tls.ConnectionState) error {
			o := x509.VerifyOptions{Roots: roots, Intermediates: x509.NewCertPool()}
			for _, ic := range cs.PeerCertificates[1:] {
				o.Intermediates.AddCert(ic)
			}
			_, err := cs.PeerCertificates[0].Verify(o)
			return err
		}
	}
	return c, nil
}

func (s *source) readFile(name string) ([]byte, error) {
	root, err := os.OpenRoot(s.env.Dir)
	if err != nil {
		return nil, withoutPath(err)
	}
	defer root.Close()
	f, err := root.Open(name)
	if err != nil {
		return nil, withoutPath(err)
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, 1<<20))
}
