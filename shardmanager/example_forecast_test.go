package shardmanager_test

import (
	"context"
	"fmt"
	"log"
	"time"

	"go.uber.org/zap"

	"github.com/signalbox-go/signalbox/session/gatewaytest"
	"github.com/signalbox-go/signalbox/shardmanager"
)

// Before something is begun, it is known what it will cost, and whether the budget of Identifies can pay.
func ExampleManager_Forecast() {
	gateway := simulated(gatewaytest.WithShards(8), gatewaytest.WithMaxConcurrency(8), gatewaytest.WithSessionStarts(1000, 200, 3*time.Hour)) // on Discord: leave it, and WithGateway, out
	defer gateway.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	m, err := shardmanager.New("token", shardmanager.WithGateway(gateway), shardmanager.WithLogger(zap.NewNop()))
	if err != nil {
		log.Fatal(err)
	}
	start, err := m.Forecast(ctx, shardmanager.ColdStart{}) // asks Discord, and starts nothing
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("start:", start.Shards, "shards,", start.Identifies, "Identifies; enough:", start.Enough)

	m = run(ctx, m, nil)
	defer m.Close(context.Background())
	for _, of := range []shardmanager.Work{shardmanager.ReshardTo{Total: 32}, shardmanager.ReshardTo{Total: 128}} {
		f, err := m.Forecast(ctx, of)
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println("reshard:", f.Duration.Round(time.Minute), "and", f.Identifies, "Identifies; enough:", f.Enough, "of", f.Budget.Spare)
	}
	// Output:
	// start: 8 shards, 8 Identifies; enough: true
	// reshard: 2m0s and 32 Identifies; enough: true of 92
	// reshard: 3m0s and 128 Identifies; enough: false of 92
}
