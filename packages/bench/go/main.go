// Command bench measures the official client of etcd. It takes one job and prints one sample, both as the measuring
// processes of this package that are written in TypeScript do (src/job.ts).
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
)

type job struct {
	Endpoint  string   `json:"endpoint"`
	Workload  workload `json:"workload"`
	WarmUpMs  float64  `json:"warmUpMs"`
	MeasureMs float64  `json:"measureMs"`
}

type sample struct {
	Operations     uint64      `json:"operations"`
	Seconds        float64     `json:"seconds"`
	CPUSeconds     float64     `json:"cpuSeconds"`
	PeakRSSBytes   uint64      `json:"peakRssBytes"`
	AllocatedBytes uint64      `json:"allocatedBytes"`
	Collections    uint32      `json:"collections"`
	Latencies      [][2]uint64 `json:"latencies"`
	HeldBytes      *int64      `json:"heldBytes,omitempty"`

	RequestsPerOperation *float64 `json:"requestsPerOperation,omitempty"`
	EventsPerOperation   *float64 `json:"eventsPerOperation,omitempty"`
}

func main() {
	result, err := run(os.Args[len(os.Args)-1])
	if err == nil {
		err = json.NewEncoder(os.Stdout).Encode(result)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(argument string) (*sample, error) {
	var j job
	if err := json.Unmarshal([]byte(argument), &j); err != nil {
		return nil, fmt.Errorf("job: %w", err)
	}
	client, err := clientv3.New(clientv3.Config{Endpoints: []string{j.Endpoint}})
	if err != nil {
		return nil, err
	}
	defer client.Close()
	ctx := context.Background()
	if j.Workload.holds() {
		return j.measureHolding(ctx, client)
	}
	work, err := j.begin(ctx, client)
	if err != nil {
		return nil, err
	}
	if err := work.do(ctx, 0); err != nil { // connects
		return nil, err
	}
	found, err := j.measure(ctx, work.do)
	if err == nil && work.finish != nil {
		err = work.finish(ctx, found)
	}
	return found, err
}

func (j job) measure(ctx context.Context, do operation) (*sample, error) {
	warmUp, measured := milliseconds(j.WarmUpMs), milliseconds(j.MeasureMs)
	if j.Workload.InFlight == 1 {
		return measureInTurn(ctx, do, warmUp, measured)
	}
	return measure(ctx, do, j.Workload.InFlight, warmUp, measured)
}

func milliseconds(count float64) time.Duration {
	return time.Duration(count * float64(time.Millisecond))
}
