package chaos

import (
	"context"
	"database/sql"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The columns that say when the hub saw something or in which unit: an undisturbed run has others. known_to is compared
// as "is superseded".
const (
	versionClock = "ingested_at, first_seen_at, known_from, known_to, unit_seq, change_no"
	rejectClock  = "run_id, unit_seq, source_row, position, landed_path, landed_segment, rejected_at"
)

// content is everything that two stores of the same records must have in common, as sorted lines by table.
type content map[string][]string

// contentQueries gives whole rows as text. What is left out is named, so that a new column is compared unless somebody
// says otherwise.
func contentQueries() map[string]string {
	return map[string]string{
		"event_version":     "SELECT (COLUMNS(* EXCLUDE (" + versionClock + "))), known_to IS NULL AS is_current FROM event_version",
		"event":             "SELECT * EXCLUDE (ingested_at, first_seen_at) FROM event",
		"event_transition":  "SELECT * EXCLUDE (ingested_at) FROM event_transition",
		"event_party_token": "SELECT * FROM event_party_token",
		"reject":            "SELECT * EXCLUDE (" + rejectClock + ") FROM reject",
		"event_key":         "SELECT * FROM event_key",
	}
}

func readContent(t testing.TB, db *sql.DB) content {
	t.Helper()
	c := content{}
	for table, query := range contentQueries() {
		c[table] = lines(t, db, query)
	}
	return c
}

// lines gives every row of a query as one line of text, sorted.
func lines(t testing.TB, db *sql.DB, query string) []string {
	t.Helper()
	rows, err := db.QueryContext(context.Background(), "SELECT q::VARCHAR FROM ("+query+") q")
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	defer rows.Close()
	out := []string{}
	for rows.Next() {
		var s string
		if err := rows.Scan(&s); err != nil {
			t.Fatal(err)
		}
		out = append(out, s)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	slices.Sort(out)
	return out
}

// same fails the test when two stores differ, with the first differences.
func same(t testing.TB, what string, got, want content) {
	t.Helper()
	for table := range want {
		if slices.Equal(got[table], want[table]) {
			continue
		}
		d := strings.Split(cmp.Diff(want[table], got[table]), "\n")
		var few []string
		for _, l := range d {
			if strings.HasPrefix(l, "-") || strings.HasPrefix(l, "+") {
				few = append(few, l[:min(len(l), 900)])
			}
		}
		t.Errorf("%s: %s has %d rows, an undisturbed run has %d:\n%s", what, table, len(got[table]), len(want[table]), strings.Join(few[:min(len(few), 6)], "\n"))
	}
}

func number(t testing.TB, db *sql.DB, query string) int64 {
	t.Helper()
	var n int64
	if err := db.QueryRowContext(context.Background(), query).Scan(&n); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return n
}

// notEmpty makes sure that a comparison compares something.
func notEmpty(t testing.TB, c content) {
	t.Helper()
	for table, rows := range c {
		if len(rows) == 0 {
			t.Fatalf("%s is empty: the test would compare nothing", table)
		}
	}
}
