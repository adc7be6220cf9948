package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"sync"

	"onegrid/internal/city"
)

// portVariable is what the address of the call desk in the shipped configuration refers to.
const portVariable = "ONEGRID_CITY_110"

// desk is a city whose call desk has about n calls: 29 of 64 records are calls.
func desk(n int) (*city.City, error) {
	return city.New(city.Config{Seed: 1, Records: n * 64 / 29, Days: 365, APIKey: apiKey})
}

// prepareHTTP asks the desk how many calls it has.
func prepareHTTP(_ context.Context, j job) (outcome, error) {
	if err := configure(j, "${"+portVariable+"}", "${"+portVariable+"}"); err != nil {
		return outcome{}, err
	}
	c, err := desk(j.Rows)
	if err != nil {
		return outcome{}, err
	}
	r := httptest.NewRequest(http.MethodGet, "/api/jjd?page=1&size=1000", nil)
	r.Header.Set("X-Api-Key", apiKey)
	w := httptest.NewRecorder()
	c.Handler().ServeHTTP(w, r)
	var page struct{ Total int64 }
	if err := json.Unmarshal(w.Body.Bytes(), &page); err != nil || page.Total == 0 {
		return outcome{}, errors.Join(fmt.Errorf("the call desk answered %d without a total", w.Code), err)
	}
	return outcome{Rows: page.Total, Details: map[string]float64{"input_bytes_per_row": rounded(float64(w.Body.Len()) / 1000)}}, nil
}

// servePages serves the call desk on loopback. An answer is kept and given again, so that from the second run on the
// server costs little more than the network: it shares the machine with what is measured.
func servePages(ctx context.Context, j job, in *bufio.Reader, out io.Writer) error {
	c, err := desk(j.Rows)
	if err != nil {
		return err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	s := &http.Server{Handler: &kept{from: c.Handler(), pages: map[string]*httptest.ResponseRecorder{}}}
	served := make(chan error, 1)
	go func() { served <- s.Serve(l) }()
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err == nil {
		err = untilEnd(port, in, out)
	}
	s.Close()
	if serr := <-served; !errors.Is(serr, http.ErrServerClosed) {
		err = errors.Join(err, serr)
	}
	return err
}

// kept answers the same request with the same bytes.
type kept struct {
	from  http.Handler
	mu    sync.Mutex
	pages map[string]*httptest.ResponseRecorder
}

func (k *kept) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	key := r.Header.Get("X-Api-Key") + " " + r.URL.RequestURI()
	k.mu.Lock()
	page, ok := k.pages[key]
	k.mu.Unlock()
	if !ok {
		page = httptest.NewRecorder()
		k.from.ServeHTTP(page, r)
		k.mu.Lock()
		k.pages[key] = page
		k.mu.Unlock()
	}
	maps.Copy(w.Header(), page.Header())
	w.WriteHeader(page.Code)
	w.Write(page.Body.Bytes())
}

func measureHTTP(ctx context.Context, j job) (outcome, error) {
	if err := os.Setenv(portVariable, j.Address); err != nil {
		return outcome{}, err
	}
	return measureSync(police)(ctx, j)
}
