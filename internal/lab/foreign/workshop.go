package main

import (
	"context"
	"crypto/tls"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/signalbox-go/signalbox/session/gatewaytest"
)

//go:embed clients
var clients embed.FS

// workshop is a temporary folder in which clients are installed and built, each kind once, and when
// it is needed.
type workshop struct {
	clients string
	// modules and nativeModules are folders of the scripts with their libraries from npm; the second has the optional ones too, which
	// npm compiles, or leaves out where it cannot. programs is one of clients in Go.
	modules, nativeModules, programs func() (dir string, err error)
	nodeWithZstd                     func() (program string, err error)
	// certificate is one for loopback, and the file of its CA.
	certificate func() (config *tls.Config, ca string, err error)
}

// newWorkshop makes one in dir, which the caller removes.
func newWorkshop(ctx context.Context, dir string) (*workshop, error) {
	all, err := fs.Sub(clients, "clients")
	if err != nil {
		return nil, err
	}
	w := &workshop{clients: filepath.Join(dir, "clients")}
	if err := os.CopyFS(w.clients, all); err != nil {
		return nil, err
	}
	install := func(name string, options ...string) func() (string, error) {
		return sync.OnceValues(func() (string, error) {
			to := filepath.Join(dir, name)
			if err := os.CopyFS(to, all); err != nil {
				return "", err
			}
			npm := append([]string{"ci", "--no-audit", "--no-fund", "--prefer-offline", "--fetch-retries=1"}, options...)
			return to, do(ctx, to, "npm", npm...)
		})
	}
	w.modules, w.nativeModules = install("modules", "--omit=optional", "--ignore-scripts"), install("native")
	w.nodeWithZstd = sync.OnceValues(func() (string, error) { return nodeWithZstd(ctx, filepath.Join(dir, "node")) })
	w.programs = sync.OnceValues(func() (string, error) {
		to := filepath.Join(dir, "programs")
		mod, err := exec.CommandContext(ctx, "go", "env", "GOMOD").Output()
		if err != nil {
			return "", fmt.Errorf("go env GOMOD: %w", err)
		}
		bench := filepath.Join(filepath.Dir(strings.TrimSpace(string(mod))), "internal", "lab", "bench")
		return to, do(ctx, bench, "go", "build", "-o", to+string(filepath.Separator), "./interop/discordgo", "./interop/disgo", "./interop/arikawa")
	})
	w.certificate = func() (*tls.Config, string, error) {
		config, ca, err := gatewaytest.SelfSigned()
		if err != nil {
			return nil, "", err
		}
		file, err := os.CreateTemp(dir, "ca-*.pem")
		if err != nil {
			return nil, "", err
		}
		_, err = file.Write(ca)
		return config, file.Name(), errors.Join(err, file.Close())
	}
	return w, nil
}

// installing is how long one installation may take.
const installing = 2 * time.Minute

// do runs a command in a folder. Its error ends with what the command said last.
func do(ctx context.Context, dir, name string, args ...string) error {
	ctx, cancel := context.WithTimeout(ctx, installing)
	defer cancel()
	command := exec.CommandContext(ctx, name, args...)
	command.Dir, command.WaitDelay = dir, time.Second
	alone(command)
	if _, err := os.Stat("/usr/include/node/node.h"); err == nil {
		command.Env = append(os.Environ(), "npm_config_nodedir=/usr") // else node-gyp fetches the headers
	}
	out, err := command.CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s %s: %w: %s", name, args[0], err, lastLine(out))
	}
	return nil
}

// lastLine is the last line of a text that says something.
func lastLine(text []byte) string {
	all := strings.Split(strings.TrimSpace(string(text)), "\n")
	return strings.TrimSpace(all[len(all)-1])
}
