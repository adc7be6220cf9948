package surface

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
	"io/fs"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"

	"onegrid/catalog"
)

// selfSigned is how long a certificate of our own lasts; it is made anew when a tenth of it is left.
const selfSigned = 825 * 24 * time.Hour

// certificate loads the configured certificate, or a self-signed one of our own that is made once. made names the file of
// a certificate that was made now.
func certificate(set catalog.QueryTLS, data string, hosts []string) (cfg *tls.Config, made string, err error) {
	certFile, keyFile := set.Cert, set.Key
	if certFile == "" {
		certFile, keyFile = filepath.Join(tlsDir(data), "cert.pem"), filepath.Join(tlsDir(data), "key.pem")
		if fresh, err := stale(certFile); err != nil {
			return nil, "", err
		} else if fresh {
			if err := makeCertificate(certFile, keyFile, hosts); err != nil {
				return nil, "", fmt.Errorf("making a certificate: %w", err)
			}
			made = certFile
		}
	}
	pair, err := tls.LoadX509KeyPair(certFile, keyFile)
	if err != nil {
		return nil, "", fmt.Errorf("loading the certificate: %w", err)
	}
	return &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}, made, nil
}

// stale reports whether there is no certificate, or one that ends soon.
func stale(path string) (bool, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return true, nil
	}
	if err != nil {
		return false, fmt.Errorf("loading the certificate: %w", err)
	}
	defer f.Close()
	b := make([]byte, 64<<10)
	n, _ := f.Read(b)
	block, _ := pem.Decode(b[:n])
	if block == nil {
		return true, nil
	}
	leaf, err := x509.ParseCertificate(block.Bytes)
	return err != nil || time.Until(leaf.NotAfter) < selfSigned/10, nil
}

func makeCertificate(certFile, keyFile string, hosts []string) error {
	if err := os.MkdirAll(filepath.Dir(certFile), 0o700); err != nil {
		return err
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return err
	}
	now := time.Now()
	tpl := &x509.Certificate{SerialNumber: serial, Subject: pkix.Name{CommonName: "onegrid"}, NotBefore: now.Add(-time.Hour), NotAfter: now.Add(selfSigned),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}, BasicConstraintsValid: true,
		DNSNames: []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback}}
	if name, err := os.Hostname(); err == nil && name != "" {
		tpl.DNSNames = append(tpl.DNSNames, name)
	}
	for _, h := range hosts {
		if ip := net.ParseIP(h); ip != nil && !ip.IsUnspecified() && !ip.IsLoopback() {
			tpl.IPAddresses = append(tpl.IPAddresses, ip)
		}
	}
	der, err := x509.CreateCertificate(rand.Reader, tpl, tpl, &key.PublicKey, key)
	if err != nil {
		return err
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	if err := writePEM(keyFile, "PRIVATE KEY", private, 0o600); err != nil {
		return err
	}
	return writePEM(certFile, "CERTIFICATE", der, 0o644)
}

func writePEM(path, kind string, der []byte, mode fs.FileMode) error {
	tmp := path + ".part"
	if err := os.WriteFile(tmp, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), mode); err != nil {
		return err
	}
	return os.Rename(tmp, path)
}
