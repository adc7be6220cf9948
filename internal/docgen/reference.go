package docgen

import (
	"fmt"
	"strings"

	"onegrid/catalog"
	"onegrid/connectors"
)

// Reference is docs/config-reference.md: onegrid.yaml, the source file, and the connection of every kind of reg.
func Reference(reg *connectors.Registry) string {
	var b strings.Builder
	b.WriteString(`# Configuration reference · 配置参考

Generated from the code by ` + "`go test ./internal/docgen -update`" + `; a stale page fails the tests. 本文件由代码生成,过期则测试失败。

A configuration folder holds ` + "`onegrid.yaml`, `sources/<id>.yaml`, `mappings/*.yaml` ([mapping reference](mapping-reference.md)) and `catalog/`" + `.
An unknown key is an error, and ` + "`onegrid check`" + ` reports all of them at once with file and line.

- ` + "`${NAME}`" + ` in a value is replaced by the environment variable. It never changes the structure of the file.
- A secret is a reference, never a value: ` + "`env:NAME`, `file:path` (mode 0400 or 0600) or `systemd:name`" + `.
- A duration is ` + "`90s`, `15m`, `36h`, `30d`" + `; in a connection days are not known: write hours. A size is ` + "`200MB` or `64MiB`" + `.
- Paths resolve against the file that they stand in; those of a connection against the configuration folder.
- ` + "`[]`" + ` marks the items of a list, ` + "`<name>`" + ` a key that you choose.

说明:未知键报错;密钥只写引用(env:、file:、systemd:);时长如 90s、15m、36h、30d(连接器设置中不支持 d);相对路径以所在文件为准,连接器设置以配置目录为准。
`)
	hub, source := catalog.DefaultHub(), catalog.DefaultSource()
	section(&b, "onegrid.yaml", "the hub itself · 系统设置", Keys(&hub))
	section(&b, "sources/&lt;id&gt;.yaml", "one feed of one department system · 来源", Keys(&source))
	for _, k := range reg.Kinds() {
		section(&b, "connection of kind "+k.Name, k.Doc+" · "+k.DocZH, Keys(k.Defaults))
	}
	return b.String()
}

func section(b *strings.Builder, title, about string, keys []Key) {
	fmt.Fprintf(b, "\n## %s\n\n%s\n\n| key | type | default | meaning | 含义 |\n|---|---|---|---|---|\n", title, about)
	for _, k := range keys {
		def := ""
		if k.Default != "" {
			def = "`" + k.Default + "`"
		}
		fmt.Fprintf(b, "| `%s` | %s | %s | %s | %s |\n", k.Path, k.Type, cell(def), cell(k.Doc), cell(k.DocZH))
	}
}

// cell keeps a text inside its table cell.
func cell(s string) string {
	return strings.NewReplacer("|", `\|`, "\n", " ", "<", "&lt;", ">", "&gt;").Replace(s)
}
