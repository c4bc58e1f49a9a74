package session_test

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/session"
)

// TestStrayChunksEndNothing: what nobody asked for ends nothing, and nothing found is an answer.
// Failures: F73.
func TestStrayChunksEndNothing(t *testing.T) {
	t.Parallel()
	var r session.Replies
	r.Add(noon, 1, request(t, members(5, "a")), noon.Add(time.Second))
	r.Add(noon, 2, request(t, members(5, "b")), time.Time{})
	for _, nonce := range []string{"", "A", "aa", "another"} {
		if ended := r.Observe(noon, chunk(nonce, 5, 0, 1), bot); len(ended) != 0 {
			t.Errorf("nonce %q ends %+v", nonce, ended)
		}
	}
	ended := r.Observe(noon, chunk("b", 5, 0, 1), bot) // without members
	if len(ended) != 1 || ended[0].ID != 2 || ended[0].Err != nil || len(ended[0].Events) != 1 {
		t.Errorf("nothing was found: %+v", ended)
	}
	if ended = r.Expire(noon.Add(time.Second)); len(ended) != 1 || ended[0].ID != 1 || !errors.Is(ended[0].Err, session.ErrNoAnswer) {
		t.Errorf("at the deadline: %+v", ended)
	}
}

// TestAnswerIsWholeWithEachChunkOnly: an answer is whole with each of its chunks, in any order and however
// often, and ends at the deadline without one of them.
// Failures: F74.
func TestAnswerIsWholeWithEachChunkOnly(t *testing.T) {
	t.Parallel()
	const chunks = 5
	for missing := range chunks {
		var r session.Replies
		r.Add(noon, 1, request(t, members(5, "a")), noon.Add(time.Minute))
		for range 3 {
			for i := chunks - 1; i >= 0; i-- {
				if i == missing {
					continue
				}
				if ended := r.Observe(noon, chunk("a", 5, i, chunks), bot); len(ended) != 0 {
					t.Fatalf("whole without chunk %d: %+v", missing, ended)
				}
			}
		}
		if missing%2 == 0 {
			if ended := r.Expire(noon.Add(time.Minute)); len(ended) != 1 || !errors.Is(ended[0].Err, session.ErrNoAnswer) || len(ended[0].Events) != chunks-1 {
				t.Errorf("at the deadline, without chunk %d: %+v", missing, ended)
			}
		} else if ended := r.Observe(noon, chunk("a", 5, missing, chunks), bot); len(ended) != 1 || ended[0].Err != nil || len(ended[0].Events) != chunks {
			t.Errorf("with chunk %d at last: %+v", missing, ended)
		}
		if r.Len() != 0 {
			t.Errorf("%d wait", r.Len())
		}
	}
}

// TestCloseInAnswerToResumeDoesWhatItsCodeSays: the gateway closes the connection with every code in answer to a Resume: what follows
// is another Resume, of which three fail at the most, a new session at once, or the end.
// Failures: F98, F99, F112.
func TestCloseInAnswerToResumeDoesWhatItsCodeSays(t *testing.T) {
	t.Parallel()
	codes := []events.CloseCode{0}
	for code := events.CloseCode(1000); code <= 1015; code++ {
		codes = append(codes, code)
	}
	for code := events.CloseCode(3000); code <= 4999; code++ {
		codes = append(codes, code)
	}
	fatal := map[events.CloseCode]bool{4004: true, 4010: true, 4011: true, 4012: true, 4013: true, 4014: true}
	fresh := map[events.CloseCode]bool{4005: true, 4006: true, 4007: true, 4009: true}
	for _, code := range codes {
		want, state := 3, session.Queued
		switch {
		case fatal[code]:
			want, state = 1, session.Closed
		case fresh[code]:
			want = 1
		}
		c := newChat(t, new(sync.Map))
		c.do("resumable")
		c.do("start")
		failed := 0
		for ; failed < 10; failed++ {
			c.do("connected")
			c.do("hello")
			if c.machine.State() != session.Resuming {
				break
			}
			var err error = &session.CloseError{Code: code}
			if code == events.CloseNone {
				err = errors.New("connection reset")
			}
			c.step(session.Input{Kind: session.Lost, Err: err})
			if c.machine.State() == session.Backoff {
				c.do("wait")
			}
		}
		if failed != want || c.machine.State() != state || c.cursor.Resumable() {
			t.Errorf("%v: %d resumes, then %v", code, failed, c.machine.State())
		}
	}
}

// TestSessionWhoseResumeWouldBeTooLargeGivesWayToANewOne: the gateway closes connections that send more than 4096 bytes, so nothing is sent.
func TestSessionWhoseResumeWouldBeTooLargeGivesWayToANewOne(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		id   string
		want session.State
	}{{strings.Repeat("a", 3900), session.Resuming}, {strings.Repeat("a", 4096), session.Queued}, {strings.Repeat(`"`, 2100), session.Queued}} {
		c := newChat(t, new(sync.Map))
		c.cursor = session.Cursor{SessionID: events.Secret(test.id), ResumeURL: "wss://resume.discord.gg", Seq: 10, Session: 1}
		c.do("start")
		c.do("connected")
		c.do("hello")
		if c.machine.State() == session.Backoff {
			c.do("wait")
			c.do("connected")
			c.do("hello")
		}
		if c.machine.State() != test.want || (c.cursor.SessionID != "") != (test.want == session.Resuming) {
			t.Errorf("an id of %d bytes: %v", len(test.id), c.machine.State())
		}
	}
}

