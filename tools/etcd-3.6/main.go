// The etcd server of the version that go.mod pins, built so that the tests can talk to the real thing.
package main

import (
	"os"

	"go.etcd.io/etcd/server/v3/etcdmain"
)

func main() {
	etcdmain.Main(os.Args)
}
