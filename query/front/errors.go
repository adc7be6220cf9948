package front

import (
	"errors"
	"fmt"

	"onegrid/query"
)

func errRole(role query.Role) *query.Error {
	return &query.Error{
		Code: query.Forbidden, Rule: "role", Message: fmt.Sprintf("the role %s cannot query", role), ZH: fmt.Sprintf("角色 %s 无权查询", role),
		Hint: "use an account with a role that can", HintZH: "请使用有查询权限的账号",
	}
}

func errTier() *query.Error {
	return &query.Error{
		Code: query.Forbidden, Rule: "tier", Message: "this role cannot read the sensitive tier", ZH: "该角色无权读取敏感层数据",
		Hint: "ask for the role sensitive-analyst", HintZH: "请申请敏感数据分析角色",
	}
}

func errScope(org string) *query.Error {
	return &query.Error{
		Code: query.Forbidden, Rule: "scope", Message: fmt.Sprintf("the organisation %q has no area", org), ZH: fmt.Sprintf("机构 %q 未分配数据范围", org),
		Hint: "an administrator adds the organisation to the file of organisations", HintZH: "请联系管理员在机构范围文件中登记该机构",
	}
}

func errViewer() *query.Error {
	return &query.Error{
		Code: query.Forbidden, Rule: "viewer", Message: "the role viewer asks the shipped questions only", ZH: "查看者角色只能使用预置查询",
		Hint: "GET /v1/queries lists them; ask for the role analyst to write SQL", HintZH: "预置查询见 GET /v1/queries;如需自写 SQL,请申请分析角色",
	}
}

func errLong(limit int) *query.Error {
	return &query.Error{
		Code: query.TooLarge, Rule: "sql_bytes", Message: fmt.Sprintf("the statement is longer than %d bytes", limit), ZH: fmt.Sprintf("语句超过 %d 字节", limit),
		Hint: "bind long lists as parameters, or join with a table", HintZH: "长列表请改用绑定参数或表连接",
	}
}

func errParams(limit int) *query.Error {
	return &query.Error{
		Code: query.TooLarge, Rule: "params", Message: fmt.Sprintf("more than %d parameters", limit), ZH: fmt.Sprintf("参数超过 %d 个", limit),
		Hint: "bind fewer parameters", HintZH: "请减少参数个数",
	}
}

func errRate() *query.Error {
	return &query.Error{
		Code: query.RateLimited, Rule: "rate", Message: "too many statements in a short time", ZH: "短时间内查询次数过多",
		Hint: "wait a second; a dashboard can ask less often, because answers change only with the generation", HintZH: "请稍后再试;数据仅随版本更新,可降低刷新频率",
	}
}

func errQueue(limit int) *query.Error {
	return &query.Error{
		Code: query.Busy, Rule: "concurrent", Message: fmt.Sprintf("%d of your statements run and %d more are waiting", limit, limit), ZH: "您的查询正在排队,已达上限",
		Hint: "let them finish or cancel some", HintZH: "请等待完成或取消部分查询",
	}
}

func errWaited() *query.Error {
	return &query.Error{
		Code: query.Timeout, Rule: "waiting", Message: "the statement waited for your other statements until its time was over", ZH: "等待您的其他查询超时",
		Hint: "run fewer statements at a time", HintZH: "请减少同时运行的查询",
	}
}

func errGone() *query.Error {
	return &query.Error{Code: query.Cancelled, Message: "the statement was cancelled", ZH: "查询已取消"}
}

func errAudit(cause error) *query.Error {
	return &query.Error{
		Code: query.Unavailable, Rule: "audit", Message: "the audit log cannot be written, so nothing is answered", ZH: "审计日志无法写入,暂停查询",
		Hint: "tell an administrator: the disk of the audit log may be full", HintZH: "请联系管理员检查审计日志所在磁盘", Cause: cause,
	}
}

func errInternal(cause error) *query.Error {
	return &query.Error{
		Code: query.Internal, Message: "the statement failed inside the query service", ZH: "查询服务内部错误",
		Hint: "try again; the log of the server says why, under this query id", HintZH: "请重试;服务日志中可按查询编号查到原因", Cause: cause,
	}
}

// asError is any error as one that a client may see; the caller owns the copy.
func asError(err error, id string) *query.Error {
	var e *query.Error
	if !errors.As(err, &e) {
		e = errInternal(err)
	}
	out := *e
	out.QueryID = id
	return &out
}
