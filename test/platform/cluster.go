package platform

import (
	"fmt"
	"net/url"
	"os"
	"path/filepath"
)

// Cluster is what nodes on one PostgreSQL share.
type Cluster struct {
	Dir string // data directories and the directory of packages are made in it
	URL string // of the database, password included
}

// shareable are the files of the first node's data directory that the others get.
var shareable = [...]string{"credentials.json", "master.key"}

// Node is how to start the node of that number; number 0 must have been started
// before the others are.
func (c Cluster) Node(number int) (Config, error) {
	u, err := url.Parse(c.URL)
	if err != nil {
		return Config{}, err
	}
	password, _ := u.User.Password()
	u.User = url.User(u.User.Username())
	data := filepath.Join(c.Dir, fmt.Sprint("node-", number))
	if err := os.MkdirAll(data, 0o700); err != nil {
		return Config{}, err
	}
	for _, name := range shareable {
		if number == 0 {
			break
		}
		secret, err := os.ReadFile(filepath.Join(c.Dir, "node-0", name))
		if err != nil {
			return Config{}, err
		}
		if err := os.WriteFile(filepath.Join(data, name), secret, 0o600); err != nil {
			return Config{}, err
		}
	}
	file := data + ".yaml"
	text := fmt.Sprintf("packages: {dir: %q}\ncluster: {heartbeat: 500ms, lost: 3s}\n", filepath.Join(c.Dir, "packages"))
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		return Config{}, err
	}
	return Config{
		Data: data,
		Args: []string{"--config", file, "--database", u.String()},
		Env:  []string{"EBB_DATABASE_PASSWORD=" + password},
	}, nil
}
