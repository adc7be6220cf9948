package httpjson

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/Shopify/toxiproxy/v2"
	"github.com/rs/zerolog"

	"onegrid/connectors"
)

// throughProxy puts toxiproxy with one toxic between the source and an upstream.
func throughProxy(t *testing.T, u *upstream, toxic string) string {
	t.Helper()
	api := toxiproxy.NewServer(toxiproxy.NewMetricsContainer(nil), zerolog.Nop())
	p := toxiproxy.NewProxy(api, "calls", "127.0.0.1:0", strings.TrimPrefix(u.URL, "http://"))
	if _, err := p.Toxics.AddToxicJson(strings.NewReader(toxic)); err != nil {
		t.Fatal(err)
	}
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Stop)
	return "http://" + p.Listen
}

func TestBadLines(t *testing.T) {
	for name, tc := range map[string]struct{ toxic, settings, message string }{
		"cut":      {`{"type":"limit_data","attributes":{"bytes":900}}`, "", ""},
		"reset":    {`{"type":"reset_peer","attributes":{"timeout":1}}`, "", ""},
		"silent":   {`{"type":"timeout","attributes":{"timeout":0}}`, "timeouts: {header: 100ms}", "timeout"},
		"slow":     {`{"type":"bandwidth","attributes":{"rate":1}}`, "timeouts: {idle: 200ms, min_bytes_per_second: 100000}", "too slowly"},
		"too long": {`{"type":"bandwidth","attributes":{"rate":1}}`, "timeouts: {total: 200ms}", "too slowly"},
	} {
		t.Run(name, func(t *testing.T) {
			u := newUpstream(t, 900)
			src := openAt(t, throughProxy(t, u, tc.toxic), tc.settings+"\nretry: {max: 1, wait_min: 1ms, wait_max: 2ms}\n")
			start := time.Now()
			res := read(t, src, connectors.Checkpoint{})
			if !errors.Is(res.err, connectors.ErrUnavailable) || len(res.ids) > 0 || !res.last.IsZero() || !strings.Contains(res.err.Error(), tc.message) {
				t.Errorf("%d records, error %v", len(res.ids), res.err)
			}
			if took := time.Since(start); took > 20*time.Second {
				t.Errorf("took %v", took)
			}
		})
	}
	t.Run("sliced but whole", func(t *testing.T) {
		u := newUpstream(t, 20)
		base := throughProxy(t, u, `{"type":"slicer","attributes":{"average_size":40,"size_variation":20,"delay":1}}`)
		read(t, openAt(t, base, styles["link"]), connectors.Checkpoint{}).want(t, ids(1, 20))
	})
}

func TestDialGuard(t *testing.T) {
	c := Defaults()
	c.BaseURL = "https://calls.city.example"
	remote, err := newDialGuard(c)
	if err != nil {
		t.Fatal(err)
	}
	c.Network.AllowCIDRs = []string{"10.1.0.0/16"}
	ranged, err := newDialGuard(c)
	if err != nil {
		t.Fatal(err)
	}
	for addr, want := range map[string]bool{
		"10.1.2.3": true, "192.0.2.9": true, "169.254.169.254": false, "100.100.100.200": false, "fe80::1": false,
		"fd00:ec2::254": false, "224.0.0.1": false, "0.0.0.0": false, "127.0.0.1": false, "::1": false,
	} {
		if err := remote.permit(netip.MustParseAddr(addr)); (err == nil) != want {
			t.Errorf("%s: %v", addr, err)
		}
	}
	if ranged.permit(netip.MustParseAddr("10.2.0.1")) == nil || ranged.permit(netip.MustParseAddr("10.1.0.1")) != nil {
		t.Error("network.allow_cidrs is not kept")
	}
	if _, err := remote.dial(t.Context(), "tcp", "other.city.example:443"); !errors.Is(err, errForbidden) {
		t.Errorf("another host: %v", err)
	}
	if !errors.Is(remote.control(t.Context(), "tcp", "127.0.0.1:80", nil), errForbidden) {
		t.Error("a name that resolves to this machine is let through")
	}
}

// TestNoProxy has a proxy variable in the environment that must not be honoured.
func TestNoProxy(t *testing.T) {
	t.Setenv("HTTP_PROXY", "http://127.0.0.1:1")
	s, err := newSession(Config{BaseURL: "http://calls.city.example", Timeouts: Defaults().Timeouts}, env())
	if err != nil {
		t.Fatal(err)
	}
	if tr := s.client.Transport.(attempts); tr.Proxy != nil {
		t.Error("the transport asks for a proxy")
	}
}

