package privacy

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/xuri/excelize/v2"
)

// TestRealTexts counts what the rules take out of citizens' messages that nobody here wrote. It prints counts only.
func TestRealTexts(t *testing.T) {
	path := filepath.Join("..", "..", "..", "shared", "data", "petitions_cn", "附件3.xlsx")
	if _, err := os.Stat(path); err != nil {
		t.Skip("../shared/data/petitions_cn is absent")
	}
	f, err := excelize.OpenFile(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	rows, err := f.Rows(f.GetSheetName(0))
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	w := testWorker()
	var hits [kindCount]int
	texts, touched, refused, left := 0, 0, 0, 0
	for rows.Next() {
		cells, err := rows.Columns()
		if err != nil {
			t.Fatal(err)
		}
		for i, c := range cells {
			if i != 2 && i != 4 || c == "" {
				continue
			}
			texts++
			w.scan.mode = modeText
			w.scan.scan([]byte(c))
			if len(w.scan.spans) > 0 {
				touched++
			}
			for _, sp := range w.scan.spans {
				hits[sp.kind]++
			}
			res := w.redact([]byte(c), 4000, true)
			if !res.ok {
				refused++
			}
			for _, f := range Scan(res.text) {
				if f.Kind == "mobile" || f.Kind == "id" || f.Kind == "card" {
					left++
				}
			}
		}
	}
	for k, n := range hits {
		t.Logf("%-8s %d", kindNames[k], n)
	}
	t.Logf("%d texts, %d touched, %d refused, %d proven numbers left", texts, touched, refused, left)
	if texts < 8000 || left != 0 || refused*1000 > texts || touched*4 > texts {
		t.Error("counts out of range")
	}
}
