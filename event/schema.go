package event

import (
	"fmt"

	"github.com/apache/arrow-go/v18/arrow"
)

// SchemaVersion is the value of schema_ver in every event written by this build.
const SchemaVersion = 1

// Class is the privacy class of a column (facts: GB/T 37964-2019, GB/T 45574-2025).
type Class uint8

const (
	P0 Class = iota // non-personal
	P1              // internal work data
	P2              // quasi-identifier: coarsened, restricted view
)

func (c Class) String() string { return fmt.Sprintf("P%d", uint8(c)) }

// Setter says which part of the hub gives a column its value.
type Setter uint8

const (
	// ByMapping columns may be targets of a mapping file.
	ByMapping Setter = iota
	// ByHub columns are computed by the pipeline from the mapped columns and the batch.
	ByHub
	// ByStore columns are decided inside the commit, from what is already stored.
	ByStore
	// ByLink columns are decided by incident linkage; until it runs, an event is its own single incident.
	ByLink
)

// Column describes one column of the governance event.
type Column struct {
	Name     string
	Type     arrow.DataType
	Required bool // never null once stored
	Class    Class
	Setter   Setter
	Codes    *CodeList // the values allowed, nil where free
	Unit     string
	Doc      string
	DocZH    string
}

// Timestamp is the type of every point in time: microseconds, UTC.
var Timestamp = &arrow.TimestampType{Unit: arrow.Microsecond, TimeZone: "UTC"}

// Dict is the type of every column with a code list or few distinct values.
var Dict = &arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Int16, ValueType: arrow.BinaryTypes.String}

// Hash is the type of content_hash: the 32 bytes of a SHA-256.
var Hash = &arrow.FixedSizeBinaryType{ByteWidth: 32}

// Extras is the type of ext: allow-listed source extras.
var Extras = arrow.MapOf(arrow.BinaryTypes.String, arrow.BinaryTypes.String)

var (
	utf8t   = arrow.BinaryTypes.String
	f64     = arrow.PrimitiveTypes.Float64
	f32     = arrow.PrimitiveTypes.Float32
	i8      = arrow.PrimitiveTypes.Int8
	i16     = arrow.PrimitiveTypes.Int16
	i32     = arrow.PrimitiveTypes.Int32
	u64     = arrow.PrimitiveTypes.Uint64
	boolean = arrow.FixedWidthTypes.Boolean
	day     = arrow.FixedWidthTypes.Date32
	strList = arrow.ListOf(arrow.BinaryTypes.String)
)

const (
	req = true
	opt = false
)

