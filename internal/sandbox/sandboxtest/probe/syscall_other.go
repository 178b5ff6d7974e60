//go:build !linux

package main

import "fmt"

func trySyscall([]string) { fmt.Println("not on this system") }
