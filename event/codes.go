package event

import "slices"

// Code is one value of a code list with its label in both languages.
type Code struct {
	Value  string
	Doc    string
	DocZH  string
	Status *StatusInfo // only in Statuses
}

// CodeList is a closed list of values of a dictionary column. Unknown is the value that an unmapped source code
// becomes, "" where the column is nullable and stays null.
type CodeList struct {
	Name    string
	Codes   []Code
	Unknown string
}

// Has reports whether value is in the list.
func (l *CodeList) Has(value string) bool {
	return slices.ContainsFunc(l.Codes, func(c Code) bool { return c.Value == value })
}

// Values returns the values in order.
func (l *CodeList) Values() []string {
	out := make([]string, len(l.Codes))
	for i, c := range l.Codes {
		out[i] = c.Value
	}
	return out
}

// Get returns the code with that value.
func (l *CodeList) Get(value string) (Code, bool) {
	for _, c := range l.Codes {
		if c.Value == value {
			return c, true
		}
	}
	return Code{}, false
}

func list(name, unknown string, vs ...string) *CodeList {
	l := &CodeList{Name: name, Unknown: unknown}
	for i := 0; i+1 < len(vs); i += 2 {
		l.Codes = append(l.Codes, Code{Value: vs[i], Doc: vs[i], DocZH: vs[i+1]})
	}
	return l
}

// The code lists of the event model.
var (
	SourceKinds = list("source_kind", "other", "police_110", "公安110", "hotline_12345", "12345热线", "urban_mgmt", "数字城管",
		"grid", "网格上报", "petition", "信访", "emergency", "应急", "sensor", "物联感知", "other", "其他")
	RecordPurposes = list("record_purpose", "actual", "actual", "实际", "exercise", "演练", "test", "测试")
	Validities     = list("validity", "unknown", "valid", "有效", "invalid", "无效", "unknown", "未知")
	EventKinds     = list("event_kind", "other", "consult", "咨询", "help", "求助", "complaint", "投诉", "tipoff", "举报", "suggestion", "建议",
		"praise", "表扬", "alarm", "报警", "finding", "巡查发现", "alert", "预警", "dispute", "纠纷", "other", "其他")
	Channels = list("channel", "unknown", "phone", "电话", "sms", "短信", "app", "APP", "web", "网站", "wechat", "微信", "mail", "邮件",
		"visit", "来访", "patrol", "巡查", "video", "视频", "sensor", "感知设备", "transfer", "转办", "unknown", "未知")
	CategoryMethods = list("category_map_method", "default", "exact", "精确", "prefix", "前缀", "rule", "规则", "keyword", "关键词",
		"manual", "人工", "default", "默认")
	Urgencies    = list("urgency", "unknown", "immediate", "特急", "urgent", "紧急", "normal", "一般", "unknown", "未知")
	CoordOrigins = list("coord_origin", "none", "incident", "事发点", "caller", "报警人位置", "geocoded", "地址解析",
		"grid_centroid", "网格中心", "manual", "手动定位", "none", "无")
	CoordQualities = list("coord_quality", "missing", "ok", "可用", "missing", "缺失", "zero", "零值", "swapped", "经纬颠倒",
		"out_of_area", "超出辖区", "low_precision", "精度不足", "default_point", "默认点")
	AreaMethods  = list("area_method", "none", "source", "来源代码", "polygon", "面内判定", "nearest", "就近", "address", "地址", "none", "未判定")
	SLAClocks    = list("sla_clock", "", "calendar", "自然时", "working", "工作时", "urgent", "紧急工作时")
	ClosureTypes = list("closure_type", "", "normal", "正常结案", "overtime", "超时结案", "error", "差错结案", "special", "特殊结案",
		"answered_on_call", "直接答复", "self_handled", "自处置")
	ResultCodes = list("result_code", "", "solved", "已解决", "partly", "部分解决", "unsolved", "未解决", "explained", "已解释",
		"unfounded", "不属实", "out_of_scope", "超职责", "duplicate", "重复", "unreachable", "联系不上")
	SurveyMethods = list("survey_method", "", "call", "电话回访", "sms", "短信回访", "self", "自主评价", "none", "未回访")
	ReporterTypes = list("reporter_type", "unknown", "individual", "个人", "organisation", "单位", "inspector", "监督员", "official", "工作人员",
		"device", "设备", "anonymous", "匿名", "unknown", "未知")
	IncidentRoles = list("incident_role", "single", "primary", "主件", "duplicate", "重复件", "followup", "后续", "transfer", "转办件",
		"related", "相关件", "single", "单件")
	SourceStates = list("source_state", "live", "live", "在用", "archived", "已归档", "vanished", "已消失", "tombstoned", "已标记删除")
)

// CodeLists returns every code list of the model, in schema order.
func CodeLists() []*CodeList {
	var out []*CodeList
	for _, c := range columns {
		if c.Codes != nil && !slices.Contains(out, c.Codes) {
			out = append(out, c.Codes)
		}
	}
	return out
}
