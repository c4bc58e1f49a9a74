package filestore_test

import (
	"os"
	"strconv"
	"syscall"
	"testing"

	"github.com/signalbox-go/signalbox/session/filestore"
)

// TestFileThatAChildStillHasOpenIsFree: a process that is being started has all files of its parent open for a moment, and holds none of them.
func TestFileThatAChildStillHasOpenIsFree(t *testing.T) {
	t.Parallel()
	old, err := os.ReadFile(oldFile(t, nil, spent, snapshots(1)...))
	must(t, err)
	path := saved(t)
	for name, next := range map[string]func(){
		"after Close":          func() {},
		"a damaged file":       func() { must(t, os.WriteFile(path, []byte("damaged"), 0o600)) },
		"the version before's": func() { must(t, os.WriteFile(path, old, 0o600)) },
	} {
		s := open(t, path)
		all, err := os.ReadDir("/proc/self/fd")
		must(t, err)
		var inherited []int
		for _, file := range all {
			if to, err := os.Readlink("/proc/self/fd/" + file.Name()); err == nil && (to == path || to == path+".lock") {
				fd, err := strconv.Atoi(file.Name())
				must(t, err)
				inherited = append(inherited, fd)
			}
		}
		for i, fd := range inherited {
			inherited[i], err = syscall.Dup(fd)
			must(t, err)
		}
		must(t, s.Close())
		next()
		s, err = filestore.Open(path)
		if err != nil || len(inherited) != 2 {
			t.Errorf("%s, %d files of a child's: %v", name, len(inherited), err)
		} else {
			must(t, s.Close())
		}
		for _, child := range inherited {
			must(t, syscall.Close(child))
		}
	}
}
