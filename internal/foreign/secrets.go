package foreign

import (
	"encoding/base64"
	"net/url"
	"runtime"
	"strings"
)

const (
	window   = 8    // so many bytes of a secret in a row are left out
	longText = 4096 // bytes of an error's text that are looked at
)

// TextWithout is Text, and for an error what it says as well, without secrets: see Without.
func TextWithout(reason any, secrets ...string) string {
	err, ok := reason.(error)
	if _, known := reason.(runtime.Error); !ok || known || err == ErrGoexit {
		return Text(reason)
	}
	text := ""
	if Call("Error", func() error { text = err.Error(); return nil }) != nil {
		return Text(reason)
	}
	return cut(Text(reason) + ": " + Without(text[:min(len(text), longText)], secrets...))
}

// Without is a text without secrets: what it shares with one of them, of 8 bytes on, or with the whole of a shorter one. The secret may
// stand in it as it is, in a URL, or in base64.
func Without(text string, secrets ...string) string {
	hidden := make([]bool, len(text))
	for _, secret := range secrets {
		for _, form := range forms(secret) {
			n := min(window, len(form))
			for i := 0; n > 0 && i+n <= len(form); i++ {
				for from := 0; ; from++ {
					at := strings.Index(text[from:], form[i:i+n])
					if at < 0 {
						break
					}
					from += at
					for j := range n {
						hidden[from+j] = true
					}
				}
			}
		}
	}
	var clean strings.Builder
	for i := range len(text) {
		switch {
		case !hidden[i]:
			clean.WriteByte(text[i])
		case i == 0 || !hidden[i-1]:
			clean.WriteString("[secret]")
		}
	}
	return clean.String()
}

// forms are the ways in which a secret may be written.
func forms(secret string) []string {
	all := []string{secret}
	if len(secret) < window {
		return all
	}
	all = append(all, url.QueryEscape(secret))
	for skip := range 3 { // where in a group of three bytes it begins, in base64 of more than the secret
		for _, encoding := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
			all = append(all, encoding.EncodeToString([]byte(secret[skip:len(secret)-(len(secret)-skip)%3])))
		}
	}
	return all
}
