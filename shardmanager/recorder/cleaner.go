package recorder

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// cleaner replaces secrets by names, the same one for the same secret. It belongs to one goroutine.
type cleaner struct {
	names map[string]string
	count map[string]int
}

// secretKeys are the keys whose values are secrets, wherever they are, and what they are called.
var secretKeys = []struct{ key, name string }{
	{`"token"`, "token-%d"}, {`"session_id"`, "session-%d"}, {`"resume_gateway_url"`, "wss://resume-%d.invalid"},
}

// leastSecret is how long a secret is that is looked for anywhere: a shorter one would be found in words.
const leastSecret = 8

// clean is data without secrets: without those that are known, wherever they are, and without the values of keys that are always secret.
func (c *cleaner) clean(data []byte, known []string) []byte {
	for _, secret := range known {
		if len(secret) < leastSecret {
			continue
		}
		quoted, _ := json.Marshal(secret) // a string: it cannot fail
		for _, form := range [][]byte{[]byte(secret), quoted[1 : len(quoted)-1]} {
			if bytes.Contains(data, form) {
				data = bytes.ReplaceAll(data, form, []byte(c.nameOf(secret, kindOf(secret, known))))
			}
		}
	}
	for _, s := range secretKeys {
		data = c.values(data, s.key, s.name)
	}
	return data
}

// kindOf is what a known secret is called: they are the session's id, its resume URL, and the token, which is the last.
func kindOf(secret string, known []string) string {
	switch secret {
	case known[len(known)-1]:
		return secretKeys[0].name
	case known[0]:
		return secretKeys[1].name
	}
	return secretKeys[2].name
}

// nameOf is the name of a secret.
func (c *cleaner) nameOf(secret, format string) string {
	name, known := c.names[secret]
	if !known {
		if c.names == nil {
			c.names, c.count = make(map[string]string), make(map[string]int)
		}
		c.count[format]++
		name = fmt.Sprintf(format, c.count[format])
		c.names[secret], c.names[name] = name, name // what has its name keeps it
	}
	return name
}

// values replaces the strings that follow a key.
func (c *cleaner) values(data []byte, key, format string) []byte {
	if !bytes.Contains(data, []byte(key)) {
		return data
	}
	var out []byte
	for {
		at := bytes.Index(data, []byte(key))
		if at < 0 {
			return append(out, data...)
		}
		from := at + len(key)
		out, data = append(out, data[:from]...), data[from:]
		i := skipSpace(data, 0)
		if i >= len(data) || data[i] != ':' {
			continue
		}
		if i = skipSpace(data, i+1); i >= len(data) || data[i] != '"' {
			continue
		}
		length := quotedLength(data[i:])
		if length <= len(`""`) {
			continue
		}
		var value string
		if json.Unmarshal(data[i:i+length], &value) != nil {
			value = string(data[i+1 : i+length-1])
		}
		out = append(out, data[:i+1]...)
		out = append(out, c.nameOf(value, format)...)
		data = data[i+length-1:]
	}
}

// quotedLength is how long the JSON string is that data begins with; all of data, if it does not end.
func quotedLength(data []byte) int {
	for i := 1; i < len(data); i++ {
		switch data[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return len(data)
}
