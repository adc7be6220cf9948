package main

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

var updateDocs = flag.Bool("update", false, "write docs/cli.md")

// TestCommandReference holds docs/cli.md against the commands themselves.
func TestCommandReference(t *testing.T) {
	t.Setenv("LC_ALL", "C") // both show in the defaults
	t.Setenv("ONEGRID_CONFIG", "")
	root := (&app{}).root()
	var b bytes.Buffer
	b.WriteString("# Command reference · 命令参考\n\nGenerated from the code by `go test -tags duckdb_arrow ./cmd/onegrid -run CommandReference -update`; a stale page fails the tests.\n" +
		"本文件由代码生成,过期则测试失败。\n\nExit codes: 0 done, 1 a run or an answer failed, 2 wrong call or configuration, 3 environment.\n" +
		"退出码:0 成功,1 运行或查询失败,2 调用或配置错误,3 环境问题。\n\n## Flags of every verb · 通用参数\n\n```\n" + root.PersistentFlags().FlagUsages() + "```\n")
	describe(&b, root)
	path := filepath.Join("..", "..", "docs", "cli.md")
	if *updateDocs {
		if err := os.WriteFile(path, b.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, b.Bytes()) {
		t.Error("docs/cli.md is stale: go test -tags duckdb_arrow ./cmd/onegrid -run CommandReference -update")
	}
}

// describe writes the verbs below cmd in the order of the help.
func describe(b *bytes.Buffer, cmd *cobra.Command) {
	for _, c := range cmd.Commands() {
		if c.Name() == "help" || c.Name() == "completion" || c.Hidden {
			continue
		}
		if !c.HasSubCommands() || c.Long != "" { // a mere group does nothing itself
			text := c.Long
			if text == "" {
				text = c.Short
			}
			fmt.Fprintf(b, "\n## %s\n\n```\n%s\n```\n\n%s\n", strings.TrimPrefix(c.CommandPath(), "onegrid "), c.UseLine(), text)
			if flags := c.LocalFlags().FlagUsages(); flags != "" {
				fmt.Fprintf(b, "\n```\n%s```\n", flags)
			}
		}
		describe(b, c)
	}
}
