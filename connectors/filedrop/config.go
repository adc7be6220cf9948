package filedrop

import (
	"fmt"
	"path"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"onegrid/connectors"
)

// Config is the settings of one dropped folder.
type Config struct {
	Dir      string        `yaml:"dir" doc:"Folder to read. A relative path is taken from the configuration's folder. Nothing outside of it is ever opened." doczh:"要读取的文件夹；相对路径以配置所在文件夹为准；绝不打开文件夹之外的任何内容。"`
	Patterns []string      `yaml:"patterns" doc:"File name patterns (* ? [a-z]), with / for subfolders. Each pattern is a stream of its own. Names that begin with a dot or ~$ are ignored." doczh:"文件名通配符（* ? [a-z]），子文件夹用 /；每个通配符是一个数据流；以点或 ~$ 开头的文件被忽略。"`
	Format   string        `yaml:"format" doc:"auto (by extension), csv, tsv, fixed, json, jsonl, xlsx, xml or parquet. Inside gz and zip the inner name decides." doczh:"auto（按扩展名）、csv、tsv、fixed、json、jsonl、xlsx、xml 或 parquet；gz、zip 内按内部文件名判断。"`
	Encoding string        `yaml:"encoding" doc:"auto (byte order mark, then strict UTF-8, then GB18030), utf-8, gb18030, utf-16le or utf-16be." doczh:"auto（先看字节序标记，再严格 UTF-8，再 GB18030）、utf-8、gb18030、utf-16le 或 utf-16be。"`
	Required []string      `yaml:"required" doc:"Columns that every file must have; a file without them is set aside whole. They also find the header row of a worksheet." doczh:"每个文件必须有的列；缺列的文件整体搁置；也用来在工作表中寻找表头行。"`
	Settle   time.Duration `yaml:"settle" doc:"A file is read once it has not changed for this long; one reading waits at most this long." doczh:"文件静止达到该时长后才读取；每次读取最多等待这么久。"`
	Marker   string        `yaml:"marker" doc:"Ending of the writer's marker, such as .done: a.csv is read once a.csv.done is there. Empty: no marker, only settle." doczh:"写入方完成标记的后缀，例如 .done：出现 a.csv.done 后才读取 a.csv；为空则只看 settle。"`
	Order    string        `yaml:"order" doc:"mtime (modification time, then name) or name." doczh:"mtime（修改时间，再按文件名）或 name（按文件名）。"`
	After    string        `yaml:"after" doc:"What happens to a file once its records are stored: keep, move (to done_dir; unreadable ones to failed_dir) or delete (unreadable ones stay)." doczh:"记录入库之后如何处理文件：keep 保留、move 移到 done_dir（读不了的移到 failed_dir）、delete 删除（读不了的保留）。"`
	DoneDir  string        `yaml:"done_dir" doc:"Folder inside dir for files that were read." doczh:"dir 之内存放已读文件的文件夹。"`
	FailDir  string        `yaml:"failed_dir" doc:"Folder inside dir for files that could not be read." doczh:"dir 之内存放无法读取的文件的文件夹。"`
	CSV      CSVConfig     `yaml:"csv" doc:"Delimited text." doczh:"分隔符文本。"`
	Fixed    FixedConfig   `yaml:"fixed" doc:"Fixed width text." doczh:"定宽文本。"`
	JSON     JSONConfig    `yaml:"json" doc:"JSON documents." doczh:"JSON 文档。"`
	XML      XMLConfig     `yaml:"xml" doc:"XML documents." doczh:"XML 文档。"`
	XLSX     XLSXConfig    `yaml:"xlsx" doc:"Workbooks." doczh:"Excel 工作簿。"`
	Archive  ArchiveConfig `yaml:"archive" doc:"zip archives." doczh:"zip 压缩包。"`
	Limits   Limits        `yaml:"limits" doc:"Size limits." doczh:"大小限制。"`
}

