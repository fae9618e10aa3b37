package main

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
)

// What a server counts, as src/server-says.ts reads it.
const (
	requestsReceived = "grpc_server_msg_received_total"
	eventsSent       = "etcd_debugging_mvcc_events_total"
	keysDeleted      = "etcd_mvcc_delete_total"
	leasesRenewed    = "etcd_debugging_lease_renewed_total"
)

// serverCounts asks the server, past the client, what it had to do so far.
func serverCounts(ctx context.Context, endpoint string) (map[string]float64, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, endpoint+"/metrics", nil)
	if err != nil {
		return nil, err
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	counts := map[string]float64{}
	lines := bufio.NewScanner(answer.Body)
	for lines.Scan() {
		series, text, _ := strings.Cut(lines.Text(), " ")
		switch name, _, _ := strings.Cut(series, "{"); name {
		case requestsReceived, eventsSent, keysDeleted, leasesRenewed:
			count, err := strconv.ParseFloat(text, 64)
			if err != nil {
				return nil, err
			}
			counts[name] += count
		}
	}
	if err := lines.Err(); err != nil {
		return nil, err
	}
	if len(counts) != 4 {
		return nil, fmt.Errorf("%s does not count what it does (status %d)", endpoint, answer.StatusCode)
	}
	return counts, nil
}

// renewalCount is how many renewals of leases the server has done.
func renewalCount(ctx context.Context, endpoint string) (uint64, error) {
	counts, err := serverCounts(ctx, endpoint)
	return uint64(counts[leasesRenewed]), err
}

// tally counts operations, and what they take of the server.
type tally struct {
	endpoint   string
	before     map[string]float64
	operations atomic.Uint64
}

func beginTally(ctx context.Context, endpoint string) (*tally, error) {
	before, err := serverCounts(ctx, endpoint)
	return &tally{endpoint: endpoint, before: before}, err
}

// end returns what the server has done since the beginning for each operation, all of which have ended.
func (t *tally) end(ctx context.Context) (each map[string]float64, err error) {
	each, err = serverCounts(ctx, t.endpoint)
	for name := range each {
		each[name] = (each[name] - t.before[name]) / float64(t.operations.Load())
	}
	return each, err
}
