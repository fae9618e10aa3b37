package main

import (
	"math"
	"math/bits"
	"sync/atomic"
	"time"
)

// The buckets are those of src/histogram.ts, which also turns them into percentiles.
const (
	tick          = 100 * time.Nanosecond
	subBucketBits = 7
	bucketCount   = (31-1-subBucketBits)<<subBucketBits + 1<<(subBucketBits+1)
)

// histogram may be used by several goroutines at once. They share it, since one for each would be memory that is counted
// as the client's.
type histogram struct {
	counts [bucketCount]atomic.Uint32
}

func (h *histogram) record(duration time.Duration) {
	ticks := uint32(min(max(duration/tick, 0), math.MaxInt32))
	shift := max(0, bits.Len32(ticks)-1-subBucketBits)
	h.counts[shift<<subBucketBits+int(ticks>>shift)].Add(1)
}

// buckets returns index and count of those that are not empty.
func (h *histogram) buckets() [][2]uint64 {
	found := [][2]uint64{}
	for i := range h.counts {
		if count := h.counts[i].Load(); count > 0 {
			found = append(found, [2]uint64{uint64(i), uint64(count)})
		}
	}
	return found
}
