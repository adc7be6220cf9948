package pgcatalog

import (
	_ "embed"
	"encoding/csv"
	"fmt"
	"strconv"
	"strings"
)

// OIDs of PostgreSQL's built-in types that answers use (pg_type.dat of PostgreSQL 15).
const (
	OIDBool        = 16
	OIDBytea       = 17
	OIDInt8        = 20
	OIDInt2        = 21
	OIDInt4        = 23
	OIDText        = 25
	OIDJSON        = 114
	OIDFloat4      = 700
	OIDFloat8      = 701
	OIDUnknown     = 705
	OIDVarchar     = 1043
	OIDDate        = 1082
	OIDTime        = 1083
	OIDTimestamp   = 1114
	OIDTimestamptz = 1184
	OIDInterval    = 1186
	OIDNumeric     = 1700
	OIDUUID        = 2950
)

// Type is how a type of the engine looks to a PostgreSQL client. Size is the width of its binary form in bytes, -1 where
// it varies; Mod is the type modifier, -1 for none.
type Type struct {
	OID  uint32
	Size int16
	Mod  int32
	Elem uint32 // element type of an array, 0 otherwise
}

var scalarTypes = map[string]Type{
	"BOOLEAN": {OIDBool, 1, -1, 0}, "TINYINT": {OIDInt2, 2, -1, 0}, "SMALLINT": {OIDInt2, 2, -1, 0}, "UTINYINT": {OIDInt2, 2, -1, 0},
	"INTEGER": {OIDInt4, 4, -1, 0}, "USMALLINT": {OIDInt4, 4, -1, 0}, "BIGINT": {OIDInt8, 8, -1, 0}, "UINTEGER": {OIDInt8, 8, -1, 0},
	"UBIGINT": {OIDNumeric, -1, -1, 0}, "HUGEINT": {OIDNumeric, -1, -1, 0}, "UHUGEINT": {OIDNumeric, -1, -1, 0}, "BIGNUM": {OIDNumeric, -1, -1, 0},
	"FLOAT": {OIDFloat4, 4, -1, 0}, "DOUBLE": {OIDFloat8, 8, -1, 0}, "DATE": {OIDDate, 4, -1, 0}, "TIME": {OIDTime, 8, -1, 0},
	"TIMESTAMP": {OIDTimestamp, 8, -1, 0}, "TIMESTAMP_S": {OIDTimestamp, 8, -1, 0}, "TIMESTAMP_MS": {OIDTimestamp, 8, -1, 0}, "TIMESTAMP_NS": {OIDTimestamp, 8, -1, 0},
	"TIMESTAMP WITH TIME ZONE": {OIDTimestamptz, 8, -1, 0}, "TIMESTAMPTZ": {OIDTimestamptz, 8, -1, 0}, "INTERVAL": {OIDInterval, 16, -1, 0},
	"UUID": {OIDUUID, 16, -1, 0}, "BLOB": {OIDBytea, -1, -1, 0}, "VARCHAR": {OIDText, -1, -1, 0}, "JSON": {OIDJSON, -1, -1, 0},
}

// arrayOIDs are the array types of the scalar types (pg_type.typarray).
var arrayOIDs = map[uint32]uint32{OIDBool: 1000, OIDBytea: 1001, OIDInt8: 1016, OIDInt2: 1005, OIDInt4: 1007, OIDText: 1009, OIDFloat4: 1021, OIDFloat8: 1022,
	OIDDate: 1182, OIDTime: 1183, OIDTimestamp: 1115, OIDTimestamptz: 1185, OIDInterval: 1187, OIDNumeric: 1231, OIDUUID: 2951, OIDJSON: 199}

// TypeOf translates DuckDB's name of a type. Lists of scalars are arrays; structs, maps and nested lists are shown as
// JSON text; what has no counterpart is text.
func TypeOf(duck string) Type {
	duck = strings.TrimSpace(duck)
	if elem, ok := strings.CutSuffix(duck, "[]"); ok {
		if e := TypeOf(elem); e.Elem == 0 && arrayOIDs[e.OID] != 0 && !strings.HasSuffix(elem, "]") {
			return Type{arrayOIDs[e.OID], -1, -1, e.OID}
		}
		return scalarTypes["JSON"]
	}
	upper := strings.ToUpper(duck)
	if t, ok := scalarTypes[upper]; ok {
		return t
	}
	switch {
	case strings.HasPrefix(upper, "DECIMAL"):
		return Type{OIDNumeric, -1, numericMod(upper), 0}
	case strings.HasPrefix(upper, "STRUCT"), strings.HasPrefix(upper, "MAP"):
		return scalarTypes["JSON"]
	default:
		return scalarTypes["VARCHAR"]
	}
}

// numericMod is the type modifier of DECIMAL(p,s): ((p << 16) | s) + 4.
func numericMod(t string) int32 {
	var p, s int32
	if n, _ := fmt.Sscanf(t, "DECIMAL(%d,%d)", &p, &s); n != 2 {
		return -1
	}
	return (p<<16 | s) + 4
}

// ParamType is the engine's type for a parameter that a client declares by OID; "" leaves it to the engine.
func ParamType(oid uint32) string {
	switch oid {
	case OIDBool:
		return "BOOLEAN"
	case OIDInt2:
		return "SMALLINT"
	case OIDInt4:
		return "INTEGER"
	case OIDInt8, 26:
		return "BIGINT"
	case OIDFloat4:
		return "FLOAT"
	case OIDFloat8:
		return "DOUBLE"
	case OIDNumeric:
		return "DECIMAL" // as wide as the value
	case OIDDate:
		return "DATE"
	case OIDTime:
		return "TIME"
	case OIDTimestamp:
		return "TIMESTAMP"
	case OIDTimestamptz:
		return "TIMESTAMPTZ"
	case OIDUUID:
		return "UUID"
	case OIDBytea:
		return "BLOB"
	case OIDText, OIDVarchar, 1042, 19, 18:
		return "VARCHAR"
	default:
		return ""
	}
}

//go:embed types.csv
var typesCSV string

// pgType is a row of types.csv: the columns of pg_type that clients read, and format_type's name.
type pgType struct {
	OID, Elem, Array, Collation                  int64
	Name, Long, Kind, Category, ByVal, Preferred string
	Len                                          int
}

func pgTypes() []pgType {
	rows, err := csv.NewReader(strings.NewReader(typesCSV)).ReadAll()
	if err != nil {
		panic(fmt.Sprintf("embedded types.csv: %v", err)) // a broken build; the tests read it
	}
	num := func(s string) int64 { n, _ := strconv.ParseInt(s, 10, 64); return n }
	var out []pgType
	for _, r := range rows[1:] {
		out = append(out, pgType{OID: num(r[0]), Name: r[1], Len: int(num(r[2])), ByVal: r[3], Kind: r[4], Category: r[5], Preferred: r[6],
			Elem: num(r[7]), Array: num(r[8]), Collation: num(r[9]), Long: r[10]})
	}
	return out
}

// ArrayOf is the array type of an element type, text[] where there is none.
func ArrayOf(elem uint32) uint32 {
	if a := arrayOIDs[elem]; a != 0 {
		return a
	}
	return arrayOIDs[OIDText]
}
