package engine

import (
	"fmt"
	"strings"
	"unsafe"

	"github.com/duckdb/duckdb-go/v2/mapping"
)

// unknown is the type of a parameter that the engine could not tell.
const unknown = "UNKNOWN"

// typeName is the engine's own name of a type, as DESCRIBE shows it.
func typeName(lt mapping.LogicalType) string {
	if lt.Ptr == nil { // a parameter that nothing in the text decides
		return unknown
	}
	if alias := mapping.LogicalTypeGetAlias(lt); alias != "" {
		return alias
	}
	child := func(t mapping.LogicalType) string {
		defer mapping.DestroyLogicalType(&t)
		return typeName(t)
	}
	switch t := mapping.GetTypeId(lt); t {
	case mapping.TypeDecimal:
		return fmt.Sprintf("DECIMAL(%d,%d)", mapping.DecimalWidth(lt), mapping.DecimalScale(lt))
	case mapping.TypeList:
		return child(mapping.ListTypeChildType(lt)) + "[]"
	case mapping.TypeArray:
		return fmt.Sprintf("%s[%d]", child(mapping.ArrayTypeChildType(lt)), mapping.ArrayTypeArraySize(lt))
	case mapping.TypeMap:
		return fmt.Sprintf("MAP(%s, %s)", child(mapping.MapTypeKeyType(lt)), child(mapping.MapTypeValueType(lt)))
	case mapping.TypeStruct:
		return "STRUCT(" + members(mapping.StructTypeChildCount(lt), func(i mapping.IdxT) (string, string) {
			return mapping.StructTypeChildName(lt, i), child(mapping.StructTypeChildType(lt, i))
		}) + ")"
	case mapping.TypeUnion:
		return "UNION(" + members(mapping.UnionTypeMemberCount(lt), func(i mapping.IdxT) (string, string) {
			return mapping.UnionTypeMemberName(lt, i), child(mapping.UnionTypeMemberType(lt, i))
		}) + ")"
	case mapping.TypeEnum:
		var values []string
		for i := range mapping.EnumDictionarySize(lt) {
			values = append(values, "'"+strings.ReplaceAll(mapping.EnumDictionaryValue(lt, mapping.IdxT(i)), "'", "''")+"'")
		}
		return "ENUM(" + strings.Join(values, ", ") + ")"
	default:
		return plainName(t)
	}
}

func members(n mapping.IdxT, at func(mapping.IdxT) (string, string)) string {
	var parts []string
	for i := range n {
		name, t := at(i)
		parts = append(parts, `"`+strings.ReplaceAll(name, `"`, `""`)+`" `+t)
	}
	return strings.Join(parts, ", ")
}

func plainName(t mapping.Type) string {
	for _, p := range []struct {
		t    mapping.Type
		name string
	}{
		{mapping.TypeBoolean, "BOOLEAN"}, {mapping.TypeTinyInt, "TINYINT"}, {mapping.TypeSmallInt, "SMALLINT"},
		{mapping.TypeInteger, "INTEGER"}, {mapping.TypeBigInt, "BIGINT"}, {mapping.TypeHugeInt, "HUGEINT"},
		{mapping.TypeUTinyInt, "UTINYINT"}, {mapping.TypeUSmallInt, "USMALLINT"}, {mapping.TypeUInteger, "UINTEGER"},
		{mapping.TypeUBigInt, "UBIGINT"}, {mapping.TypeUHugeInt, "UHUGEINT"}, {mapping.TypeFloat, "FLOAT"},
		{mapping.TypeDouble, "DOUBLE"}, {mapping.TypeVarchar, "VARCHAR"}, {mapping.TypeBlob, "BLOB"},
		{mapping.TypeDate, "DATE"}, {mapping.TypeTime, "TIME"}, {mapping.TypeTimeTZ, "TIME WITH TIME ZONE"},
		{mapping.TypeTimeNS, "TIME_NS"}, {mapping.TypeTimestamp, "TIMESTAMP"}, {mapping.TypeTimestampTZ, "TIMESTAMP WITH TIME ZONE"},
		{mapping.TypeTimestampS, "TIMESTAMP_S"}, {mapping.TypeTimestampMS, "TIMESTAMP_MS"}, {mapping.TypeTimestampNS, "TIMESTAMP_NS"},
		{mapping.TypeInterval, "INTERVAL"}, {mapping.TypeUUID, "UUID"}, {mapping.TypeBit, "BIT"}, {mapping.TypeBigNum, "BIGNUM"},
		{mapping.TypeSQLNull, `"NULL"`}, {mapping.TypeGeometry, "GEOMETRY"}, {mapping.TypeVariant, "VARIANT"},
	} {
		if p.t == t {
			return p.name
		}
	}
	return unknown
}

// text reads one value of a VARCHAR vector.
func text(v mapping.Vector, row mapping.IdxT) string {
	if mask := mapping.VectorGetValidity(v); mask != nil && !mapping.ValidityRowIsValid(mask, row) {
		return ""
	}
	s := (*mapping.StringT)(unsafe.Add(mapping.VectorGetData(v), uintptr(row)*unsafe.Sizeof(mapping.StringT{})))
	return mapping.StringTData(s)
}
