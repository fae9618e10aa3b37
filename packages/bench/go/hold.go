package main

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
)

const (
	// What is made at the first use is not what one more of the same costs.
	rehearsed = 100
	// Grants under way at any time.
	grantsAtOnce = 64
	drainEvery   = 250 * time.Millisecond
	pollEvery    = 20 * time.Millisecond
	collections  = 5
)

// holding is something that is held for a while.
type holding struct {
	count   func() (uint64, error) // what was done for it so far
	verify  func() error           // fails when not all of it is held any more
	release func() error
}

// holds tells whether nothing but being there is measured of this workload.
func (w workload) holds() bool {
	return w.Kind == "watch-hold" || w.Kind == "lease-hold"
}

func (j job) hold(ctx context.Context, client *clientv3.Client, count int) (*holding, error) {
	if j.Workload.Kind == "lease-hold" {
		return j.holdLeases(ctx, client, count)
	}
	return j.holdWatches(ctx, client, count)
}

// measureHolding does as src/measure-holding.ts does.
func (j job) measureHolding(ctx context.Context, client *clientv3.Client) (*sample, error) {
	if _, err := client.Get(ctx, keyAt(0)); err != nil { // connects
		return nil, err
	}
	rehearsal, err := j.hold(ctx, client, min(rehearsed, j.Workload.Held))
	if err != nil {
		return nil, err
	}
	if err := rehearsal.verify(); err != nil {
		return nil, err
	}
	if err := rehearsal.release(); err != nil {
		return nil, err
	}

	heldBefore := settledBytes()
	held, err := j.hold(ctx, client, j.Workload.Held)
	if err != nil {
		return nil, err
	}
	heldBytes := settledBytes() - heldBefore
	time.Sleep(milliseconds(j.WarmUpMs))

	countBefore, err := held.count()
	if err != nil {
		return nil, err
	}
	began, before := time.Now(), costsNow()
	// A lease that is not renewed in its time to live is gone at the end.
	time.Sleep(max(milliseconds(j.MeasureMs), time.Duration(j.Workload.TTLSeconds)*time.Second))
	after, seconds := costsNow(), time.Since(began).Seconds()
	count, err := held.count()
	if err != nil {
		return nil, err
	}
	if err := held.verify(); err != nil {
		return nil, err
	}
	if err := held.release(); err != nil {
		return nil, err
	}
	found := sampleOf(before, after, seconds, nil)
	found.Operations = count - countBefore
	found.HeldBytes = &heldBytes
	return found, nil
}

func (j job) holdWatches(ctx context.Context, client *clientv3.Client, count int) (*holding, error) {
	ctx, cancel := context.WithCancel(ctx)
	key := keyAt(0)
	watches, err := openWatches(ctx, client, key, count)
	if err != nil {
		cancel()
		return nil, err
	}
	var seen <-chan error
	if j.Workload.Read {
		seen = readWatches(watches, j.Workload.ValueBytes)
	}
	return &holding{
		count: func() (uint64, error) { return 0, nil },
		verify: func() error {
			if seen == nil {
				seen = readWatches(watches, j.Workload.ValueBytes)
			}
			return putAndSee(ctx, client, key, valueOf(j.Workload.ValueBytes), count, seen)
		},
		release: func() error {
			cancel()
			return nil
		},
	}, nil
}

func (j job) holdLeases(ctx context.Context, client *clientv3.Client, count int) (*holding, error) {
	ctx, cancel := context.WithCancel(ctx)
	renewals := func() (uint64, error) { return renewalCount(ctx, j.Endpoint) }
	leases, err := grantLeases(ctx, client, count, j.Workload.TTLSeconds)
	if err != nil {
		cancel()
		return nil, err
	}
	before, err := renewals()
	if err != nil {
		cancel()
		return nil, err
	}
	kept := make([]<-chan *clientv3.LeaseKeepAliveResponse, count)
	for i, id := range leases {
		if kept[i], err = client.KeepAlive(ctx, id); err != nil {
			cancel()
			return nil, err
		}
	}
	go drain(ctx, kept)
	// Only then every one has all that it needs.
	for now := before; now < before+uint64(count); time.Sleep(pollEvery) {
		if now, err = renewals(); err != nil {
			cancel()
			return nil, err
		}
	}
	return &holding{
		count: renewals,
		verify: func() error {
			answer, err := client.Leases(ctx)
			if err == nil && len(answer.Leases) != count {
				err = fmt.Errorf("%s: %d of %d leases are alive", j.Workload.Name, len(answer.Leases), count)
			}
			return err
		},
		release: func() error {
			defer cancel()
			return inParallel(leases, func(_ int, id clientv3.LeaseID) error {
				_, err := client.Revoke(ctx, id)
				return err
			})
		},
	}, nil
}

func grantLeases(ctx context.Context, client *clientv3.Client, count int, ttlSeconds int64) ([]clientv3.LeaseID, error) {
	leases := make([]clientv3.LeaseID, count)
	err := inParallel(leases, func(i int, _ clientv3.LeaseID) error {
		answer, err := client.Grant(ctx, ttlSeconds)
		if err == nil {
			leases[i] = answer.ID
		}
		return err
	})
	return leases, err
}

// drain takes renewals off their channels, which the client asks its users for. One goroutine does for all, since one for
// each would be memory that is counted as the client's.
func drain(ctx context.Context, kept []<-chan *clientv3.LeaseKeepAliveResponse) {
	ticker := time.NewTicker(drainEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		for _, answers := range kept {
			select {
			case <-answers:
			default:
			}
		}
	}
}

// inParallel does some of the work at any time, and returns the first failure.
func inParallel[T any](parts []T, do func(i int, part T) error) error {
	var wait sync.WaitGroup
	failures := make(chan error, grantsAtOnce)
	for worker := range grantsAtOnce {
		wait.Go(func() {
			for i := worker; i < len(parts); i += grantsAtOnce {
				if err := do(i, parts[i]); err != nil {
					failures <- err
					return
				}
			}
		})
	}
	wait.Wait()
	close(failures)
	return <-failures
}

// settledBytes is what heap and stacks hold once there is no garbage left: goroutines are how this client holds things.
func settledBytes() int64 {
	for range collections {
		runtime.GC()
	}
	var memory runtime.MemStats
	runtime.ReadMemStats(&memory)
	return int64(memory.HeapAlloc + memory.StackInuse)
}
