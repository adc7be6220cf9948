package pgwire_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"go.uber.org/goleak"

	"onegrid/query"
	"onegrid/query/audit"
	"onegrid/query/front"
	"onegrid/query/gate/redact"
	"onegrid/query/identity"
	"onegrid/query/pgcatalog"
	"onegrid/query/pgwire"
	"onegrid/query/worker"
)

// The test binary is its own worker, as the program is. The snapshot is made once: it is what all tests read.
func TestMain(m *testing.M) {
	if worker.IsWorker() {
		os.Exit(worker.Main())
	}
	goleak.VerifyTestMain(m)
}

func city() query.Scope { return query.Scope{Tier: query.Masked, Area: "city"} }

// Passwords of the invented users; all are analysts of the city but "audrey", who may not query.
const (
	user     = "duty-desk"
	password = "correct horse 9"
	other    = "night-desk"
	secret2  = "another horse 8"
	nobody   = "auditdesk"
)

// published is a snapshot on the disk.
type published struct{ path, sum string }

// rig is the door with everything behind it that the program has: directory, front, gate, workers, audit log.
type rig struct {
	srv   *pgwire.Server
	dir   *identity.Directory
	audit *audit.Log
	logs  string // folder of the audit log
	out   *lockedBuffer
	pool  *worker.Pool
	roots string // PEM file of the certificate
	cert  *x509.Certificate
	host  string
	port  string
}

type options struct {
	door  pgwire.Config
	front front.Config
	pool  worker.Config
	ident identity.Config
}

func open(t testing.TB, change ...func(*options)) *rig {
	t.Helper()
	o := options{front: front.Defaults(), pool: worker.Config{Workers: 2}, ident: identity.Defaults()}
	o.door.Listen = "127.0.0.1:0"
	// A browsing client in a test asks faster than a person; hashing at full cost would only slow the tests down.
	o.front.Rate, o.front.Burst = 10_000, 10_000
	o.ident.Password.MemoryKiB, o.ident.Password.Passes, o.ident.Password.Iterations = 64, 1, 4096
	o.ident.Lockout.UserFree, o.ident.Lockout.AddressFree = 1000, 1000
	if instrumented {
		o.pool.AddressSpace, o.pool.Resident = 1<<47, 4<<30
	}
	for _, c := range change {
		c(&o)
	}
	r := &rig{out: &lockedBuffer{}, logs: t.TempDir()}
	log := slog.New(slog.NewTextHandler(r.out, &slog.HandlerOptions{Level: slog.LevelDebug}))
	var err error
	if r.audit, err = audit.Open(audit.Config{Dir: r.logs}, log); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.audit.Close() })
	o.ident.Dir = t.TempDir()
	if r.dir, err = identity.Open(o.ident, r.audit, log); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.dir.Close() })
	for _, u := range []identity.NewUser{{Name: user, Role: query.Analyst, Org: "centre", Password: password}, {Name: other, Role: query.Analyst, Org: "centre", Password: secret2},
		{Name: nobody, Role: query.Auditor, Org: "centre", Password: password}} {
		if _, err := r.dir.Add(t.Context(), "test", u); err != nil {
			t.Fatal(err)
		}
	}
	if r.pool, err = worker.NewPool(o.pool, log); err != nil {
		t.Fatal(err)
	}
	if err := r.pool.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, stop := context.WithTimeout(context.Background(), 20*time.Second)
		defer stop()
		if err := r.pool.Stop(ctx); err != nil {
			t.Errorf("stopping the pool: %v", err)
		}
	})
	if err := r.pool.Use(t.Context(), snapshotOf(t, 7)); err != nil {
		t.Fatal(err)
	}
	f, err := front.New(o.front, front.Deps{Workers: front.Pool(r.pool), Audit: r.audit, Redact: redact.SQL, Valid: r.dir.Valid, Log: log})
	if err != nil {
		t.Fatal(err)
	}
	if o.door.TLS == nil {
		o.door.TLS = r.certificate(t)
	}
	if r.srv, err = pgwire.New(o.door, f, r.dir, log); err != nil {
		t.Fatal(err)
	}
	if err := r.srv.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.stop(t, 5*time.Second) })
	r.host, r.port, _ = net.SplitHostPort(r.srv.Addr().String())
	return r
}

