package session_test

import (
	"fmt"
	"sync"
	"testing"
	"time"
)

// TestRateIsOfTheLastMinutes: an hour in which nothing came leaves nothing of the rate before, and no debt.
func TestRateIsOfTheLastMinutes(t *testing.T) {
	t.Parallel()
	c := newChat(t, new(sync.Map))
	for _, line := range []string{"acks", "start", "connected", "hello", "granted", "ready 1"} {
		c.do(line)
	}
	seq := 2
	for ; seq < 2000; seq++ {
		c.do(fmt.Sprintf("dispatch MESSAGE_CREATE %d", seq))
		c.after(500 * time.Millisecond)
	}
	if rate := c.cursor.EventRate; rate < 1.95 || rate > 2.05 {
		t.Fatalf("two events a second are %.3f", rate)
	}
	for _, line := range []string{"sleep 1h", "after 1s", "connected", "hello", fmt.Sprintf("dispatch RESUMED %d", seq)} {
		c.do(line)
	}
	if rate := c.cursor.EventRate; rate < 0 || rate > 0.05 {
		t.Errorf("after an hour without any it is %.3f", rate)
	}
	for range 200 {
		c.after(30 * time.Second)
	}
	if rate := c.cursor.EventRate; rate < 0 || rate > 0.001 {
		t.Errorf("after hours of heartbeats alone it is %.6f", rate)
	}
}
