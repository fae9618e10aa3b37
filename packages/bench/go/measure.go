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

	return sampleOf(before, after, measured.Seconds(), latencies.buckets()), nil
}

// measureInTurn does one operation after the other. What is measured ends with an operation, since one may take longer
// than is to be measured.
func measureInTurn(ctx context.Context, do operation, warmUp, measured time.Duration) (*sample, error) {
	var latencies histogram
	next := uint64(1)
	one := func() error {
		started := time.Now()
		err := do(ctx, next)
		latencies.record(time.Since(started))
		next++
		return err
	}
	for until := time.Now().Add(warmUp); time.Now().Before(until); {
		if err := one(); err != nil {
			return nil, err
		}
	}
	latencies = histogram{}
	began, before := time.Now(), costsNow()
	for time.Since(began) < measured {
		if err := one(); err != nil {
			return nil, err
		}
	}
	seconds, after := time.Since(began).Seconds(), costsNow()
	return sampleOf(before, after, seconds, latencies.buckets()), nil
}

// sampleOf is a sample of the time between two looks at the costs.
func sampleOf(before, after costs, seconds float64, buckets [][2]uint64) *sample {
	var operations uint64
	for _, bucket := range buckets {
		operations += bucket[1]
	}
	if buckets == nil {
		buckets = [][2]uint64{}
	}
	return &sample{
		Operations:     operations,
		Seconds:        seconds,
		CPUSeconds:     (after.cpu - before.cpu).Seconds(),
		PeakRSSBytes:   peakRSSBytes(),
		AllocatedBytes: after.memory.TotalAlloc - before.memory.TotalAlloc,
		Collections:    after.memory.NumGC - before.memory.NumGC,
		Latencies:      buckets,
	}
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
