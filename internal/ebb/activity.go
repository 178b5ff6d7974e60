package ebb

import "time"

// Activity is a queue of tasks for workers outside of ebb.
type Activity struct {
	Service   ServiceID
	Name      string
	CreatedAt time.Time
	Tags      map[string]string
}

// ARN is the activity's ARN.
func (a *Activity) ARN(region string) string {
	return StatesARN{Region: region, Service: a.Service, Kind: "activity", Name: a.Name}.String()
}
