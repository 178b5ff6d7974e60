package server

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
)

// addressFile in the data directory tells the command line where a running
// server answers. It exists while the server does.
const addressFile = "server.json"

// Address is the content of server.json.
type Address struct {
	API     string `json:"api"`          // http://HOST:PORT of the management API
	Gateway string `json:"gateway"`      // http://HOST:PORT of the data plane
	S3      string `json:"s3,omitempty"` // http://HOST:PORT of the S3 endpoint
	Region  string `json:"region"`
	PID     int    `json:"pid"`
}

// announce writes server.json and prints the ready line.
func (n *node) announce(stdout io.Writer, api, gateway, buckets net.Addr) error {
	a := Address{API: "http://" + api.String(), Gateway: n.certificates.scheme() + gateway.String(), Region: n.cfg.Region, PID: os.Getpid()}
	also := ""
	if buckets != nil {
		a.S3 = "http://" + buckets.String()
		also = " s3=" + a.S3
	}
	text, err := json.Marshal(a)
	if err != nil {
		return err
	}
	path := filepath.Join(n.cfg.Data, addressFile)
	if err := os.WriteFile(path+".tmp", append(text, '\n'), 0o600); err != nil {
		return err
	}
	if err := os.Rename(path+".tmp", path); err != nil {
		return err
	}
	_, err = fmt.Fprintf(stdout, "ready api=%s gateway=%s%s\n", a.API, a.Gateway, also)
	return err
}
