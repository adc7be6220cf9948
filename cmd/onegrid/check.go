package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"onegrid/catalog"
	"onegrid/internal/hub"
)

func (a *app) checkCmd() *cobra.Command {
	return &cobra.Command{
		Use:   "check",
		Short: "report every problem of the configuration with file and line · 检查配置",
		Long: "Reads the configuration folder and everything it names: catalog, sources, connections, mappings, schedules, keys. It opens no source\n" +
			"and no store, and reports all problems at once.\n\n检查全部配置并一次列出所有问题及行号;不连接来源,不打开数据库。",
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			_, res, err := hub.Check(a.config)
			if err != nil {
				return err
			}
			if err := a.emit(res, func() { a.printCheck(res) }); err != nil {
				return err
			}
			if !res.OK {
				return reported{errors.New("the configuration has problems"), exitConfig}
			}
			return nil
		},
	}
}

func (a *app) printCheck(res hub.CheckResult) {
	for _, p := range res.Problems {
		fmt.Fprintln(a.out, a.problem(p))
	}
	if res.OK {
		a.printf("ok: %d sources, %d mappings, no problem found", "通过:%d 个来源,%d 个映射,未发现问题", res.Sources, res.Mappings)
		return
	}
	a.printf("%d problems", "共 %d 个问题", len(res.Problems))
}

// problem is one finding as "file:line: path: message" with its hint below.
func (a *app) problem(p catalog.Problem) string {
	s := p.File
	if p.Line > 0 {
		s = fmt.Sprintf("%s:%d", p.File, p.Line)
	}
	s += ": "
	if p.Path != "" {
		s += p.Path + ": "
	}
	s += a.tr(p.Message, p.MessageZH)
	if hint := a.tr(p.Hint, p.HintZH); hint != "" {
		s += "\n    " + a.tr("try: ", "建议:") + hint
	}
	return s
}
