// Command webserver serves the folder pages on $PORT.
package main

import (
	"log"
	"net/http"
	"os"
	"time"
)

func main() {
	srv := http.Server{Addr: ":" + os.Getenv("PORT"), Handler: http.FileServer(http.Dir("pages")), ReadHeaderTimeout: time.Minute}
	log.Fatal(srv.ListenAndServe())
}
