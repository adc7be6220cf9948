package httpjson

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"onegrid/connectors"
)

// errForbidden means that the settings do not allow the connection.
var errForbidden = errors.New("connection not allowed by the settings")

// newHTTPClient makes the client of one reading. It honours no proxy variable, connects only to hosts that the settings
// name, and keeps no connection beyond the reading.
func newHTTPClient(c Config, env connectors.Env, lim *limiter) (*http.Client, error) {
	tc, err := tlsConfig(c.TLS, env)
	if err != nil {
		return nil, err
	}
	d, err := newDialGuard(c)
	if err != nil {
		return nil, err
	}
	tr := &http.Transport{
		Proxy:                 nil, // invariant 10: only what the configuration names
		DialContext:           d.dial,
		TLSClientConfig:       tc,
		TLSHandshakeTimeout:   c.Timeouts.TLS,
		ResponseHeaderTimeout: c.Timeouts.Header,
		DisableCompression:    true, // body.go unpacks, so that the ratio can be seen
		ForceAttemptHTTP2:     true,
		MaxIdleConnsPerHost:   2,
		ReadBufferSize:        64 << 10,
	}
	return &http.Client{Transport: attempts{tr, lim, c.Timeouts.Total}, CheckRedirect: redirectPolicy(c)}, nil
}

// redirectPolicy follows at most three redirects within the origin, and takes credentials along on none.
func redirectPolicy(c Config) func(*http.Request, []*http.Request) error {
	return func(req *http.Request, via []*http.Request) error {
		if len(via) > 3 {
			return fmt.Errorf("more than 3 redirects: %w", errForbidden)
		}
		if !sameOrigin(req.URL, via[0].URL) {
			return fmt.Errorf("redirect to another origin: %w", errForbidden)
		}
		req.Header.Del("Authorization")
		req.Header.Del("Referer") // holds the query of the request before
		for _, name := range []string{c.Auth.Name, c.Auth.AppIDName, c.Auth.TimestampName, c.Auth.NonceName, c.Auth.SignatureName} {
			if name != "" {
				req.Header.Del(name)
			}
		}
		return nil
	}
}

func sameOrigin(a, b *url.URL) bool {
	return a.Scheme == b.Scheme && strings.EqualFold(hostPort(a), hostPort(b))
}

// hostPort is the host of an address with its port, also where the scheme implies it.
func hostPort(u *url.URL) string {
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	return net.JoinHostPort(u.Hostname(), port)
}

// dialGuard lets connections through to the hosts that the settings name. Departments' systems stand on private networks,
// so a list of what is forbidden would be wrong; what no department runs (metadata services, multicast) is refused anyway.
type dialGuard struct {
	dialer   net.Dialer
	hosts    []string
	cidrs    []netip.Prefix
	loopback bool
}

func newDialGuard(c Config) (*dialGuard, error) {
	u, err := url.Parse(c.BaseURL)
	if err != nil {
		return nil, fmt.Errorf("parsing base_url: %w", errForbidden)
	}
	g := &dialGuard{dialer: net.Dialer{Timeout: c.Timeouts.Connect}, loopback: isLoopbackHost(u.Hostname())}
	g.hosts = append(g.hosts, strings.ToLower(hostPort(u)))
	if c.Auth.Type == "oauth2" {
		if t, err := url.Parse(c.Auth.TokenURL); err == nil {
			g.hosts = append(g.hosts, strings.ToLower(hostPort(t)))
		}
	}
	for _, h := range c.Network.AllowHosts {
		g.hosts = append(g.hosts, strings.ToLower(h))
	}
	for _, s := range c.Network.AllowCIDRs {
		p, err := netip.ParsePrefix(s)
		if err != nil {
			return nil, fmt.Errorf("parsing network.allow_cidrs: %w", err)
		}
		g.cidrs = append(g.cidrs, p)
	}
	g.dialer.ControlContext = g.control
	return g, nil
}

func (g *dialGuard) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	if !slices.Contains(g.hosts, strings.ToLower(addr)) {
		return nil, fmt.Errorf("host is not among those of the settings: %w", errForbidden)
	}
	return g.dialer.DialContext(ctx, network, addr)
}

// control sees the address after name resolution, so that a name cannot be made to point elsewhere.
func (g *dialGuard) control(_ context.Context, _, addr string, _ syscall.RawConn) error {
	ap, err := netip.ParseAddrPort(addr)
	if err != nil {
		return fmt.Errorf("reading the resolved address: %w", errForbidden)
	}
	return g.permit(ap.Addr().Unmap())
}

func (g *dialGuard) permit(ip netip.Addr) error {
	switch {
	case ip.IsLinkLocalUnicast(), ip.IsMulticast(), ip.IsUnspecified(), metadataAddress(ip):
		return fmt.Errorf("the name resolves to a link-local, multicast or metadata address: %w", errForbidden)
	case ip.IsLoopback() && !g.loopback:
		return fmt.Errorf("the name resolves to this machine: %w", errForbidden)
	case len(g.cidrs) > 0 && !slices.ContainsFunc(g.cidrs, func(p netip.Prefix) bool { return p.Contains(ip) }):
		return fmt.Errorf("the name resolves outside network.allow_cidrs: %w", errForbidden)
	}
	return nil
}

// metadataAddress knows the addresses of cloud metadata services that are not link-local.
func metadataAddress(ip netip.Addr) bool {
	return ip == netip.AddrFrom4([4]byte{100, 100, 100, 200}) || ip.String() == "fd00:ec2::254"
}

func isLoopbackHost(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.IsLoopback()
}

func tlsConfig(c TLS, env connectors.Env) (*tls.Config, error) {
	tc := &tls.Config{MinVersion: tls.VersionTLS12}
	if c.CAFile != "" {
		pem, err := os.ReadFile(resolve(env.Dir, c.CAFile))
		if err != nil {
			return nil, fmt.Errorf("reading tls.ca_file: %w", err)
		}
		tc.RootCAs = x509.NewCertPool()
		if !tc.RootCAs.AppendCertsFromPEM(pem) {
			return nil, errors.New("reading tls.ca_file: no certificate in it")
		}
	}
	if c.CertFile != "" {
		cert, err := os.ReadFile(resolve(env.Dir, c.CertFile))
		if err != nil {
			return nil, fmt.Errorf("reading tls.cert_file: %w", err)
		}
		key, err := secret(env, c.Key)
		if err != nil {
			return nil, err
		}
		pair, err := tls.X509KeyPair(cert, []byte(key))
		if err != nil {
			return nil, errors.New("reading the client certificate: certificate and key do not fit")
		}
		tc.Certificates = []tls.Certificate{pair}
	}
	return tc, nil
}

func resolve(dir, file string) string {
	if filepath.IsAbs(file) {
		return file
	}
	return filepath.Join(dir, file)
}
