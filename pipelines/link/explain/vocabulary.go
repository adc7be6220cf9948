package explain

import "fmt"

// vocabulary is the words of one language.
type vocabulary map[string]string

// of is the word for a key; an unknown key stands for itself behind its prefix, so that a class of the deployer's own is
// shown by its name.
func (v vocabulary) of(key string) string {
	if w, ok := v[key]; ok {
		return w
	}
	for _, prefix := range []string{"class_", "policy_", "band_", "code_", "guard_", "type_"} {
		if len(key) > len(prefix) && key[:len(prefix)] == prefix {
			return key[len(prefix):]
		}
	}
	return key
}

func (v vocabulary) evidence(e Evidence) string {
	return fmt.Sprintf("%s (%s)", v.of("code_"+e.Code), v.of("type_"+e.Type))
}

func (v vocabulary) guard(g Guard) string {
	name := v.of("guard_" + g.Name)
	switch g.Unit {
	case "share":
		return fmt.Sprintf("%s %.0f %% / %.0f %%", name, 100*g.Got, 100*g.Max)
	case "":
		return name
	}
	return fmt.Sprintf("%s %.4g %s / %.4g %s", name, g.Got, g.Unit, g.Max, g.Unit)
}

func wordsOf(l Lang) vocabulary {
	if l == ZH {
		return chinese()
	}
	return english()
}

func english() vocabulary {
	return vocabulary{
		"certain": "Certain", "prior": "prior", "bits": "bits", "probability": "probability", "stop": ".", "nothing": "Nothing known about",
		"class": "Class", "refused": "Refused", "same": "One incident", "apart": "Two incidents", "total": "total",
		"must_link": "A person decided: the same", "cannot_link": "A person decided: not the same",
		"band_link": "link", "band_review": "for review", "band_drop": "no link",
		"policy_auto": "linked by weight", "policy_review": "a person decides", "policy_never": "never linked by weight",
		"class_point": "one thing at one point", "class_address": "trouble at an address", "class_object": "movable object", "class_person": "person",
		"class_police": "police", "class_passing": "passing trouble", "class_rescue": "rescue", "class_private": "private matter", "class_unknown": "matter unknown",
		"code_parent_field": "the source names the parent record", "code_upstream_field": "handed over, with the number", "code_upstream_field_again": "handed over once more",
		"code_quoted_call_110": "the text quotes a 110 call", "code_quoted_hotline_12345": "the text quotes a 12345 ticket", "code_quoted_task": "the text quotes a task number",
		"code_quoted_request_311": "the text quotes a request", "code_quoted_named": "the text quotes a record", "code_same_text": "the same text",
		"code_same_text_contact": "the same text from the same contact",
		"type_followup_of":       "follow-up", "type_transferred_from": "hand-over", "type_child_of": "child record", "type_duplicate_of": "duplicate", "type_repeat_contact": "repeated contact", "type_related": "related",
		"guard_support": "too few cross pairs agree", "guard_diameter": "too far apart", "guard_span": "too long", "guard_cannot_link": "a person said no", "guard_class": "the class is left to a person",
	}
}

func chinese() vocabulary {
	return vocabulary{
		"certain": "确定关联", "prior": "先验", "bits": "比特", "probability": "概率", "stop": "。", "nothing": "无从比较",
		"class": "类型", "refused": "未归并", "same": "同一事件", "apart": "两个事件", "total": "合计",
		"must_link": "人工认定: 同一事件", "cannot_link": "人工认定: 不是同一事件",
		"band_link": "归并", "band_review": "待人工复核", "band_drop": "不归并",
		"policy_auto": "按权重自动归并", "policy_review": "由人工决定", "policy_never": "不按权重归并",
		"class_point": "定点设施", "class_address": "地址类问题", "class_object": "可移动物", "class_person": "涉人", "class_police": "警情",
		"class_passing": "即时状况", "class_rescue": "抢险救援", "class_private": "个人事项", "class_unknown": "类别不明",
		"code_parent_field": "来源标明父件", "code_upstream_field": "转办并附编号", "code_upstream_field_again": "再次转办", "code_quoted_call_110": "文中引用110警情编号",
		"code_quoted_hotline_12345": "文中引用12345工单编号", "code_quoted_task": "文中引用任务号", "code_quoted_request_311": "文中引用请求编号", "code_quoted_named": "文中引用记录编号",
		"code_same_text": "文字相同", "code_same_text_contact": "同一联系方式且文字相同",
		"type_followup_of": "跟进", "type_transferred_from": "转办", "type_child_of": "子件", "type_duplicate_of": "重复件", "type_repeat_contact": "重复来电", "type_related": "相关",
		"guard_support": "支持的交叉对不足", "guard_diameter": "范围过大", "guard_span": "时间跨度过长", "guard_cannot_link": "人工认定不同", "guard_class": "该类由人工决定",
	}
}