func TestTLS(t *testing.T) {
	dir := t.TempDir()
	clientCert, clientKey, pool := clientCertificate(t)
	u := newUpstream(t, 3)
	srv := httptest.NewUnstartedServer(http.HandlerFunc(u.serve))
	srv.Config.ErrorLog = nil
	srv.TLS = &tls.Config{ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: pool}
	srv.StartTLS()
	t.Cleanup(srv.Close)
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: srv.Certificate().Raw})
	for name, b := range map[string][]byte{"ca.pem": ca, "client.pem": clientCert} {
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for name, tc := range map[string]struct {
		tls TLS
		is  error
	}{
		"own authority and certificate": {TLS{CAFile: "ca.pem", CertFile: "client.pem", Key: "env:TLSKEY"}, nil},
		"no certificate":                {TLS{CAFile: "ca.pem"}, connectors.ErrUnavailable},
		"unknown authority":             {TLS{}, connectors.ErrUnavailable},
	} {
		t.Run(name, func(t *testing.T) {
			e := env()
			e.Dir = dir
			e.Secret = func(string) (string, error) { return string(clientKey), nil }
			c := Defaults()
			c.BaseURL, c.Path, c.Records, c.TLS = srv.URL, "/calls", "data.list", tc.tls
			c.Retry.WaitMin, c.Retry.WaitMax = time.Millisecond, time.Millisecond
			src, err := New(e, c)
			if err != nil {
				t.Fatal(err)
			}
			res := read(t, src, connectors.Checkpoint{})
			if !errors.Is(res.err, tc.is) || (tc.is == nil) != (len(res.ids) == 3) {
				t.Errorf("%d records, error %v", len(res.ids), res.err)
			}
		})
	}
	old := httptest.NewUnstartedServer(http.HandlerFunc(u.serve))
	old.TLS = &tls.Config{MaxVersion: tls.VersionTLS11, MinVersion: tls.VersionTLS10}
	old.StartTLS()
	t.Cleanup(old.Close)
	if err := os.WriteFile(filepath.Join(dir, "old.pem"), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: old.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	e := env()
	e.Dir = dir
	c := Defaults()
	c.BaseURL, c.Path, c.TLS, c.Retry.Max = old.URL, "/calls", TLS{CAFile: "old.pem"}, 0
	src, err := New(e, c)
	if err != nil {
		t.Fatal(err)
	}
	if res := read(t, src, connectors.Checkpoint{}); res.err == nil || !strings.Contains(res.err.Error(), "protocol version") {
		t.Errorf("TLS 1.1: %v", res.err)
	}
}

// clientCertificate makes a self-signed certificate and the pool that trusts it.
func clientCertificate(t *testing.T) (cert, key []byte, pool *x509.CertPool) {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "hub"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, &k.PublicKey, k)
	if err != nil {
		t.Fatal(err)
	}
	kb, err := x509.MarshalPKCS8PrivateKey(k)
	if err != nil {
		t.Fatal(err)
	}
	cert = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	pool = x509.NewCertPool()
	pool.AppendCertsFromPEM(cert)
	return cert, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: kb}), pool
}

// BenchmarkRead reads pages of 1000 invented records of about 600 bytes from a server on loopback in the same process.
func BenchmarkRead(b *testing.B) {
	page, last := samplePage(1000), []byte(`{"code":0,"total":0,"data":[]}`)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n := number1(r.URL.Query().Get("page"), 0)
		body := page
		if n > 50 {
			body = last
		}
		// Pages differ in one byte, as no two pages of a true upstream are the same.
		out := []byte(strings.Replace(string(body), "000000000000", fmt.Sprintf("%012d", n), 1))
		w.Header().Set("Content-Length", fmt.Sprint(len(out)))
		_, _ = w.Write(out)
	}))
	b.Cleanup(srv.Close)
	c := Defaults()
	c.BaseURL, c.Path, c.Records, c.Paging = srv.URL, "/calls", "data", Paging{Style: "page", Param: "page", First: 1, Size: 1000, MaxPages: 100}
	e := env()
	e.BatchRows = 8192
	rows := 0
	for b.Loop() {
		src, err := New(e, c)
		if err != nil {
			b.Fatal(err)
		}
		for batch, err := range src.Read(b.Context(), connectors.Checkpoint{}) {
			if err != nil {
				b.Fatal(err)
			}
			if batch.Records != nil {
				rows += int(batch.Records.NumRows())
				batch.Records.Release()
			}
		}
	}
	b.ReportMetric(float64(rows)/b.Elapsed().Seconds(), "records/s")
}
