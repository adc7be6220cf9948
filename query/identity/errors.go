package identity

import (
	"errors"
	"fmt"
	"time"

	"onegrid/query"
)

var (
	// ErrConfig means that the configuration or the organisation file is wrong.
	ErrConfig = errors.New("identity configuration")
	// ErrNotFound means that there is no such user or token; only the management calls say so, never a login.
	ErrNotFound = errors.New("not found")
	// ErrExists means that the name is taken.
	ErrExists = errors.New("already exists")
	// ErrInvalid means that a name, password, role or scope breaks a rule.
	ErrInvalid = errors.New("invalid")
	// ErrMustChange means that the password is a one-time secret and has to be changed first; inside the *query.Error
	// (errors.Is) of a login that was right otherwise.
	ErrMustChange = errors.New("the password must be changed")
)

// errDenied is the one answer to every wrong proof: it does not say what was wrong.
func errDenied() *query.Error {
	return &query.Error{
		Code: query.Unauthenticated, Message: "user name, password or token is wrong, expired or disabled",
		ZH:   "用户名、密码或令牌错误、已过期或已停用",
		Hint: "check name and password, or ask an administrator (onegrid user list)", HintZH: "请核对用户名和密码,或联系管理员",
	}
}

func errLocked(wait time.Duration) *query.Error {
	s := max(1, int(wait.Round(time.Second)/time.Second))
	return &query.Error{
		Code: query.RateLimited, Message: fmt.Sprintf("too many failed logins; wait %d s", s),
		ZH:   fmt.Sprintf("登录失败次数过多,请 %d 秒后重试", s),
		Hint: "wait, then log in with the right password", HintZH: "请稍候再用正确的密码登录",
	}
}

func errMustChange() *query.Error {
	return &query.Error{
		Code: query.Forbidden, Rule: "password_change", Message: "this is a one-time password; change it first",
		ZH:   "一次性密码,请先修改密码",
		Hint: "POST /v1/password with user, old and new, or: onegrid user passwd NAME", HintZH: "请先调用 POST /v1/password,或执行 onegrid user passwd 用户名",
		Cause: ErrMustChange,
	}
}

func errUnavailable(cause error) *query.Error {
	return &query.Error{
		Code: query.Unavailable, Message: "logins cannot be checked or recorded at the moment",
		ZH: "暂时无法验证或记录登录", Hint: "tell an administrator; the log of the server says why", HintZH: "请联系管理员查看服务日志",
		Cause: cause,
	}
}
