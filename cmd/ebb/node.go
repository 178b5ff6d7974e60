package main

import (
	"context"
	"strconv"
	"time"
)

// lsNodes lists the nodes that share the platform's database.
func (a *app) lsNodes(ctx context.Context) error {
	c, err := a.connect()
	if err != nil {
		return err
	}
	defer c.Close()
	nodes, err := c.Nodes(ctx)
	if err != nil {
		return err
	}
	var rows [][]string
	for _, n := range nodes {
		mark := ""
		if n.Self {
			mark = "*"
		}
		rows = append(rows, []string{
			n.ID + mark, n.State, n.API, n.Version, strconv.Itoa(n.Instances), strconv.Itoa(n.Leases),
			localTime(n.Began.Format(time.RFC3339)),
		})
	}
	return a.print(nodes, []string{"NODE", "STATE", "API", "VERSION", "INSTANCES", "LEASES", "SINCE"}, rows)
}
