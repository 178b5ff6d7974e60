package workflow

import (
	"bytes"
	"context"
	"encoding/json"

	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/queue"
)

// Payloads keep what is too large for a row: package artifact.
type Payloads interface {
	PutPayload(ctx context.Context, content []byte) (ebb.Digest, error)
	Payload(ctx context.Context, d ebb.Digest) ([]byte, error)
}

// MaxOffloaded is how many bytes the payloads of an execution may have whose
// state machine opted in, see ebb.TagOffload.
const MaxOffloaded = 32 << 20

// maxInline is how large rows and bodies of messages may be that hold payloads of
// such executions themselves.
const maxInline = 256 << 10

// elsewhere is a row whose content is in the artifact store. No fact or snapshot
// begins like it.
type elsewhere struct {
	Payload ebb.Digest `json:"payload"`
}

var elsewhereBegins = []byte(`{"payload":"`)

// maxPayload is the limit of an execution's payloads; 0 = that of the language.
func (e *Engine) maxPayload(x *ebb.Execution) int {
	if x.Settings.Offload && e.deps.Payloads != nil {
		return MaxOffloaded
	}
	return 0
}

// shorten puts what is too large for a row of x elsewhere and adds to named what
// must be noted with the row.
func (e *Engine) shorten(ctx context.Context, x *ebb.Execution, row []byte, named *[]ebb.Digest) ([]byte, error) {
	if len(row) <= maxInline || e.maxPayload(x) == 0 {
		return row, nil
	}
	digest, err := e.deps.Payloads.PutPayload(ctx, row)
	if err != nil {
		return nil, err
	}
	*named = append(*named, digest)
	return json.Marshal(elsewhere{digest})
}

// whole is what shorten was given.
func (e *Engine) whole(ctx context.Context, row []byte) ([]byte, error) {
	if !bytes.HasPrefix(row, elsewhereBegins) || e.deps.Payloads == nil {
		return row, nil
	}
	var at elsewhere
	if err := json.Unmarshal(row, &at); err != nil {
		return nil, err
	}
	return e.deps.Payloads.Payload(ctx, at.Payload)
}

// shortenMessages does the same for messages, which name their payloads
// themselves.
func (e *Engine) shortenMessages(ctx context.Context, x *ebb.Execution, messages []queue.Enqueue) error {
	if e.maxPayload(x) == 0 {
		return nil
	}
	for i := range messages {
		m := &messages[i]
		if len(m.Body) <= maxInline {
			continue
		}
		digest, err := e.deps.Payloads.PutPayload(ctx, m.Body)
		if err != nil {
			return err
		}
		m.Payload, m.Body = digest, nil
	}
	return nil
}

// read is the work that a message asks for.
func (e *Engine) read(ctx context.Context, m *queue.Message) (w work, err error) {
	body := m.Body
	if m.Payload != "" && e.deps.Payloads != nil {
		if body, err = e.deps.Payloads.Payload(ctx, m.Payload); err != nil {
			return w, err
		}
	}
	err = json.Unmarshal(body, &w)
	return w, err
}
