package shardmanager_test

import (
	"container/heap"
	"errors"
	"fmt"
	"time"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/ratelimit"
	"github.com/signalbox-go/signalbox/session"
)

// member is one shard, and its machine's host.
type member struct {
	month   *month
	index   int
	machine *session.Machine // nil: bare
	cursor  session.Cursor
	inputs  []session.Input
	wake    time.Time
}

func (m *member) Connect(conn uint64, _ events.Secret) {
	if m.month.down {
		m.inputs = append(m.inputs, session.Input{Kind: session.Lost, Conn: conn, Err: errors.New("refused")})
		return
	}
	m.inputs = append(m.inputs, session.Input{Kind: session.Connected, Conn: conn}, m.frame(conn, fmt.Sprintf(`{"op":10,"d":{"heartbeat_interval":%d}}`, monthInterval.Milliseconds())))
}

func (m *member) frame(conn uint64, payload string) session.Input {
	return session.Input{Kind: session.Frame, Conn: conn, Data: []byte(payload), At: time.Now()}
}

func (m *member) Write(conn uint64, op events.Opcode, _ []byte) error {
	switch op {
	case events.OpHeartbeat:
		m.inputs = append(m.inputs, m.frame(conn, `{"op":11}`))
	case events.OpIdentify:
		m.month.used(m.shard())
		m.month.identified(m.index)
		if !m.month.deaf {
			m.inputs = append(m.inputs, m.frame(conn, `{"op":0,"t":"READY","s":1,"d":{"session_id":"s","resume_gateway_url":"wss://gateway.discord.gg","user":{"id":"1"}}}`))
		}
	case events.OpResume:
		m.month.resumed++
		m.inputs = append(m.inputs, m.frame(conn, fmt.Sprintf(`{"op":0,"t":"RESUMED","s":%d,"d":{}}`, m.cursor.Seq+1)))
	}
	return nil
}

func (m *member) shard() ratelimit.Shard {
	return ratelimit.Shard{Index: m.index, Total: m.month.shards}
}

func (m *member) Enqueue(uint64) {
	m.month.asked++
	m.month.queue.Ask(time.Now(), m.shard())
	m.month.changed = true
}

func (m *member) Dequeue(uint64) {
	m.month.queue.Withdraw(time.Now(), m.shard())
	m.month.changed = true
}

func (m *member) Close(uint64, events.CloseCode)       {}
func (m *member) Wake(at time.Time)                    { m.wake = at }
func (m *member) Deliver(events.Raw, events.Meta) bool { return false }
func (m *member) Part(uint64, events.Raw) bool         { return false }
func (m *member) Ended(session.Outcome)                {}
func (m *member) Latency(_, _ time.Duration)           {}
func (m *member) Changed(session.Change)               {}
func (m *member) Odd(error)                            {}

// step feeds the machine, and what the gateway answers.
func (m *member) step(in session.Input) {
	if m.machine == nil {
		m.wake = time.Time{}
		m.Enqueue(0)
		return
	}
	m.stepAt(time.Now(), in)
	m.reschedule()
}

func (m *member) stepAt(now time.Time, in session.Input) {
	m.inputs = append(m.inputs, in)
	for i := 0; i < len(m.inputs); i++ {
		m.machine.Step(now, m.inputs[i])
	}
	m.inputs = m.inputs[:0]
}

func (m *member) reschedule() {
	if !m.wake.IsZero() {
		heap.Push(&m.month.due, due{m.wake, m.index})
	}
}

type due struct {
	at    time.Time
	shard int
}

type dues []due

func (d dues) Len() int           { return len(d) }
func (d dues) Less(i, j int) bool { return d[i].at.Before(d[j].at) }
func (d dues) Swap(i, j int)      { d[i], d[j] = d[j], d[i] }
func (d *dues) Push(v any)        { *d = append(*d, v.(due)) }

func (d *dues) Pop() any {
	last := (*d)[len(*d)-1]
	*d = (*d)[:len(*d)-1]
	return last
}