// CSVConfig is how delimited text is written.
type CSVConfig struct {
	Delimiter string   `yaml:"delimiter" doc:"Text between two fields, one or more characters; \\t for tab. tsv files use a tab unless this is set." doczh:"字段之间的分隔文本，一个或多个字符；\\t 表示制表符；tsv 默认用制表符。"`
	Quote     string   `yaml:"quote" doc:"Quote character, one ASCII character, or none." doczh:"引号字符（一个 ASCII 字符），none 表示没有。"`
	Header    bool     `yaml:"header" doc:"The first record names the columns; otherwise columns does." doczh:"第一条记录是列名；否则由 columns 给出。"`
	Columns   []string `yaml:"columns" doc:"Column names, for files without a header." doczh:"没有表头的文件的列名。"`
	SkipRows  int      `yaml:"skip_rows" doc:"Lines before the header (titles) that are left out." doczh:"表头之前要跳过的行数（标题行）。"`
	Comment   string   `yaml:"comment" doc:"Lines that begin with this are left out. Empty: none." doczh:"以此开头的行被跳过；为空则没有注释行。"`
	Lazy      bool     `yaml:"lazy" doc:"Accept quotes inside of unquoted fields and single quotes inside of quoted ones." doczh:"允许未加引号的字段里出现引号，以及加引号的字段里出现未成对的引号。"`
}

// FixedConfig is how fixed width text is cut.
type FixedConfig struct {
	Unit     string        `yaml:"unit" doc:"What a width counts: rune (characters) or byte (bytes of the file's own encoding; two for a Chinese character in GBK)." doczh:"宽度的单位：rune（字符）或 byte（文件原编码的字节；GBK 中一个汉字为两个字节）。"`
	Columns  []FixedColumn `yaml:"columns" doc:"The columns from left to right." doczh:"从左到右的各列。"`
	SkipRows int           `yaml:"skip_rows" doc:"Lines before the first record that are left out." doczh:"第一条记录之前要跳过的行数。"`
	KeepPad  bool          `yaml:"keep_padding" doc:"Keep the spaces around a value." doczh:"保留值两边的空格。"`
}

// FixedColumn is one column of fixed width text.
type FixedColumn struct {
	Name  string `yaml:"name" doc:"Column name." doczh:"列名。"`
	Width int    `yaml:"width" doc:"Width in the declared unit." doczh:"按所声明单位计的宽度。"`
	Skip  bool   `yaml:"skip" doc:"The column is filler and is not delivered." doczh:"填充列，不输出。"`
}

// JSONConfig is where the records of a JSON document are.
type JSONConfig struct {
	Path string `yaml:"path" doc:"Dotted path to the array of records, such as data.items. Empty: the document itself is the array, or one record." doczh:"记录数组的点分路径，例如 data.items；为空表示文档本身就是数组或单条记录。"`
}

// XMLConfig is where the records of an XML document are.
type XMLConfig struct {
	Record string `yaml:"record" doc:"Path of the record element, such as cases/case, or only its name. Empty: every child of the root." doczh:"记录元素的路径，例如 cases/case，或只写元素名；为空表示根元素的每个子元素。"`
}

// XLSXConfig is where the records of a workbook are.
type XLSXConfig struct {
	Sheet     string `yaml:"sheet" doc:"Name of the worksheet. Empty: the first." doczh:"工作表名称；为空取第一个。"`
	HeaderRow string `yaml:"header_row" doc:"auto (the first row that has the required columns, else the first that is filled like a header) or the row number, from 1." doczh:"auto（第一个含有 required 各列的行，否则第一个像表头的行）或行号（从 1 开始）。"`
}

// ArchiveConfig is which members of a zip archive are read.
type ArchiveConfig struct {
	Members []string `yaml:"members" doc:"Patterns of the members to read, on their base names. Empty: every member of a known format." doczh:"要读取的成员的文件名通配符；为空则读取所有已知格式的成员。"`
}

