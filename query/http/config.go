package http

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"
)

// Config of a Server. The zero value of a field takes the default named beside it.
type Config struct {
	Listen string      `yaml:"listen"` // 127.0.0.1:8687
	TLS    *tls.Config `yaml:"-"`      // nil: plain HTTP, on loopback addresses only
	// Hosts are the names by which clients reach this server; others are refused. Empty: any with TLS, and the names of
	// this machine's loopback without.
	Hosts []string `yaml:"hosts"`
	// Proxies are the addresses of reverse proxies whose X-Forwarded-For is believed.
	Proxies       []string      `yaml:"proxies"`
	Body          int64         `yaml:"body"`           // bytes of a request, 1 MiB
	Connections   int           `yaml:"connections"`    // at the same time, 256
	HeaderTimeout time.Duration `yaml:"header_timeout"` // until the headers are read, 5 s
	ReadTimeout   time.Duration `yaml:"read_timeout"`   // until the body is read, 15 s
	WriteTimeout  time.Duration `yaml:"write_timeout"`  // for a client to take the next part of an answer, 30 s
	IdleTimeout   time.Duration `yaml:"idle_timeout"`   // of a connection between requests, 60 s
	Grace         time.Duration `yaml:"grace"`          // for running answers when the server stops, 10 s
	PageMemory    int64         `yaml:"page_memory"`    // bytes of answers kept for paging, 256 MiB
	PageTime      time.Duration `yaml:"page_time"`      // that an answer is kept for its next page, 5 min
}

func (c Config) withDefaults() (Config, error) {
	if c.Listen == "" {
		c.Listen = "127.0.0.1:8687"
	}
	for _, f := range []struct {
		v *int64
		d int64
	}{{&c.Body, 1 << 20}, {&c.PageMemory, 256 << 20}} {
		if *f.v == 0 {
			*f.v = f.d
		}
	}
	if c.Connections == 0 {
		c.Connections = 256
	}
	for _, f := range []struct {
		v *time.Duration
		d time.Duration
	}{
		{&c.HeaderTimeout, 5 * time.Second}, {&c.ReadTimeout, 15 * time.Second}, {&c.WriteTimeout, 30 * time.Second},
		{&c.IdleTimeout, time.Minute}, {&c.Grace, 10 * time.Second}, {&c.PageTime, 5 * time.Minute},
	} {
		if *f.v == 0 {
			*f.v = f.d
		}
		if *f.v < 0 {
			return c, errors.New("query door: durations must not be negative")
		}
	}
	host, _, err := net.SplitHostPort(c.Listen)
	if err != nil {
		return c, fmt.Errorf("query door: listen: %w", err)
	}
	if c.TLS == nil && !loopback(host) {
		return c, fmt.Errorf("query door: %s without a certificate would send passwords in clear; listen on 127.0.0.1 or configure one", c.Listen)
	}
	for _, p := range c.Proxies {
		if _, err := netip.ParseAddr(p); err != nil {
			return c, fmt.Errorf("query door: proxies: %w", err)
		}
	}
	if c.Body < 1 || c.Connections < 1 || c.PageMemory < 1 {
		return c, errors.New("query door: limits must be positive")
	}
	return c, nil
}

func loopback(host string) bool {
	return host == "localhost" || net.ParseIP(host).IsLoopback()
}
