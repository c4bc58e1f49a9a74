package operations
import (
 _ "github.com/prometheus/prometheus/promql"
 _ "github.com/prometheus/prometheus/promql/parser"
 _ "github.com/prometheus/prometheus/model/rulefmt"
 _ "github.com/prometheus/prometheus/util/teststorage"
 _ "github.com/prometheus/client_golang/prometheus"
 _ "github.com/signalbox-go/signalbox/shardmanager"
)
