package failure_test

import (
	"strings"
	"testing"

	"onegrid/query"
	"onegrid/query/worker/failure"
)

func TestTell(t *testing.T) {
	const sql = "SELECT foo, note FROM event WHERE day = 'x'"
	for _, c := range []struct {
		message string
		code    query.Code
		says    string
		unfit   bool
	}{
		{"Binder Error: Referenced column \"foo\" not found in FROM clause!\nCandidate bindings: \"secret_column\"\n\nLINE 1: SELECT foo", query.Invalid, `column "foo" does not exist`, false},
		{"Binder Error: Referenced column \"hidden_one\" not found in FROM clause!", query.Invalid, "column that the text names does not exist", false},
		{"Catalog Error: Table with name event does not exist!\nDid you mean \"hidden_table\"?", query.Invalid, `table "event" does not exist`, false},
		{"Conversion Error: Could not convert string '13800001111' to INT32 when casting from source column note", query.Invalid, "a text could not be converted to INT32", false},
		{"Conversion Error: Could not convert string 'a' to ' to INT64' to DATE", query.Invalid, "converted to DATE", false},
		{"Conversion Error: Type INT64 with value 99999 can't be cast because the value is out of range for the destination type INT8", query.Invalid, "INT64", false},
		{"Conversion Error: something new about '13800001111'", query.Invalid, "could not be converted", false},
		{"Out of Range Error: Overflow in addition of INT64 (13800001111 + 1)!", query.Invalid, "overflow", false},
		{"Invalid Input Error: 13800001111", query.Invalid, "a function was given", false},
		{"Binder Error: Cannot compare values of type VARCHAR and type INTEGER - an explicit cast is required", query.Invalid, "VARCHAR cannot be compared with INTEGER", false},
		{"Binder Error: Cannot compare values of type ENUM('secret') and type INTEGER - an explicit cast is required", query.Invalid, "another type cannot be compared", false},
		{"Binder Error: Cannot compare values of type INT13800001111 and type 13800001111 - an explicit cast is required", query.Invalid, "another type cannot be compared", false},
		{"Parser Error: syntax error at or near \"day\"", query.Syntax, `syntax error at "day"`, false},
		{"Out of Memory Error: failed to allocate data of size 2 GiB", query.OutOfMemory, "memory", true},
		{"Invalid Error: std::bad_alloc", query.OutOfMemory, "memory", true},
		{"INTERNAL Error: Assertion failed at /src/secret_path.cpp", query.Internal, "internal", true},
		{"FATAL Error: Failed: database has been invalidated because of secret", query.Internal, "internal", true},
		{"IO Error: Could not read from file /srv/secret/path", query.Internal, "internal", true},
		{"Permission Error: File system LocalFileSystem has been disabled by configuration", query.Denied, "not permitted", false},
		{"Not implemented Error: secret", query.Unsupported, "not supported", false},
		{"INTERRUPT Error: Interrupted!", query.Cancelled, "cancelled", false},
		{"no class at all: 13800001111", query.Invalid, "could not be executed", false},
		{"", query.Invalid, "could not be executed", false},
	} {
		got := failure.Tell(c.message, sql)
		if got.Err.Code != c.code || got.Unfit != c.unfit || !strings.Contains(got.Err.Error(), c.says) || got.Err.ZH == "" {
			t.Errorf("%s\n  → %s %q / %q unfit %v", c.message, got.Err.Code, got.Err.Error(), got.Err.ZH, got.Unfit)
		}
		for _, leak := range []string{"13800001111", "secret", "hidden", "Did you mean", "LINE 1", "{1}", "{2}"} {
			if strings.Contains(got.Err.Error()+got.Err.ZH+got.Class, leak) {
				t.Errorf("%s: %q leaks %q", c.message, got.Err.Error(), leak)
			}
		}
	}
	if e := failure.Tell("Binder Error: Referenced column \"foo\" not found in FROM clause!", sql).Err; e.Pos != 8 {
		t.Errorf("position %d", e.Pos)
	}
	if e := failure.Tell("Binder Error: Referenced column \"乙\" not found", "SELECT '甲', 乙").Err; e.Pos != 13 {
		t.Errorf("position %d", e.Pos)
	}
}

// Whatever the engine says, nothing passes that the client did not write.
func FuzzTell(f *testing.F) {
	f.Add("Binder", "x")
	f.Add("Conversion", "Could not convert string 'MARK' to INT32")
	f.Add("Catalog", "Table with name MARK does not exist!")
	f.Add("Binder", "Cannot compare values of type INTMARK and type MARK")
	f.Fuzz(func(t *testing.T, class, rest string) {
		// What lies between the marks is what a row would hold.
		message := class + " Error: " + strings.ReplaceAll(rest, "MARK", "13800001111")
		got := failure.Tell(message, "SELECT 1")
		if all := got.Err.Error() + got.Err.ZH + got.Err.Hint; strings.Contains(all, "13800001111") {
			t.Fatalf("%q leaks into %q", message, all)
		}
	})
}
