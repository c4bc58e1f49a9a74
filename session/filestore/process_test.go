package filestore_test

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/ratelimit"
	"github.com/signalbox-go/signalbox/ratelimit/limitertest"
	"github.com/signalbox-go/signalbox/session"
	"github.com/signalbox-go/signalbox/session/filestore"
)

var (
	killRounds    = flag.Int("kill.rounds", 15, "how many processes TestKill kills")
	shareStarts   = flag.Int("share.starts", 12, "how many Identifies TestTwoProcessesOneLedger has")
	shareInterval = flag.Duration("share.interval", 400*time.Millisecond, "how far apart they have to be; Discord's is 5s")
)

// The environment of a process that is to use a store, and not a test.
const (
	envRole = "FILESTORE_ROLE"
	envPath = "FILESTORE_PATH"
	envArg  = "FILESTORE_ARG"
)

func TestMain(m *testing.M) {
	flag.Parse()
	roles := map[string]func(*filestore.Store) error{"save": saveOnAndOn, "identify": identifyAll, "own": own, "notes": noteOnAndOn, "note": noteOnce, "seal": sealOnce, "batch": func(s *filestore.Store) error { return s.Save(context.Background(), largeBatch(2)...) }}
	role, ok := roles[os.Getenv(envRole)]
	if !ok {
		os.Exit(m.Run())
	}
	var opts []filestore.Option
	switch os.Getenv(envArg) {
	case "unsynced":
		opts = append(opts, filestore.WithoutSync())
	case "sealed":
		opts = append(opts, filestore.WithKey(secret))
	}
	s, err := filestore.Open(os.Getenv(envPath), opts...)
	if err == nil {
		err = errors.Join(role(s), s.Close())
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// process makes this binary a process with a role. What it prints is read from out.
func process(t *testing.T, role, path, arg string) (cmd *exec.Cmd, out *bufio.Reader) {
	t.Helper()
	cmd = exec.Command(os.Args[0], "-share.starts", fmt.Sprint(*shareStarts), "-share.interval", shareInterval.String())
	cmd.Env = append(os.Environ(), envRole+"="+role, envPath+"="+path, envArg+"="+arg)
	cmd.Stderr = os.Stderr
	pipe, err := cmd.StdoutPipe()
	must(t, err, cmd.Start())
	t.Cleanup(func() { _ = cmd.Process.Kill() }) // it may have ended
	return cmd, bufio.NewReader(pipe)
}

const killShards = 300

// saveOnAndOn saves one number after the other, and says so each time.
func saveOnAndOn(s *filestore.Store) error {
	ctx := context.Background()
	first, err := s.Load(ctx, events.ShardID{Total: killShards})
	if err != nil && !errors.Is(err, session.ErrNoSnapshot) {
		return err
	}
	for seq := first.Seq + 1; ; seq++ {
		all := make([]session.Snapshot, killShards)
		for index := range all {
			all[index] = session.Snapshot{Shard: events.ShardID{Index: index, Total: killShards}, SessionID: strings.Repeat("s", 32), ResumeURL: "wss://gateway-us-east1-b.discord.gg", Seq: seq}
		}
		if err := errors.Join(s.Save(ctx, all...), s.SaveLedger(ctx, ratelimit.LedgerState{Remaining: int(seq)})); err != nil {
			return err
		}
		if _, err := fmt.Println(seq); err != nil {
			return err
		}
	}
}

// TestKill kills processes at random instants, while they open the file, save, and write it anew. Nothing that Save returned for is ever lost.
func TestKill(t *testing.T) {
	t.Parallel()
	path := file(t)
	random := rand.New(rand.NewPCG(uint64(time.Now().UnixNano()), 1)) // what is random is when they are killed, and that nobody can repeat
	acknowledged, stored, killed := int64(0), int64(0), 0             // a process goes on behind what the one before has stored, whether it came to say so or not
	for round := range *killRounds {
		cmd, out := process(t, "save", path, []string{"synced", "unsynced"}[round%2])
		kill := func() {
			time.AfterFunc(time.Duration(random.IntN(100))*time.Millisecond, func() { _ = cmd.Process.Kill() })
		}
		early := round%4 == 3 // while it opens the file, perhaps
		if early {
			kill()
		}
		for first := true; ; first = false {
			var seq int64
			line, err := out.ReadString('\n')
			if err != nil {
				break
			}
			if _, err := fmt.Sscan(line, &seq); err != nil {
				t.Fatal(err)
			}
			acknowledged = seq
			if first && !early {
				kill()
			}
		}
		if err := cmd.Wait(); !strings.Contains(fmt.Sprint(err), "killed") {
			t.Fatalf("round %d: the process ended by itself: %v", round, err)
		}
		killed++
		s, logs := watched(t, path)
		ledger, err := s.LoadLedger(t.Context())
		must(t, err)
		if int64(ledger.Remaining) < acknowledged || !ledger.Lost.IsZero() || logs.Len() > 0 {
			t.Fatalf("round %d: the ledger is at %d, of %d that were saved; warnings: %v", round, ledger.Remaining, acknowledged, logs.All())
		}
		most := max(acknowledged, stored) + 1
		for index := range killShards {
			got, err := s.Load(t.Context(), events.ShardID{Index: index, Total: killShards})
			if errors.Is(err, session.ErrNoSnapshot) && acknowledged == 0 {
				continue
			}
			if stored = max(stored, got.Seq); err != nil || got.Seq < acknowledged || got.Seq > most {
				t.Fatalf("round %d: shard %d is at %d, of %d that were saved: %v", round, index, got.Seq, acknowledged, err)
			}
		}
		must(t, s.Close())
	}
	t.Logf("%d processes were killed; %d times was saved, and nothing of that is lost", killed, acknowledged)
	if acknowledged == 0 {
		t.Error("none of them came to save anything")
	}
}

// identifyAll starts every second shard, all under one key, and says when.
func identifyAll(s *filestore.Store) error {
	margin := *shareInterval + *shareInterval/20 - ratelimit.IdentifyInterval // as the default is to Discord's
	limiter := ratelimit.Local(ratelimit.SessionStart{Total: 1000, Remaining: 1000, ResetAfter: 20 * time.Hour, MaxConcurrency: 1},
		ratelimit.WithLedger(s), ratelimit.WithMargins(margin, 0))
	o := limitertest.NewOwner(limiter.Identify())
	var failed error
	left := 0
	o.Decided = func(d ratelimit.Decision) {
		if d.Err != nil {
			failed = d.Err
			return
		}
		time.Sleep(time.Duration(rand.IntN(20)) * time.Millisecond)
		now := time.Now()
		o.Used(d.Shard)
		fmt.Println(now.UnixNano(), d.Shard.Index)
		left--
	}
	from := 0
	if _, err := fmt.Sscan(os.Getenv(envArg), &from); err != nil {
		return err
	}
	for index := from; index < *shareStarts; index += 2 {
		left++
		o.Ask(ratelimit.Shard{Index: index, Total: *shareStarts})
	}
	o.Until(time.Duration(*shareStarts)*(*shareInterval+3*time.Second), func() bool { return left == 0 || failed != nil })
	o.Run(time.Second) // the last word is written down
	if failed == nil && left > 0 {
		failed = fmt.Errorf("%d did not start", left)
	}
	return failed
}

// TestTwoProcessesOneLedger: two processes of one machine, with one token and no server, never identify too close to one another.
func TestTwoProcessesOneLedger(t *testing.T) {
	t.Parallel()
	path := file(t)
	var mu sync.Mutex
	var starts []int64
	var done sync.WaitGroup
	for _, from := range []string{"0", "1"} {
		cmd, out := process(t, "identify", path, from)
		done.Go(func() {
			for {
				line, err := out.ReadString('\n')
				if errors.Is(err, io.EOF) {
					break
				}
				var at int64
				var shard int
				if _, err := fmt.Sscan(line, &at, &shard); err != nil {
					t.Error(err)
				}
				mu.Lock()
				starts = append(starts, at)
				mu.Unlock()
			}
			if err := cmd.Wait(); err != nil {
				t.Error(err)
			}
		})
	}
	done.Wait()
	slices.Sort(starts)
	close, nearest := 0, time.Hour
	for i := 1; i < len(starts); i++ {
		apart := time.Duration(starts[i] - starts[i-1])
		nearest = min(nearest, apart)
		if apart < *shareInterval {
			close++
		}
	}
	t.Logf("%d Identifies by two processes under one key: %d too close, and the nearest %v apart, of %v", len(starts), close, nearest, *shareInterval)
	if close > 0 || len(starts) != *shareStarts {
		t.Errorf("%d of %d Identifies came about", len(starts), *shareStarts)
	}
	ledger, err := open(t, path).LoadLedger(t.Context())
	if err != nil || ledger.Remaining != 1000-*shareStarts {
		t.Errorf("%d are left of the budget, %v", ledger.Remaining, err)
	}
}

// own saves one shard until a later owner has it.
func own(s *filestore.Store) error {
	for {
		err := s.Save(context.Background(), session.Snapshot{Shard: id, SessionID: "s", Fence: 1})
		if errors.Is(err, session.ErrFenced) {
			fmt.Println("fenced")
			return nil
		}
		if err != nil {
			return err
		}
		fmt.Println("saved")
	}
}

// TestTwoProcessesOneShard: the later owner keeps it, and the earlier learns that.
func TestTwoProcessesOneShard(t *testing.T) {
	t.Parallel()
	path := file(t)
	s := open(t, path)
	cmd, out := process(t, "own", path, "")
	if line, err := out.ReadString('\n'); err != nil || line != "saved\n" {
		t.Fatalf("%q, %v", line, err)
	}
	for seq := range int64(50) {
		must(t, s.Save(t.Context(), session.Snapshot{Shard: id, SessionID: "s", Fence: 2, Seq: seq}))
	}
	rest, err := io.ReadAll(out)
	must(t, err, cmd.Wait())
	if !strings.HasSuffix(string(rest), "fenced\n") {
		t.Errorf("the earlier owner: %q", rest)
	}
	if got, err := s.Load(t.Context(), id); err != nil || got.Fence != 2 || got.Seq != 49 {
		t.Errorf("fence %d, sequence %d, %v", got.Fence, got.Seq, err)
	}
}
