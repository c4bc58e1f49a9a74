// Drift compares the vocabulary of this module with the npm package discord-api-types, which
// follows Discord's documentation: every event, every field of every object that an event
// reaches, every named value, the send events, opcodes, close codes and intents. It prints what
// is missing, extra or of another type, and ends with status 1 if something is not explained
// in exceptions.txt.
//
//	go run ./internal/cmd/drift                # fetches the newest package with npm
//	go run ./internal/cmd/drift -package DIR   # compares with a package that is there
//
// It needs Node.js, and npm to fetch the TypeScript compiler, which resolves the types.
package main

import (
	_ "embed"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/signalbox-go/signalbox/events/schema"
)

//go:embed facts.mjs
var factsScript []byte

//go:embed exceptions.txt
var exceptionList string

const compiler = "typescript@5.9"

func main() {
	dir := flag.String("package", "", "the folder of discord-api-types; empty: fetch the newest")
	flag.Parse()
	if err := run(os.Stdout, *dir); err != nil {
		fmt.Fprintln(os.Stderr, "drift:", err)
		os.Exit(1)
	}
}

var errDrift = errors.New("the schema and the package differ: mend the schema, or explain the difference in internal/cmd/drift/exceptions.txt")

func run(out io.Writer, dir string) error {
	known, err := facts(dir)
	if err != nil {
		return err
	}
	s, err := schema.Load()
	if err != nil {
		return err
	}
	exceptions, err := parseExceptions(exceptionList)
	if err != nil {
		return err
	}
	report := compare(s, known)
	if unexplained := report.print(out, known.Version, exceptions); unexplained > 0 {
		return errDrift
	}
	return nil
}

// facts asks the TypeScript compiler what the package says.
func facts(dir string) (*factSet, error) {
	work, err := os.MkdirTemp("", "drift")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(work) //nolint:errcheck // a folder for temporary files
	if dir, err = filepath.Abs(dir); err != nil {
		return nil, err
	}
	packages := []string{"install", "--silent", "--prefix", work, compiler}
	if flag.Lookup("package").Value.String() == "" {
		packages = append(packages, "discord-api-types@latest")
		dir = filepath.Join(work, "node_modules", "discord-api-types")
	}
	script := filepath.Join(work, "facts.mjs")
	if err := os.WriteFile(script, factsScript, 0o600); err != nil {
		return nil, err
	}
	if out, err := exec.Command("npm", packages...).CombinedOutput(); err != nil {
		return nil, fmt.Errorf("npm install: %w\n%s", err, out)
	}
	node := exec.Command("node", script, dir)
	node.Dir, node.Stderr = work, os.Stderr
	out, err := node.Output()
	if err != nil {
		return nil, fmt.Errorf("node facts.mjs %s: %w", dir, err)
	}
	known := new(factSet)
	return known, json.Unmarshal(out, known)
}
