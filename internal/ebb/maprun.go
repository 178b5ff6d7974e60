package ebb

import "time"

// MapRun is one run of a distributed Map state: many child executions.
type MapRun struct {
	ID                  string
	Execution           ExecutionID // the parent
	Op                  int64       // what the parent waits for
	Service             ServiceID
	Machine             string // of the parent
	Label               string
	Status              string
	StartedAt           time.Time
	StoppedAt           time.Time
	RedriveCount        int
	RedrivenAt          time.Time
	MaxConcurrency      int64
	ToleratedCount      int64   // -1 = not set
	ToleratedPercentage float64 // -1 = not set
	Items               int64   // -1 = not read yet
	Children            int64   // executions that there are to be; -1 = not known yet
	ResultsWritten      int64
	Plan                string // JSON: what the Map state asked for
}

// ARN is the map run's ARN.
func (m *MapRun) ARN(region string) string {
	return StatesARN{Region: region, Service: m.Service, Kind: "mapRun", Name: m.Machine + "/" + m.Label, Rest: m.ID}.String()
}

// MapRunChild is what became of one child of a map run.
type MapRunChild struct {
	Item    int64
	Status  string
	Items   int64 // how many items its input held
	Outcome MapRunOutcome
}

// MapRunOutcome is what a map run keeps of a child that ended.
type MapRunOutcome struct {
	ExecutionOutcome
	Name    string `json:"name"`
	Input   string `json:"input,omitempty"`
	Started int64  `json:"started"` // milliseconds
	Stopped int64  `json:"stopped"`
}
