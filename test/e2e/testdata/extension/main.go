// Command extension is an extension for tests: it prints what it is told.
package main

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
)

func main() {
	api := "http://" + os.Getenv("AWS_LAMBDA_RUNTIME_API")
	say := func(format string, args ...any) { fmt.Printf("extension: "+format+"\n", args...) }
	do := func(method, path, body string, headers ...string) (http.Header, string) {
		req, err := http.NewRequest(method, api+path, strings.NewReader(body))
		if err != nil {
			panic(err)
		}
		for i := 0; i < len(headers); i += 2 {
			req.Header.Set(headers[i], headers[i+1])
		}
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			panic(err)
		}
		defer res.Body.Close()
		text, _ := io.ReadAll(res.Body)
		if res.StatusCode != http.StatusOK {
			panic(fmt.Sprint(path, " ", res.Status, " ", string(text)))
		}
		return res.Header, string(text)
	}
	h, _ := do("POST", "/2020-01-01/extension/register", `{"events":["INVOKE","SHUTDOWN"]}`, "Lambda-Extension-Name", filepath.Base(os.Args[0]))
	id := []string{"Lambda-Extension-Identifier", h.Get("Lambda-Extension-Identifier")}

	addr, err := net.ResolveTCPAddr("tcp", "sandbox.localdomain:4243")
	if err != nil {
		panic(err)
	}
	l, err := net.ListenTCP("tcp", addr)
	if err != nil {
		panic(err)
	}
	go http.Serve(l, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		for _, typ := range []string{"platform.start", "platform.report", "function"} {
			say("%d of %s", bytes.Count(body, []byte(`"type":"`+typ+`"`)), typ)
		}
	}))
	do("PUT", "/2022-07-01/telemetry", `{"schemaVersion":"2022-12-13","destination":{"protocol":"HTTP","URI":"http://sandbox.localdomain:4243/"},
		"types":["platform","function"],"buffering":{"timeoutMs":25}}`, id...)
	say("knows %s", strings.Join(os.Environ(), " "))
	for {
		_, event := do("GET", "/2020-01-01/extension/event/next", "", id...)
		say("%s", event)
		if strings.Contains(event, `"SHUTDOWN"`) {
			return
		}
		if os.Getenv("CRASH") != "" {
			os.Exit(7)
		}
	}
}