// Limits are upper bounds. Sizes are bytes.
type Limits struct {
	FileSize     int64 `yaml:"file_size" doc:"Largest file." doczh:"单个文件上限（字节）。"`
	RecordSize   int   `yaml:"record_size" doc:"Largest record; a larger one goes to the rejects." doczh:"单条记录上限（字节）；超出的记录进入拒收。"`
	UnpackedSize int64 `yaml:"unpacked_size" doc:"Largest unpacked size of one gz, zip, xlsx or parquet file." doczh:"单个压缩文件（gz、zip、xlsx、parquet）解压后的上限（字节）。"`
	Ratio        int   `yaml:"ratio" doc:"Largest ratio of unpacked to packed size; the first MiB is free." doczh:"解压后与压缩前大小之比的上限；首个 MiB 不计。"`
	Entries      int   `yaml:"entries" doc:"Most members of a zip or xlsx file." doczh:"zip 或 xlsx 的成员数上限。"`
	Held         int64 `yaml:"held_size" doc:"Largest part that has to be held in memory whole: the shared texts of a workbook, a Parquet page, a workbook inside an archive." doczh:"必须整体放入内存的部分的上限（字节）：工作簿共享文本、Parquet 页、压缩包内的工作簿。"`
	Columns      int   `yaml:"columns" doc:"Most columns." doczh:"列数上限。"`
	Files        int   `yaml:"files" doc:"Most matching files in the folder; more need after: move." doczh:"文件夹内匹配文件数上限；更多时请用 after: move。"`
}

// Defaults are the settings that a source starts from.
func Defaults() Config {
	return Config{
		Patterns: []string{"*"}, Format: "auto", Encoding: "auto", Settle: 2 * time.Second, Order: "mtime", After: "keep",
		DoneDir: "done", FailDir: "failed",
		CSV:    CSVConfig{Quote: `"`, Header: true},
		Fixed:  FixedConfig{Unit: "rune"},
		XLSX:   XLSXConfig{HeaderRow: "auto"},
		Limits: Limits{FileSize: 16 << 30, RecordSize: 1 << 20, UnpackedSize: 16 << 30, Ratio: 100, Entries: 1000, Held: 64 << 20, Columns: 10_000, Files: 10_000},
	}
}

// Validate returns every problem of the settings.
func (c Config) Validate() []connectors.Problem {
	var ps []connectors.Problem
	add := func(path, hint, format string, args ...any) {
		ps = append(ps, connectors.Problem{Path: path, Message: fmt.Sprintf(format, args...), Hint: hint})
	}
	oneOf := func(path, v string, allowed ...string) {
		for _, a := range allowed {
			if v == a {
				return
			}
		}
		add(path, "one of "+strings.Join(allowed, ", "), "%q is not known", v)
	}
	if c.Dir == "" {
		add("dir", "the folder into which the other system writes", "no folder is given")
	}
	if len(c.Patterns) == 0 {
		add("patterns", `for instance ["*.csv"]`, "no file pattern is given")
	}
	for i, p := range c.Patterns {
		at := "patterns." + strconv.Itoa(i)
		if _, err := path.Match(p, ""); err != nil || p == "" {
			add(at, "* ? and [a-z] are understood", "%q is not a file pattern", p)
		} else if !localName(strings.NewReplacer("*", "x", "?", "x", "[", "x", "]", "x").Replace(p)) {
			add(at, "patterns are relative to dir and may not leave it", "%q leads out of the folder", p)
		}
	}
	for i, p := range c.Archive.Members {
		if _, err := path.Match(p, ""); err != nil || p == "" {
			add("archive.members."+strconv.Itoa(i), "* ? and [a-z] are understood", "%q is not a file pattern", p)
		}
	}
	oneOf("format", c.Format, "auto", "csv", "tsv", "fixed", "json", "jsonl", "xlsx", "xml", "parquet")
	oneOf("encoding", c.Encoding, "auto", "utf-8", "gb18030", "utf-16le", "utf-16be")
	oneOf("order", c.Order, "mtime", "name")
	oneOf("after", c.After, "keep", "move", "delete")
	oneOf("fixed.unit", c.Fixed.Unit, "rune", "byte")
	if c.Settle < 0 || c.Settle > time.Hour {
		add("settle", "for instance 2s", "%s is not between 0 and 1h", c.Settle)
	}
	if strings.ContainsAny(c.Marker, "/\x00*?[") {
		add("marker", "an ending such as .done", "%q is not a file name ending", c.Marker)
	}
	for _, d := range []struct{ path, dir string }{{"done_dir", c.DoneDir}, {"failed_dir", c.FailDir}} {
		if !localName(d.dir) || d.dir == "." {
			add(d.path, "a name relative to dir", "%q is not a folder inside dir", d.dir)
		}
	}
	ps = append(ps, c.CSV.problems()...)
	if c.Format == "fixed" && len(c.Fixed.Columns) == 0 {
		add("fixed.columns", "for instance {name: id, width: 12}", "fixed width text needs its columns")
	}
	seen := map[string]bool{}
	for i, f := range c.Fixed.Columns {
		at := "fixed.columns." + strconv.Itoa(i)
		if f.Width <= 0 {
			add(at, "count the characters or bytes", "the width %d is not positive", f.Width)
		}
		if f.Name == "" && !f.Skip {
			add(at, "set skip: true for filler", "the column has no name")
		}
		if f.Name != "" && !f.Skip && seen[f.Name] {
			add(at, "", "the column %q is there twice", f.Name)
		}
		seen[f.Name] = true
	}
	if n, err := strconv.Atoi(c.XLSX.HeaderRow); c.XLSX.HeaderRow != "auto" && (err != nil || n < 1) {
		add("xlsx.header_row", "auto or a number from 1", "%q is not a row", c.XLSX.HeaderRow)
	}
	l := c.Limits
	for _, v := range []struct {
		path string
		v    int64
	}{{"file_size", l.FileSize}, {"record_size", int64(l.RecordSize)}, {"unpacked_size", l.UnpackedSize}, {"ratio", int64(l.Ratio)},
		{"entries", int64(l.Entries)}, {"held_size", l.Held}, {"columns", int64(l.Columns)}, {"files", int64(l.Files)}} {
		if v.v <= 0 {
			add("limits."+v.path, "leave it out for the default", "%d is not positive", v.v)
		}
	}
	if l.RecordSize > 64<<20 {
		add("limits.record_size", "at most 64 MiB", "%d is too large", l.RecordSize)
	}
	return ps
}

