package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/session/gatewaytest"
	"github.com/signalbox-go/signalbox/shardmanager"
)

// day is what happens to the bot.
type day struct {
	gateway *gatewaytest.Server
	m       *shardmanager.Manager
	calm    bool
}

const (
	faultEvery   = 900 * time.Millisecond
	trafficEvery = 50 * time.Millisecond
	sendEvery    = 400 * time.Millisecond
	sendWithin   = 10 * time.Second
	atOnce       = 8 // sends that wait
)

// pass has messages come and the bot send, and things go wrong, until ctx ends.
func (d day) pass(ctx context.Context) {
	fault, traffic, send := time.NewTicker(faultEvery), time.NewTicker(trafficEvery), time.NewTicker(sendEvery)
	defer fault.Stop()
	defer traffic.Stop()
	defer send.Stop()
	sending := make(chan struct{}, atOnce)
	for {
		select {
		case <-ctx.Done():
			for range atOnce { // those that are under way end with ctx
				sending <- struct{}{}
			}
			return
		case <-d.m.Done():
			<-ctx.Done() // the dashboard says why
			return
		case <-traffic.C:
			d.messages()
		case <-fault.C:
			if !d.calm {
				d.fault()
			}
		case <-send.C:
			select {
			case sending <- struct{}{}:
				go func() {
					defer func() { <-sending }()
					d.send(ctx)
				}()
			default:
			}
		}
	}
}

// shard is any shard.
func (d day) shard() int { return rand.IntN(d.m.Status().Total) }

func (d day) guild() events.Snowflake {
	return gatewaytest.GuildOf(events.ShardID{Index: d.shard(), Total: d.m.Status().Total}, rand.IntN(2))
}

func (d day) messages() {
	for range 1 + rand.IntN(10) {
		d.gateway.World().Message(d.guild(), gatewaytest.Message{Content: fmt.Sprint("hello ", rand.IntN(100))})
	}
}

func (d day) send(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, sendWithin)
	defer cancel()
	// What becomes of it the dashboard counts.
	_, _ = events.RequestGuildMembers{GuildID: d.guild(), Query: events.Ptr("member"), Limit: events.Ptr(5)}.SendEvent(ctx, d.m)
}

// fault has something go wrong.
func (d day) fault() {
	script := d.gateway.Shard(d.shard())
	switch rand.IntN(12) {
	case 0, 1, 2, 3:
		script.Drop()
	case 4, 5, 6:
		script.Reconnect()
	case 7:
		script.InvalidSession(true)
	case 8:
		script.InvalidSession(false)
	case 9:
		script.MuteAcks(true)
	case 10:
		script.Lag(2 * time.Second)
	case 11:
		script.Close(events.CloseCode(4000))
	}
}
