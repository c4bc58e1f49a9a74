// Command pictures draws the pictures of docs/rate-limits.md. What they show is what the limiter says: it is asked, at times of the picture's own.
//
//	go run ./internal/cmd/pictures
//
// Run it from the repository's root. A test says whether the pictures are current.
package main

import (
	"fmt"
	"os"
	"path/filepath"
)

// pictures are all of them, by their file's name.
func pictures() map[string]string {
	return map[string]string{"connection.svg": connection(), "identify.svg": identify(), "budget.svg": budget()}
}

func main() {
	for name, svg := range pictures() {
		if err := os.WriteFile(filepath.Join("docs", "pictures", name), []byte(svg), 0o644); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
}
