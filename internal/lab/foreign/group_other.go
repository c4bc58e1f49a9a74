//go:build !unix

package main

import "os/exec"

// alone does nothing where there are no process groups: what a command has started may end later than the command.
func alone(*exec.Cmd) {}