// columns is the schema; its order is the order of every event batch and table.
var columns = []Column{
	{"event_day", day, req, P0, ByStore, nil, "day", "immutable partition day: Asia/Shanghai day of the first accepted report", "分区日"},
	{"version", i32, req, P0, ByStore, nil, "", "states seen so far, from 1", "版本"},
	{"event_id", utf8t, req, P1, ByHub, nil, "", "UUIDv5(source_id, source_record_id)", "事件标识"},
	{"source_id", Dict, req, P0, ByHub, nil, "", "catalog id of the feed", "来源系统"},
	{"source_kind", Dict, req, P0, ByMapping, SourceKinds, "", "kind of department system", "来源类别"},
	{"source_record_id", utf8t, req, P1, ByMapping, nil, "", "the record's number in its source, a string", "来源编号"},
	{"source_record_alt", utf8t, opt, P1, ByMapping, nil, "", "second number of the record in its source", "来源副编号"},
	{"parent_record_id", utf8t, opt, P1, ByMapping, nil, "", "number of the parent record in the same source", "父工单编号"},
	{"upstream_kind", Dict, opt, P1, ByMapping, SourceKinds, "", "kind of feed it was transferred from", "转办来源类别"},
	{"upstream_record_id", utf8t, opt, P1, ByMapping, nil, "", "number in the feed it was transferred from", "转办来源编号"},
	{"record_purpose", Dict, req, P0, ByMapping, RecordPurposes, "", "actual, exercise or test (CAP 1.2 status)", "实/演练/测试"},
	{"validity", Dict, req, P0, ByMapping, Validities, "", "whether the report was a valid one", "有效性"},
	{"event_kind", Dict, req, P0, ByMapping, EventKinds, "", "what the report asks or states", "诉求类型"},
	{"channel", Dict, req, P0, ByMapping, Channels, "", "how the report arrived", "受理渠道"},
	{"channel_src", Dict, opt, P0, ByMapping, nil, "", "channel as received", "来源渠道"},
	{"category_scheme", Dict, req, P0, ByMapping, nil, "", "id of the source's category table", "分类体系"},
	{"category_scheme_ver", Dict, req, P0, ByMapping, nil, "", "version of the source's category table", "分类体系版本"},
	{"category_src_code", Dict, opt, P1, ByMapping, nil, "", "category code as received at intake", "来源分类代码"},
	{"category_src_name", Dict, opt, P1, ByMapping, nil, "", "category name as received at intake", "来源分类名称"},
	{"category_end_code", Dict, opt, P1, ByMapping, nil, "", "category as received at closure or feedback", "办结分类代码"},
	{"category", Dict, req, P0, ByHub, nil, "", "hub taxonomy code LL.SS; 99.99 if unmapped", "统一分类"},
	{"category_map_method", Dict, req, P0, ByHub, CategoryMethods, "", "how the category was found", "分类映射方式"},
	{"category_conf", f32, opt, P0, ByHub, nil, "0-1", "confidence of the category", "分类置信度"},
	{"component_code", utf8t, opt, P0, ByMapping, nil, "", "component identifier (GB/T 30428.2)", "部件标识码"},
	{"urgency", Dict, req, P0, ByMapping, Urgencies, "", "urgency", "紧急程度"},
	{"severity_level", i8, opt, P0, ByMapping, nil, "1-4", "1 is the highest", "等级"},
	{"title", utf8t, opt, P2, ByMapping, nil, "", "redacted, at most 120 runes", "标题"},
	{"description", utf8t, opt, P2, ByMapping, nil, "", "redacted narrative", "描述(脱敏)"},
	{"redaction_ver", i16, req, P0, ByHub, nil, "", "version of the redaction rules", "脱敏规则版本"},
	{"redaction_hits", i16, req, P0, ByHub, nil, "count", "replacements made in the free text", "脱敏次数"},
	{"text_simhash", u64, opt, P1, ByHub, nil, "", "SimHash of the normalised redacted text", "文本指纹"},
	{"address_masked", utf8t, opt, P2, ByMapping, nil, "", "road and landmark, no house, unit or room", "地址(脱敏)"},
	{"address_std", utf8t, opt, P2, ByMapping, nil, "", "standard address, no house, unit or room", "标准地址"},
	{"lon", f64, opt, P2, ByHub, nil, "deg CGCS2000", "incident point only; null if unusable or the caller's", "经度"},
	{"lat", f64, opt, P2, ByHub, nil, "deg CGCS2000", "incident point only; null if unusable or the caller's", "纬度"},
	{"coord_src_x", f64, opt, P2, ByMapping, nil, "source", "x or longitude as received; null for a caller's position", "来源横坐标"},
	{"coord_src_y", f64, opt, P2, ByMapping, nil, "source", "y or latitude as received; null for a caller's position", "来源纵坐标"},
	{"coord_src_crs", Dict, opt, P2, ByMapping, nil, "", "cgcs2000, wgs84, gcj02, bd09ll, bd09mc, local:<id>, unknown", "来源坐标系"},
	{"coord_origin", Dict, req, P0, ByMapping, CoordOrigins, "", "what the point is the position of", "坐标来历"},
	{"coord_quality", Dict, req, P0, ByHub, CoordQualities, "", "whether the point is usable", "坐标质量"},
	{"coord_accuracy_m", f32, opt, P0, ByMapping, nil, "m", "accuracy of the point", "坐标精度"},
	{"county_code", Dict, opt, P0, ByMapping, nil, "6 digits", "county (GB/T 2260)", "区县代码"},
	{"town_code", Dict, opt, P0, ByMapping, nil, "9 digits", "street or town", "街道代码"},
	{"community_code", utf8t, opt, P0, ByMapping, nil, "12 digits", "community or village", "社区代码"},
	{"grid_id", utf8t, opt, P0, ByMapping, nil, "", "governance grid (GB/T 34300)", "责任网格"},
	{"unit_grid_code", utf8t, opt, P0, ByMapping, nil, "", "unit grid (GB/T 30428.1)", "单元网格"},
	{"area_method", Dict, req, P0, ByHub, AreaMethods, "", "how the area was found", "区域判定方式"},
	{"geohash6", utf8t, opt, P1, ByHub, nil, "", "coarse cell of the incident point, about 1.0 x 0.6 km at 32 N", "粗网格"},
	{"accept_org_code", Dict, opt, P0, ByMapping, nil, "", "accepting organisation", "受理单位"},
	{"owner_org_code", Dict, opt, P0, ByMapping, nil, "", "organisation in charge", "承办单位"},
	{"org_code_scheme", Dict, opt, P0, ByMapping, nil, "", "uscc18, police12 or local", "单位编码体系"},
	{"owner_org_name", Dict, opt, P0, ByMapping, nil, "", "name of the organisation in charge", "承办单位名称"},
	{"co_org_codes", strList, opt, P0, ByMapping, nil, "", "assisting organisations", "协办单位"},
	{"occurred_at", Timestamp, opt, P2, ByMapping, nil, "", "when it happened", "事发时间"},
	{"reported_at", Timestamp, req, P1, ByMapping, nil, "", "when it was reported", "上报时间"},
	{"accepted_at", Timestamp, opt, P1, ByMapping, nil, "", "accepted", "受理时间"},
	{"filed_at", Timestamp, opt, P1, ByMapping, nil, "", "filed as a case", "立案时间"},
	{"dispatched_at", Timestamp, opt, P1, ByMapping, nil, "", "dispatched", "派遣时间"},
	{"signed_at", Timestamp, opt, P1, ByMapping, nil, "", "signed for by the unit in charge", "签收时间"},
	{"arrived_at", Timestamp, opt, P1, ByMapping, nil, "", "arrived at the place", "到场时间"},
	{"contacted_at", Timestamp, opt, P1, ByMapping, nil, "", "reporter contacted", "联系群众时间"},
	{"resolved_at", Timestamp, opt, P1, ByMapping, nil, "", "handled, fed back", "处置完成时间"},
	{"checked_at", Timestamp, opt, P1, ByMapping, nil, "", "checked or called back", "核查时间"},
	{"closed_at", Timestamp, opt, P1, ByMapping, nil, "", "closed", "结案时间"},
	{"cancelled_at", Timestamp, opt, P1, ByMapping, nil, "", "cancelled", "作废时间"},
	{"due_at", Timestamp, opt, P1, ByMapping, nil, "", "deadline of handling", "处置截止时间"},
	{"due_bundle_at", Timestamp, opt, P1, ByMapping, nil, "", "bundled deadline", "捆绑截止时间"},
	{"respond_due_at", Timestamp, opt, P1, ByMapping, nil, "", "deadline of the first response", "首次响应截止时间"},
	{"sla_clock", Dict, opt, P0, ByMapping, SLAClocks, "", "clock of the deadline", "时限时钟"},
	{"sla_limit_min", i32, opt, P0, ByMapping, nil, "min", "limit on that clock", "时限"},
	{"extension_count", i16, opt, P0, ByMapping, nil, "count", "extensions granted", "延期次数"},
	{"extension_min", i32, opt, P0, ByMapping, nil, "min", "time granted by extensions", "延期时长"},
	{"suspended_min", i32, opt, P0, ByMapping, nil, "min", "time suspended", "缓办时长"},
	{"overtime_src", boolean, opt, P0, ByMapping, nil, "", "overtime as asserted by the source", "来源超时标识"},
	{"status", Dict, req, P0, ByMapping, Statuses, "", "status", "状态"},
	{"status_stage", i8, req, P0, ByHub, nil, "0-7", "the seven stages of digital urban management; 0 unknown", "阶段"},
	{"status_src_code", Dict, opt, P0, ByMapping, nil, "", "status code as received", "来源状态代码"},
	{"status_src_name", Dict, opt, P0, ByMapping, nil, "", "status name as received", "来源状态名称"},
	{"closure_type", Dict, opt, P0, ByMapping, ClosureTypes, "", "how it was closed", "结案类型"},
	{"result_code", Dict, opt, P0, ByMapping, ResultCodes, "", "result", "处理结果"},
	{"dispatch_count", i16, req, P0, ByMapping, nil, "count", "dispatches", "派遣次数"},
	{"return_count", i16, req, P0, ByMapping, nil, "count", "returns by the unit", "退单次数"},
	{"rework_count", i16, req, P0, ByMapping, nil, "count", "reworks", "返工次数"},
	{"urge_count", i16, req, P0, ByMapping, nil, "count", "urgings", "催办次数"},
	{"supervise_count", i16, req, P0, ByMapping, nil, "count", "supervisions", "督办次数"},
	{"satisfaction_service", i8, opt, P1, ByMapping, nil, "1-5", "satisfaction with the service; 5 is best", "服务满意度"},
	{"satisfaction_result", i8, opt, P1, ByMapping, nil, "1-5", "satisfaction with the result; 5 is best", "办理满意度"},
	{"survey_method", Dict, opt, P0, ByMapping, SurveyMethods, "", "how satisfaction was asked", "回访方式"},
	{"reporter_type", Dict, req, P1, ByMapping, ReporterTypes, "", "kind of reporter, never who", "上报人类别"},
	{"has_sensitive", boolean, req, P1, ByHub, nil, "", "minor, medical, sexual or domestic cue: restricted view", "敏感标识"},
	{"incident_id", utf8t, req, P1, ByLink, nil, "", "the real-world incident", "事件归并标识"},
	{"incident_role", Dict, req, P1, ByLink, IncidentRoles, "", "role of this record in its incident", "归并角色"},
	{"is_countable", boolean, req, P0, ByLink, nil, "", "counts once in statistics: one member of each incident", "计数标识"},
	{"source_updated_at", Timestamp, opt, P0, ByMapping, nil, "", "update time as given by the source", "来源更新时间"},
	{"first_seen_at", Timestamp, req, P0, ByStore, nil, "", "hub clock: first read", "首次接入时间"},
	{"ingested_at", Timestamp, req, P0, ByHub, nil, "", "hub clock: this state read", "接入时间"},
	{"content_hash", Hash, req, P1, ByHub, nil, "", "SHA-256 of the source-derived columns after redaction", "内容指纹"},
	{"source_state", Dict, req, P0, ByMapping, SourceStates, "", "where the source keeps the record now", "来源存续状态"},
	{"quality_flags", u64, req, P0, ByHub, nil, "bitset", "see Flag", "质量标识"},
	{"schema_ver", i16, req, P0, ByHub, nil, "", "version of this schema", "模式版本"},
	{"ext", Extras, opt, P1, ByMapping, nil, "", "allow-listed source extras only", "扩展"},
	{"purge_after", day, req, P0, ByHub, nil, "day", "last day of retention", "保留期至"},
}

