package main

import "github.com/spf13/cobra"

// commands is the list of verbs. Each lives in a file of its name.
func (a *app) commands() []*cobra.Command {
	return []*cobra.Command{
		a.demoCmd(), a.initCmd(), a.checkCmd(), a.doctorCmd(), a.sourcesCmd(), a.previewCmd(),
		a.syncCmd(), a.runCmd(), a.backfillCmd(), a.statusCmd(), a.stateCmd(), a.rejectsCmd(),
		a.rebuildCmd(), a.backupCmd(), a.recoverCmd(), a.queryCmd(), a.exportCmd(),
		a.linkCmd(), a.serveCmd(), a.publishCmd(), a.userCmd(), a.auditCmd(),
	}
}
