package main

import (
	"bufio"
	"encoding/csv"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"unicode/utf8"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "Error:", err)
		os.Exit(1)
	}
}

// run reads the tables in the folder args[0] and writes the list to args[1].
func run(args []string) error {
	if len(args) != 2 {
		return errors.New("usage: divisions FOLDER FILE")
	}
	seen := map[string]bool{}
	var names []string
	for _, file := range []string{"provinces.csv", "cities.csv", "areas.csv"} {
		f, err := os.Open(filepath.Join(args[0], file))
		if err != nil {
			return err
		}
		rows, err := csv.NewReader(f).ReadAll()
		if err := errors.Join(err, f.Close()); err != nil {
			return fmt.Errorf("reading %s: %w", file, err)
		}
		for _, row := range rows[1:] {
			// Names of one rune and a suffix (郊区, 东区, 应县) are words as well, and so are the table's fillers.
			if n := row[1]; utf8.RuneCountInString(n) > 2 && !seen[n] && n != "市辖区" {
				seen[n] = true
				names = append(names, n)
			}
		}
	}
	slices.Sort(names)
	out, err := os.Create(args[1])
	if err != nil {
		return err
	}
	w := bufio.NewWriter(out)
	fmt.Fprintln(w, "# Provinces, cities and counties of 2023. Source: modood/Administrative-divisions-of-China (WTFPL), commit 57a0aa9.")
	for _, n := range names {
		fmt.Fprintln(w, n)
	}
	return errors.Join(w.Flush(), out.Close())
}