// TestGiantReadyEndsTheShardAtTheSecond: a READY that is too large to be read costs two Identifies, and not all of them: then the shard ends, and says
// why. An event that is too large costs Resumes alone.
//
// Failures: F49.
func TestGiantReadyEndsTheShardAtTheSecond(t *testing.T) {
	t.Parallel()
	c := newChat(t, new(sync.Map))
	c.do("start")
	giant := fmt.Errorf("transport: %w: over 64 MiB", session.ErrTooLarge)
	for identifies := 1; identifies <= 2; identifies++ {
		c.do("connected")
		c.do("hello")
		c.do("granted")
		if c.machine.State() != session.Identifying {
			t.Fatalf("%v before the READY", c.machine.State())
		}
		c.step(session.Input{Kind: session.Lost, Err: giant})
		if c.machine.State() == session.Backoff {
			c.do("wait")
		}
	}
	if err := c.machine.Err(); c.machine.State() != session.Closed || !errors.Is(err, session.ErrTooLarge) {
		t.Errorf("%v: %v", c.machine.State(), err)
	}

	c = newChat(t, new(sync.Map))
	c.do("resumable")
	c.do("start")
	for range 3 {
		c.do("connected")
		c.do("hello")
		if c.machine.State() != session.Resuming {
			t.Fatalf("%v before the event", c.machine.State())
		}
		c.step(session.Input{Kind: session.Lost, Err: giant})
		c.do("wait")
	}
	if c.cursor.Resumable() || c.machine.State() == session.Closed {
		t.Errorf("after three Resumes: %v", c.machine.State())
	}
}

// TestRestartsWhileItResumesLoseNoSession: a restart costs a connection, and no Identify, however often it is asked for.
func TestRestartsWhileItResumesLoseNoSession(t *testing.T) {
	t.Parallel()
	c := newChat(t, new(sync.Map))
	c.do("resumable")
	c.do("start")
	for n := range 10 {
		c.do("connected")
		c.do("hello")
		if c.machine.State() != session.Resuming {
			t.Fatalf("after %d restarts: %v", n, c.machine.State())
		}
		c.do("restart")
		c.do("wait")
	}
	for _, failed := range []int{1, 2, 3} { // those that fail count as ever
		if !c.cursor.Resumable() {
			t.Fatalf("the session is lost before Resume %d fails", failed)
		}
		c.do("connected")
		c.do("hello")
		c.do("lost reset")
		c.do("wait")
	}
	if c.cursor.Resumable() {
		t.Error("three Resumes have failed, and the session is tried still")
	}
}

// TestResumeURLThatIsNoneCostsNoSession: whatever READY gives for one, what is stored of the session is resumed by the next process.
func TestResumeURLThatIsNoneCostsNoSession(t *testing.T) {
	t.Parallel()
	for url, kept := range map[string]bool{
		"WSS://resume.discord.gg": true, "Ws://127.0.0.1:1": true, "": false, "resume.discord.gg": false, "https://resume.discord.gg": false, "wss://": false,
		"wss://resume.discord.gg/ x": false, "wss://" + strings.Repeat("a", 2043): false,
	} {
		c := newChat(t, new(sync.Map))
		ready := `recv {"op":0,"t":"READY","s":1,"d":{"session_id":"new","resume_gateway_url":"` + url + `"}}`
		for _, line := range []string{"start", "connected", "hello", "granted", ready} {
			c.do(line)
		}
		stored := c.cursor.Snapshot(events.ShardID{Index: 3, Total: 16})
		if err := stored.Check(stored.Shard, c.now); err != nil || stored.SessionID != "new" || (stored.ResumeURL == url) != (kept || url == "") {
			t.Errorf("%.40q: stored with %.40q: %v", url, stored.ResumeURL, err)
		}
		c.do("lost reset")
		c.do("wait")
		c.do("connected")
		c.do("hello")
		if c.machine.State() != session.Resuming {
			t.Errorf("%.40q: %v", url, c.machine.State())
		}
		if dialled := strings.Contains(c.out.String(), "to the resume URL"); dialled != kept {
			t.Errorf("%.40q: dialled: %v", url, dialled)
		}
	}
}

// TestGiantEventAfterEachReadyEndsTheShardAtTheSecond: what no Resume gets past comes again in the next session, and all Identifies of the day would not help.
func TestGiantEventAfterEachReadyEndsTheShardAtTheSecond(t *testing.T) {
	t.Parallel()
	giant := fmt.Errorf("transport: %w: over 64 MiB", session.ErrTooLarge)
	for name, ready := range map[string]string{"resumable": "ready 1", "not resumable": `recv {"op":0,"t":"READY","s":1,"d":{}}`} {
		for _, healthy := range []bool{false, true} {
			c := newChat(t, new(sync.Map))
			c.do("start")
			c.do("acks")
			identifies, most := 0, 5
			for identifies < most && c.machine.State() != session.Closed {
				c.do("connected")
				c.do("hello")
				if c.machine.State() == session.Queued {
					c.do("granted")
					c.do(ready)
					if identifies++; healthy {
						c.do("after 2m")
					}
				}
				c.step(session.Input{Kind: session.Lost, Err: giant})
				if c.machine.State() == session.Backoff {
					c.do("wait")
				}
			}
			want := most
			if !healthy {
				want = 2
			}
			if err := c.machine.Err(); identifies != want || errors.Is(err, session.ErrTooLarge) == healthy {
				t.Errorf("%s, healthy %v: %d Identifies, %v: %v", name, healthy, identifies, c.machine.State(), err)
			}
		}
	}
}
