package recorder

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
)

const (
	keptFiles  = 20
	filePrefix = "flight-"
	fileSuffix = ".jsonl"
)

// ToDirectory returns a function for WithDumps that writes each dump to a file of its own in dir, which it makes if it is not there. Their names begin with "flight-" and
// go on with the time; others may not read them. The latest 20 are kept.
func ToDirectory(dir string) func(Dump) error {
	return func(d Dump) error {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return err
		}
		name := filepath.Join(dir, filePrefix+d.At.UTC().Format("20060102T150405.000000")+fileSuffix)
		file, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
		if err != nil {
			return err
		}
		_, err = d.WriteTo(file)
		return errors.Join(err, file.Close(), dropOld(dir))
	}
}

// dropOld removes all but the latest files.
func dropOld(dir string) error {
	entries, err := os.ReadDir(dir) // by name, and so by time
	if err != nil {
		return err
	}
	var files []string
	for _, entry := range entries {
		if name := entry.Name(); strings.HasPrefix(name, filePrefix) && strings.HasSuffix(name, fileSuffix) {
			files = append(files, name)
		}
	}
	for _, old := range files[:max(0, len(files)-keptFiles)] {
		err = errors.Join(err, os.Remove(filepath.Join(dir, old)))
	}
	return err
}