var (
	byName = func() map[string]int {
		m := make(map[string]int, len(columns))
		for i := range columns {
			m[columns[i].Name] = i
		}
		return m
	}()
	schema = func() *arrow.Schema {
		fields := make([]arrow.Field, len(columns))
		for i, c := range columns {
			fields[i] = c.Field()
		}
		return arrow.NewSchema(fields, nil)
	}()
)

// Field is the column as an Arrow field. Nullability follows Required.
func (c Column) Field() arrow.Field {
	return arrow.Field{Name: c.Name, Type: c.Type, Nullable: !c.Required,
		Metadata: arrow.MetadataFrom(map[string]string{"privacy": c.Class.String()})}
}

// Columns returns the columns of the governance event in schema order. The slice is a copy.
func Columns() []Column { return append([]Column(nil), columns...) }

// Lookup returns the column called name.
func Lookup(name string) (Column, bool) {
	i, ok := byName[name]
	if !ok {
		return Column{}, false
	}
	return columns[i], true
}

// Index returns the position of a column in the schema, or -1.
func Index(name string) int {
	i, ok := byName[name]
	if !ok {
		return -1
	}
	return i
}

// Schema is the whole governance event as an Arrow schema. An event batch holds a subset of its fields in the same
// order: a column that is null for every row is left out, and the store writes NULL for it.
func Schema() *arrow.Schema { return schema }
