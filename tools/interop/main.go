// Command interop lets tests ask etcd's own client packages for coordination to do something: take a lock, stand for
// election, take from a queue. Requests come as lines of JSON on stdin, answers go as such to stdout, in the order in which
// they are ready. The program ends when stdin does.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"
)

// A request. What a call needs besides Call is in the fields that its handler reads.
type request struct {
	ID   int64  `json:"id"`
	Call string `json:"call"`
	// Of "cancel": the request that is not to go on.
	Of int64 `json:"of"`

	// Objects are the same for as long as these three are: a lock is given back by the object that took it.
	Session  string `json:"session"`
	Name     string `json:"name"`
	Instance string `json:"instance"`

	TTLSeconds int                `json:"ttlSeconds"`
	Key        string             `json:"key"`
	Value      string             `json:"value"`
	Count      int                `json:"count"`
	Priority   uint16             `json:"priority"`
	Puts       map[string]string  `json:"puts"`
	Add        map[string]address `json:"add"`
	Delete     []string           `json:"delete"`
}

// An answer: a result, or an error, or one of the events that a call tells before it ends.
type answer struct {
	ID     int64  `json:"id"`
	Result any    `json:"result,omitempty"`
	Event  any    `json:"event,omitempty"`
	Error  string `json:"error,omitempty"`
	Done   bool   `json:"done"`
}

// A handler carries out one call. It may tell of events meanwhile.
type handler func(ctx context.Context, r *request, tell func(event any)) (any, error)

type program struct {
	client  *clientv3.Client
	calls   map[string]handler
	objects *objects

	mu      sync.Mutex
	running map[int64]context.CancelFunc
	out     *json.Encoder
}

func main() {
	client, err := clientv3.New(clientv3.Config{
		Endpoints: strings.Split(os.Args[len(os.Args)-1], ","),
		Logger:    zap.NewNop(),
	})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	p := &program{
		client:  client,
		objects: newObjects(),
		running: map[int64]context.CancelFunc{},
		out:     json.NewEncoder(os.Stdout),
	}
	p.calls = map[string]handler{}
	for _, more := range []map[string]handler{p.concurrencyCalls(), p.recipeCalls(), p.leasingCalls(), p.namingCalls()} {
		for name, call := range more {
			p.calls[name] = call
		}
	}
	// Nothing is given back at the end: what that leaves behind is what a program leaves that is killed.
	p.serve(bufio.NewScanner(os.Stdin))
}

func (p *program) serve(lines *bufio.Scanner) {
	for lines.Scan() {
		r := &request{}
		if err := json.Unmarshal(lines.Bytes(), r); err != nil {
			p.say(answer{ID: r.ID, Error: err.Error(), Done: true})
			continue
		}
		if r.Call == "cancel" {
			p.end(r.Of)
			p.say(answer{ID: r.ID, Done: true})
			continue
		}
		ctx, cancel := context.WithCancel(context.Background())
		p.mu.Lock()
		p.running[r.ID] = cancel
		p.mu.Unlock()
		go p.carryOut(ctx, r)
	}
}

func (p *program) carryOut(ctx context.Context, r *request) {
	defer p.end(r.ID)
	call, known := p.calls[r.Call]
	if !known {
		p.say(answer{ID: r.ID, Error: fmt.Sprintf("no such call: %s", r.Call), Done: true})
		return
	}
	result, err := call(ctx, r, func(event any) { p.say(answer{ID: r.ID, Event: event}) })
	last := answer{ID: r.ID, Result: result, Done: true}
	if err != nil {
		last.Error = err.Error()
	}
	p.say(last)
}

func (p *program) end(id int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if cancel, found := p.running[id]; found {
		cancel()
		delete(p.running, id)
	}
}

func (p *program) say(a answer) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := p.out.Encode(a); err != nil {
		os.Exit(1) // nobody listens any more
	}
}

var errNoSession = errors.New("there is no such session")
