package api

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/ebb-faas/ebb/internal/ebb"
)

// Position is how far a trigger has read one part of its source.
type Position struct {
	Part     string    `json:"part" doc:"topic and partition" example:"payments-0"`
	Position int64     `json:"position" doc:"all before it is handled"`
	Latest   int64     `json:"latest" doc:"where the next event of the source will be"`
	Lag      int64     `json:"lag"`
	At       time.Time `json:"at"`
}

type seekTriggerInput struct {
	TriggerPath
	Body struct {
		Position string           `json:"position,omitempty" enum:"TRIM_HORIZON,LATEST" doc:"the first event that is left, or only what comes"`
		Time     *time.Time       `json:"time,omitempty" doc:"the first event that is not older"`
		Offsets  map[string]int64 `json:"offsets,omitempty" doc:"by partition; the others go on where they are"`
	}
}

func (a *API) registerSeek(h huma.API) {
	huma.Register(h, a.operation(h, huma.Operation{
		OperationID: "SeekTrigger", Method: http.MethodPost, Path: Prefix + "triggers/{name}/seek",
		Summary: "Read a Kafka trigger's topic on from elsewhere: a place, a time, or offsets",
	}), a.seekTrigger)
}

func (a *API) seekTrigger(ctx context.Context, in *seekTriggerInput) (*triggerOutput, error) {
	to, err := json.Marshal(in.Body)
	if err != nil {
		return nil, a.problem(ctx, err)
	}
	t, err := a.cfg.Triggers.Seek(ctx, triggerKey(ctx, in.Name), to)
	return a.answerTrigger(ctx, "trigger sought", t, err)
}

// addPositions tells how far a trigger has read its source.
func (a *API) addPositions(ctx context.Context, t *ebb.Trigger, s *TriggerState) error {
	ps, err := a.cfg.Triggers.Positions(ctx, t)
	if err != nil || len(ps) == 0 {
		return err
	}
	s.Lag = new(int64)
	for _, p := range ps {
		s.Parts = append(s.Parts, Position{p.Part, p.Position, p.Latest, p.Lag(), p.At})
		*s.Lag += p.Lag()
	}
	return nil
}
