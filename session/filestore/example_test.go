package filestore_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/session"
	"github.com/signalbox-go/signalbox/session/filestore"
)

// What is saved is there for the next process. A bot gives the store to shardmanager.WithSessionStore, and calls nothing but Close.
func ExampleOpen() {
	folder, err := os.MkdirTemp("", "signalbox")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(folder)
	ctx, shard := context.Background(), events.ShardID{Index: 0, Total: 1}

	store, err := filestore.Open(filepath.Join(folder, "bot.db"))
	if err != nil {
		log.Fatal(err)
	}
	err = store.Save(ctx, session.Snapshot{Shard: shard, SessionID: "secret", Seq: 7})
	fmt.Println(errors.Join(err, store.Close()))

	store, err = filestore.Open(filepath.Join(folder, "bot.db"))
	if err != nil {
		log.Fatal(err)
	}
	defer store.Close()
	saved, err := store.Load(ctx, shard)
	fmt.Println(saved.Seq, err)
	_, err = store.Load(ctx, events.ShardID{Index: 1, Total: 2})
	fmt.Println(errors.Is(err, session.ErrNoSnapshot))
	// Output:
	// <nil>
	// 7 <nil>
	// true
}

// The file is encrypted. Keep the key where the token is kept. Who has another one finds nothing, and the file is set aside.
func ExampleWithKey() {
	folder, err := os.MkdirTemp("", "signalbox")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(folder)
	path := filepath.Join(folder, "bot.db")

	key := make([]byte, 32)
	_, _ = rand.Read(key) // it always succeeds
	store, err := filestore.Open(path, filestore.WithKey(key))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(store.Close())
	_, err = filestore.Open(path, filestore.WithKey([]byte("short")))
	fmt.Println(errors.Is(err, filestore.ErrKey))
	// Output:
	// <nil>
	// true
}
