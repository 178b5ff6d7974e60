// Command webroot is a web server as images have them: it writes around in its root.
// With an argument it begins as root, gives the folder cache to that user and becomes
// it, as the entry points of many images do.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"
)

func main() {
	// As a configuration says /var/log/access.log, and that is a link to /dev/stdout.
	access, err := os.OpenFile("/var/log/access.log", os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		log.Fatal(err)
	}
	if len(os.Args) > 1 {
		if err := become(os.Args[1]); err != nil {
			log.Fatal(err)
		}
	}
	_, _ = fmt.Fprintln(access, "access log open")
	http.HandleFunc("/who", who)
	http.HandleFunc("/write", func(w http.ResponseWriter, r *http.Request) {
		answer(w, os.WriteFile(r.FormValue("path"), []byte(r.FormValue("text")), 0o640))
	})
	http.HandleFunc("/fill", func(w http.ResponseWriter, r *http.Request) { answer(w, fill(r.FormValue("path"))) })
	http.HandleFunc("/remove", func(w http.ResponseWriter, r *http.Request) { answer(w, os.Remove(r.FormValue("path"))) })
	http.HandleFunc("/read", func(w http.ResponseWriter, r *http.Request) {
		text, err := os.ReadFile(r.FormValue("path"))
		if err != nil {
			answer(w, err)
			return
		}
		_, _ = w.Write(text)
	})
	srv := http.Server{Addr: ":" + os.Getenv("PORT"), ReadHeaderTimeout: time.Minute}
	log.Fatal(srv.ListenAndServe())
}

// become is what gosu, su-exec and setpriv do.
func become(id string) error {
	uid, err := strconv.Atoi(id)
	if err != nil {
		return err
	}
	return errors.Join(os.Chown("/cache", uid, uid), syscall.Setgroups(nil), syscall.Setgid(uid), syscall.Setuid(uid))
}

func who(w http.ResponseWriter, r *http.Request) {
	owners := make(map[string]string)
	for path := range strings.SplitSeq(r.FormValue("paths"), ",") {
		if fi, err := os.Lstat(path); err == nil {
			st := fi.Sys().(*syscall.Stat_t)
			owners[path] = fmt.Sprintf("%d:%d %v", st.Uid, st.Gid, fi.Mode())
		}
	}
	groups, _ := os.Getgroups()
	dir, _ := os.Getwd()
	_ = json.NewEncoder(w).Encode(map[string]any{"UID": os.Getuid(), "GID": os.Getgid(), "Groups": groups, "Dir": dir,
		"Home": os.Getenv("HOME"), "Owners": owners})
}

func answer(w http.ResponseWriter, err error) {
	if err != nil {
		_, _ = io.WriteString(w, err.Error())
		return
	}
	_, _ = io.WriteString(w, "ok")
}

// fill writes until it cannot, at most 2 GiB.
func fill(path string) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	block := make([]byte, 1<<20)
	for range 2048 {
		if _, err := f.Write(block); err != nil {
			return err
		}
	}
	return nil
}
