package event

import (
	"math/bits"
	"slices"
	"strings"
)

// Flag is one bit of quality_flags. A flag marks a value, it never changes one.
type Flag uint64

// The bits are stored: their order must not change, new ones go to the end.
const (
	Time12H Flag = 1 << iota
	TimeSkew
	TimeOrder
	TimeFuture
	TimeSentinel
	IDFormat
	IDTimeMismatch
	CoordZero
	CoordSwapped
	CoordOutOfArea
	CoordLowPrecision
	CRSSuspect
	AreaConflict
	CodeUnmapped
	CodeDuplicateInTable
	StatusUnmapped
	CategoryChanged
	EncodingReplaced
	ColumnShift
	HeaderDrift
	PIIInText
	Vanished
	ReopenedFlag
	DueMissing
	TimeUnparsed
	NumberUnparsed
	AreaNearest
	CodeUnknownArea
)

// FlagInfo names a flag in both languages.
type FlagInfo struct {
	Flag  Flag
	Name  string
	Doc   string
	DocZH string
}

var flagInfos = []FlagInfo{
	{Time12H, "TIME_12H", "hour lost its AM/PM against the time in the id", "十二小时制错位"},
	{TimeSkew, "TIME_SKEW", "clock differs from the time in the id by more than the tolerance", "时钟偏差"},
	{TimeOrder, "TIME_ORDER", "life-cycle times are out of order", "时间顺序异常"},
	{TimeFuture, "TIME_FUTURE", "a time lies more than 10 minutes after reading", "未来时间"},
	{TimeSentinel, "TIME_SENTINEL", "a placeholder date was read as null", "占位日期"},
	{IDFormat, "ID_FORMAT", "the record number has not the declared shape", "编号格式异常"},
	{IDTimeMismatch, "ID_TIME_MISMATCH", "the time in the id is another day than reported_at", "编号时间不符"},
	{CoordZero, "COORD_ZERO", "0,0 stands for a missing point", "坐标零值"},
	{CoordSwapped, "COORD_SWAPPED", "longitude and latitude stood in each other's place", "经纬颠倒"},
	{CoordOutOfArea, "COORD_OUT_OF_AREA", "the point lies outside the declared area", "坐标超出辖区"},
	{CoordLowPrecision, "COORD_LOW_PRECISION", "too few decimals to place the point in a grid", "坐标精度不足"},
	{CRSSuspect, "CRS_SUSPECT", "values do not look like the declared coordinate system", "坐标系存疑"},
	{AreaConflict, "AREA_CONFLICT", "source area code and polygon disagree", "区域冲突"},
	{CodeUnmapped, "CODE_UNMAPPED", "a source code has no entry in its code list", "代码未映射"},
	{CodeDuplicateInTable, "CODE_DUPLICATE_IN_TABLE", "the code stands twice in its table", "代码表重复"},
	{StatusUnmapped, "STATUS_UNMAPPED", "the source status has no entry in its crosswalk", "状态未映射"},
	{CategoryChanged, "CATEGORY_CHANGED", "category at closure differs from intake", "分类变更"},
	{EncodingReplaced, "ENCODING_REPLACED", "text holds replacement or private-use characters", "乱码"},
	{ColumnShift, "COLUMN_SHIFT", "values look shifted by a column", "列错位"},
	{HeaderDrift, "HEADER_DRIFT", "columns were renamed, added or lost", "表头变化"},
	{PIIInText, "PII_IN_TEXT", "personal data was redacted from the text", "文本含个人信息"},
	{Vanished, "VANISHED", "the source no longer delivers the record", "来源已消失"},
	{ReopenedFlag, "REOPENED", "a closed record was opened again", "重新打开"},
	{DueMissing, "DUE_MISSING", "a dispatched record has no deadline", "缺少时限"},
	{TimeUnparsed, "TIME_UNPARSED", "an optional time did not match any layout and was read as null", "时间无法解析"},
	{NumberUnparsed, "NUMBER_UNPARSED", "an optional number could not be read and is null", "数值无法解析"},
	{AreaNearest, "AREA_NEAREST", "the area is the nearest one, the point lies in none", "就近判定区域"},
	{CodeUnknownArea, "AREA_UNKNOWN", "the area code is not in the catalog", "区域代码不存在"},
}

// Flags returns all flags in bit order.
func Flags() []FlagInfo { return slices.Clone(flagInfos) }

// Names returns the names of the set bits in bit order.
func (f Flag) Names() []string {
	var out []string
	for v := uint64(f); v != 0; v &= v - 1 {
		if i := bits.TrailingZeros64(v); i < len(flagInfos) {
			out = append(out, flagInfos[i].Name)
		}
	}
	return out
}

func (f Flag) String() string { return strings.Join(f.Names(), "|") }
