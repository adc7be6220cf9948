package catalog

import "strings"

// chinese puts the findings of Validate, which connectors.Problem carries in English only, into Chinese. "" where there
// is no translation.
func chinese(msg string) string {
	switch msg {
	case "not a known time zone":
		return "未知的时区"
	case "must name a folder":
		return "必须指定目录"
	case "a county code has 6 digits":
		return "区县代码应为 6 位数字"
	case "an anchor needs crs, x, y, lon and lat":
		return "校验点需要 crs、x、y、lon、lat"
	case "an id is lower-case letters, digits and _", "must be lower-case letters, digits and _, at most 48, starting with a letter":
		return "标识应以小写字母开头, 仅含小写字母、数字和下划线, 不超过 48 个字符"
	case "central_meridian must be degrees and scale positive":
		return "中央子午线应为度数, 比例应为正数"
	case "this is a private key: the hub must only have the public one":
		return "这是私钥: 本机只应保存公钥"
	case "not an age recipient":
		return "不是 age 公钥"
	case "must be host:port":
		return "应为 主机:端口"
	case "is too small":
		return "值过小"
	case "must be min lon, min lat, max lon, max lat in degrees":
		return "应为 最小经度, 最小纬度, 最大经度, 最大纬度 (度)"
	case "must name a connector kind":
		return "必须指定连接器类型"
	case "must hold the connector's settings":
		return "必须填写连接器设置"
	case "must name a mapping file":
		return "必须指定映射文件"
	case "cron and every exclude each other":
		return "cron 与 every 只能二选一"
	case "must be from 0 to 100":
		return "应在 0 与 100 之间"
	case "a point is x, y":
		return "点应为 x, y"
	case "must be a date such as 2026-01-31":
		return "日期格式应为 2026-01-31"
	case "this expression never comes due":
		return "该表达式永远不会触发"
	case "a zone inside the expression is not allowed: zone in onegrid.yaml applies":
		return "表达式中不允许写时区, 以 onegrid.yaml 的 zone 为准"
	case "needs a duration such as 90s, 15m, 36h or 30d":
		return "应为时长, 如 90s、15m、36h、30d"
	case "needs a size such as 200MB or 64MiB":
		return "应为大小, 如 200MB、64MiB"
	}
	switch {
	case strings.HasSuffix(msg, " is not allowed"):
		return "取值不在允许范围内"
	case strings.HasPrefix(msg, "not a cron expression"):
		return "不是有效的 cron 表达式"
	case strings.HasPrefix(msg, "vault:"):
		return "不支持 vault: 引用; 请由代理写入文件并用 file: 引用"
	case strings.HasPrefix(msg, "a secret is named as"), strings.HasPrefix(msg, "env: needs"), strings.HasPrefix(msg, "systemd: needs"):
		return "密钥须以 env:名称、file:路径或 systemd:名称 引用, 不得写入配置文件"
	}
	return ""
}
