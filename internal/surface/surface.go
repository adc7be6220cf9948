package surface

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"

	"onegrid/catalog"
	"onegrid/docs"
	"onegrid/internal/service"
	"onegrid/query"
	"onegrid/query/audit"
	"onegrid/query/front"
	"onegrid/query/gate/redact"
	httpdoor "onegrid/query/http"
	"onegrid/query/identity"
	"onegrid/query/pgwire"
	"onegrid/query/worker"
)

// Options of a Surface.
type Options struct {
	Catalog *catalog.Catalog
	Data    string // data directory
	Log     *slog.Logger
	Version string
	// Local opens no door and uses an audit chain of its own: for questions of the command line.
	Local bool
}

// Surface is the front with what stands behind and before it. It never opens the store.
type Surface struct {
	Front     *front.Front
	Directory *identity.Directory
	// Secret is the one-time secret of the first administrator, made now; "" otherwise. SecretFile holds it too.
	Secret, SecretFile string
	// MadeCertificate names the file of a self-signed certificate that was made now.
	MadeCertificate string

	opts      Options
	audit     *audit.Log
	pool      *worker.Pool
	follow    *follower
	questions []front.Question
	http      *httpdoor.Server
	pg        *pgwire.Server
	members   []service.Named
}

// ErrNothingOpen means that the configuration opens no door.
var ErrNothingOpen = errors.New("no door is open: set query.http.listen or query.pgwire.listen")

// Open puts the front together. Close it, or stop the group of Services and then close it.
func Open(ctx context.Context, o Options) (s *Surface, err error) {
	s = &Surface{opts: o}
	set := o.Catalog.Hub.Query
	list, err := scopes(o.Catalog)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(o.Data, 0o750); err != nil {
		return nil, fmt.Errorf("opening the query surface: %w", err)
	}
	dir := auditDir(o.Data)
	if o.Local {
		dir = cliAudit(o.Data)
	}
	if s.audit, err = openAudit(o.Catalog, o.Data, dir, o.Log); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.Close())
			s = nil
		}
	}()
	if s.Directory, err = identity.Open(identityConfig(o.Catalog, o.Data), s.audit, o.Log); err != nil {
		return s, err
	}
	s.follow = newFollower(snapDir(o.Data), list, o.Log)
	wc := workerConfig(o.Catalog)
	wc.Released = s.follow.released
	if s.pool, err = worker.NewPool(wc, o.Log); err != nil {
		return s, err
	}
	s.follow.pool = s.pool
	valid := s.Directory.Valid
	if o.Local {
		// Whoever runs the program owns the files; there is no account to look up.
		valid = func(context.Context, query.Principal) error { return nil }
	}
	if s.questions, err = shippedQuestions(); err != nil {
		return s, err
	}
	if s.Front, err = front.New(frontConfig(o.Catalog), front.Deps{Workers: front.Pool(s.pool), Audit: s.audit, Redact: redact.SQL, Valid: valid, Questions: s.questions, Log: o.Log}); err != nil {
		return s, err
	}
	s.members = []service.Named{{Name: "workers", Service: s.pool}, {Name: "generations", Service: service.New("generations", s.follow.run)}}
	if o.Local {
		return s, nil
	}
	if set.HTTP.Listen == "" && set.PGWire.Listen == "" {
		return s, ErrNothingOpen
	}
	if s.Secret, s.SecretFile, _, err = s.Directory.FirstAdmin(ctx); err != nil {
		return s, err
	}
	return s, s.doors(set)
}

// doors makes the listeners that the configuration names.
func (s *Surface) doors(set catalog.Query) error {
	var secure *tls.Config
	var err error
	if set.PGWire.Listen != "" || !set.TLS.Plain {
		if secure, s.MadeCertificate, err = certificate(set.TLS, s.opts.Data, hosts(set)); err != nil {
			return err
		}
	}
	if set.HTTP.Listen != "" {
		cfg := httpdoor.Config{Listen: set.HTTP.Listen}
		if !set.TLS.Plain {
			cfg.TLS = secure
		}
		if s.http, err = httpdoor.New(cfg, httpdoor.Deps{Run: s.Front, Directory: s.Directory, Catalog: s.Front, Questions: s.questions, Current: s.pool.Generation,
			Healthy: s.healthy, Version: s.opts.Version, Log: s.opts.Log}); err != nil {
			return err
		}
		s.members = append(s.members, service.Named{Name: "http", Service: s.http})
	}
	if set.PGWire.Listen != "" {
		if s.pg, err = pgwire.New(pgwire.Config{Listen: set.PGWire.Listen, TLS: secure}, s.Front, s.Directory, s.opts.Log); err != nil {
			return err
		}
		s.members = append(s.members, service.Named{Name: "pgwire", Service: s.pg})
	}
	return nil
}

// shippedQuestions are the questions that every role that can query may ask by name.
func shippedQuestions() ([]front.Question, error) {
	file, err := docs.FS.Open("queries.sql")
	if err != nil {
		return nil, err
	}
	list, err := front.ParseQuestions(file)
	if err := errors.Join(err, file.Close()); err != nil {
		return nil, fmt.Errorf("reading the shipped questions: %w", err)
	}
	return list, nil
}

// healthy reports whether a question could be answered: the record can be written and something is published.
func (s *Surface) healthy() bool {
	if s.audit.Err() != nil {
		return false
	}
	for _, scope := range s.follow.scopes {
		if _, ok := s.pool.Generation(scope); ok {
			return true
		}
	}
	return false
}

func hosts(set catalog.Query) []string {
	var out []string
	for _, l := range []string{set.HTTP.Listen, set.PGWire.Listen} {
		if h, _, err := net.SplitHostPort(l); err == nil && h != "" {
			out = append(out, h)
		}
	}
	return out
}

// Services are what runs, in the order of their start.
func (s *Surface) Services() *service.Group { return service.NewGroup(s.opts.Log, s.members...) }

// Generation is what a scope would be answered from now.
func (s *Surface) Generation(scope query.Scope) (query.Generation, bool) {
	return s.pool.Generation(scope)
}

// Addresses are where the doors listen, "" for one that is closed.
func (s *Surface) Addresses() (http, pg string) {
	if s.http != nil {
		http = s.http.Addr()
	}
	if s.pg != nil && s.pg.Addr() != nil {
		pg = s.pg.Addr().String()
	}
	return http, pg
}

// Close closes what is not a service. The services must have stopped.
func (s *Surface) Close() error {
	var err error
	if s.follow != nil {
		s.follow.close()
	}
	if s.Directory != nil {
		err = errors.Join(err, s.Directory.Close())
	}
	if s.audit != nil {
		err = errors.Join(err, s.audit.Close())
	}
	return err
}

// Users opens the directory of users beside a running daemon: what is changed is recorded in its audit chain.
func Users(c *catalog.Catalog, data string, log *slog.Logger) (*identity.Directory, error) {
	if err := os.MkdirAll(data, 0o750); err != nil {
		return nil, err
	}
	cfg, err := auditConfig(c, data, auditDir(data))
	if err != nil {
		return nil, err
	}
	return identity.Open(identityConfig(c, data), audit.NewCourier(cfg, log), log)
}
