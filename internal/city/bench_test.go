package city

import (
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
)

func BenchmarkHotlineCSV(b *testing.B) {
	for name, enc := range map[string]Encoding{"utf8": UTF8, "gb18030": GB18030} {
		b.Run(name, func(b *testing.B) {
			c := newCity(b, Config{Seed: 1})
			c.gbTable()
			n := &counter{}
			b.ReportAllocs()
			b.ResetTimer()
			if err := c.WriteHotlineCSV(n, b.N, enc); err != nil {
				b.Fatal(err)
			}
			b.ReportMetric(float64(n.bytes)/float64(b.N), "bytes/record")
		})
	}
}

func BenchmarkUrbanCopy(b *testing.B) {
	c := newCity(b, Config{Seed: 1})
	b.ResetTimer()
	if err := c.WriteUrbanCopy(io.Discard, b.N); err != nil {
		b.Fatal(err)
	}
}

// BenchmarkAPI measures the server's work for a page of 1,000 calls without the network, per call.
func BenchmarkAPI(b *testing.B) {
	c := newCity(b, Config{Seed: 1, Records: 200_000})
	h := c.Handler()
	b.ResetTimer()
	for i := 0; i < b.N; i += 1000 {
		r := httptest.NewRequest("GET", "/api/jjd?size=1000&page="+string(appendInt(nil, int64(i/1000%80+1))), nil)
		r.Header.Set("X-Api-Key", "demo-key")
		w := &nobody{h: http.Header{}}
		h.ServeHTTP(w, r)
		if w.n < 100_000 {
			b.Fatalf("an answer of %d bytes", w.n)
		}
	}
}

type counter struct{ bytes int }

func (c *counter) Write(p []byte) (int, error) { c.bytes += len(p); return len(p), nil }

type nobody struct {
	h http.Header
	n int
}

func (w *nobody) Header() http.Header         { return w.h }
func (w *nobody) WriteHeader(int)             {}
func (w *nobody) Write(p []byte) (int, error) { w.n += len(p); return len(p), nil }
