package feature

import "sync"

// nameEnds returns the words that follow a name without being part of it.
var nameEnds = sync.OnceValue(func() [][]rune {
	var out [][]rune
	for _, w := range []string{"小区", "社区", "的", "业主", "附近", "旁", "门口", "对面", "物业", "楼下", "内", "里", "东", "西", "南", "北", "一期", "二期", "三期", "四期",
		"五期", "第", "期", "栋", "幢", "号", "门前", "路口", "与", "和", "至", "到", "在", "是", "有", "处", "这", "开发商", "项目", "楼盘", "底商", "商铺", "商户", "周边",
		"居民", "住户", "售楼", "前", "后", "外", "地下", "停车", "电梯", "车库", "大门", "旁边", "施工", "工地", "占道", "噪音", "垃圾"} {
		out = append(out, []rune(w))
	}
	return out
})
