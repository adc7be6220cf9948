package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"onegrid/internal/surface"
	"onegrid/query"
	"onegrid/query/identity"
)

// users opens the directory of users for one verb.
func (a *app) users(run func(d *identity.Directory) error) error {
	c, data, err := a.loadConfig()
	if err != nil {
		return err
	}
	log, err := a.logger("warn", "text")
	if err != nil {
		return usageError{err}
	}
	d, err := surface.Users(c, data, log)
	if err != nil {
		return err
	}
	err = errors.Join(run(d), d.Close())
	if errors.Is(err, identity.ErrInvalid) || errors.Is(err, identity.ErrExists) || errors.Is(err, identity.ErrNotFound) {
		return usageError{err}
	}
	return err
}

func (a *app) userCmd() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "user",
		Short: "who may use the query surface · 查询用户",
		Long: "Local users of the query surface and their service tokens. Works beside a running server, which takes changes up at once.\n" +
			"Roles: viewer, analyst, sensitive-analyst, steward, auditor, admin.\n\n管理查询接口的本地用户与服务令牌。",
	}
	var role, org string
	var ask bool
	add := &cobra.Command{
		Use: "add NAME", Short: "add a user; prints a one-time password · 新增用户", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.users(func(d *identity.Directory) error {
				n := identity.NewUser{Name: args[0], Role: query.Role(role), Org: org}
				if ask {
					line, err := bufio.NewReader(io.LimitReader(a.in, 4096)).ReadString('\n')
					if err != nil && line == "" {
						return err
					}
					n.Password = strings.TrimRight(line, "\r\n")
				}
				secret, err := d.Add(cmd.Context(), defaultActor(), n)
				if err != nil {
					return err
				}
				return a.emit(map[string]any{"user": n.Name, "role": role, "one_time_password": secret}, func() {
					if secret != "" {
						a.printf("user %s added. One-time password, to be changed at the first login (POST /v1/password): %s", "已新增用户 %s。一次性口令(首次登录须修改,POST /v1/password):%s", n.Name, secret)
					} else {
						a.printf("user %s added", "已新增用户 %s", n.Name)
					}
				})
			})
		},
	}
	add.Flags().StringVar(&role, "role", "analyst", "role · 角色")
	add.Flags().StringVar(&org, "org", "", "organisation code, for the area · 组织代码")
	add.Flags().BoolVar(&ask, "password-stdin", false, "read the password from standard input · 从标准输入读取口令")
	list := &cobra.Command{
		Use: "list", Short: "users, roles, scopes and tokens · 用户列表", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.users(func(d *identity.Directory) error {
				us, err := d.List(cmd.Context())
				if err != nil {
					return err
				}
				return a.emit(us, func() {
					t := a.table(a.tr("user", "用户"), a.tr("role", "角色"), a.tr("scope", "范围"), a.tr("state", "状态"), a.tr("tokens", "令牌"))
					for _, u := range us {
						state := a.tr("active", "正常")
						switch {
						case u.Disabled:
							state = a.tr("disabled", "已停用")
						case u.MustChange:
							state = a.tr("must change the password", "须修改口令")
						}
						live := 0
						for _, k := range u.Tokens {
							if !k.Revoked && time.Now().Before(k.Expires) {
								live++
							}
						}
						t.row(u.Name, u.Role, u.Scope.String(), state, live)
					}
					t.flush()
				})
			})
		},
	}
	passwd := &cobra.Command{
		Use: "passwd NAME", Short: "give a user a new one-time password · 重置口令", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.users(func(d *identity.Directory) error {
				secret, err := d.SetPassword(cmd.Context(), defaultActor(), args[0], "")
				if err != nil {
					return err
				}
				return a.emit(map[string]any{"user": args[0], "one_time_password": secret}, func() { a.printf("one-time password: %s", "一次性口令:%s", secret) })
			})
		},
	}
	var enable bool
	disable := &cobra.Command{
		Use: "disable NAME", Short: "keep a user out; --enable lets it in again · 停用用户", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.users(func(d *identity.Directory) error {
				return d.Disable(cmd.Context(), defaultActor(), args[0], !enable)
			})
		},
	}
	disable.Flags().BoolVar(&enable, "enable", false, "enable again · 重新启用")
	var days int
	var tier, area string
	token := &cobra.Command{
		Use: "token USER NAME", Short: "issue a service token; it is shown once · 签发服务令牌", Args: cobra.ExactArgs(2),
		Long: "Issues a service token for a program, such as a BI server. It is shown once. HTTP: Authorization: Bearer TOKEN. PostgreSQL clients:\nuser USER/NAME, password TOKEN.\n\n为程序签发服务令牌,仅显示一次。",
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.users(func(d *identity.Directory) error {
				secret, t, err := d.IssueToken(cmd.Context(), defaultActor(), identity.NewToken{Owner: args[0], Name: args[1], For: time.Duration(days) * 24 * time.Hour, Tier: query.Tier(tier), Area: area})
				if err != nil {
					return err
				}
				return a.emit(map[string]any{"token": secret, "id": t.ID, "expires": t.Expires, "scope": t.Scope.String()}, func() {
					fmt.Fprintln(a.out, secret)
					a.printf("scope %s, expires %s", "范围 %s,有效期至 %s", t.Scope.String(), t.Expires.In(eventZone).Format(time.DateOnly))
				})
			})
		},
	}
	token.Flags().IntVar(&days, "days", 90, "days until it expires, at most 366 · 有效天数")
	token.Flags().StringVar(&tier, "tier", "", "narrow to this tier · 限定级别")
	token.Flags().StringVar(&area, "area", "", "narrow to this county code · 限定区县")
	revoke := &cobra.Command{
		Use: "revoke USER TOKEN", Short: "end a service token, by name or id · 吊销令牌", Args: cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.users(func(d *identity.Directory) error { return d.Revoke(cmd.Context(), defaultActor(), args[0], args[1]) })
		},
	}
	cmd.AddCommand(add, list, passwd, disable, token, revoke)
	return cmd
}
