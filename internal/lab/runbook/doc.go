// Package runbook plays what docs/operations/runbook.md tells of: each trouble happens on the simulated gateway, in virtual time, and what the bot then logs and answers
// is what the page shows. It has tests alone; go test ./internal/lab/runbook -update writes the page anew.
package runbook
