package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"onegrid/configs"
	"onegrid/pipelines/landing"
	"onegrid/pipelines/privacy"
)

// initResult is what init wrote.
type initResult struct {
	Dir       string   `json:"dir"`
	Files     []string `json:"files"` // below Dir
	Key       string   `json:"privacy_key"`
	Identity  string   `json:"landing_identity"` // secret; must leave this machine
	Recipient string   `json:"landing_recipient"`
}

func (a *app) initCmd() *cobra.Command {
	var identity string
	cmd := &cobra.Command{
		Use:   "init DIR",
		Short: "make a new configuration folder to start from · 新建配置目录",
		Long: "Writes onegrid.yaml, a disabled sample source of each kind, a mapping, the category taxonomy, the key of the privacy tokens and the\n" +
			"key pair of the sealed landing. Nothing that exists is ever replaced.\n\n新建配置:示例来源(停用)、映射、分类、隐私密钥与落地密钥对;不会覆盖已有文件。",
		Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			dir, err := filepath.Abs(args[0])
			if err != nil {
				return usageError{err}
			}
			if identity == "" {
				identity = dir + ".landing-identity"
			}
			if identity, err = filepath.Abs(identity); err != nil {
				return usageError{err}
			}
			res, err := writeSkeleton(dir, identity)
			if err != nil {
				if errors.Is(err, fs.ErrPermission) {
					return hinted{err, "choose a folder that you may write; --identity says where the secret half of the landing key goes", "请选择可写目录;--identity 指定落地私钥位置"}
				}
				return err
			}
			return a.emit(res, func() { a.printInit(res) })
		},
	}
	cmd.Flags().StringVar(&identity, "identity", "", "where the landing's secret half goes; beside DIR unless set · 落地私钥文件,缺省与 DIR 同级")
	return cmd
}

// writeSkeleton makes the folder. What is refused is refused before the first file is written.
func writeSkeleton(dir, identity string) (initResult, error) {
	res := initResult{Dir: dir, Identity: identity, Key: filepath.Join(dir, "secrets", "privacy.key")}
	switch entries, err := os.ReadDir(dir); {
	case err == nil && len(entries) > 0:
		return res, hinted{usageError{fmt.Errorf("%s exists and is not empty", dir)}, "onegrid init never replaces anything: name a new folder", "onegrid init 不覆盖任何文件,请换一个新目录"}
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return res, fmt.Errorf("making the configuration folder: %w", err)
	}
	if _, err := os.Lstat(identity); err == nil {
		return res, hinted{usageError{fmt.Errorf("the identity file %s exists", identity)}, "name another file with --identity; a key that sealed something must not be lost", "请用 --identity 指定其他文件;已使用的私钥不可丢失"}
	}
	if inside, err := filepath.Rel(dir, identity); err == nil && filepath.IsLocal(inside) {
		return res, hinted{usageError{errors.New("the identity file must lie outside of the configuration folder")},
			"this machine must not hold the key that opens the landing: name a place on removable media", "本机不应持有落地私钥,请指定可移动介质上的位置"}
	}
	if err := os.MkdirAll(filepath.Join(dir, "secrets"), 0o700); err != nil {
		return res, fmt.Errorf("making the configuration folder: %w", err)
	}
	if err := privacy.GenerateKeyFile(res.Key); err != nil {
		return res, err
	}
	var err error
	if res.Recipient, err = landing.GenerateIdentity(identity); err != nil {
		return res, err
	}
	write := func(name string, b []byte) error {
		to := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(to), 0o750); err != nil {
			return fmt.Errorf("writing the configuration: %w", err)
		}
		if err := os.WriteFile(to, b, 0o640); err != nil {
			return fmt.Errorf("writing the configuration: %w", err)
		}
		res.Files = append(res.Files, name)
		return nil
	}
	err = fs.WalkDir(skeleton, "skeleton", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := skeleton.ReadFile(path)
		if err != nil {
			return err
		}
		return write(strings.TrimPrefix(path, "skeleton/"), []byte(strings.ReplaceAll(string(b), "{{RECIPIENT}}", res.Recipient)))
	})
	if err != nil {
		return res, err
	}
	taxonomy, err := configs.FS.ReadFile("city/catalog/categories.yaml")
	if err != nil {
		return res, err
	}
	if err := write("catalog/categories.yaml", taxonomy); err != nil {
		return res, err
	}
	// The sample folder of dropped files exists, so that its source can be tried at once.
	return res, os.MkdirAll(filepath.Join(dir, "drop"), 0o750)
}

func (a *app) printInit(r initResult) {
	a.printf("Configuration written to %s", "配置已写入 %s", r.Dir)
	for _, f := range r.Files {
		fmt.Fprintf(a.out, "  %s\n", f)
	}
	a.printf("\nPrivacy key: %s (mode 0400). Back it up apart from the data.", "\n隐私密钥:%s(0400),请与数据分开备份。", r.Key)
	a.printf("Landing identity: %s (mode 0400).\n  MOVE THIS FILE OFF THIS MACHINE NOW: whoever has it can read every landed record. It is needed for rebuild and rejects replay only.",
		"落地私钥:%s(0400)。\n  请立即把该文件移出本机:持有者可读取全部原始批次;仅重建与重放拒收时需要。", r.Identity)
	a.printf("\nNext:\n  onegrid -c %[1]s check\n  onegrid -c %[1]s sources\n  edit sources/, set enabled: true\n  onegrid -c %[1]s preview SOURCE\n  onegrid -c %[1]s sync SOURCE",
		"\n下一步:\n  onegrid -c %[1]s check\n  onegrid -c %[1]s sources\n  编辑 sources/,设 enabled: true\n  onegrid -c %[1]s preview 来源\n  onegrid -c %[1]s sync 来源", r.Dir)
}
