package control_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gorilla/websocket"
	"go.uber.org/goleak"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/session/gatewaytest"
	"github.com/signalbox-go/signalbox/session/gatewaytest/control"
)

// TestMain fails when a goroutine outlives the tests of this package.
func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// bundle is a server with a port, and a bot of two shards that notes what it hears and does nothing of its own.
type bundle struct {
	*gatewaytest.Server
	t       *testing.T
	port    *control.Control
	handler http.Handler
	shards  []*shard
	guild   events.Snowflake // of shard 0
}

// virtual runs f in a bubble.
func virtual(t *testing.T, f func(*bundle), opts ...gatewaytest.Option) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		opts = append([]gatewaytest.Option{
			gatewaytest.WithVirtualNetwork(), gatewaytest.WithShards(2), gatewaytest.WithMaxConcurrency(2), gatewaytest.WithGuildsPerShard(1),
		}, opts...)
		b := &bundle{Server: gatewaytest.NewServer(t, opts...), t: t, guild: gatewaytest.GuildOf(events.ShardID{Index: 0, Total: 2}, 0)}
		b.port = control.New(b.Server)
		b.handler = b.port.Handler()
		for index := range 2 {
			b.shards = append(b.shards, b.connect(index))
		}
		synctest.Wait()
		f(b)
	})
}

// ask makes a request of the port.
func (b *bundle) ask(method, path, body string) (status int, answer string) {
	r := httptest.NewRequestWithContext(b.t.Context(), method, "http://127.0.0.1:8081"+path, strings.NewReader(body))
	w := httptest.NewRecorder()
	b.handler.ServeHTTP(w, r)
	return w.Code, w.Body.String()
}

// order gives orders that can be carried out.
func (b *bundle) order(text string) (done []result) {
	b.t.Helper()
	status, answer := b.ask(http.MethodPost, "/orders", text)
	var all struct{ Done []result }
	if err := json.Unmarshal([]byte(answer), &all); err != nil || status != http.StatusOK {
		b.t.Fatalf("%s: %d %s", text, status, answer)
	}
	synctest.Wait()
	return all.Done
}

// pass lets time pass, and what is due then be done.
func (b *bundle) pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

type result struct {
	Do     string
	Shards []events.ShardID
	IDs    []events.Snowflake
	Until  *time.Time
}

// call is a REST call of the bot.
func (b *bundle) call(method, path, body string) int {
	b.t.Helper()
	r, err := http.NewRequestWithContext(b.t.Context(), method, b.APIURL+path, strings.NewReader(body))
	if err != nil {
		b.t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bot t")
	r.Header.Set("Content-Type", "application/json")
	answer, err := b.Client().Do(r)
	if err != nil {
		return 0
	}
	defer answer.Body.Close()
	return answer.StatusCode
}

// shard is a connection of the bot's.
type shard struct {
	ws   *websocket.Conn
	mu   sync.Mutex
	got  []string // "op 7", or an event's type
	last json.RawMessage
	code int // of the end: -1 without one; 0: it goes on
}

// connect makes a connection. A negative index is one that does not identify.
func (b *bundle) connect(index int) *shard {
	b.t.Helper()
	dialer := websocket.Dialer{NetDialContext: b.DialContext}
	ws, _, err := dialer.DialContext(b.t.Context(), b.URL+"/?v=10&encoding=json", nil)
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() { _ = ws.Close() }) // it has served
	s := &shard{ws: ws}
	go s.read()
	if index >= 0 {
		synctest.Wait()
		s.send(fmt.Sprintf(`{"op":2,"d":{"token":"t","properties":{},"intents":%d,"shard":[%d,2]}}`, events.IntentsAll, index))
		synctest.Wait()
	}
	return s
}

func (s *shard) send(text string) { _ = s.ws.WriteMessage(websocket.TextMessage, []byte(text)) }

func (s *shard) read() {
	for {
		var p struct {
			Op int
			T  string
			D  json.RawMessage
		}
		err := s.ws.ReadJSON(&p)
		s.mu.Lock()
		if err != nil {
			s.code = -1
			if closed, is := err.(*websocket.CloseError); is {
				s.code = closed.Code
			}
			s.mu.Unlock()
			return
		}
		if p.T == "" {
			p.T = fmt.Sprint("op ", p.Op)
		}
		s.got, s.last = append(s.got, p.T), p.D
		s.mu.Unlock()
	}
}

// heard is whether the shard has had a payload, and what its latest was.
func (s *shard) heard(name string) bool {
	synctest.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Contains(s.got, name)
}

func (s *shard) count(name string) (n int) {
	synctest.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, got := range s.got {
		if got == name {
			n++
		}
	}
	return n
}

func (s *shard) ended() int {
	synctest.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.code
}
