package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"
)

// strictUsage makes every wrong call of a verb and of those below it a usage error: exit code 2, not 1.
func strictUsage(cmd *cobra.Command) {
	if check := cmd.Args; check != nil {
		cmd.Args = func(cmd *cobra.Command, args []string) error {
			if err := check(cmd, args); err != nil {
				return usageError{fmt.Errorf("%s: %w", cmd.CommandPath(), err)}
			}
			return nil
		}
	}
	for _, sub := range cmd.Commands() {
		strictUsage(sub)
	}
}

// group is a verb that only has verbs below it. Without one of them it is a wrong call.
func group(use, short string, subs ...*cobra.Command) *cobra.Command {
	cmd := &cobra.Command{Use: use, Short: short,
		Args: func(cmd *cobra.Command, args []string) error {
			var names []string
			for _, s := range subs {
				names = append(names, s.Name())
			}
			if len(args) > 0 {
				return fmt.Errorf("unknown verb %q: one of %s", args[0], strings.Join(names, ", "))
			}
			return fmt.Errorf("say what: %s", strings.Join(names, ", "))
		},
		RunE: func(*cobra.Command, []string) error { return nil }}
	cmd.AddCommand(subs...)
	return cmd
}

// confirm asks before something that cannot be taken back. Without a terminal the answer has to be --yes.
func (a *app) confirm(yes bool, en, zh string, args ...any) error {
	if yes {
		return nil
	}
	f, ok := a.in.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return hinted{usageError{errors.New(a.tr("this needs a confirmation and there is no terminal to ask on", "需要确认,但没有终端可询问"))}, "add --yes", "请加 --yes"}
	}
	fmt.Fprintf(a.err, a.tr(en, zh)+" [y/N] ", args...)
	line, err := bufio.NewReader(a.in).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	if v := strings.ToLower(strings.TrimSpace(line)); v != "y" && v != "yes" {
		return reported{errors.New("not confirmed"), exitConfig}
	}
	return nil
}

// terminal reports whether a person reads the output.
func (a *app) terminal() bool {
	f, ok := a.out.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// red marks what needs attention where a person reads it.
func (a *app) red(s string) string {
	if !a.terminal() || os.Getenv("NO_COLOR") != "" || os.Getenv("TERM") == "dumb" {
		return s
	}
	return "\x1b[31m" + s + "\x1b[0m"
}

// actor names who acted, for the rows that record it.
func actor() string {
	for _, name := range []string{"SUDO_USER", "USER", "LOGNAME"} {
		if v := os.Getenv(name); v != "" {
			return v
		}
	}
	return fmt.Sprintf("uid %d", os.Getuid())
}
