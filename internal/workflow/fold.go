package workflow

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/ebb-faas/ebb/internal/asl"
	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/store"
)

// fact is one event with the environment in which it was decided on. A row of
// execution_event is a JSON array of facts.
type fact struct {
	Event asl.Event `json:"e"`
	Env   asl.Env   `json:"v"`
}

// folded is what rows of events yield.
type folded struct {
	state    *asl.State
	sequence int64
	size     int64
	shot     int64               // LastEvent of the snapshot that it began with
	history  []*asl.HistoryEvent // those of the rows that were replayed, if asked for
}

// fold reads an execution and replays its events, from the last snapshot that
// has no history event from first on (0: the last of all). With first, the
// history of what is replayed is kept.
func (e *Engine) fold(ctx context.Context, id ebb.ExecutionID, first int64) (x *ebb.Execution, m *machine, f *folded, err error) {
	var rows [][]byte
	f = &folded{state: &asl.State{}}
	var snapshot []byte
	err = e.store.Read(ctx, func(tx *store.Tx) (err error) {
		if x, err = tx.Execution(id); err != nil {
			return err
		}
		f.sequence, snapshot, err = tx.ExecutionSnapshot(id, first)
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return err
		}
		return tx.ExecutionEvents(id, f.sequence, func(sequence int64, events []byte) error {
			if sequence != f.sequence+1 {
				return fmt.Errorf("execution %s: row %d follows row %d", id, sequence, f.sequence)
			}
			f.sequence = sequence
			rows = append(rows, append([]byte(nil), events...))
			return nil
		})
	})
	if err != nil {
		return nil, nil, nil, err
	}
	if m, err = e.machine(ctx, x.Revision, x.Settings.Program); err != nil {
		return nil, nil, nil, err
	}
	if snapshot, err = e.whole(ctx, snapshot); err != nil {
		return nil, nil, nil, fmt.Errorf("execution %s: snapshot: %w", id, err)
	}
	if snapshot != nil {
		if err := json.Unmarshal(snapshot, f.state); err != nil {
			return nil, nil, nil, fmt.Errorf("execution %s: snapshot: %w", id, err)
		}
		f.shot = f.state.LastEvent
		f.size = int64(len(snapshot))
	}
	for i, row := range rows {
		if row, err = e.whole(ctx, row); err != nil {
			return nil, nil, nil, fmt.Errorf("execution %s: row %d of %d: %w", id, i, len(rows), err)
		}
		f.size += int64(len(row))
		var facts []fact
		if err := json.Unmarshal(row, &facts); err != nil {
			return nil, nil, nil, fmt.Errorf("execution %s: row %d of %d: %w", id, i, len(rows), err)
		}
		for _, fact := range facts {
			actions := m.program.Replay(f.state, fact.Event, fact.Env)
			if first > 0 {
				f.history = appendHistory(f.history, actions)
			}
		}
	}
	return x, m, f, nil
}

func appendHistory(to []*asl.HistoryEvent, actions []asl.Action) []*asl.HistoryEvent {
	for _, a := range actions {
		if a.Record != nil {
			to = append(to, a.Record)
		}
	}
	return to
}
