package actors

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/signalbox-go/signalbox/events"
)

var update = flag.Bool("update", false, "write transcripts anew; read the difference before you commit it")

// The transcripts in testdata/reconcile read like a chat: a line at the margin is what happens, the indented lines below it
// are what is to be done, and is done.
//
//	want SHARD [MODE] [ROLE] [restarts N] [sessions N] [fence N] [and SHARD …]   the plan changes
//	remove SHARD [and …]                                                         the plan names it no more
//	began | gone | restarted | reidentified | crashed | quarantined | drained | failed | rested | took SHARD
//	tick                                                                         all is looked at
type chat struct {
	plan  *plan
	lives *lives
	out   strings.Builder
}

func (c *chat) reconcile(keys []Key) {
	for _, a := range reconcile(c.plan, c.lives, keys) {
		c.lives.told(a)
		fmt.Fprintf(&c.out, "  %v\n", a)
	}
}

// String is the action as transcripts show it.
func (a action) String() string {
	text := fmt.Sprintf("%v %v", a.do, a.key)
	if a.do == spawn || a.do == assign {
		text += " " + a.role.String()
	}
	if a.restarts > 0 {
		text += fmt.Sprintf(" restarts %d", a.restarts)
	}
	if a.sessions > 0 {
		text += fmt.Sprintf(" sessions %d", a.sessions)
	}
	if a.code != 0 {
		text += fmt.Sprintf(" code %d", a.code)
	}
	return text
}

// waiting are the shards that are to serve and do not yet: they may, when another has ceased to.
func (c *chat) waiting() (keys []Key) {
	for key, want := range c.plan.wants {
		if of := c.lives.of[key]; want.Role == Serving && of != nil && of.alive() && of.role != Serving {
			keys = append(keys, key)
		}
	}
	slices.SortFunc(keys, Key.Compare)
	return keys
}

func parseKey(t *testing.T, text string) Key {
	t.Helper()
	shard, generation, _ := strings.Cut(text, "#")
	index, total, ok := strings.Cut(shard, "/")
	var key Key
	var err error
	if key.Shard.Index, err = strconv.Atoi(index); err == nil {
		key.Shard.Total, err = strconv.Atoi(total)
	}
	if err == nil && generation != "" {
		key.Generation, err = strconv.ParseUint(generation, 10, 64)
	}
	if err != nil || !ok {
		t.Fatalf("%q is no shard: %v", text, err)
	}
	return key
}

func parseWant(t *testing.T, words []string) (Key, Want) {
	t.Helper()
	key, want := parseKey(t, words[0]), Want{}
	for i := 1; i < len(words); i++ {
		number := func() (n uint64) {
			i++
			n, err := strconv.ParseUint(words[i], 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			return n
		}
		switch word := words[i]; {
		case slices.Contains(modeNames[:], word):
			want.Mode = Mode(slices.Index(modeNames[:], word))
		case slices.Contains(roleNames[:], word):
			want.Role = Role(slices.Index(roleNames[:], word))
		case word == "restarts":
			want.Restarts = number()
		case word == "sessions":
			want.Reidentifies = number()
		case word == "fence":
			want.Fence = number()
		case word == "code":
			want.Code = events.CloseCode(number())
		default:
			t.Fatalf("%q says nothing about a shard", word)
		}
	}
	return key, want
}

func (c *chat) line(t *testing.T, line string) {
	t.Helper()
	words := strings.Fields(line)
	verb, rest := words[0], words[1:]
	lost := verb == "lost" // the supervisor crashes before it has carried out a change
	if lost {
		verb, rest = rest[0], rest[1:]
	}
	switch verb {
	case "want", "remove":
		wants, remove := make(map[Key]Want), []Key(nil)
		for _, part := range strings.Split(strings.Join(rest, " "), " and ") {
			if verb == "remove" {
				remove = append(remove, parseKey(t, part))
				continue
			}
			key, want := parseWant(t, strings.Fields(part))
			wants[key] = want
		}
		keys, added, err := c.plan.change(wants, remove)
		if err != nil {
			fmt.Fprintf(&c.out, "  refused: %v\n", err)
			return
		}
		for _, key := range added {
			c.lives.anew(key)
		}
		if !lost {
			c.reconcile(keys)
		}
		return
	case "tick":
		keys := slices.SortedFunc(maps.Keys(c.plan.wants), Key.Compare)
		for key := range c.lives.of {
			if _, wanted := c.plan.want(key); !wanted {
				keys = append(keys, key)
			}
		}
		c.reconcile(keys)
		return
	}
	key, ceased := parseKey(t, rest[0]), false
	switch verb {
	case "began":
		c.lives.began(key)
	case "restarted":
		c.lives.restarted(key, c.lives.of[key].asked)
	case "reidentified":
		c.lives.reidentified(key, c.lives.of[key].told)
	case "took":
		ceased = c.lives.took(key, c.lives.of[key].turns)
	case "crashed":
		c.lives.closed(key, false)
		c.lives.rest(key)
	case "quarantined":
		c.lives.giveUp(key)
	case "failed":
		c.lives.closed(key, true)
	case "drained":
		c.lives.closed(key, false)
	case "gone":
		var unasked bool
		if unasked, ceased = c.lives.gone(key); unasked {
			c.out.WriteString("  it rests: nobody wanted that\n")
		}
	case "rested":
		c.lives.rested(key)
	default:
		t.Fatalf("%q is not known", verb)
	}
	c.reconcile([]Key{key})
	if ceased {
		c.reconcile(c.waiting())
	}
}

func TestReconcileTranscripts(t *testing.T) {
	files, err := filepath.Glob("testdata/reconcile/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatal("there are no transcripts", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			c := &chat{plan: newPlan(), lives: newLives()}
			for line := range strings.Lines(string(want)) {
				line = strings.TrimRight(line, "\n")
				if strings.HasPrefix(line, "  ") {
					continue
				}
				c.out.WriteString(line + "\n")
				if line != "" && !strings.HasPrefix(line, "#") {
					c.line(t, line)
				}
			}
			t.Log("\n" + c.out.String())
			if got := c.out.String(); got != string(want) {
				if *update {
					if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
						t.Fatal(err)
					}
					return
				}
				t.Errorf("the transcript is another: run go test ./actors -run Reconcile -update and read the difference")
			}
		})
	}
}

// TestLastWordOfAnOldActorIsNoNewSession: the plan has forgotten the shard, and named it again, while its actor was about to begin a session that
// was asked for before. What is asked for now is still to do.
func TestLastWordOfAnOldActorIsNoNewSession(t *testing.T) {
	t.Parallel()
	l, key := newLives(), Key{Shard: events.ShardID{Total: 1}}
	l.told(action{key: key, do: spawn})
	l.began(key)
	l.told(action{key: key, do: reidentify, sessions: 1})
	l.anew(key)
	l.reidentified(key, 1)
	if begun := l.of[key].begun; begun != 0 {
		t.Errorf("of the new shard %d sessions count as begun", begun)
	}
}
