package runtimeapi

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
)

// upgrade has client and server talk in the protocol that they have agreed on,
// until one of them ends it or the invocation's time is over.
func (p *passing) upgrade(res *http.Response) error {
	asked, got := upgradeTo(p.request.Header), upgradeTo(res.Header)
	if !strings.EqualFold(asked, got) || asked == "" {
		return fmt.Errorf("the server changed to protocol %q, asked for was %q", got, asked)
	}
	client, rw, err := http.NewResponseController(p.out).Hijack()
	if err != nil {
		return fmt.Errorf("changing the protocol: %w", err)
	}
	defer func() { _ = client.Close() }()
	p.answered = true
	_ = client.SetDeadline(p.call.Deadline) // fails only if it is closed, which the next use tells
	h := p.out.Header()
	addHeaders(h, res.Header)
	h["Connection"], h["Upgrade"] = []string{"Upgrade"}, []string{got}
	res.Header, res.Body = h, nil
	if errors.Join(res.Write(rw), rw.Flush()) != nil {
		return nil // the client has left
	}
	server := p.wire
	// What came with the request is read first. Then not through net/http any
	// more, to which the end of what a client says is the end of the request.
	said := io.MultiReader(io.LimitReader(rw, int64(rw.Reader.Buffered())), client)
	ends := make(chan error, 2)
	go func() { ends <- talk(server, server.conn, said) }()
	go func() { ends <- talk(client, client, server.r) }()
	err = <-ends
	if err == nil { // one has said all, and the other may go on
		err = <-ends
	} else {
		server.close()
		_ = client.Close()
		<-ends //nolint:errcheck // it was cut off
	}
	if errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, net.ErrClosed) {
		return err // its time was over, or the session's
	}
	return nil
}

// talk copies what one side says, and tells conn, the other, when that is all.
func talk(to io.Writer, conn net.Conn, from io.Reader) error {
	if _, err := io.Copy(to, from); err != nil {
		return err
	}
	half, ok := conn.(interface{ CloseWrite() error })
	if !ok {
		return io.EOF
	}
	return half.CloseWrite()
}
