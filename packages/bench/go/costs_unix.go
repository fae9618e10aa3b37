//go:build unix

package main

import (
	"bufio"
	"fmt"
	"os"
	"runtime"
	"syscall"
	"time"
)

// cpuTime is what all threads of this process have spent in user and system mode.
func cpuTime() time.Duration {
	usage := resourceUsage()
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// peakRSSBytes comes from /proc where there is one: what getrusage says begins, on Linux, with the parent's peak.
func peakRSSBytes() uint64 {
	if file, err := os.Open("/proc/self/status"); err == nil {
		defer file.Close()
		for lines := bufio.NewScanner(file); lines.Scan(); {
			var kibibytes uint64
			if _, err := fmt.Sscanf(lines.Text(), "VmHWM: %d kB", &kibibytes); err == nil {
				return kibibytes * 1024
			}
		}
	}
	peak := uint64(resourceUsage().Maxrss)
	if runtime.GOOS == "darwin" {
		return peak // in bytes there
	}
	return peak * 1024
}

func resourceUsage() syscall.Rusage {
	var usage syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &usage) // fails only for a wrong argument
	return usage
}
