package main

import (
	"context"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// measure keeps inFlight operations under way and counts those that end between the warm-up and the end.
func measure(ctx context.Context, do operation, inFlight int, warmUp, measured time.Duration) (*sample, error) {
	from := time.Now().Add(warmUp)
	until := from.Add(measured)

	var next atomic.Uint64
	var stopped atomic.Bool
	var wait sync.WaitGroup
	failures := make(chan error, inFlight)
	var latencies histogram
	for range inFlight {
		wait.Go(func() {
			for started := time.Now(); started.Before(until) && !stopped.Load(); {
				if err := do(ctx, next.Add(1)); err != nil {
					stopped.Store(true)
					failures <- err
					return
				}
				ended := time.Now()
				if ended.After(from) && !ended.After(until) {
					latencies.record(ended.Sub(started))
				}
				started = ended
			}
		})
	}

	time.Sleep(time.Until(from))
	before := costsNow()
	time.Sleep(time.Until(until))
	after := costsNow()
	wait.Wait()
	close(failures)
	if err := <-failures; err != nil {
		return nil, err
	}

	buckets := latencies.buckets()
	var operations uint64
	for _, bucket := range buckets {
		operations += bucket[1]
	}
	return &sample{
		Operations:     operations,
		Seconds:        measured.Seconds(),
		CPUSeconds:     (after.cpu - before.cpu).Seconds(),
		PeakRSSBytes:   peakRSSBytes(),
		AllocatedBytes: after.memory.TotalAlloc - before.memory.TotalAlloc,
		Collections:    after.memory.NumGC - before.memory.NumGC,
		Latencies:      buckets,
	}, nil
}

type costs struct {
	cpu    time.Duration
	memory runtime.MemStats
}

func costsNow() costs {
	var now costs
	runtime.ReadMemStats(&now.memory)
	now.cpu = cpuTime()
	return now
}
