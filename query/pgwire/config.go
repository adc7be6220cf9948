package pgwire

import (
	"crypto/tls"
	"errors"
	"time"
)

// Config of the door. Durations and sizes of zero have the defaults of Defaults.
type Config struct {
	Listen     string        // address, "127.0.0.1:5433" unless set
	Database   string        // the one database that clients see
	TLS        *tls.Config   // required: nothing is spoken in clear but the request for TLS
	MaxConns   int           // connections at a time; more are refused with 53300
	MaxUnknown int           // connections at a time that have not proved who they are
	Startup    time.Duration // from connecting to the end of authentication
	Idle       time.Duration // between two messages of a client
	Write      time.Duration // for one write to a client that does not read
	MaxMessage int           // bytes of one message after authentication
}

// Defaults are the values that Config gets for what is not set.
func Defaults() Config {
	return Config{Listen: "127.0.0.1:5433", Database: "onegrid", MaxConns: 100, MaxUnknown: 32, Startup: 15 * time.Second, Idle: 30 * time.Minute,
		Write: 30 * time.Second, MaxMessage: 1 << 20}
}

var errNoTLS = errors.New("the PostgreSQL door needs a TLS certificate: passwords and answers never travel in clear")

func (c Config) withDefaults() (Config, error) {
	d := Defaults()
	if c.Listen == "" {
		c.Listen = d.Listen
	}
	if c.Database == "" {
		c.Database = d.Database
	}
	if c.MaxConns <= 0 {
		c.MaxConns = d.MaxConns
	}
	if c.MaxUnknown <= 0 {
		c.MaxUnknown = d.MaxUnknown
	}
	if c.Startup <= 0 {
		c.Startup = d.Startup
	}
	if c.Idle <= 0 {
		c.Idle = d.Idle
	}
	if c.Write <= 0 {
		c.Write = d.Write
	}
	if c.MaxMessage <= 0 {
		c.MaxMessage = d.MaxMessage
	}
	if c.TLS == nil || len(c.TLS.Certificates) == 0 && c.TLS.GetCertificate == nil {
		return c, errNoTLS
	}
	return c, nil
}
