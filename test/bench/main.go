package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// memoryMB of every function measured.
const memoryMB = 512

func main() {
	out := flag.String("o", "", "write the results as JSON to this file")
	rounds := flag.Int("rounds", 5, "rounds of each measurement")
	each := flag.Duration("time", 2*time.Second, "length of a round")
	only := flag.String("only", "", "measure only groups whose names contain one of these words, separated by |")
	rows := flag.String("rows", "", "of warm and cold groups measure only rows whose names contain one of these words, separated by |")
	frontOf := flag.String("front", "", "(internal) serve as the bare front of WORKERS,DIR")
	readOf := flag.String("read", "", "(internal) serve reads of functions of this database")
	echo := flag.Bool("echo", false, "(internal) serve as the plain Go echo")
	flag.String("ebb", "", "the ebb to measure; default $EBB_BIN or bin/ebb")
	flag.Parse()
	if f := flag.Lookup("ebb"); f.Value.String() != "" {
		_ = os.Setenv("EBB_BIN", f.Value.String())
	}
	var err error
	switch {
	case *frontOf != "":
		workers, dir, _ := strings.Cut(*frontOf, ",")
		n, _ := strconv.Atoi(workers)
		err = serveFront(n, dir)
	case *readOf != "":
		err = serveReads(*readOf)
	case *echo:
		err = serveEcho()
	default:
		b := &bench{rounds: *rounds, each: *each, only: words(*only), rows: words(*rows), report: newReport()}
		err = errors.Join(b.run(context.Background()), b.report.write(*out))
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// words splits what a flag lists.
func words(list string) []string {
	return strings.FieldsFunc(list, func(r rune) bool { return r == '|' })
}
