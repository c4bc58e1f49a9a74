package filestore_test

import (
	"bytes"
	"fmt"
	"os"
	"testing"

	"github.com/signalbox-go/signalbox/session/filestore"
)

// eachHarm calls try with what alters one byte of a file, and with what cuts it short: for each byte of its head, its mark, and its first frame's
// head, and for some of all others.
func eachHarm(size int, try func(how string, harm func(whole []byte) []byte)) {
	for at := range size {
		if at < 100 && at%2 == 0 || at >= 510 && at < 540 || at >= 1020 && at < 1050 || at%29 == 0 {
			try(fmt.Sprintf("byte %d", at), func(whole []byte) []byte {
				content := bytes.Clone(whole)
				content[at] ^= 1 << (at / 2 % 8)
				return content
			})
		}
		if at < 2 || at >= 94 && at < 98 || at >= 534 && at < 538 || at >= 1022 && at < 1026 || at >= 1040 && at < 1046 || at%79 == 0 || at+3 > size {
			try(fmt.Sprintf("cut to %d", at), func(whole []byte) []byte { return whole[:at] })
		}
	}
}

// TestEveryAlteredByteIsNoticed, of those that are read, and every byte that is missing: at Open all is lost, and the file is set aside.
func TestEveryAlteredByteIsNoticed(t *testing.T) {
	t.Parallel()
	for name, opts := range map[string][]filestore.Option{"plain": nil, "sealed": {filestore.WithKey(secret)}} {
		opts := append(opts, filestore.WithoutSync())
		whole, err := os.ReadFile(saved(t, opts...))
		must(t, err)
		eachHarm(len(whole), func(how string, harm func([]byte) []byte) {
			how = name + ": " + how
			path, content := file(t), harm(whole)
			must(t, os.WriteFile(path, content, 0o600))
			s, logs := watched(t, path, opts...)
			aside, err := os.ReadFile(path + ".corrupt")
			if bytes.Equal(filestore.Read(content), filestore.Read(whole)) {
				holds(t, s)
				if logs.Len() != 0 || !os.IsNotExist(err) {
					t.Errorf("%s: %v, warnings: %v", how, err, logs.All())
				}
			} else {
				lost(t, s)
				if logs.Len() != 1 || logs.FilterMessageSnippet("is damaged").Len() != 1 || err != nil || !bytes.Equal(aside, content) {
					t.Errorf("%s: %v, warnings: %v", how, err, logs.All())
				}
			}
			must(t, s.Save(t.Context(), sample), s.SaveLedger(t.Context(), spent), s.Close())
			again, logs := watched(t, path, opts...)
			holds(t, again)
			if must(t, again.Close()); logs.Len() != 0 || t.Failed() {
				t.Fatalf("%s: what is saved afterwards: %v", how, logs.All())
			}
		})
	}
}

// TestEveryAlteredByteIsMended while the file is open: at once, or at Close, and nothing is lost.
func TestEveryAlteredByteIsMended(t *testing.T) {
	t.Parallel()
	for name, opts := range map[string][]filestore.Option{"plain": nil, "sealed": {filestore.WithKey(secret)}} {
		opts := append(opts, filestore.WithoutSync())
		path := saved(t, opts...)
		must(t, open(t, path, opts...).Close()) // written anew, as one frame
		whole, err := os.ReadFile(path)
		must(t, err)
		eachHarm(len(whole), func(how string, harm func([]byte) []byte) {
			how = name + ": " + how
			path := file(t)
			must(t, os.WriteFile(path, whole, 0o600))
			s, logs := watched(t, path, opts...)
			before, err := os.ReadFile(path)
			must(t, err)
			content := harm(before)
			overwrite(t, path, content)
			if got, err := s.Load(t.Context(), id); err != nil || got != sample {
				t.Errorf("%s: %v, %v", how, got, err)
			}
			must(t, s.Close())
			noticed := !bytes.Equal(filestore.Read(content), filestore.Read(before))
			aside, err := os.ReadFile(path + ".corrupt")
			if noticed && (logs.Len() != 1 || err != nil || !bytes.Equal(aside, content)) || !noticed && (logs.Len() != 0 || err == nil) {
				t.Errorf("%s: %v, warnings: %v", how, err, logs.All())
			}
			again, logs := watched(t, path, opts...)
			got, err := again.Load(t.Context(), id)
			ledger, errLedger := again.LoadLedger(t.Context())
			if must(t, err, errLedger); got != sample || ledger.Remaining != 12 || ledger.Lost.IsZero() == noticed || logs.Len() != 0 {
				t.Errorf("%s: the next process finds %v, %+v, warnings: %v", how, got, ledger, logs.All())
			}
			if must(t, again.Close()); t.Failed() {
				t.FailNow()
			}
		})
	}
}
