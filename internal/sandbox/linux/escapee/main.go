//go:build linux

package main

import (
	"fmt"
	"os"
	"strconv"
	"time"
)

func main() {
	actions := map[string]func(args []string){
		"calls": calls, "sockets": sockets, "privileges": privileges, "init": attackInit,
		"files": files, "devices": devices, "normal": normal, "whoami": func([]string) { whoami() }, "elevated": elevated,
		"neighbour": neighbour, "hunt": hunt, "dial": dial, "killall": killAll,
		"routes": routes, "loris": loris, "lookup": lookup,
		"forks": forks, "zombies": zombies, "inodes": inodes, "descriptors": descriptors,
		"image": rootOfImage, "connections": connections, "buffers": buffers, "netlink": netlinks, "corks": corks, "threads": threads,
	}
	if len(os.Args) < 2 || actions[os.Args[1]] == nil {
		fmt.Fprintln(os.Stderr, "usage: escapee WHAT [ARGUMENT...]")
		os.Exit(2)
	}
	actions[os.Args[1]](os.Args[2:])
	fmt.Println("end")
}

// attempt prints what came of something that must not work.
func attempt(name string, err error) {
	if err == nil {
		fmt.Printf("%s: ok\n", name)
		return
	}
	fmt.Printf("%s: %v\n", name, err)
}

func number(s string) int {
	n, err := strconv.Atoi(s)
	if err != nil {
		fmt.Println("error:", err)
		os.Exit(2)
	}
	return n
}

// forever outlasts every test. (An empty select would be found to be a deadlock.)
func forever() { <-time.After(time.Hour) }
