package city

import (
	"bytes"
	"strconv"
	"testing"
)

func TestSeededValuesAreThere(t *testing.T) {
	c := newCity(t, Config{Seed: 6, Records: 20_000})
	var all bytes.Buffer
	if err := c.WriteHotlineCSV(&all, 4000, UTF8); err != nil {
		t.Fatal(err)
	}
	for _, p := range c.Seeded() {
		found := p.Pattern.FindAllSubmatch(all.Bytes(), -1)
		t.Logf("%s: %d", p.Kind, len(found))
		if len(found) < 5 {
			t.Errorf("%s: only %d values in 4,000 tickets", p.Kind, len(found))
		}
		for _, f := range found {
			switch v := string(f[1]); p.Kind {
			case "id_number":
				if len(v) == 18 && v[17] != idCheck([]byte(v[:17])) {
					t.Fatal("an identity number has a wrong checksum")
				}
			case "bank_card":
				if !luhn(v) {
					t.Fatal("a card number has a wrong checksum")
				}
			}
		}
	}
	listed := 0
	for range names {
		listed++
	}
	if listed != 96 {
		t.Errorf("%d names", listed)
	}
}

func luhn(v string) bool {
	sum := 0
	for i := range len(v) {
		d, err := strconv.Atoi(v[len(v)-1-i : len(v)-i])
		if err != nil {
			return false
		}
		if i%2 == 1 {
			if d *= 2; d > 9 {
				d -= 9
			}
		}
		sum += d
	}
	return sum%10 == 0
}