func (r *rig) stop(t testing.TB, grace time.Duration) {
	ctx, end := context.WithTimeout(context.Background(), grace)
	defer end()
	if err := r.srv.Stop(ctx); err != nil {
		t.Errorf("stopping the door: %v", err)
	}
}

// snapshotOf is the shared snapshot as generation n.
func snapshotOf(t testing.TB, n int64) worker.Snapshot {
	p := snapshot(t)
	at := time.Date(2026, 3, 1, 4, 0, 0, 0, time.UTC)
	return worker.Snapshot{
		Generation: query.Generation{Scope: city(), Number: n, SHA256: p.sum, Published: at, Sources: []query.Freshness{{Source: "hotline", LastRead: at, Newest: at.Add(-time.Minute), Events: 500}}},
		Path:       p.path, Tables: append([]string{"event", "incident", "area", "freshness", "generation", "kinds"}, pgcatalog.Names()...), Macros: pgcatalog.Functions(),
	}
}

func fileHash(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// certificate makes the self-signed certificate of the door and the file that clients verify it with.
func (r *rig) certificate(t testing.TB) *tls.Config {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tpl := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "localhost"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		DNSNames: []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign}
	der, err := x509.CreateCertificate(rand.Reader, tpl, tpl, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	if r.cert, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	r.roots = filepath.Join(t.TempDir(), "door.pem")
	if err := os.WriteFile(r.roots, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}, MinVersion: tls.VersionTLS12}
}

// url is the connection string of a user; extra are further parameters.
func (r *rig) url(name, pass string, extra ...string) string {
	q := append([]string{"sslmode=verify-full", "sslrootcert=" + r.roots}, extra...)
	return fmt.Sprintf("postgres://%s@%s/onegrid?%s", url.UserPassword(name, pass), net.JoinHostPort(r.host, r.port), strings.Join(q, "&"))
}

// pgx connects with pgx.
func (r *rig) pgx(t testing.TB, extra ...string) *pgx.Conn {
	t.Helper()
	c, err := pgx.Connect(t.Context(), r.url(user, password, extra...))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, end := context.WithTimeout(context.Background(), 5*time.Second)
		defer end()
		_ = c.Close(ctx) // it may have been broken on purpose
	})
	return c
}

// psql runs the client with statements on its standard input and returns what it prints, errors included.
func (r *rig) psql(t testing.TB, script string, args ...string) string {
	t.Helper()
	path, err := exec.LookPath("psql")
	if err != nil {
		t.Skip("psql is absent: install the PostgreSQL client to run this test")
	}
	ctx, end := context.WithTimeout(t.Context(), 60*time.Second)
	defer end()
	cmd := exec.CommandContext(ctx, path, append([]string{"-X", "-v", "VERBOSITY=verbose", r.url(user, password, "application_name=psql")}, args...)...)
	cmd.Stdin = strings.NewReader(script)
	cmd.Env = []string{"LC_ALL=C.UTF-8", "PAGER=", "HOME=" + t.TempDir()}
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Run(); err != nil && ctx.Err() != nil {
		t.Fatalf("psql did not end: %v\n%s", err, out.String())
	}
	return out.String()
}

// records closes the audit log, verifies its chain and its pairs, and returns the records of queries and logins.
func (r *rig) records(t testing.TB) (out []audit.Record) {
	t.Helper()
	if err := r.audit.Close(); err != nil {
		t.Fatal(err)
	}
	v, err := audit.Verify(r.logs, audit.VerifyOptions{})
	if err != nil || !v.OK() || len(v.Running) > 0 {
		t.Fatalf("audit log: %+v, %v", v, err)
	}
	for rec, err := range audit.Read(context.Background(), r.logs, audit.Filter{}) {
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, rec)
	}
	return out
}

// idle waits until no statement runs in the pool: a door that forgot an answer would hold a worker for ever.
func (r *rig) idle(t testing.TB) {
	t.Helper()
	ok := eventually(10*time.Second, func() bool { return r.pool.Counts(city()).Running == 0 })
	if !ok {
		t.Fatalf("a statement still runs: %+v", r.pool.Counts(city()))
	}
}

// eventually asks until it is true. What it asks for has no signal to wait for: counters of another package.
func eventually(limit time.Duration, ask func() bool) bool {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	end := time.After(limit)
	for {
		if ask() {
			return true
		}
		select {
		case <-tick.C:
		case <-end:
			return ask()
		}
	}
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