func (c CSVConfig) problems() (ps []connectors.Problem) {
	add := func(path, hint, format string, args ...any) {
		ps = append(ps, connectors.Problem{Path: "csv." + path, Message: fmt.Sprintf(format, args...), Hint: hint})
	}
	d := c.delimiter(",")
	if strings.ContainsAny(d, "\r\n") || !utf8.ValidString(d) || d == "" {
		add("delimiter", `for instance "," or "|" or "\t"`, "%q cannot separate fields", c.Delimiter)
	}
	q := c.quote()
	if c.Quote != "none" && (len(c.Quote) != 1 || c.Quote[0] >= utf8.RuneSelf || c.Quote == "\n" || c.Quote == "\r") {
		add("quote", `one ASCII character, or none`, "%q cannot be the quote", c.Quote)
	} else if q != 0 && strings.IndexByte(d, q) >= 0 {
		add("quote", "", "the quote is part of the delimiter")
	}
	if !c.Header && len(c.Columns) == 0 {
		add("columns", "name the columns from left to right", "files without a header need column names")
	}
	if c.Header && len(c.Columns) > 0 {
		add("columns", "set header: false, or leave columns out", "columns are given although the files have a header")
	}
	if c.SkipRows < 0 {
		add("skip_rows", "", "%d is negative", c.SkipRows)
	}
	seen := map[string]bool{}
	for i, n := range c.Columns {
		if n == "" || seen[n] {
			add("columns."+strconv.Itoa(i), "", "the column %q is empty or there twice", n)
		}
		seen[n] = true
	}
	return ps
}

// delimiter is the text between fields, fallback when none is configured.
func (c CSVConfig) delimiter(fallback string) string {
	if c.Delimiter == "" {
		return fallback
	}
	return strings.ReplaceAll(c.Delimiter, `\t`, "\t")
}

// quote is the quote character, 0 for none.
func (c CSVConfig) quote() byte {
	if c.Quote == "none" || c.Quote == "" {
		return 0
	}
	return c.Quote[0]
}
